#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: on one CPU all scenarios get on, and end
# timeout: 240
# smp: 1
#
# ABUSE=N: N times as long.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

# works PARAM=VALUE...
works()
{
	loaded_with "$@" && keeps_on 2 && ends && unload && nothing_left
}

removed_in_mid_run()
{
	loaded_with "$@" && removed_at_work
}

[ "$(nproc)" = 1 ] || skip_all "needs a machine with one CPU"
abuse 5

check "as it chooses" works
check "a few threads each" works nreaders=4 nwriters=4 nmms=4
check "locks held for long" works nreaders=4 hold_us=20000
check "hotplug of no CPU, shuffled" works onoff_interval=1 shuffle_interval=1
check "rmmod in mid-run" removed_in_mid_run nreaders=4 nwriters=4 hold_us=20000
abuse_ends
