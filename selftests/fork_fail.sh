#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: each oracle of fork_fail fires in its busted flavour, and only then
# timeout: 240

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

oracles="xa_zero foreign_vma leak parent unmarked"
counters="fork_ok parents walks walks_after_failure walks_rmap walks_reaper
	empty_tree zaps churned bare checked"
cells="account_first account_middle account_last
	signal_first signal_middle signal_last signal_after
	dup_first dup_middle dup_last
	copy_first copy_middle copy_last copy_after"
T=/sys/kernel/tracing

has_oracle()
{
	[ -f "$D/fork_fail/race_$1" ] &&
		! grep -q "^fork_fail: no oracle for $1:" "$D/summary"
}

# From 6.8 on dup_mmap() copied the whole tree at once, and until 6.18 what it
# had not come to was left in the tree of a child whose fork failed.
remains_are_expected()
{
	_v=$(uname -r)
	_minor=${_v#*.}
	_minor=${_minor%%[!0-9]*}
	[ "${_v%%.*}" = 6 ] && [ "$_minor" -ge 8 ] && [ "$_minor" -le 18 ]
}

# others KIND...: no race of any other kind.
others()
{
	_bad=0
	for _k in $(kinds fork_fail); do
		case " $* " in *" $_k "*) continue ;; esac
		case $_k in
		xa_zero | foreign_vma) ! remains_are_expected || continue ;;
		esac
		get "fork_fail/race_$_k"
		[ "$value" = 0 ] || {
			note "$_k: $value: $(grep -m 1 " kind=$_k " "$D/races")"
			_bad=1
		}
	done
	return $_bad
}

silent()
{
	others none
}

# Can forks be made to fail so on this kernel? The module says it if not.
has_way()
{
	! logged "cannot be made to fail by ${1%_*} here"
}

all_counted()
{
	for c in $counters; do
		above "fork_fail/$c" 0 || return
	done
	! has_oracle unmarked || above fork_fail/unstable_flag 0 || return
	for c in $cells; do
		! has_way "$c" || above "fork_fail/fork_failed_$c" 0 || return
	done
	for k in $oracles; do
		! has_oracle "$k" || above "fork_fail/exposure_$k" 0 || return
	done
}

covers()
{
	wait_for 60 all_counted || no "${c} ${k-}: still 0"
}

# Every failed fork is in one place of the table.
adds_up()
{
	control stop
	s=0
	for c in $cells inject_middle unplanned; do
		get "fork_fail/fork_failed_$c" && s=$((s + value))
	done
	get fork_fail/fork_failed_unplanned
	[ "$value" = 0 ] || note "$value failed for want of memory"
	want fork_fail/fork_failed "$s"
}

found()
{
	above fork_fail/race_xa_zero 0 && above fork_fail/race_foreign_vma 0
}

remains_found()
{
	if found; then
		get fork_fail/race_xa_zero && zero=$value
		get fork_fail/race_foreign_vma && foreign=$value
		get fork_fail/first_race_ms
		note "$zero walks met XA_ZERO_ENTRY, $foreign the parent's VMAs; the first after $value ms"
	else
		note "NOTICE: not seen: this kernel seems to be mended"
	fi
}

traced()
{
	grep -q ' fork_fail: mm=.* signal .* error=-' $T/trace &&
		grep -q ' fork_fail: mm=.* first addr=0x.* error=-12$' $T/trace
}

traces()
{
	echo > $T/trace
	echo 1 > $T/events/vma_torture/fork_fail/enable
	wait_for 20 traced
	seen=$?
	echo 0 > $T/events/vma_torture/enable
	[ $seen = 0 ] || no "no failed forks in the trace"
}

# The break of a promise is seen by its own oracle.
fires()
{
	loaded_with scenarios=fork_fail "busted=fork_fail/$1" seed=1 || return
	wait_for 20 above "fork_fail/race_$1" 0 || no "not seen in 20 s" || return
	get fork_fail/first_race_ms
	note "$1: the first race after $value ms"
	want verdict FAILURE || return
	# Where every walk finds a race of the kernel's own, those fill the log.
	remains_are_expected ||
		grep -q "^seq=.* scenario=fork_fail kind=$1 .* detail=\"" "$D/races" ||
		no "not among the races" || return
	# A while longer, for what else would be seen.
	get fork_fail/ops
	wait_for 2 above fork_fail/ops $((value + 1000))
	control stop
	others "$1" || return
	grep -q "^fork_fail: $1 broken [0-9]* times: " "$D/summary" ||
		no "not in the summary" || return
	unload
}

# All at once, each by its own oracle.
all_seen()
{
	for k in $oracles; do
		! has_oracle "$k" || above "fork_fail/race_$k" 0 || return
	done
}

all_fire()
{
	loaded_with scenarios=fork_fail busted=fork_fail seed=1 stall_secs=1 ||
		return
	wait_for 20 all_seen || no "$k not seen in 20 s" || return
	unload
}

committed()
{
	awk '/^Committed_AS:/ { print $2 }' /proc/meminfo
}

# Out of the middle of a storm of forks, several times, with all that is there.
storms()
{
	_before=$(committed)
	for _i in 1 2 3 4 5; do
		loaded_with scenarios=fork_fail nmms=3 nwriters=3 || return
		wait_for 10 above fork_fail/fork_failed $((_i * 10)) ||
			no "no forks" || return
		now
		_t=$now
		unload || return
		now
		note "rmmod took $(((now - _t) * 10)) ms"
		nothing_left || return
	done
	_after=$(committed)
	# One fork that leaks its accounts is as much as the machine's memory.
	[ $((_after - _before)) -lt 65536 ] ||
		no "committed memory grew from $_before to $_after kB"
}

begin 13

loaded_with scenarios=fork_fail || ktap_exit_fail_msg "cannot load"
check "every way, every position, every oracle" covers
check "the tracepoint" traces
wait_for 5 above fork_fail/walks_after_failure 5000
check "the sum of ways and positions" adds_up
check "silent" silent
if remains_are_expected; then
	check "what failed forks leave on kernels 6.8 to 6.18" remains_found
else
	skip "what failed forks leave on kernels 6.8 to 6.18" "another kernel"
fi
unload
for k in $oracles; do
	if [ "$k" = unmarked ] && loaded_with scenarios=fork_fail duration=1 &&
		! has_oracle unmarked; then
		skip "$k" "this kernel promises no mark"
		unload
		continue
	fi
	[ ! -d /sys/module/vma_torture ] || unload
	check "$k" fires "$k"
done
check "all at once" all_fire
check "rmmod in a storm of forks" storms
check "nothing is left" nothing_left

ktap_finished
