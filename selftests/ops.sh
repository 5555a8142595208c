#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: ops= leaves only what it names, more often if it says so, and the verdict is about that
# timeout: 240
# guest: deterministic

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_race.sh
. "${0%/*}/lib_race.sh"
# shellcheck source=selftests/lib_rest.sh
. "${0%/*}/lib_rest.sh"
: "${without:=}"

oracles=
hugetlb_ops="munmap map_fixed munmap_part mprotect_part mprotect mremap madvise_split
	dontneed punch truncate exit purge mremap_offset split_refused fork
	wide_mprotect wide_cut"

# counted SCENARIO COUNTER...: each of them comes.
counted()
{
	scenario=$1
	shift
	wait_for $((20 * ${SLOW:-1})) all_above "$@" || no "$c: still 0"
}

# none_of SCENARIO COUNTER...: none of them has come.
none_of()
{
	s=$1
	shift
	for c; do
		want "$s/$c" 0 || return
	done
}

# left_out SCENARIO KIND...: these oracles, and no others, are absent for ops=.
left_out()
{
	s=$1
	shift
	sed -n "s/^$s: no oracle for \([a-z_]*\): left out by ops=$/\1/p" "$D/summary" | sort > "$tmp/out"
	{ [ $# = 0 ] || printf '%s\n' "$@"; } | sort | cmp -s - "$tmp/out" ||
		no "left out of $s: $(tr '\n' ' ' < "$tmp/out")" || return
	for k; do
		[ ! -e "$D/$s/race_$k" ] || no "there is a race_$k" || return
	done
}

# looked SCENARIO: whoever looks while it runs has met a change. The rest look at rest.
looked()
{
	for f in "$D/$1"/exposure_*; do
		kind=${f##*/exposure_}
		get "$1/looks_$kind"
		if [ "$value" = 0 ]; then
			# This one looks now and then, and not only at rest.
			[ "$1/$kind" != map_fixed/links ] || return
			continue
		fi
		get "$1/exposure_$kind"
		[ "$value" != 0 ] || return
	done
}

# earned SCENARIO: with what was left it is a success, or known here.
earned()
{
	wait_for $((20 * ${SLOW:-1})) looked "$1" || no "$kind has met no change" || return
	control stop
	get verdict
	[ "$value" != SUCCESS ] || return 0
	scenario=$1
	[ "$value" = FAILURE ] || no "$(cat "$D/summary")" || return
	silent
}

# One kind of replacement: no other, and nothing between replacements.
one_operation()
{
	loaded_with scenarios=map_fixed ops=map_fixed/exact,map_fixed/shmem || return
	counted map_fixed exact shmem || return
	none_of map_fixed inside straddle dozens merge sparse limit locked refused anon file || return
	left_out map_fixed close_order half_abort || return
	earned map_fixed && unload
}

# All of them, in a test that is started later too.
all_but_one()
{
	loaded_with autostart=0 ops=map_fixed/-refuse,vma_lock/-fork || return
	control "start map_fixed" || return
	counted map_fixed exact inside straddle dozens sparse limit locked || return
	none_of map_fixed refused && left_out map_fixed half_abort || return
	earned map_fixed && unload
}

# Those of one scenario are no other's.
others_as_ever()
{
	loaded_with ops=map_fixed/exact || return
	for s in $(scenarios); do
		get "$s/state"
		case $s:$value in
		map_fixed:* | *:skipped*) ;;
		vma_lock:*) counted vma_lock writes forks exits && left_out vma_lock ;;
		fork_fail:*) counted fork_fail failed_forks fork_ok walks_rmap && left_out fork_fail ;;
		hugetlb_walk:*)
			# shellcheck disable=SC2086  # a list
			counted hugetlb_walk $hugetlb_ops && left_out hugetlb_walk
			;;
		esac || return
	done
	none_of map_fixed inside straddle dozens sparse limit locked refused && unload
}

# Without leaving what is narrowed: 4 by 8 to 3 by 1, of 200 and more.
weighed()
{
	loaded_with scenarios=hugetlb_walk nwriters=2 \
		ops=hugetlb_walk/munmap:8,hugetlb_walk/mprotect || return
	wait_for $((60 * ${SLOW:-1})) above hugetlb_walk/munmap 200 ||
		no "munmap: $value in a minute" || return
	control stop
	get hugetlb_walk/munmap
	often=$value
	get hugetlb_walk/mprotect
	note "munmap $often times, mprotect $value times"
	# On average 10.7 times as often; were the weight lost, 1.3 times.
	[ "$value" -gt 0 ] && [ "$often" -gt $((4 * value)) ] || no "that is not as weighed" || return
	for c in $hugetlb_ops directed; do
		case $c in munmap | mprotect) continue ;; esac
		none_of hugetlb_walk "$c" || return
	done
	left_out hugetlb_walk lock_owner stale_tlb reserve && unload
}

forks()
{
	loaded_with scenarios=fork_fail ops=fork_fail/signal,fork_fail/slot || return
	counted fork_fail failed_forks walks || return
	for w in account tree dup policy userfault anon_vma copy table inject; do
		none_of fork_fail fork_failed_${w}_first fork_failed_${w}_middle \
			fork_failed_${w}_last fork_failed_${w}_after || return
	done
	none_of fork_fail walks_rmap && unload
}

# A single operation of vma_lock, and what is judged without others.
locks()
{
	loaded_with scenarios=vma_lock ops=vma_lock/mprotect || return
	counted vma_lock writes || return
	none_of vma_lock forks fork_errors || return
	absent=overlap
	! grep -q '^vma_lock: no oracle for ref_limit: left' "$D/summary" || absent="overlap ref_limit"
	# shellcheck disable=SC2086  # a list
	left_out vma_lock $absent || return
	earned vma_lock && unload
}

committed()
{
	awk '/^Committed_AS:/ { print $2 }' /proc/meminfo
}

# What this kernel is known to leak by, left out: nothing is found, nothing is lost.
no_known_leak()
{
	without_leaks
	note "ops=$without"
	at_rest
	loaded_with scenarios=map_fixed,vma_lock duration=8 ops="$without" || return
	wait_for 60 logged 'End of test' || no "it does not end" || return
	for s in map_fixed vma_lock; do
		get $s/state
		case $value in skipped*) continue ;; esac
		want $s/race_account 0 || no "$(grep -m 1 ' kind=account ' "$D/races")" || return
	done
	unload && settles 256
}

begin 8

check "one operation" one_operation
check "all but one" all_but_one
check "other scenarios are as ever" others_as_ever
check "one more often than the other" weighed
check "one way for forks to fail" forks
if kernel_below 6 4; then
	skip "one operation of vma_lock" "no per-VMA locks"
else
	check "one operation of vma_lock" locks
fi
if may_show map_fixed account || may_show vma_lock account; then
	check "what is known to leak is left out" no_known_leak
else
	skip "what is known to leak is left out" "nothing is known to leak here"
fi
check "nothing is left" nothing_left

ktap_finished
