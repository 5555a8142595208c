#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: what vma_lock's oracles cost beside the bare lock, and 1 to 4 readers
# timeout: 120

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

# read_locks N: N readers for a while, nothing held: locked reads per second to
# stdout, and what they cost by the readers' own bursts into $tmp/rates.
read_locks()
{
	load scenarios=vma_lock nreaders="$1" nwriters=1 hold_us=0 ||
		give_up "cannot load"
	wait_for 10 above vma_lock/lock_hit 1000
	per_second vma_lock/lock_hit 3
	for c in checked checked_ns bare bare_ns; do
		get vma_lock/$c && eval "$c=\$value"
	done
	get vma_lock/contended
	contended=$value
	get vma_lock/contended_met
	met=$value
	unload
	# shellcheck disable=SC2154  # eval
	[ "$1" != 1 ] || echo "$(rate "$checked" "$checked_ns")" \
		"$(rate "$bare" "$bare_ns")" "$(ratio "$met" "$contended")" >> "$tmp/rates"
}

start_bench
load scenarios=vma_lock autostart=0 || give_up "cannot load"
get vma_lock/state
unload
case $value in
skipped*)
	note "vma_lock $value"
	exit 4
	;;
esac

scaling vma_lock_readers "locked reads of 1 reader beside a writer, faults included" read_locks
checked=$(cut -d' ' -f1 "$tmp/rates" | median)
bare=$(cut -d' ' -f2 "$tmp/rates" | median)
r=$(awk '$2 > 0 { print $1 / $2 }' "$tmp/rates" | median)
result vma_lock_checked "$(ratio "$r" 1)" ratio '>=0.5' checked locked reads/s per bare lock_vma_under_rcu and vma_end_read loop
result vma_lock_checked_reads "$checked" 1/s - checked locked reads of one reader, no faults
result vma_lock_bare_reads "$bare" 1/s - bare lock and release of one reader
result vma_lock_contended "$(cut -d' ' -f3 "$tmp/rates" | median)" ratio '>=0.1' of the write locks of \"contend\" those that found its one reader inside
