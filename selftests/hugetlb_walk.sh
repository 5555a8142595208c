#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: hugetlb_walk shares, unshares and looks, its oracles fire in their busted flavours only, no huge page is lost
# timeout: 240

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_race.sh
. "${0%/*}/lib_race.sh"

scenario=hugetlb_walk
oracles="table_freed table_moved entry_moved no_sync wrong_folio stale_tlb share_count split_shared writable lock_owner page_leak reserve"
ops="munmap map_fixed munmap_part mprotect_part mprotect mremap madvise_split dontneed punch truncate exit purge mremap_offset split_refused fork wide_mprotect wide_cut"
walks="vma_lock i_mmap irqs_off fault pin_fast pin mincore pagewalk read"
pages=16
nr=/proc/sys/vm/nr_hugepages

# What huge pages there are, and how many of them are free.
huge()
{
	grep -E '^HugePages_(Total|Free|Rsvd|Surp):' /proc/meminfo | tr -d ' \n'
}

# Files of the guest keep what they have; the test takes what it needs.
give_back()
{
	echo "$had" > $nr
	finish
}

# split_is_late: known for it, as scripts/known-races says.
split_is_late()
{
	may_show hugetlb_walk split_shared
}

split_was_seen()
{
	above hugetlb_walk/race_split_shared 0 ||
		grep -q 'kind=table_moved .*"under i_mmap ' "$D/races"
}

page_walk_was_seen()
{
	grep -qE 'kind=(table|entry)_moved .*"under walk_page_range ' "$D/races"
}

no_pages()
{
	echo 0 > $nr
	loaded_with scenarios=hugetlb_walk || return
	want verdict SKIP || return
	grep -q "^skipped: .*sysctl vm.nr_hugepages=$pages" \
		"$D/hugetlb_walk/state" || no "$(cat "$D/hugetlb_walk/state")" ||
		return
	unload
	echo $pages > $nr
}

all_counted()
{
	# shellcheck disable=SC2046,SC2086  # lists
	all_above $ops $(printf 'walks_%s ' $walks) shares unshares judged census \
		directed_met reserves reserves_even || return
	# What is judged at rest has its look at an exit, too.
	all_have exposure && all_have met
}

covers()
{
	wait_for 40 all_counted || no "$c: still 0"
}

# Per-VMA locks are there or not, and then so are their walks.
per_vma()
{
	if grep -q ' lock_vma_under_rcu$' /proc/kallsyms; then
		wait_for 20 above hugetlb_walk/walks_per_vma 0 || no "none"
	else
		want hugetlb_walk/walks_per_vma 0
	fi
}

shared()
{
	wait_for 20 above hugetlb_walk/shared_now 1 || no "nobody shares" ||
		return
	wait_for 20 above hugetlb_walk/unshares 100 || no "too few unshares" ||
		return
	get hugetlb_walk/shares
	shares=$value
	get hugetlb_walk/unshares
	note "$shares times shared, $value times unshared"
}

traced()
{
	t=/sys/kernel/tracing
	if ! [ -d $t/events/vma_torture ]; then
		no "no tracepoints"
		return
	fi
	echo > $t/trace
	for e in pmd_share pmd_unshare walk; do
		echo 1 > $t/events/vma_torture/$e/enable
	done
	get hugetlb_walk/unshares
	wait_for 20 above hugetlb_walk/unshares $((value + 5)) || no "too few unshares"
	for e in pmd_share pmd_unshare walk; do
		echo 0 > $t/events/vma_torture/$e/enable
	done
	for e in pmd_share pmd_unshare walk; do
		grep -q "$e: mm=.* table=0x" $t/trace || no "no $e" || return
	done
	echo > $t/trace
}

# Where huge_pmd_unshare() runs before i_mmap is locked, a directed race finds it in
# seconds, one in ten of them did; elsewhere so many find nothing, or `silent` says
# what.
late_split()
{
	if split_is_late; then
		wait_for 60 split_was_seen ||
			no "not seen, although scripts/known-races lists it" || return
		get hugetlb_walk/first_race_ms
		note "this kernel splits before it locks i_mmap: seen after $value ms"
		return
	fi
	wait_for $((60 * ${SLOW:-1})) above hugetlb_walk/directed_met 30 || no "too few directed races: $value" ||
		return
	! split_was_seen || no "$(grep -m 1 -E 'kind=(split_shared|table_moved) ' "$D/races")"
}

# Before 6.3 the kernel's page walk did not take the hugetlb vma lock.
page_walk()
{
	if kernel_below 6 3; then
		wait_for $((60 * ${SLOW:-1})) page_walk_was_seen ||
			no "not seen, although scripts/known-races lists it"
		return
	fi
	wait_for $((60 * ${SLOW:-1})) above hugetlb_walk/walks_pagewalk 2000 ||
		no "too few page walks: $value" || return
	! page_walk_was_seen || no "$(grep -m 1 '"under walk_page_range ' "$D/races")"
}

# pages_back COMMAND: and afterwards there are as many huge pages as before.
pages_back()
{
	"$@" || return
	[ "$(huge)" = "$before" ] || no "$(huge), not $before"
}

ends_well()
{
	control stop
	expected=SUCCESS
	get hugetlb_walk/races
	# `silent` has seen to it that they are known here.
	[ "$value" = 0 ] || expected=FAILURE
	want verdict $expected || no "$(tr '\n' '|' < "$D/summary")" || return
	want hugetlb_walk/shared_now 0 || return
	pages_back unload
}

# rmmod in mid-flight: nothing waits, nothing is lost.
mid_flight()
{
	for _ in 1 2 3; do
		loaded_with scenarios=hugetlb_walk nreaders=4 nwriters=2 || return
		wait_for 20 above hugetlb_walk/unshares 20 ||
			no "too few unshares" || return
		now
		begun=$now
		pages_back unload || return
		now
		note "rmmod took $(((now - begun) * 10)) ms"
	done
}

[ -w $nr ] || skip_all "this kernel has no huge pages"
# A shell reads byte by byte, which sysctls do not bear.
had=$(cat $nr)
echo $pages > $nr
if [ "$(cat $nr)" -lt $pages ]; then
	echo "$had" > $nr
	skip_all "no memory for $pages huge pages"
fi

begin 24
trap give_back EXIT

check "no huge pages: a skip that says what to do" no_pages
before=$(huge)
loaded_with scenarios=hugetlb_walk || ktap_exit_fail_msg "cannot load"
check "page tables are shared, and unshared" shared
check "every way to unshare, every walker, every oracle" covers
check "walks under the per-VMA lock" per_vma
check "tracepoints" traced
check "splits and new sharers" late_split
check "the kernel's page walk" page_walk
check "silent" silent
check "it ends, and all huge pages are back" ends_well
check "rmmod in mid-flight" mid_flight
for k in $oracles; do
	check "$k" pages_back fires 200 "$k"
done
check "all broken at once" pages_back all_fire
[ ! -d /sys/module/vma_torture ] || unload
check "nothing is left" nothing_left

ktap_finished
