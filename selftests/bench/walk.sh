#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: what an oracle's look costs beside the tree walk it watches
# timeout: 60

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

start_bench
# One reader and one writer do not wait for each other's CPU: so the walks are
# measured, not the scheduler. The module takes turns at both, in one run.
i=0
while [ $i -lt 5 ]; do
	load scenarios=map_fixed nreaders=1 nwriters=1 || give_up "cannot load"
	wait_for 6 above map_fixed/bare 20000
	control stop
	for c in checked checked_ns bare bare_ns; do
		get map_fixed/$c && eval "$c=\$value"
	done
	unload
	# shellcheck disable=SC2154  # eval
	echo "$(rate "$checked" "$checked_ns") $(rate "$bare" "$bare_ns")"
	i=$((i + 1))
done > "$tmp/rates"
checked=$(cut -d' ' -f1 "$tmp/rates" | median)
bare=$(cut -d' ' -f2 "$tmp/rates" | median)
r=$(awk '$2 > 0 { print $1 / $2 }' "$tmp/rates" | median)
result checked_walk "$(ratio "$r" 1)" ratio '>=0.5' checked walks/s per bare mas_walk loop, one reader beside one writer
result checked_walks "$checked" 1/s - checked walks of one reader
result bare_walks "$bare" 1/s - bare walks of one reader
