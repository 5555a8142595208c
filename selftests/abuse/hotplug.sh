#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: CPUs go and come by two hands at once, and all scenarios get on
# timeout: 300
# smp: 4
# console: 6.12 WARNING: CPU: [0-9]+ PID: [0-9]+ at kernel/sched/deadline.c:[0-9]+ inactive_task_timer
#
# With CPUs that come and go 6.12's bookkeeping of deadline bandwidth underflows now
# and then (dl_rq->running_bw > old), whoever runs on them.
#
# ABUSE=N: N times as long.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

cpus=/sys/devices/system/cpu

# turn CPU 0|1: off or on; fails if another does just that.
turn()
{
	{ echo "$2" > "$cpus/cpu$1/online"; } 2> "$tmp/online"
}

# All but the first one, which stays: off or on, for certain.
turn_all()
{
	for c in $others; do
		wait_for "$patience" turn "$c" "$1" ||
			no "CPU $c cannot be turned $1: $(cat "$tmp/online")" || return
	done
}

one_is_off()
{
	[ "$(nproc)" -lt "$there" ]
}

# Something that goes on all the time, and between that one CPU more or less.
two_hands()
{
	loaded_with onoff_interval=1 nreaders=4 || return
	now
	until=$((now + 600 * factor))
	n=0
	failed=0
	while [ "$now" -lt $until ]; do
		# shellcheck disable=SC2086  # a list
		set -- $others
		below $#
		shift "$drawn"
		below 2
		turn "$1" "$drawn" || failed=$((failed + 1))
		n=$((n + 1))
		[ $((n % 8)) != 0 ] || goes_on || return
		now
	done
	note "$n times a CPU turned off or on by hand, $failed of them failed"
	[ $failed -lt $((n / 2)) ] || no "too many" || return
	goes_on && turn_all 1 || return
	wait_for "$patience" one_is_off || no "the module turns none off" || return
	ends
}

# Loaded while there is one CPU, then there are more.
one_then_all()
{
	turn_all 0 || return
	[ "$(nproc)" = 1 ] || no "$(nproc) CPUs are on" || return
	loaded_with nreaders=4 nwriters=4 && goes_on && turn_all 1 && goes_on && ends
}

# And the other way around, with a thread or two for each of them.
all_then_one()
{
	loaded_with nreaders=8 nwriters=4 nmms=4 && goes_on && turn_all 0 && goes_on &&
		unload && turn_all 1 && nothing_left
}

# What is counted by CPU is not lost when the CPU is.
nothing_forgotten()
{
	loaded_with scenarios=map_fixed nreaders=8 || return
	wait_for "$patience" above map_fixed/ops 1000 || no "too few operations" || return
	control stop
	get map_fixed/ops
	ops=$value
	turn_all 0 && want map_fixed/ops "$ops" && turn_all 1 && want map_fixed/ops "$ops"
}

others=
for f in "$cpus"/cpu[1-9]*/online; do
	[ -w "$f" ] || continue
	f=${f%/online}
	others="$others ${f#"$cpus"/cpu}"
done
[ -n "$others" ] || skip_all "no CPU that can be turned off"
there=$(nproc)

off_and_on()
{
	turn_all 0 && turn_all 1
}

all_on()
{
	[ "$(nproc)" = "$there" ] || no "$(nproc) of $there CPUs are on"
}

abuse 5 off_and_on

check "CPUs go and come by two hands" two_hands
turn_all 1
check "loaded on one CPU, and then there are more" one_then_all
check "loaded on all CPUs, and then there is one" all_then_one
check "counters of CPUs that are off" nothing_forgotten
check "all CPUs are on again" all_on
abuse_ends
