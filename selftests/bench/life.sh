#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: from insmod to the first operation, and from rmmod under load to the end
# timeout: 120

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

working()
{
	for s in $(scenarios); do
		is "$s/state" running || continue
		above "$s/ops" 100 || return
	done
}

first_op()
{
	above map_fixed/ops 0
}

# timed FILE PARAM=VALUE...: insmod until the first operation, ms into FILE.
timed()
{
	f=$1
	shift
	clock insmod
	"$INSMOD" "$MODULE" "$@" || give_up "cannot load"
	until first_op; do
		:
	done
	clock op
	between insmod op >> "$tmp/$f"
}

start_bench
many="nreaders=$(($(cpus) * 4)) nwriters=$(($(cpus) * 2))"
for _ in 1 2 3; do
	clock insmod
	"$INSMOD" "$MODULE" autostart=0
	clock op
	between insmod op >> "$tmp/idle"
	clock start
	control start
	until first_op; do
		:
	done
	clock op
	between start op >> "$tmp/start"
	unload
	timed default
	unload
	# shellcheck disable=SC2086  # two words
	timed many $many
	wait_for 10 working
	clock rmmod
	unload || give_up "cannot unload"
	clock gone
	between rmmod gone >> "$tmp/rmmod"
done
result first_op "$(median < "$tmp/default")" ms '<=200' from before insmod to the first operation, default parameters
result insmod "$(median < "$tmp/idle")" ms - what of that insmod takes with autostart=0: the loading itself
result start "$(median < "$tmp/start")" ms - from start in control to the first operation
result first_op_many "$(median < "$tmp/many")" ms - as first_op, 4 readers and 2 writers a CPU
result rmmod "$(median < "$tmp/rmmod")" ms '<=1000' rmmod under load, 4 readers and 2 writers a CPU
