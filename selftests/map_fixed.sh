#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: each oracle of map_fixed fires in its busted flavour, and only then
# timeout: 240

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

oracles="gap no_vma stale close_order half_abort account"
shapes="exact inside straddle dozens merge sparse limit"
backings="anon shmem file locked"

# others KIND...: no race of any other kind.
others()
{
	_bad=0
	for _k in $(kinds map_fixed); do
		case " $* " in *" $_k "*) continue ;; esac
		[ "$_k" != gap ] || ! gap_is_expected || continue
		get "map_fixed/race_$_k"
		[ "$value" = 0 ] || {
			note "$_k: $value: $(grep -m 1 " kind=$_k " "$D/races")"
			_bad=1
		}
	done
	return $_bad
}

# The break of a promise is seen by its own oracle, on any kernel.
fires()
{
	case $1 in
	# One munmap() in between breaks both.
	gap | no_vma) also="gap no_vma" ;;
	*) also=$1 ;;
	esac
	loaded_with scenarios=map_fixed "busted=map_fixed/$1" seed=1 || return
	wait_for 20 above "map_fixed/race_$1" 0 || no "not seen in 20 s" || return
	get map_fixed/first_race_ms
	note "$1: the first race after $value ms"
	want verdict FAILURE || return
	grep -q "^seq=.* scenario=map_fixed kind=$1 .* detail=\"" "$D/races" ||
		no "not among the races" || return
	# A while longer, for what else would be seen.
	get map_fixed/ops
	wait_for 2 above map_fixed/ops $((value + 2000))
	control stop
	# shellcheck disable=SC2086  # a list
	others $also || return
	grep -q "^map_fixed: $1 broken [0-9]* times: " "$D/summary" ||
		no "not in the summary" || return
	unload
}

# All shapes, all that can be mapped, and the refusals come.
all_counted()
{
	for c in $shapes $backings refused checked bare beside; do
		above "map_fixed/$c" 0 || return
	done
	for k in $oracles; do
		above "map_fixed/exposure_$k" 0 || return
	done
}

covers()
{
	wait_for 20 all_counted || no "${c} ${k-}: still 0"
}

# They are all of the replacements.
adds_up()
{
	control stop
	s=0
	for c in $shapes; do
		get "map_fixed/$c" && s=$((s + value))
	done
	b=0
	for c in anon shmem file; do
		get "map_fixed/$c" && b=$((b + value))
	done
	[ $s = $b ] || no "$s of all shapes, $b of all backings" || return
	# Refused ones are operations, too.
	get map_fixed/ops
	[ "$value" -ge $s ] || no "$s replacements, $value operations" || return
	get map_fixed/failed
	[ "$value" = 0 ] || note "$value failed for want of memory"
}

silent()
{
	others none
}

gap_found()
{
	above map_fixed/race_gap 0 || no "no gap seen" || return
	get map_fixed/first_race_ms
	[ "$value" -lt 1000 ] || no "the first after $value ms"
}

begin 11

loaded_with scenarios=map_fixed || ktap_exit_fail_msg "cannot load"
check "every shape, every backing, every oracle" covers
wait_for 5 above map_fixed/looks_gap 1000000
check "the sums of shapes and of backings" adds_up
check "silent" silent
if gap_is_expected; then
	check "the gap of old kernels, within a second" gap_found
else
	skip "the gap of old kernels, within a second" "this kernel promises none"
fi
unload
for k in $oracles; do
	check "$k" fires "$k"
done
check "nothing is left" nothing_left

ktap_finished
