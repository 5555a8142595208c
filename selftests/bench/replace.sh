#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: what readers cost the writer
# timeout: 60

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

start_bench
i=0
while [ $i -lt 3 ]; do
	load scenarios=map_fixed nreaders=1 nwriters=1 hold_us=0 || give_up "cannot load"
	wait_for 6 above map_fixed/beside 100
	# The same replacements with all readers gone are measured at the end.
	control stop
	for c in beside beside_ns alone alone_ns; do
		get map_fixed/$c && eval "$c=\$value"
	done
	unload
	# shellcheck disable=SC2154  # eval
	echo "$(rate "$beside" "$beside_ns") $(rate "$alone" "$alone_ns")"
	i=$((i + 1))
done > "$tmp/rates"
r=$(awk '$2 > 0 { print $1 / $2 }' "$tmp/rates" | median)
result replace_beside "$(ratio "$r" 1)" ratio - replacements/s beside a reader per replacements/s alone
result replacements "$(cut -d' ' -f2 "$tmp/rates" | median)" 1/s - replacements of one writer alone
