#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: a test ends as it should, says what it found, and does what its parameters ask
# timeout: 240
# guest: deterministic

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

# Nothing but what this kernel is known for.
nothing_new()
{
	for k in $(kinds map_fixed); do
		get "map_fixed/race_$k"
		[ "$value" = 0 ] || only_known map_fixed "$k" || return
	done
}

ended()
{
	is map_fixed/state "done"
}

# A test of 3 s: how it ends, in debugfs and in the log, and how long it takes.
clean_run()
{
	loaded_with scenarios=map_fixed duration=3 || return
	now
	begun=$now
	wait_for 1 is map_fixed/state running || no "it does not run" || return
	wait_for 30 ended || no "it does not end by itself" || return
	now
	took=$((now - begun))
	[ $took -ge 250 ] || no "it took $took hundredths of a second" || return
	get verdict
	verdict=$value
	cat "$D/summary" > "$tmp/summary"
	[ "$verdict" = SUCCESS ] || { [ "$verdict" = FAILURE ] && nothing_new; } ||
		no "the verdict is $verdict: $(tr '\n' '|' < "$tmp/summary")"
}

# What the log of that test has: the lines of its life, and nothing else that
# could be taken for trouble.
log_lines()
{
	own_log > "$tmp/log"
	[ "$(grep -c -e '--- Start of test: ' "$tmp/log")" = 1 ] &&
		[ "$(grep -c -e "--- End of test: $verdict" "$tmp/log")" = 1 ] ||
		no "start and end are not there" || return
	for f in ops exposure races; do
		get "map_fixed/$f" && [ -n "$value" ] || return
		grep -e '--- End of test: ' "$tmp/log" | grep -q "$f=$value\b" ||
			no "no $f=$value at the end" || return
	done
}

benign()
{
	[ "$verdict" = SUCCESS ] || return
	if grep -E 'WARNING|BUG|Call Trace|!!!|FAILURE' "$tmp/log" > "$tmp/bad"; then
		no "$(head -n 1 "$tmp/bad")"
	fi
}

# Stopped at once, no thread got around; the summary says what is missing.
too_short()
{
	i=0
	# At its end map_fixed sees each leak that there is.
	short=map_fixed
	! may_show map_fixed account || short=vma_lock
	while [ $i -lt 20 ]; do
		control "start $short"
		control stop
		if is verdict INCOMPLETE; then
			grep -q "^$short: incomplete: ." "$D/summary" ||
				no "no reason in the summary"
			return
		fi
		i=$((i + 1))
	done
	no "the verdict is $value"
}

idle_after_reset()
{
	control reset && want verdict IDLE
}

skipped()
{
	control "start $1" && want verdict SKIP || return
	get "$1/state"
	case $value in
	'skipped: '?*) ;;
	*) no "$1 is '$value'" || return ;;
	esac
	grep -q "^$1: skipped: .*" "$D/summary" || no "no reason in the summary" ||
		return
	logged "--- End of test: SKIP" || no "no line of its end"
}

# FAILURE with the first race, while the test still runs.
failure_at_once()
{
	loaded_with scenarios=map_fixed busted=map_fixed/gap || return
	wait_for 20 above map_fixed/race_gap 0 || no "no race" || return
	want verdict FAILURE && want map_fixed/state running || return
	# It is counted first, and the other kind that this breaks may come before.
	wait_for 5 logged 'RACE map_fixed/gap addr=0x[0-9a-f]+ mm=[^ ]+ cpu=[0-9]+ pid=[0-9]+ comm=[^ ]+ variant=[0-9a-f]+ detail="' ||
		no "no line in the log" || return
	# Line by line, behind it.
	wait_for 5 logged 'vma_torture:   [a-z_.0-9]+\+0x' || no "no stack in the log" || return
	control stop && want verdict FAILURE || return
	unload
	logged '--- End of test: FAILURE .*races=[1-9]' || no "no line of its end"
}

stop_on_race()
{
	loaded_with scenarios=map_fixed busted=map_fixed/gap stop_on_race=1 || return
	wait_for 20 ended || no "it goes on" || return
	want verdict FAILURE && unload
}

stat_interval()
{
	loaded_with scenarios=map_fixed stat_interval=1 || return
	wait_for 10 progress_lines || no "no 3 lines of progress in 10 s" || return
	unload
	own_log | sed -n 's/.* map_fixed: .* ops=\([0-9]*\) .*/\1/p' |
		awk '$1 < last { bad = 1 } { last = $1 } END { exit bad }' ||
		no "ops fall"
}

progress_lines()
{
	[ "$(own_log | grep -cE ' map_fixed: [0-9]+ s ops=[0-9]+ exposure=[0-9]+ races=[0-9]+$')" -ge 3 ]
}

# Nothing moves for most of a second, and then it does again. The pause is
# longer than stall_secs, and yet nobody has stalled.
stutter()
{
	loaded_with scenarios=map_fixed stutter=3 stall_secs=2 || return
	wait_for 10 above map_fixed/ops 0 || return
	wait_for 10 still || no "it never pauses" || return
	get map_fixed/ops
	wait_for 10 above map_fixed/ops "$value" || no "it never goes on" || return
	get map_fixed/race_stall
	[ "$value" = 0 ] || no "$value stalls" || return
	unload
}

still()
{
	get map_fixed/ops
	ops=$value
	sleep 0.8
	is map_fixed/ops "$ops"
}

shuffle()
{
	loaded_with scenarios=map_fixed shuffle_interval=1 || return
	pid=$(pids_of map_fixed_ | head -n 1)
	for i in 1 2; do
		cpus=$(allowed)
		wait_for 10 moved || no "change $i: it may still use $cpus" || return
	done
	unload
}

allowed()
{
	sed -n 's/^Cpus_allowed_list:[^0-9]*//p' "/proc/$pid/status"
}

moved()
{
	[ "$(allowed)" != "$cpus" ]
}

cpu1=/sys/devices/system/cpu/cpu1/online

onoff()
{
	loaded_with scenarios=map_fixed onoff_interval=1 || return
	wait_for 30 online 0 || no "no CPU went down" || return
	wait_for 30 online 1 || no "it did not come back" || return
	wait_for 30 online 0 || no "it did not go again" || return
	unload
	online 1 || no "a CPU was left down"
}

online()
{
	read -r value < $cpu1
	[ "$value" = "$1" ]
}

# A thread that does not come around again, seen once, by its name.
stall()
{
	loaded_with scenarios=map_fixed busted=map_fixed/stall stall_secs=1 || return
	wait_for 20 above map_fixed/race_stall 0 || no "not seen" || return
	grep -q 'kind=stall .*detail="map_fixed_hung/' "$D/races" ||
		no "$(head -n 1 "$D/races")" || return
	want verdict FAILURE && unload
}

seeds()
{
	loaded_with autostart=0 seed=4711 && want_seed 4711 && unload || return
	loaded_with autostart=0 seed=4711 && want_seed 4711 && unload || return
	loaded_with autostart=0 || return
	read -r a < "$P/seed"
	want_seed "$a" && unload || return
	loaded_with autostart=0 || return
	read -r b < "$P/seed"
	unload
	[ "$a" != "$b" ] || no "two random seeds are both $a"
}

want_seed()
{
	read -r value < "$P/seed"
	[ "$value" = "$1" ] || no "seed is $value" || return
	grep -q "seed $1\$" "$D/summary" || no "not in the summary" || return
	control "start map_fixed" && control stop || return
	[ "$(own_log | grep -cE -e "--- Start of test: .* seed=$1( |\$)")" = 1 ] ||
		no "not in the log"
}

begin 16

check "a test of 3 s" clean_run
check "its lines in the log" log_lines
unload
if [ "$verdict" = SUCCESS ]; then
	check "no word that alarms" benign
else
	skip "no word that alarms" "this kernel shows what it is known for"
fi
load autostart=0
check "idle after load" want verdict IDLE
check "too short to tell" too_short
check "idle after reset" idle_after_reset
# Something that this guest cannot have, if any scenario is that choosy.
found=
for s in $(scenarios); do
	get "$s/state"
	case $value in skipped:*) found=$s ;; esac
done
if [ -n "$found" ]; then
	check "nothing can be tested" skipped "$found"
else
	skip "nothing can be tested" "every scenario can run here"
fi
unload
check "FAILURE at once" failure_at_once
check "stop_on_race" stop_on_race
check "stat_interval" stat_interval
check "stutter" stutter
check "shuffle_interval" shuffle
if [ -w $cpu1 ]; then
	check "onoff_interval" onoff
else
	skip "onoff_interval" "no second CPU that can be taken down"
fi
check "stall_secs" stall
check "seed" seeds
check "nothing is left" nothing_left

ktap_finished
