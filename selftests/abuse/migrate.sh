#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: memory goes offline under shared huge pages: they migrate, and that is no race
# timeout: 180

# shellcheck source=selftests/lib.sh
. "${0%/*}/../lib.sh"

blocks=/sys/devices/system/memory

# All memory that may go, once away and back. What cannot be freed stays, but what
# can be moved is moved before that is known.
away_and_back()
{
	for m in "$blocks"/memory*/state; do
		{ echo offline > "$m"; } 2> /dev/null && gone=$((gone + 1))
		{ echo online > "$m"; } 2> /dev/null
	done
	return 0
}

migrates()
{
	loaded_with scenarios=hugetlb_walk hold_us=200 || return
	wait_for 20 above hugetlb_walk/judged 1000 || no "nothing was judged" || return
	gone=0
	now
	end=$((now + 2500))
	while [ "$now" -lt $end ]; do
		away_and_back
		now
	done
	get hugetlb_walk/migrating
	note "$gone blocks of memory went away, $value entries were migrating"
	control stop
	silent
}

silent()
{
	bad=0
	for k in $(kinds hugetlb_walk); do
		get "hugetlb_walk/race_$k"
		[ "$value" = 0 ] || only_known hugetlb_walk "$k" ||
			{ note "$value races $k"; bad=1; }
	done
	[ $bad = 0 ] || { head -n 3 "$D/races" | sed 's/^/# /'; return 1; }
}

begin 2

loaded_with autostart=0
get hugetlb_walk/state
unload
case $value in
skipped:*)
	skip "huge pages migrate" "hugetlb_walk is $value"
	;;
*)
	if [ -w "$blocks/memory0/state" ] || ls "$blocks"/memory*/state > /dev/null 2>&1; then
		check "huge pages migrate" migrates
	else
		skip "huge pages migrate" "memory cannot go offline here (CONFIG_MEMORY_HOTREMOVE)"
	fi
	unload
	;;
esac
check "nothing is left" nothing_left

ktap_finished
