#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: the first race of a variant has both sides: who saw it, and what broke the promise
# timeout: 120

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

: "${flavour:=}" "${where:=}"

both_sides()
{
	# shellcheck disable=SC2086  # one parameter or none
	loaded_with scenarios=map_fixed $flavour seed="$1" || return
	wait_for 20 above map_fixed/race_gap 0 || no "no race in 20 s" || return
	# Interrupts that were asked for have come by then.
	control stop
	grep -A60 -m1 'kind=gap ' "$D/races" | awk -v where="$where" '
	/^seq=/ && n++ { exit }
	/^    [^ ]/ && !other { seen = seen $1 "\n" }
	/^  other: / {
		other = 1
		# Readers report as they look, so where each writer was is known.
		if ($0 !~ / rounds=[0-9]+$/)
			unknown = 1
		writer = / comm=map_fixed_w[0-9]/
	}
	/^  did: / && writer {
		done++
		if (/ what=(exact|inside|straddle|dozens|merge|sparse|limit) / && (!/ ended_ns=/ || / ended_ns=-?[0-9]+ ret=-?[0-9]+$/))
			known++
	}
	/^      / && writer { side = side $1 "\n" }
	END {
		if (seen !~ /mf_gap|mf_look/) { print "who saw it is not there"; exit 1 }
		if (unknown) { print "a thread of which it is not known whether it went on"; exit 1 }
		if (side !~ /mf_writer/) { print "no writer"; exit 1 }
		if (!done) { print "no operation of a writer"; exit 1 }
		if (known != done) { print "operations that are none of map_fixed"; exit 1 }
		if (side !~ where) { print "a writer at something else"; exit 1 }
	}' > "$tmp/why"
	_rc=$?
	unload
	[ $_rc = 0 ] || note "seed $1: $(cat "$tmp/why")"
	return $_rc
}

# Readers may see the break a while after it was done, when its writer has gone on:
# one of ten has to be caught at it, which on 7.3 seven are, on 6.1 six.
once()
{
	for seed in 1 2 3 4 5 6 7 8 9 10; do
		if both_sides $seed; then
			note "caught with seed $seed"
			return
		fi
		[ ! -d "$D" ] || unload
	done
	return 1
}

# What is asked of other CPUs may come when the module would be gone.
at_once()
{
	for seed in 1 2 3 4 5 6 7 8 9 10; do
		loaded_with scenarios=map_fixed busted=map_fixed seed=$seed || return
		wait_for 20 above map_fixed/races 0 || no "no race in 20 s" || return
		unload || return
	done
}

# Where the module itself made a thread stop stands among what it did. Only the first
# race has it, and there may have been no hold by then.
own_stops()
{
	loaded_with autostart=0 busted=map_fixed/links hold_us=200 \
		delay_interval_us=300 delay_us=100 || return
	for i in 1 2 3 4 5 6 7 8 9 10; do
		control "start map_fixed" || return
		wait_for 60 above map_fixed/race_links 0 || no "no race in 60 s" || return
		control stop
		if stops_seen; then
			note "in test $i"
			unload
			return
		fi
		control reset || return
	done
	no "no $missing in the first races of $i tests"
}

stops_seen()
{
	for missing in hold delay; do
		grep -qE "^  did: what=$missing start=0x0 end=0x0 begun_ns=-?[0-9]+ ended_ns=-?[0-9]+$" \
			"$D/races" || return
	done
}

# How and where the fork was to fail, beside who it was: with a race that the kernel
# shows by itself, else with sums that are broken on purpose, which the forker judges.
fork_named()
{
	kind=xa_zero flavour=
	may_show fork_fail xa_zero || kind=account flavour=busted=fork_fail/account
	# shellcheck disable=SC2086  # one parameter or none
	loaded_with scenarios=fork_fail $flavour || return
	wait_for 30 fork_told || no "$(grep -m1 -A20 "kind=$kind" "$D/races" | tr '\n' '|')" || return
	control stop
	unload
}

fork_told()
{
	grep -A40 "kind=$kind " "$D/races" | awk '
	/^seq=/ || /^  other: / { forker = / pid=[0-9]+ comm=fork_fail_f0 / }
	forker && /^  did: what=fork_failed_[a-z_]+_(first|middle|last|after) start=0x[0-9a-f]+ / { found = 1 }
	END { exit !found }'
}

begin 5
# On a kernel that has the gap by itself readers see it while a writer is in mmap();
# elsewhere a replacement is broken on purpose, and the writer is in that.
if gap_is_expected; then
	flavour='' where='mmap_region|do_mmap'
else
	flavour=busted=map_fixed/gap where='mf_replace|mf_break'
fi
check "the other side of a race is the writer that breaks the promise" once
check "holds and delays are told with what the threads did" own_stops
check "the fork of a race is told with how and where it failed" fork_named
check "unloaded as races are seen, ten times" at_once
check "nothing is left" nothing_left

ktap_finished
