#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: each oracle of vma_lock fires in its busted flavour, and only then
# timeout: 180

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_race.sh
. "${0%/*}/lib_race.sh"

scenario=vma_lock
oracles="wrong_mm wrong_range detached unstable overlap ref_leak ref_limit account relock contents links still guard_gap page_gone hooks"
counters="lock_hit lock_miss lock_mmap retry completed fallback recycled writes
	forks exits"
T=/sys/kernel/tracing

# All writers and all ways of a fault come by, and all oracles look at them.
all_counted()
{
	# shellcheck disable=SC2086  # a list
	all_above $counters && all_have exposure && all_have met
}

covers()
{
	wait_for 20 all_counted || no "$c: still 0"
}

# One in a hundred locked reads overlaps a change, and so could see a race.
exposed()
{
	get vma_lock/lock_hit && hits=$value
	for k in wrong_range detached unstable overlap; do
		get "vma_lock/exposure_$k"
		note "$k: $value of $hits locked reads exposed"
		[ $((value * 100)) -gt "$hits" ] || return
	done
	get vma_lock/recycled
	note "$value VMA objects seen again in another mm"
	[ "$value" -gt 0 ]
}

# The buckets of a histogram: powers of two, each above the one before.
histogram()
{
	awk '
	{ for (p = 1; p < $1; p *= 2) ; }
	NF != 2 || ($1 && $1 != p) || $2 <= 0 || (NR > 1 && $1 <= last) {
		exit bad = 1
	}
	{ last = $1; n += $2 }
	END { exit bad || !n }' "$D/vma_lock/$1" ||
		no "$1: $(tr '\n' ';' < "$D/vma_lock/$1")"
}

histograms()
{
	histogram hold_ns && histogram writer_wait_ns
}

traced()
{
	grep -q ' vma_lock_acquire: mm=.* hit$' $T/trace &&
		grep -q ' vma_lock_acquire: mm=.* miss$' $T/trace &&
		grep -q ' vma_lock_release: mm=.* hold_ns=[1-9]' $T/trace
}

traces()
{
	echo > $T/trace
	echo 1 > $T/events/vma_torture/vma_lock_acquire/enable
	echo 1 > $T/events/vma_torture/vma_lock_release/enable
	wait_for 10 traced
	seen=$?
	echo 0 > $T/events/vma_torture/enable
	[ $seen = 0 ] || no "not all of hit, miss and hold time in the trace"
}

succeeds()
{
	control stop
	get vma_lock/race_account
	if [ "$value" -gt 0 ] && only_known vma_lock account; then
		note "known here: $(grep -m 1 ' kind=account ' "$D/races")"
		logged 'vma_lock: .* leaks committed memory: left out from here on' ||
			no "it is not said that what leaks is left out" || return
		grep -q '^vma_lock: left out, for it leaks committed memory: ' "$D/summary" ||
			no "nor in the summary" || return
		want verdict FAILURE
	else
		want verdict SUCCESS
	fi || no "$(cat "$D/summary")"
}

# Children that forks made have ended, and nobody has to reap them.
no_children()
{
	for _f in /proc/[0-9]*/stat; do
		_line=
		read -r _line 2> /dev/null < "$_f"
		case $_line in
		*"(vma_lock_"*) no "still there: $_line" || return ;;
		esac
	done
}

many_threads()
{
	loaded_with scenarios=vma_lock nreaders=8 nwriters=4 nmms=3 \
		hold_us=1000 stutter=1 shuffle_interval=1 || return
	wait_for 20 above vma_lock/exits 20 || no "no mm ended" || return
	now
	_begin=$now
	unload || return
	now
	note "rmmod took $((now - _begin))0 ms"
	nothing_left && no_children
}

# Where there is nothing to test: not a success, and the reason is said.
skipped()
{
	want verdict SKIP || return
	get vma_lock/state
	note "$value"
	grep -qF "${value#skipped: }" "$D/summary" || no "not in the summary" || return
	logged 'End of test: SKIP .*vma_lock=skipped' || no "not in the log" || return
	! threads | grep vma_lock_ || no "and yet it runs"
}

# What there is to test decides how many results there are.
"$INSMOD" "$MODULE" autostart=0 || {
	echo "Bail out! cannot load the module"
	exit 1
}
get vma_lock/state
unload
case $value in
skipped*)
	# shellcheck disable=SC2086  # a list
	set -- $oracles
	begin $(($# + 1))
	loaded_with scenarios=vma_lock || ktap_exit_fail_msg "cannot load"
	why=${value#skipped: }
	check "skipped, and why" skipped
	for k in $oracles; do
		skip "$k" "$why"
	done
	ktap_finished
	;;
esac

begin 24

loaded_with scenarios=vma_lock || ktap_exit_fail_msg "cannot load"
check "every writer, every way of a fault, every oracle" covers
enough lock_hit 100000
check "exposure above one in a hundred locked reads" exposed
check "histograms" histograms
check "tracepoints" traces
check "silent" silent
check "success" succeeds
here=$(kinds vma_lock | tr '\n' ' ')
why=$(sed -n 's/^vma_lock: no oracle for //p' "$D/summary")
unload
for k in $oracles; do
	case " $here " in
	*" $k "*) ;;
	*) skip "$k" "${why##*: }"; continue ;;
	esac
	case $k in
	# One VMA used after its release breaks them all, and where VMA objects
	# are reused at once it may be another one by then.
	detached | unstable | overlap)
		check "$k" fires 20000 "$k" wrong_mm wrong_range detached unstable overlap
		;;
	*) check "$k" fires 20000 "$k" ;;
	esac
done
check "all at once" all_fire
[ ! -d /sys/module/vma_torture ] || unload
check "many threads, and their end" many_threads
check "nothing is left" nothing_left

ktap_finished
