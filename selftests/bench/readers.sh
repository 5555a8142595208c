#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: looks per second of 1, 2 and 4 readers
# timeout: 90

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

# looks N: a second with that many readers, looks per second to stdout.
looks()
{
	load scenarios=map_fixed nreaders="$1" nwriters=1 nmms=1 hold_us=0 || exit 1
	wait_for 10 above map_fixed/looks_gap 0
	get map_fixed/looks_gap
	a=$value
	clock from
	sleep 1
	get map_fixed/looks_gap
	clock to
	unload
	ms=$(between from to)
	awk -v n=$((value - a)) -v ms="$ms" 'BEGIN { printf "%.0f\n", n * 1000 / ms }'
}

start_bench
# In turns, so that a busy moment of the host is everybody's.
for _ in 1 2 3 4 5; do
	for n in 1 2 4; do
		looks $n >> "$tmp/$n" || give_up "cannot measure"
	done
done
for n in 1 2 4; do
	median < "$tmp/$n" > "$tmp/median$n"
done
read -r one < "$tmp/median1"
read -r two < "$tmp/median2"
read -r four < "$tmp/median4"
result readers_1 "$one" 1/s - looks of 1 reader beside a writer
result readers_2 "$(ratio "$two" "$one")" ratio - 2 readers per 1, on "$(cpus)" vCPUs
result readers_4 "$(ratio "$four" "$one")" ratio - 4 readers per 1, on "$(cpus)" vCPUs and no more than the host has
