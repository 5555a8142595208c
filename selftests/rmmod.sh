#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: rmmod ends everything at any load, and leaves nothing
# timeout: 120

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

# A second is promised; bench/life.sh measures it. Here the host may be ten times
# slower, for all that is wrong at any speed is not to end.
deadline=1000

# goes NAME: rmmod in time.
goes()
{
	now
	begun=$now
	unload || no "rmmod failed" || return
	now
	took=$((now - begun))
	note "$took hundredths of a second"
	[ $took -le $deadline ] || no "that is too long" || return
	nothing_left
}

working()
{
	for s in $(scenarios); do
		is "$s/state" running || continue
		above "$s/ops" 100 || return
	done
}

full_load()
{
	loaded_with nreaders=8 nwriters=4 nmms=4 "$@" || return
	wait_for 20 working || no "no operations" || return
	goes
}

just_loaded()
{
	loaded_with nreaders=8 nwriters=4 && goes
}

paused()
{
	loaded_with stutter=1 || return
	wait_for 20 pausing || no "it does not pause" || return
	goes
}

pausing()
{
	get map_fixed/ops
	ops=$value
	sleep 0.3
	is map_fixed/ops "$ops"
}

# The longest hold there is, so that readers are always inside.
holding()
{
	loaded_with nreaders=4 hold_us=20000 || return
	wait_for 20 above map_fixed/ops 10 || return
	goes
}

hotplug()
{
	loaded_with onoff_interval=1 || return
	wait_for 30 cpu_down || no "no CPU went down" || return
	goes
}

cpu_down()
{
	read -r value < /sys/devices/system/cpu/cpu1/online
	[ "$value" = 0 ]
}

# A comm of the kernel holds 15 letters, and is what a race's record has: with more
# threads than have room for the scenario's whole name it tells them apart too.
# Those that a thread has forked have its name.
thread_names()
{
	loaded_with nreaders=13 nwriters=12 nmms=2 busted=hugetlb_walk/stall,vma_lock/stall || return
	for f in /proc/[0-9]*/stat; do
		read -r _ comm _ parent _ 2> /dev/null < "$f" || continue
		comm=${comm#(}
		comm=${comm%)}
		case $parent/$comm in
		2/map_fixed_* | 2/vma_lock_* | 2/fork_fail_* | 2/hugetlb_w*) echo "$comm" ;;
		esac
	done | sort > "$tmp/names"
	! grep -E '.{16}' "$tmp/names" || no "too long" || return
	[ -z "$(uniq -d "$tmp/names")" ] || no "twice: $(uniq -d "$tmp/names" | tr '\n' ' ')" || return
	for s in $(scenarios); do
		is "$s/state" running || continue
		n=$(grep -c "^$(echo "$s" | cut -c 1-9)" "$tmp/names")
		note "$s: $n threads, $(grep "^$(echo "$s" | cut -c 1-9)" "$tmp/names" | tail -n 1)"
		[ "$n" -ge 15 ] || no "$s: only $n threads" || return
	done
	threads > "$tmp/threads"
	! grep -vxFf "$tmp/threads" "$tmp/names" || no "threads() does not see these" || return
	goes
}

# An open file of debugfs is a use of the module: rmmod says so, nothing ends,
# and when it is closed the module goes.
file_open()
{
	loaded_with scenarios=map_fixed || return
	exec 4< "$D/races"
	"$RMMOD" vma_torture 2> "$tmp/rmmod"
	rc=$?
	get map_fixed/ops
	wait_for 10 above map_fixed/ops "$value" || rc=0
	exec 4<&-
	[ $rc != 0 ] || no "it did not wait" || return
	grep -q 'in use' "$tmp/rmmod" || no "$(cat "$tmp/rmmod")" || return
	goes
}

# The same with one that is blocked in poll(): it is not woken, and it goes on to
# wait while the module is refused to go.
file_polled()
{
	loaded_with autostart=0 || return
	poll_verdict > "$tmp/polled" 2>&1 &
	waiter=$!
	wait_for 10 grep -q IDLE "$tmp/polled" || no "$(cat "$tmp/polled")" || return
	wait_for 10 asleep $waiter || no "it does not wait" || return
	now
	begun=$now
	"$RMMOD" vma_torture 2> "$tmp/rmmod"
	rc=$?
	now
	[ $rc != 0 ] || no "it did not wait" || return
	grep -q 'in use' "$tmp/rmmod" || no "$(cat "$tmp/rmmod")" || return
	[ $((now - begun)) -le $deadline ] || no "that took $((now - begun)) hundredths of a second" || return
	# All is as it was: the one that waits, too.
	asleep $waiter || no "it waits no more" || return
	control "start map_fixed" && wait_for 10 grep -qE 'RUNNING|FAILURE' "$tmp/polled" ||
		no "not woken any more: $(cat "$tmp/polled")" || return
	kill -9 $waiter
	wait $waiter
	goes
}

asleep()
{
	read -r _ _ _state _ < "/proc/$1/stat" && [ "$_state" = S ]
}

# Shells that read and write its files all the time: rmmod finds a moment.
files_busy()
{
	loaded_with scenarios=map_fixed busted=map_fixed/gap || return
	wait_for 20 above map_fixed/races 10 || no "no races" || return
	: > "$tmp/go"
	# shellcheck disable=SC2016  # for eval
	busy 'cat "$D/races" "$D/summary"' &
	a=$!
	# shellcheck disable=SC2016
	busy 'echo reset > "$D/control"' &
	b=$!
	wait_for 20 "$RMMOD" vma_torture 2> /dev/null
	rc=$?
	rm "$tmp/go"
	wait $a $b
	[ $rc = 0 ] || no "no moment in 20 s" || return
	nothing_left
}

busy()
{
	while [ -e "$tmp/go" ]; do
		eval "$1"
		sleep 0.02
	done > /dev/null 2>&1
}

begin 11

check "nothing runs" eval 'loaded_with autostart=0 && goes'
check "just loaded" just_loaded
check "full load" full_load
check "full load, and races" full_load busted=map_fixed
check "readers that hold" holding
check "paused" paused
if [ -w /sys/devices/system/cpu/cpu1/online ]; then
	check "a CPU is down" hotplug
else
	skip "a CPU is down" "no second CPU that can be taken down"
fi
check "comm tells threads apart" thread_names
check "a file is open" file_open
check "a file is polled" file_polled
check "files are busy" files_busy

ktap_finished
