#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: operations/s with tracepoints off, beside a build without them and beside on
# timeout: 300

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

events=/sys/kernel/tracing/events/vma_torture/enable

# three_of NAME SCENARIO SEED: load $MODULE and measure three times; of ours the
# second with all tracepoints on.
three_of()
{
	load scenarios="$2" seed="$3" || give_up "cannot load $MODULE"
	per_second "$2/ops" 2 >> "$tmp/$1.1"
	[ "$1" != with ] || echo 1 > $events
	per_second "$2/ops" 2 >> "$tmp/$1.2"
	[ "$1" != with ] || echo 0 > $events
	per_second "$2/ops" 2 >> "$tmp/$1.3"
	unload
}

# rounds SCENARIO: in turn, because a host's load comes and goes, and with the
# same seeds.
rounds()
{
	for i in 1 2 3 4; do
		MODULE=$without
		three_of without "$1" $i
		MODULE=$with
		three_of with "$1" $i
	done
}

start_bench
without=${MODULE%.ko}-notrace.ko
with=$MODULE
[ -r "$without" ] || give_up "no $without"
load autostart=0 || give_up "cannot load"
all=$(scenarios)
unload
for s in $all; do
	loaded_with scenarios="$s" || give_up "cannot load"
	get "$s/state"
	unload
	case $value in skipped*) continue ;; esac
	rm -f "$tmp"/with*
	rounds "$s"
	plain=$(cat "$tmp/without.1" "$tmp/without.3" | median)
	off=$(cat "$tmp/with.1" "$tmp/with.3" | median)
	result "trace_off_$s" "$(ratio "$off" "$plain")" ratio '>=0.9' \
		"ops/s of $s, tracepoints off, per ops/s of a build without them"
	result "trace_noise_$s" \
		"$(ratio "$(median < "$tmp/without.1")" "$(median < "$tmp/without.3")")" ratio - \
		"ops/s of $s in a build without them, per the same 4 s later: the noise"
	result "trace_on_$s" \
		"$(ratio "$(median < "$tmp/with.2")" "$(median < "$tmp/without.2")")" ratio - \
		"ops/s of $s, tracepoints on, per ops/s of a build without them"
done
