#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# description: the bpftrace scripts attach, count what the module counts, end cleanly
# timeout: 900
# tool: bpftrace

# shellcheck source=selftests/lib.sh
. "$SELFTESTS/lib.sh"

BT=/scripts
all="races map_fixed_window vma_lock fork_fail hugetlb_unshare overview"

[ -d $BT ] || skip_all "no scripts in $BT (boot with scripts/vm --bpftrace)"
command -v bpftrace > /dev/null || skip_all "no bpftrace"

# Emulated, bpftrace takes long to compile: the module runs only when all of
# them have attached, so that nothing is missed.
attach()
{
	for s; do
		bpftrace -B line "$BT/$s.bt" > "$tmp/$s.out" 2> "$tmp/$s.err" &
		eval "pid_$s=$!"
	done
	for s; do
		eval "wait_for 400 began_or_died $s \$pid_$s"
	done
}

began_or_died()
{
	grep -q '^Tracing' "$tmp/$1.out" || ! kill -0 "$2" 2> /dev/null
}

# Each is told to end, and has time to.
detach()
{
	for s; do
		eval "kill -INT \$pid_$s"
	done
	for s; do
		eval "wait \$pid_$s"
		eval "rc_$s=$?"
	done
}

attached()
{
	grep -q '^Tracing' "$tmp/$1.out" || no "$1.bt did not attach"
}

# Ended as told, all said, and no complaint.
ended()
{
	rc=
	eval "rc=\$rc_$1"
	[ "$rc" = 0 ] || no "$1.bt ended with $rc" || return
	! grep -qE "ERROR|Can't|Lost [0-9]+ events" "$tmp/$1.err" "$tmp/$1.out" ||
		no "$1.bt complains"
}

# The number behind a key of a map, in the output of script $1: 0 if not there.
count_of()
{
	awk -v key="$2" 'index($0, key ": ") == 1 { n = substr($0, length(key) + 3) }
	END { print n + 0 }' "$tmp/$1.out"
}

# All values of a map.
sum_of()
{
	awk -v map="$2[" 'index($0, map) == 1 { n += $NF } END { print n + 0 }' "$tmp/$1.out"
}

# Column N of the line of scenario $1 in overview's last table.
overview_of()
{
	awk -v name="$1" -v n="$2" '/^all the time/ { last = 1 }
	last && $1 == name { print $n }' "$tmp/overview.out"
}

# same WHAT OURS MODULE'S
same()
{
	[ "$2" = "$3" ] || no "$1: script $2, module $3"
}

# about WHAT OURS MODULE'S: a probe does not run where bpftrace reads a map.
about()
{
	_off=$(($2 - $3))
	[ "${_off#-}" -le $(($3 / 100 + 2)) ] || no "$1: script $2, module $3"
}

# Everything was done often enough, where it can be done at all.
ran_enough()
{
	for s in $(scenarios); do
		get "$s/state"
		case $value in skipped*) continue ;; esac
		above "$s/ops" 200 || return
		above "$s/exposure" 20 || return
	done
	above map_fixed/race_gap 10
}

races_agree()
{
	_all=0
	for s in $(scenarios); do
		for k in $(kinds "$s"); do
			get "$s/race_$k"
			same "$s/$k" "$(count_of races "@races[$s, $k]")" "$value" || return
			_all=$((_all + value))
		done
	done
	same "all races" "$(sum_of races @races)" "$_all" || return
	[ "$_all" -gt 10 ] || no "only $_all races"
}

# What is reported is shown too, with the stack and the other side.
races_shown()
{
	grep -q '^map_fixed/gap addr=0x' "$tmp/races.out" || no "no gap is shown" || return
	grep -q 'us before, thread .*replace' "$tmp/races.out" ||
		no "never seen what the other side did" || return
	grep -q 'mf_look' "$tmp/races.out" || no "no stack"
}

map_fixed_agrees()
{
	_done=0
	for c in exact inside straddle dozens merge sparse limit; do
		get "map_fixed/$c"
		_done=$((_done + value))
	done
	about replacements "$(count_of map_fixed_window '@replacements[done  ]')" "$_done" || return
	if gap_is_expected; then
		grep -q '^@hole' "$tmp/map_fixed_window.out" || no "no @hole"
	else
		grep -q '^@complete' "$tmp/map_fixed_window.out" || no "no @complete"
	fi
}

vma_lock_agrees()
{
	get vma_lock/state
	case $value in
	skipped*)
		grep -q '^Not seen: lock_vma_under_rcu' "$tmp/vma_lock.out" ||
			no "does not say what it cannot see"
		return
		;;
	esac
	get vma_lock/lock_hit
	_hits=$(count_of vma_lock '@asked[hit ]')
	about hits "$_hits" "$value" || return
	get vma_lock/lock_miss
	_misses=$(count_of vma_lock '@asked[miss]')
	about misses "$_misses" "$value" || return
	same reasons "$(sum_of vma_lock @misses)" "$_misses" || return
	grep -q '^@hold_ns' "$tmp/vma_lock.out" || no "no hold times"
}

fork_fail_agrees()
{
	get fork_fail/failed_forks
	_failed=$value
	get fork_fail/fork_failed_unplanned
	about failed "$(sum_of fork_fail @failed)" $((_failed - value)) || return
	grep -q '^@remains_us' "$tmp/fork_fail.out" || no "no life times of remains" || return
	grep -q '^@walks' "$tmp/fork_fail.out" || no "no walks"
}

hugetlb_agrees()
{
	get hugetlb_walk/unshares
	about unshares "$(sum_of hugetlb_unshare @unshares)" "$value" || return
	grep -q '^@unshare_to_free_us' "$tmp/hugetlb_unshare.out" || no "no table was freed"
}

overview_agrees()
{
	for s in $(scenarios); do
		get "$s/races"
		about "races of $s" "$(overview_of "$s" 6)" "$value" || return
	done
	get fork_fail/failed_forks
	_failed=$value
	get fork_fail/fork_failed_unplanned
	about "failed forks" "$(overview_of fork_fail 2)" $((_failed - value)) || return
	get hugetlb_walk/unshares
	about unshares "$(overview_of hugetlb_walk 4)" "$value"
}

# Its last words: the maps, and for races.bt the last races.
show()
{
	sed "/^$/d; s/^/# $1: /" "$tmp/$1.err" "$tmp/$1.out" | tail -n 60
}

begin 21
check "load" loaded_with autostart=0 hold_us=50 busted=map_fixed/gap

# shellcheck disable=SC2086  # words
attach $all
for s in $all; do
	check "$s.bt attaches" attached "$s"
done
control start
check "the scenarios run" wait_for 180 ran_enough
control stop
# shellcheck disable=SC2086  # words
detach $all
for s in $all; do
	check "$s.bt ends cleanly" ended "$s"
done
check "races.bt counts exactly what the module counts" races_agree
check "races.bt shows the gap, the other side and the stack" races_shown
check "map_fixed_window.bt agrees with the module" map_fixed_agrees
check "vma_lock.bt agrees with the module" vma_lock_agrees
check "fork_fail.bt agrees with the module" fork_fail_agrees
check "hugetlb_unshare.bt agrees with the module" hugetlb_agrees
check "overview.bt agrees with the module" overview_agrees
for s in $all; do
	show "$s"
done
unload
ktap_finished
