#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: walks of shared huge page tables, what a look costs, and share/unshare cycles
# timeout: 90

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

start_bench
# The module takes turns at bare and checked walks, in one run.
for _ in 1 2 3; do
	load scenarios=hugetlb_walk nreaders=1 nwriters=1 hold_us=0 ||
		give_up "cannot load"
	wait_for 10 above hugetlb_walk/unshares 0 ||
		give_up "nothing is shared: $(cat "$D/hugetlb_walk/state")"
	get hugetlb_walk/unshares
	u=$value
	get hugetlb_walk/judged
	j=$value
	clock from
	sleep 5
	get hugetlb_walk/unshares
	u=$((value - u))
	get hugetlb_walk/judged
	j=$((value - j))
	clock to
	ms=$(between from to)
	for c in checked checked_ns bare bare_ns; do
		get hugetlb_walk/$c && eval "$c=\$value"
	done
	unload
	# shellcheck disable=SC2154  # eval
	echo "$(rate "$checked" "$checked_ns") $(rate "$bare" "$bare_ns")" \
		"$u $j $ms"
done > "$tmp/rates"
checked=$(cut -d' ' -f1 "$tmp/rates" | median)
bare=$(cut -d' ' -f2 "$tmp/rates" | median)
r=$(awk '$2 > 0 { print $1 / $2 }' "$tmp/rates" | median)
unshares=$(awk '{ printf "%.0f\n", $3 * 1000 / $5 }' "$tmp/rates" | median)
walks=$(awk '{ printf "%.0f\n", $4 * 1000 / $5 }' "$tmp/rates" | median)
result hugetlb_checked_walk "$(ratio "$r" 1)" ratio - checked walks/s per bare walk under the same locks
result hugetlb_walks "$walks" 1/s - judged walks of one reader, under all protections, beside one writer
result hugetlb_cycles "$unshares" 1/s - share/unshare cycles of one writer
note "$checked checked and $bare bare walks a second under mmap_lock and vma lock"
