#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: forks under SIGKILL, in a cgroup that is too small, without overcommit
# timeout: 90

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 5
# swapoff wants something to swap to, which must be nobody else's.
swap=
if [ ! -e /dev/ram0 ] && modprobe brd rd_nr=1 rd_size=65536 2> /dev/null; then
	wait_for 5 test -b /dev/ram0 && mkswap /dev/ram0 > /dev/null && swap=/dev/ram0
	EXTRA="--swap $swap"
fi
user_test fork_storm 2 killed
if [ -n "$swap" ]; then
	check "swapoff walked beside it" grep -q "swapoffs: [1-9]" "$tmp/first"
	modprobe -r brd
else
	skip "swapoff walked beside it" "no RAM disk that is free (brd)"
fi
ktap_finished
