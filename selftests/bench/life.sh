#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: from insmod to the first operation, and what delete_module() takes under load
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

# The first operation is a thread of map_fixed changing a tree of VMAs. The
# kernel's trace has its time: a shell that looks at a counter would have to get
# a CPU beside all those threads first.
watch_for_ops()
{
	tracing=/sys/kernel/tracing
	[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing || give_up "no tracefs"
	event=$tracing/events/maple_tree/ma_write
	echo 'comm ~ "map_fixed_*"' > $event/filter || give_up "no event ma_write"
	echo 1 > $event/enable
	calls=$tracing/events/syscalls
	[ -e $calls/sys_enter_delete_module ] || give_up "no event sys_enter_delete_module"
}

watch_no_more()
{
	echo 0 > $event/enable
	echo 0 > $event/filter
}

# span FROM TO: ms in the trace from the last line with FROM to the TO that follows.
span()
{
	awk -v from="$1" -v to="$2" '
	function stamp() {
		match($0, /[0-9]+\.[0-9]+: /)
		return substr($0, RSTART, RLENGTH - 2)
	}
	index($0, from) { since = stamp() }
	index($0, to) { printf "%.1f\n", (stamp() - since) * 1000; exit }' $tracing/trace
}

# timed FILE COMMAND...: from the command to the first operation, ms into FILE.
timed()
{
	f=$1
	shift
	echo 1 > $tracing/tracing_on
	echo > $tracing/trace
	echo from > $tracing/trace_marker
	"$@" || give_up "cannot begin"
	wait_for 10 grep -q ' ma_write: ' $tracing/trace
	echo 0 > $tracing/tracing_on
	span ' tracing_mark_write: from' ' ma_write: ' >> "$tmp/$f"
}

# call FILE: unload, and what the call delete_module() took of that, ms into FILE.
# What else rmmod takes is its own start, against all those threads.
call()
{
	echo 0 > $event/enable
	echo 1 > $calls/sys_enter_delete_module/enable
	echo 1 > $calls/sys_exit_delete_module/enable
	echo > $tracing/trace
	echo 1 > $tracing/tracing_on
	unload || give_up "cannot unload"
	echo 0 > $tracing/tracing_on
	echo 0 > $calls/sys_enter_delete_module/enable
	echo 0 > $calls/sys_exit_delete_module/enable
	echo 1 > $event/enable
	span ' sys_delete_module(' ' sys_delete_module -> 0x0' >> "$tmp/$1"
}

# QEMU's translator makes each store into a page slow that it has translated
# code of, until the last of that code is overwritten. After a test the pages of
# the module's text are such. 6.12 zeroes what it allocates, takes them again to
# read the module's file, and needs 150 ms instead of 3 for that, which is nobody's
# but QEMU's. So a load that starts nothing takes, and overwrites, them first.
overwrite_text()
{
	"$INSMOD" "$MODULE" autostart=0
	unload
}

start_bench
watch_for_ops
many="nreaders=$(($(cpus) * 4)) nwriters=$(($(cpus) * 2))"
for _ in 1 2 3; do
	overwrite_text
	clock insmod
	"$INSMOD" "$MODULE" autostart=0
	clock op
	between insmod op >> "$tmp/idle"
	timed start control start
	unload
	overwrite_text
	timed default "$INSMOD" "$MODULE"
	unload
	overwrite_text
	# shellcheck disable=SC2086  # two words
	timed many "$INSMOD" "$MODULE" $many
	wait_for 10 working
	clock rmmod
	call delete
	clock gone
	between rmmod gone >> "$tmp/rmmod"
done
watch_no_more
result first_op "$(median < "$tmp/default")" ms '<=200' from before insmod to the first operation, default parameters
result insmod "$(median < "$tmp/idle")" ms - what of that insmod takes with autostart=0: the loading itself
result start "$(median < "$tmp/start")" ms - from start in control to the first operation
result first_op_many "$(median < "$tmp/many")" ms - as first_op, 4 readers and 2 writers a CPU
result delete_module "$(median < "$tmp/delete")" ms '<=1000' "the call delete_module()" under load, 4 readers and 2 writers a CPU
result rmmod "$(median < "$tmp/rmmod")" ms - all of that rmmod, its start against those threads too
