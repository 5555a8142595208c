#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: stopped, frozen and killed processes, signals to threads, and clocks that jump
# timeout: 240
#
# ABUSE=N: N times as many jumps and signals.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"
# shellcheck source=selftests/lib_watch.sh
. "$SELFTESTS/lib_watch.sh"

C=/sys/fs/cgroup
G=$C/vma_torture

# still MORE: looked at more often by so many, and nothing has changed.
still()
{
	of "$pid" looks
	wait_for "$patience" of_above "$pid" looks $((value + $1)) || no "nobody looks" || return
	of "$pid" exposure
	exposure=$value
	of "$pid" looks
	wait_for "$patience" of_above "$pid" looks $((value + $1)) || no "nobody looks" || return
	of_is "$pid" exposure "$exposure" || no "it changes: $exposure, $value" || return
	of_is "$pid" state watching || no "state=$value"
}

changing()
{
	of "$pid" exposure
	wait_for "$patience" of_above "$pid" exposure "$value" || no "it does not change"
}

no_race_of_it()
{
	gap_is_expected || of_is "$pid" races 0 ||
		no "races=$value: $(grep -m 1 scenario=watch "$D/races")"
}

watched()
{
	me 600
	pids="$pids $pid"
	watch "$line" && changing
}

# While it is stopped it is watched, and after that as before.
stopped()
{
	watched || return
	i=0
	while [ $i -lt $((3 * factor)) ]; do
		i=$((i + 1))
		kill -STOP "$pid" && still 2000 && kill -CONT "$pid" && changing || return
	done
	no_race_of_it
	_rc=$?
	no_more
	wait_for "$patience" of_is "$pid" state exited && return $_rc
}

frozen_is()
{
	grep -q "^frozen $1\$" $G/cgroup.events
}

# freeze 0|1
freeze()
{
	echo "$1" > $G/cgroup.freeze
	wait_for "$patience" frozen_is "$1" ||
		no "frozen is not $1: $(tr '\n' ' ' < $G/cgroup.events)"
}

# A process in a cgroup that is frozen; in the end it is killed as it is.
frozen()
{
	watched && mkdir $G && echo "$pid" > $G/cgroup.procs || return
	i=0
	while [ $i -lt $((3 * factor)) ]; do
		i=$((i + 1))
		freeze 1 && still 2000 && freeze 0 && changing || return
	done
	freeze 1 && still 2000 && no_race_of_it || return
	kill -KILL "$pid"
	wait "$pid" 2> /dev/null
	wait_for "$patience" of_is "$pid" state exited || no "state=$value" || return
	pids=
	rmdir $G
}

# All threads, their children that are just being forked among them.
all_pids()
{
	for s in $able; do
		pids_of "$s"
	done
	pids_of vma_torture
	pids_of watch/
}

# Nobody listens.
signals()
{
	loaded_with || return
	watch $$ || return
	n=$(threads | grep -vc '^fork_fail')
	i=0
	while [ $i -lt "$factor" ]; do
		i=$((i + 1))
		for s in STOP TSTP HUP INT TERM SEGV USR1 KILL CONT; do
			# A child may be gone meanwhile.
			# shellcheck disable=SC2046  # a list
			kill -$s $(all_pids) 2> /dev/null
			goes_on || no "after SIG$s" || return
		done
	done
	[ "$(threads | grep -vc '^fork_fail')" = "$n" ] ||
		no "$(threads | grep -vc '^fork_fail') threads, there were $n" || return
	of $$ looks
	wait_for "$patience" of_above $$ looks "$value" || no "nobody looks" || return
	watch stop
	ends && unload && nothing_left
}

# Threads may be moved into a cgroup; frozen they are not, nor is what they fork.
threads_frozen()
{
	loaded_with && mkdir $G || return
	moved=0
	for p in $(all_pids); do
		{ echo "$p" > $G/cgroup.procs; } 2> /dev/null && moved=$((moved + 1))
	done
	note "$moved threads in a frozen cgroup"
	[ $moved -gt 0 ] || return
	echo 1 > $G/cgroup.freeze
	goes_on && keeps_on 1 && ends || return
	echo 0 > $G/cgroup.freeze
	# And removed in mid-freeze.
	control start && goes_on || return
	for p in $(all_pids); do
		{ echo "$p" > $G/cgroup.procs; } 2> /dev/null
	done
	echo 1 > $G/cgroup.freeze
	unload && wait_for "$patience" rmdir $G 2> /dev/null && nothing_left
}

# jump DAYS: the wall clock, which is put right in the end.
jump()
{
	read -r up _ < /proc/uptime
	date -s "@$((clock + ${up%.*} + $1 * 86400))" > /dev/null
}

# In all that time the test takes as long as it takes.
jumps()
{
	loaded_with duration=4 stat_interval=1 stutter=1 shuffle_interval=1 busted=map_fixed/gap \
		stall_secs=60 scenarios=map_fixed || return
	now
	begun=$now
	n=0
	while is map_fixed/state running; do
		below 800
		jump $((drawn - 400))
		n=$((n + 1))
		now
		[ $((now - begun)) -lt 12000 ] || no "it does not end" || return
	done
	now
	took=$((now - begun))
	jump 0
	note "$n jumps in $took hundredths of a second"
	[ $n -ge 10 ] && [ $took -ge 300 ] || no "too soon" || return
	want map_fixed/race_stall 0 || return
	get map_fixed/first_race_ms
	[ "$value" -gt 0 ] && [ "$value" -le $((took * 10 + 1000)) ] ||
		no "the first race came after $value ms" || return
	_s=$(awk '$1 == "map_fixed" { print $3 }' "$D/summary")
	[ "$_s" -ge 3 ] && [ "$_s" -le $((took / 100 + 1)) ] || no "it took $_s s" || return
	# Times since boot, in the order they were seen.
	read -r up _ < /proc/uptime
	sed -n 's/.* time_ns=\([0-9]*\) .*/\1/p' "$D/races" > "$tmp/times"
	awk -v most="${up%.*}" '$1 / 1e9 > most + 1 { exit bad = 1 } END { exit bad || !NR }' \
		"$tmp/times" || no "races of another time: $(tail -n 1 "$tmp/times")" || return
	unload
}

# The whole machine's processes, as for a suspend, which is not gone on with.
system_freeze()
{
	loaded_with && goes_on || return
	echo 1 > /sys/module/suspend/parameters/pm_test_delay
	echo freezer > /sys/power/pm_test
	i=0
	rc=0
	while [ $i -lt "$factor" ] && [ $rc = 0 ]; do
		i=$((i + 1))
		now
		begun=$now
		{ echo freeze > /sys/power/state; } 2> "$tmp/freeze" || rc=1
		now
		note "frozen and thawed in $((now - begun)) hundredths of a second"
	done
	echo none > /sys/power/pm_test
	[ $rc = 0 ] || no "$(cat "$tmp/freeze")" || return
	goes_on && ends && unload && nothing_left
}

has_cgroup()
{
	[ -d $C ] || return
	mountpoint -q $C || mount -t cgroup2 cgroup2 $C || return
	mkdir $G && [ -w $G/cgroup.freeze ] && rmdir $G
}

clean_up()
{
	no_more 2> /dev/null
	jump 0
	[ ! -d $G ] || { echo 0 > $G/cgroup.freeze; } 2> /dev/null
	finish
	[ ! -d $G ] || rmdir $G 2> /dev/null
}

abuse 6
read -r up _ < /proc/uptime
clock=$(($(date +%s) - ${up%.*}))
trap clean_up EXIT

loaded_with autostart=0
check "a stopped process is watched" stopped
if has_cgroup 2> "$tmp/cgroup"; then
	check "a frozen process is watched" frozen
	unload
	check "threads in a frozen cgroup" threads_frozen
else
	skip "a frozen process is watched" "no cgroups that freeze: $(head -n 1 "$tmp/cgroup")"
	unload
	skip "threads in a frozen cgroup" "no cgroups that freeze"
fi
check "signals to threads" signals
check "a clock that jumps" jumps
if grep -qw freezer /sys/power/pm_test 2> /dev/null &&
	[ -w /sys/module/suspend/parameters/pm_test_delay ]; then
	check "all processes frozen as for a suspend" system_freeze
else
	skip "all processes frozen as for a suspend" "no /sys/power/pm_test"
fi
abuse_ends
