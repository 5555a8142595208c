#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: forks under SIGKILL, in a cgroup that is too small, without overcommit
# timeout: 90

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 5
# swapoff wants something to swap to; a zram device costs nothing.
swap=
if modprobe zram 2> /dev/null && [ -e /dev/zram0 ] &&
	[ "$(cat /sys/block/zram0/disksize)" = 0 ] &&
	echo 64M > /sys/block/zram0/disksize && mkswap /dev/zram0 > /dev/null; then
	swap=/dev/zram0
	EXTRA="--swap $swap"
fi
user_test fork_storm 2 killed
if [ -n "$swap" ]; then
	check "swapoff walked beside it" grep -q "swapoffs: [1-9]" "$tmp/first"
	echo 1 > /sys/block/zram0/reset
else
	skip "swapoff walked beside it" "no zram device here"
fi
ktap_finished
