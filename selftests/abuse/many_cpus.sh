#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: on eight CPUs, more than the host has, all scenarios get on, and end
# timeout: 300
# smp: 8
#
# CPUs that are not there when they are waited for are what virtual machines have.
# ABUSE=N: N times as long.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

works()
{
	loaded_with stall_secs=120 "$@" && keeps_on 4 && ends && unload && nothing_left
}

[ "$(nproc)" -ge 8 ] || skip_all "needs a machine with eight CPUs"
abuse 3

check "as it chooses" works
check "locks held, CPUs changed" works nreaders=8 nwriters=4 nmms=8 hold_us=500 shuffle_interval=1
check "pauses" works stutter=1
abuse_ends
