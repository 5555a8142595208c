#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: swapoff takes back the pages of a process whose forks are refused
# timeout: 90
# guest: own
#
# Only with SWAPOFF=1: where a failed fork leaves a tree that must not be walked (6.12,
# docs/findings.md), unuse_mm() walks it, and may end the guest.

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

swaps()
{
	fork_beside --case swapped --seconds 10 --swap /dev/ram0 > "$tmp/out" 2>&1
	_rc=$?
	sed 's/^/# /' "$tmp/out"
	[ $_rc = 0 ] || no "exit code $_rc"
}

if ! modprobe brd rd_nr=1 rd_size=65536 2> /dev/null || ! wait_for 5 test -b /dev/ram0 ||
	! mkswap /dev/ram0 > /dev/null; then
	skip_all "no RAM disk (brd)"
fi
begin 2
check "swapoff beside forks that are refused" swaps
modprobe -r brd
check "nothing is left" nothing_left
ktap_finished
