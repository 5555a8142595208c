#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: on a right kernel nothing that a scenario can do is left untried or never works
# timeout: 240
# guest: deterministic

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

ended()
{
	! grep -qs '^running' "$D"/*/state
}

# lists FILE: the lists of all scenarios that can run, the scenario in front.
lists()
{
	for s in $(scenarios); do
		get "$s/state"
		case $value in 'skipped: '*) continue ;; esac
		grep "^$s " "$D/coverage"
	done > "$1"
	[ -s "$1" ] || no "no list of any scenario"
}

# A word for the state, the numbers that belong to it, a reason where it is absent.
formats()
{
	lists "$tmp/list" || return
	awk '
	!/^[a-z_]+ [a-z_]+ [a-z_]+ (absent|never_tried|never_worked|worked) tried=[0-9]+ worked=[0-9]+( why="[^"]+")?$/ {
		print "# form: " $0; bad = 1; next
	}
	{
		split($5, t, "="); split($6, w, "=")
		right = $4 == "absent" ? / why="/ :
			$4 == "worked" ? w[2] > 0 && t[2] >= w[2] :
			$4 == "never_worked" ? t[2] > 0 && w[2] == 0 : t[2] == 0 && w[2] == 0
		if (!right || seen[$1, $2, $3]++) {
			print "# wrong: " $0; bad = 1
		}
	}
	END { exit bad }' "$tmp/list"
}

# named STATE WORDS: is the summary right about what is in this state?
named()
{
	awk -v state="$1" '$4 == state { print $1, $2 "/" $3 }' "$tmp/list" |
		sort > "$tmp/is"
	sed -n "s/^\\([a-z_]*\\): $2: /\\1 /p" "$D/summary" |
		awk '{ for (i = 2; i <= NF; i++) print $1, $i }' | sort > "$tmp/said"
	cmp -s "$tmp/is" "$tmp/said" ||
		no "$2: $(tr '\n' ';' < "$tmp/said"), and it is $(tr '\n' ';' < "$tmp/is")"
}

# Ended at once, nearly all is untried: the summary names it, and no verdict rests on it.
short_run()
{
	loaded_with autostart=0 || return
	control start && control stop || return
	lists "$tmp/list" && formats || return
	named never_tried "never tried" && named never_worked "tried and never worked"
}

nothing_before()
{
	! grep -q 'never tried\|never worked' "$D/summary" || no "$(cat "$D/summary")"
}

long_run()
{
	loaded_with duration=31 || return
	wait_for 120 ended || no "it does not end" || return
	lists "$tmp/list" && formats || return
	named never_tried "never tried" && named never_worked "tried and never worked"
}

# What would make the verdict INCOMPLETE, after 30 s.
wanting()
{
	awk '{ split($5, t, "=") }
	$4 == "never_tried" || ($4 == "never_worked" && t[2] >= 20) {
		print "# " $0; bad = 1
	}
	END { exit bad }' "$tmp/list" || return
	! grep -q '^[a-z_]*: incomplete: ' "$D/summary" ||
		no "$(grep ': incomplete: ' "$D/summary")"
}

# A few operations of each, with what depends on the others left out.
few='map_fixed/exact,map_fixed/shmem,map_fixed/refuse,map_fixed/by_file,vma_lock/munmap,vma_lock/no_hold'
few=$few,fork_fail/account,fork_fail/touch,fork_fail/rmap,hugetlb_walk/munmap,hugetlb_walk/irqs_off

narrow_run()
{
	loaded_with duration=31 ops="$few" || return
	wait_for 120 ended || no "it does not end" || return
	lists "$tmp/list" && formats
}

# left_out LINE...: is it absent where its scenario can run? in/what and the name.
left_out()
{
	for line; do
		get "${line%% *}/state"
		case $value in 'skipped: '*) continue ;; esac
		grep -q "^$line absent .* why=\"left out by ops=\"\$" "$tmp/list" ||
			no "$(grep "^$line " "$tmp/list")" || return
	done
}

absent_by_ops()
{
	left_out 'map_fixed replace inside' 'map_fixed replace anon' 'map_fixed replace merge' \
		'map_fixed refuser by_limit' 'map_fixed refused private' \
		'vma_lock change map_fixed' 'vma_lock madvise random' 'vma_lock hold spin' \
		'fork_fail fail dup' 'fork_fail at after' 'fork_fail mix churn' \
		'fork_fail find slot' 'fork_fail reference user' 'hugetlb_walk op exit' \
		'hugetlb_walk walk pin' || return
	! grep 'map_fixed replace exact \|vma_lock change munmap \|hugetlb_walk op munmap ' "$tmp/list" |
		grep 'left out by ops=' || no "left out, and was named"
}

begin 7

check "nothing is named that has not begun" eval 'loaded_with autostart=0 && nothing_before && unload'
check "a run that ends at once names what is missing" short_run
unload
check "a run of 31 s" long_run
check "it has tried all there is, and all has worked" wanting
unload
check "a run of 31 s with a few operations only" narrow_run
check "what ops= leaves out is absent, and nothing else is missing" eval 'absent_by_ops && wanting'
unload
check "nothing is left" nothing_left

ktap_finished
