#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: each oracle of map_fixed fires in its busted flavour, and only then
# timeout: 240

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_race.sh
. "${0%/*}/lib_race.sh"

scenario=map_fixed
oracles="gap no_vma stale close_order half_abort account links"
shapes="exact inside straddle dozens merge sparse limit"
backings="anon shmem file locked"

# All shapes, all that can be mapped, and the refusals come.
all_counted()
{
	# shellcheck disable=SC2086  # lists
	all_above $shapes $backings refused replacements transitions && all_have exposure && all_have met
}

covers()
{
	wait_for 20 all_counted || no "$c: still 0"
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
	# Each is met once at the most, however many looks overlap it.
	get map_fixed/failed
	f=$value
	for k in gap no_vma stale close_order links; do
		get "map_fixed/met_$k"
		[ "$value" -le $((s + f)) ] ||
			no "$value replacements met by $k, of $s that were made and $f that failed" ||
			return
	done
	# Refused ones are operations, too.
	get map_fixed/ops
	[ "$value" -ge $s ] || no "$s replacements, $value operations" || return
	get map_fixed/failed
	[ "$value" = 0 ] || note "$value failed for want of memory"
}

gap_found()
{
	above map_fixed/race_gap 0 || no "no gap seen" || return
	get map_fixed/first_race_ms
	note "the first race after $value ms"
	# Each is counted once, however often its gap was seen.
	get map_fixed/replacements
	_made=$value
	get map_fixed/replacements_caught
	note "a gap seen in $value of $_made replacements"
	if [ "$value" = 0 ] || [ "$value" -gt "$_made" ]; then
		no "$value of $_made replacements had a gap"
	fi
}

# What leaks on this kernel is done no more, and the user is told.
left_out()
{
	above map_fixed/race_account 0 || no "known to leak here, and not seen" || return
	grep -q '^map_fixed: left out, for it leaks committed memory: ' "$D/summary" ||
		no "not in the summary: $(cat "$D/summary")" || return
	logged 'map_fixed: .* leaks committed memory: left out from here on' ||
		no "not in the log"
}

# Whatever leaks, a run loses little of it.
little_lost()
{
	_lost=$(($(committed) - committed_before))
	note "committed memory grew by $_lost kB"
	[ $_lost -lt 65536 ]
}

begin 14

committed_before=$(committed)
loaded_with scenarios=map_fixed || ktap_exit_fail_msg "cannot load"
check "every shape, every backing, every oracle" covers
enough looks_gap 300000
check "the sums of shapes and of backings" adds_up
check "silent" silent
if gap_is_expected; then
	check "the gap of old kernels" gap_found
else
	skip "the gap of old kernels" "this kernel promises none"
fi
if may_show map_fixed account; then
	check "what leaks is left out" left_out
else
	skip "what leaks is left out" "another kernel"
fi
unload
check "what is lost is little" little_lost
for k in $oracles; do
	case $k in
	# One munmap() in between breaks both.
	gap | no_vma) check "$k" fires 2000 "$k" gap no_vma ;;
	*) check "$k" fires 2000 "$k" ;;
	esac
done
check "nothing is left" nothing_left

ktap_finished
