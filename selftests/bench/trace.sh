#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: operations/s with tracepoints off, against off again and against on
# timeout: 150

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

events=/sys/kernel/tracing/events/vma_torture/enable

# ops SCENARIO: its operations in 2 s, per second of the clock.
ops()
{
	get "$1/ops"
	_ops=$value
	clock from
	sleep 2
	get "$1/ops"
	clock to
	ratio $(((value - _ops) * 1000)) "$(between from to)"
}

# The off of every other round are the two sides of "off against off": how far
# they are apart is the noise, within which a tracepoint that is off must be.
measure()
{
	i=0
	while [ $i -lt 6 ]; do
		ops "$1" >> "$tmp/off$((i % 2))"
		echo 1 > $events
		ops "$1" >> "$tmp/on"
		echo 0 > $events
		i=$((i + 1))
	done
}

start_bench
for s in map_fixed vma_lock; do
	load scenarios=$s || give_up "cannot load"
	get $s/state
	case $value in
	skipped*)
		unload
		continue
		;;
	esac
	rm -f "$tmp/off0" "$tmp/off1" "$tmp/on"
	measure $s
	unload
	cat "$tmp/off0" "$tmp/off1" > "$tmp/off"
	result trace_off_noise_$s \
		"$(ratio "$(median < "$tmp/off0")" "$(median < "$tmp/off1")")" \
		ratio - "ops/s of $s, tracepoints off, per ops/s of the same"
	result trace_on_$s \
		"$(ratio "$(median < "$tmp/on")" "$(median < "$tmp/off")")" \
		ratio - "ops/s of $s, tracepoints on, per ops/s when off"
done
