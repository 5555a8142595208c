#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: allocations fail one at a time at load, start and watch, on a kernel with fault injection
# timeout: 900
# console: any WARNING: .*kernel/trace/trace_events\.c:[0-9]+ (at )?event_(define_fields|file_put)
#
# Each of some draws out of all allocations: the step fails and leaves nothing, or
# it succeeds and all of it works. ABUSE=N: N times as many draws; from 20 on each
# allocation there is.
#
# Where the kernel has no memory for a tracepoint of the module it loads it all the
# same, with a warning for fields that are missing, and when the module goes it
# drops a reference of the directory that it never took: event_create_dir(), which
# says that on the console.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"
# shellcheck source=selftests/lib_watch.sh
. "$SELFTESTS/lib_watch.sh"

F=/sys/kernel/debug
many=1000000000
draws=$((60 * factor))
# Seconds for one kind of step.
limit=$((120 * factor))
wanted='injected ENOMEM'
leaks=$F/kmemleak

[ -e /proc/self/fail-nth ] || skip_all "no fault injection (CONFIG_FAULT_INJECTION)"
[ -d $F/failslab ] || skip_all "no fault injection into slabs (CONFIG_FAILSLAB, CONFIG_FAULT_INJECTION_DEBUG_FS)"

# setting FILE VALUE: one of the fault injection's, put back at the end.
setting()
{
	[ -e "$F/$1" ] || return 0
	grep -qs "^$1 " "$tmp/settings" || echo "$1 $(cat "$F/$1")" >> "$tmp/settings"
	echo "$2" > "$F/$1"
}

# Allocations that may wait are the most there are.
inject()
{
	for _f in failslab fail_page_alloc; do
		setting $_f/ignore-gfp-wait N
		setting $_f/verbose 0
	done
	setting fail_page_alloc/min-order 0
}

put_back()
{
	[ -r "$tmp/settings" ] || return 0
	while read -r _f _value; do
		echo "$_value" > "$F/$_f"
	done < "$tmp/settings"
	rm "$tmp/settings"
}

ends_at_once()
{
	no_more
	put_back
	finish
}

# nth N WORDS: a call whose N-th allocation fails; $how, $err, $count.
nth()
{
	if ! fail_nth "$@" > "$tmp/nth" 2>&1 || ! read -r how err count < "$tmp/nth"; then
		no "fail_nth $*: $(cat "$tmp/nth")"
	fi
}

# The module's files, and what its scenarios say of themselves.
looks_like()
{
	(cd "$D" && find . && head -n 1 ./*/state) | sed 's/running/stopped/; s/done/stopped/'
}

# whole: as it is when nothing fails.
whole()
{
	looks_like > "$tmp/looks"
	cmp -s "$tmp/whole" "$tmp/looks" ||
		no "not all is there: $(diff "$tmp/whole" "$tmp/looks" | grep '^[-+<>]' | head -n 5 | tr '\n' ' ')"
}

# draw COMMAND...: run it with $draws Ns out of $total, and count what came of it.
# However soon the time is over, they have been all over the range: steps of the
# golden ratio.
draw()
{
	: > "$tmp/came"
	below 1000000
	i=0 first=$((drawn * 1000)) most=$draws
	{ [ "$factor" -lt 20 ] && [ "$most" -lt "$total" ]; } || most=$total
	now
	enough=$((now + limit * 100))
	while [ $i -lt "$most" ]; do
		if [ "$most" = "$total" ]; then
			n=$((i + 1))
		else
			n=$(((first + i * 618033989) % 1000000000 * total / 1000000000 + 1))
		fi
		"$@" || no "allocation $n of $total: $how $err" || return
		echo "$how $err" >> "$tmp/came"
		i=$((i + 1))
		now
		[ "$now" -lt $enough ] || [ $i -lt 10 ] || [ "$most" = "$total" ] || break
	done
	note "$total allocations, $i failures: $(sort "$tmp/came" | uniq -c |
		awk '{ printf "%s%s %s %s", s, $2, $3, $1; s = ", " }')"
	grep -q "^$wanted" "$tmp/came" || no "none was that"
}

# Loaded with $1 and the N-th failure. The loader has errors of its own for it,
# and the module, which says a word first, has one.
load_one()
{
	mark
	nth "$n" insmod "$MODULE" "autostart=$1" || return
	if [ "$err" = ok ]; then
		whole || return
		[ "$1" = 0 ] || goes_on || return
		[ -e /sys/kernel/tracing/events/vma_torture ] || echo "loader no-tracepoints" >> "$tmp/came"
		unload
	elif logged '.'; then
		[ "$err" = ENOMEM ] || no "$(own_log | tail -n 3)" || return
	fi
	nothing_left
}

load_fails()
{
	[ ! -d /sys/module/vma_torture ] || unload
	nth $many insmod "$MODULE" "autostart=$1" && [ "$err" = ok ] || no "$how $err" || return
	total=$count
	unload
	draw load_one "$1"
}

# started: all of it works, or there is none of it.
started()
{
	if [ "$err" = ok ]; then
		goes_on && whole && control stop && no_new_race || return
	else
		[ "$err" = ENOMEM ] || return
	fi
	[ -z "$(threads)" ] || no "left: $(threads | tr '\n' ' ')"
}

start_one()
{
	nth "$n" write "$D/control" start && started
}

start_fails()
{
	loaded_with autostart=0 || return
	nth $many write "$D/control" start && [ "$err" = ok ] || no "$how $err" || return
	total=$count
	control stop
	draw start_one && control start && goes_on && ends && unload && nothing_left
}

# The workers that may take what the module's own queue has, told to fail; they
# come and go.
set_workers()
{
	workers=
	for _f in $(pids_of kworker/u); do
		! { echo "$1" > "/proc/$_f/fail-nth"; } 2> /dev/null ||
			workers="$workers /proc/$_f/fail-nth"
	done
}

# What is left of $1 with the one that did it, into $left.
left_of()
{
	left=$1
	for _f in $workers; do
		_n=$1
		{ read -r _n < "$_f"; } 2> /dev/null
		[ "$_n" -ge "$left" ] || left=$_n
	done
}

# start [SCENARIO,...]: what came of it into $err. hugetlbfs that has no memory for
# an inode says that it has no space.
start()
{
	mark
	err=ok
	control "start ${1-}" && return
	read -r err < "$tmp/control"
	case $err in
	*'Cannot allocate memory') err=ENOMEM ;;
	*'No space left on device')
		! logged 'hugetlb_walk could not be set up: -28' || err=ENOMEM
		;;
	esac
}

# work N: start, and the N-th allocation fails that the worker does for it. Not of
# fork_fail, which uses fail-nth for its own purposes.
work()
{
	set_workers "$1"
	start "$those"
	left_of "$1"
	set_workers 0
	how=beyond count=$(($1 - left))
	[ "$left" != 0 ] || how=injected
}

work_one()
{
	work "$n" && started
}

# Only what is called by the module's own text counts.
only_ours()
{
	[ -e $F/failslab/require-start ] || return
	_text=$(cat /sys/module/vma_torture/sections/.text)
	_size=$(cat /sys/module/vma_torture/coresize)
	for _f in failslab fail_page_alloc; do
		setting $_f/require-start "$_text"
		setting $_f/require-end "$(printf '0x%x' $((_text + _size)))"
		setting $_f/stacktrace-depth 32
	done
}

worker_fails()
{
	loaded_with autostart=0 && only_ours || return
	those=$(echo "$able" | grep -vx fork_fail | tr '\n' ,)
	those=${those%,}
	able_before=$able
	able=$(echo "$those" | tr , '\n')
	work $many
	total=$count
	[ "$err" = ok ] && [ "$total" != 0 ] || no "$how $err $count" || return
	control stop
	draw work_one
	rc=$?
	able=$able_before
	[ $rc = 0 ] && control start && goes_on && ends && unload && nothing_left
}

# One of all that the worker and the threads do meanwhile, about the N-th: the
# kernel counts on from where it was.
anybodys_one()
{
	for _f in failslab fail_page_alloc; do
		echo "$n" > $F/$_f/interval
		echo 1 > $F/$_f/times
		echo 100 > $F/$_f/probability
	done
	how=beyond
	start
	[ "$err" != ok ] || goes_on || return
	for _f in failslab fail_page_alloc; do
		[ "$(cat $F/$_f/times)" != 0 ] || how=injected
		echo 0 > $F/$_f/probability
	done
	started
}

# $total is what the worker has without fork_fail, of the step before.
anybodys_fail()
{
	for _f in failslab fail_page_alloc; do
		setting $_f/interval 1
		setting $_f/times 1
		setting $_f/probability 0
	done
	total=$((4 * total))
	loaded_with autostart=0 && only_ours || return
	wanted='injected ok'
	draw anybodys_one && control start && goes_on && ends && unload && nothing_left
}

watch_one()
{
	nth "$n" write "$D/watch" "$line" || return
	if [ "$err" = ok ]; then
		of "$pid" looks
		wait_for "$patience" of_above "$pid" looks "$value" || no "not looked at" || return
		watch stop "$pid"
		of_is "$pid" state stopped || no "state=$value"
	else
		[ "$err" = ENOMEM ] || return
		! of_is "$pid" state watching || no "watched all the same"
	fi
}

watch_fails()
{
	me 3600 || return
	pids=$pid
	loaded_with autostart=0 || return
	nth $many write "$D/watch" "$line" && [ "$err" = ok ] || no "$how $err" || return
	total=$count
	watch stop
	draw watch_one && watch "$line" && wait_for "$patience" of_above "$pid" looks 0 || return
	unload && nothing_left
}

# Objects that nobody points to and that the module has asked for; new ones are
# looked at twice, for they may be on their way.
forget_leaks()
{
	echo scan=off > $leaks && echo scan > $leaks && echo clear > $leaks
}

no_leaks()
{
	echo scan > $leaks && echo scan > $leaks || no "kmemleak has given up" || return
	cat $leaks > "$tmp/leaks"
	note "kmemleak: $(grep -c '^unreferenced' "$tmp/leaks") objects"
	! grep -q vma_torture "$tmp/leaks" || {
		head -n 40 "$tmp/leaks" | sed 's/^/# /'
		return 1
	}
}

abuse 7
trap ends_at_once EXIT
loaded_with autostart=0
looks_like > "$tmp/whole"
unload
[ ! -e $leaks ] || forget_leaks
inject
check "loaded, with nothing started" load_fails 0
check "loaded and started" load_fails 1
check "started, for whoever asks" start_fails
check "watched" watch_fails
no_more
if [ -e $F/failslab/require-start ]; then
	check "started, by the module's own worker" worker_fails
	check "started and at work, by any of its threads" anybodys_fail
else
	filter="no CONFIG_FAULT_INJECTION_STACKTRACE_FILTER"
	skip "started, by the module's own worker" "$filter"
	skip "started and at work, by any of its threads" "$filter"
fi
put_back
if [ -e $leaks ]; then
	check "nothing leaked" no_leaks
else
	skip "nothing leaked" "no kmemleak"
fi
abuse_ends
