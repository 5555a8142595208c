#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: each oracle of fork_fail fires in its busted flavour, and only then
# timeout: 240

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_race.sh
. "${0%/*}/lib_race.sh"

scenario=fork_fail
oracles="xa_zero foreign_vma leak parent unmarked account after_failure unready"
counters="fork_ok parents walks walks_after_failure walks_rmap walks_reaper
	empty_tree zaps churned ends_counted bursts_even"
cells="account_first account_middle account_last
	signal_first signal_middle signal_last signal_after
	tree_first
	dup_first dup_middle dup_last
	policy_first policy_middle policy_last
	userfault_first userfault_middle userfault_last
	anon_vma_first anon_vma_middle anon_vma_last
	copy_first copy_middle copy_last copy_after
	table_middle"
T=/sys/kernel/tracing

# Can forks be made to fail so on this kernel? The module says it if not.
has_way()
{
	! logged "cannot be made to fail by ${1%_*} here"
}

all_counted()
{
	# shellcheck disable=SC2086  # a list
	all_above $counters && all_have exposure && all_have met || return
	! has_oracle unmarked || all_above unstable_flag || return
	# Before 6.19 a fork that waits for a reader heeds no signal.
	case $(uname -r) in
	6.*) ;;
	*) all_above killed_asleep || return ;;
	esac
	for _cell in $cells; do
		! has_way "$_cell" || all_above "fork_failed_$_cell" || return
	done
}

covers()
{
	wait_for 60 all_counted || no "$c: still 0"
}

# Every failed fork is in one place of the table.
adds_up()
{
	control stop
	s=0
	# Where the VMA of two page tables is the only one copied, or the last.
	for c in $cells table_first table_last inject_middle unplanned; do
		get "fork_fail/fork_failed_$c" && s=$((s + value))
	done
	get fork_fail/fork_failed_unplanned
	[ "$value" = 0 ] || note "$value failed for want of memory"
	want fork_fail/failed_forks "$s"
}

found()
{
	above fork_fail/race_xa_zero 0 && above fork_fail/race_foreign_vma 0
}

# A kernel that is known for it shows it in seconds; one that does not is mended, and
# scripts/known-races has to say so, or an oracle is broken.
remains_found()
{
	wait_for 60 found || no "not seen, although scripts/known-races lists it" || return
	get fork_fail/race_xa_zero && zero=$value
	get fork_fail/race_foreign_vma && foreign=$value
	get fork_fail/first_race_ms
	note "$zero walks met XA_ZERO_ENTRY, $foreign the parent's VMAs; the first after $value ms"
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

# Out of the middle of a storm of forks, several times; parents and children share
# a CPU, so that who waits must not spin.
storms()
{
	_before=$(committed)
	for _i in 1 2 3 4 5; do
		loaded_with scenarios=fork_fail nmms=3 nwriters=3 shuffle_interval=1 || return
		wait_for 10 above fork_fail/failed_forks $((_i * 10)) ||
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

# The other way to see a leak: what is left when all threads are gone.
balances()
{
	loaded_with scenarios=fork_fail busted=fork_fail/leak || return
	wait_for 20 above fork_fail/failed_forks 100 || no "no forks" || return
	control stop
	# Since 6.19 dup_mmap() itself frees the VMAs of a child that it gives up.
	case $(uname -r) in
	6.*) _left="VMAs mms" ;;
	*) _left=mms ;;
	esac
	for _what in $_left; do
		logged "RACE fork_fail/leak .* failed forks left [0-9]* $_what, nothing else did" ||
			no "the bursts left $_what, and it was not seen" || return
	done
}

begin 17

loaded_with scenarios=fork_fail || ktap_exit_fail_msg "cannot load"
check "every way, every position, every oracle" covers
check "the tracepoint" traces
enough walks_after_failure 5000
if remains_are_expected; then
	check "what failed forks leave on kernels 6.8 to 6.18" remains_found
else
	skip "what failed forks leave on kernels 6.8 to 6.18" "another kernel"
fi
check "the sum of ways and positions" adds_up
check "silent" silent
unload
for k in $oracles; do
	if [ "$k" = unmarked ] && loaded_with scenarios=fork_fail duration=1 &&
		! has_oracle unmarked; then
		skip "$k" "this kernel promises no mark"
		unload
		continue
	fi
	[ ! -d /sys/module/vma_torture ] || unload
	check "$k" fires 1000 "$k"
done
[ ! -d /sys/module/vma_torture ] || unload
check "leak, by what is left at the end" balances
[ ! -d /sys/module/vma_torture ] || unload
check "all at once" all_fire stall_secs=1
check "rmmod in a storm of forks" storms
check "nothing is left" nothing_left

ktap_finished
