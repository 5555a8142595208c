#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: eight times as many threads as CPUs get on, pause, change CPUs and end
# timeout: 480
#
# ABUSE=N: N times as long.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

many=$((8 * $(nproc)))

# crowd PARAM=VALUE...: so many threads in each scenario, whoever they are. Where
# each of them has a fiftieth of a CPU, all of a scenario can wait longer for one of
# the kernel's locks than is taken for a stall elsewhere.
crowd()
{
	loaded_with stall_secs=240 "$@" || return
	for s in $able; do
		n=$(threads | grep -c "^$s")
		[ "$n" -ge $many ] || no "$s has $n threads" || return
	done
	note "$(threads | wc -l) threads on $(nproc) CPUs"
}

# The same, in two halves; they take turns with the rest of the machine.
busy_crowd()
{
	crowd nreaders=$many nwriters=$many nmms=16 && keeps_on 4 && ends
}

restless_crowd()
{
	crowd nreaders=$many nwriters=$((many / 2)) nmms=8 stutter=1 shuffle_interval=1 \
		hold_us=1000 && keeps_on 4 && ends
}

removed_in_mid_run()
{
	crowd nreaders=$many nwriters=$many nmms=16 && removed_at_work
}

abuse 3

check "a crowd gets on, and ends" busy_crowd
check "a crowd that pauses, changes CPUs and holds locks" restless_crowd
check "rmmod of a crowd" removed_in_mid_run
abuse_ends
