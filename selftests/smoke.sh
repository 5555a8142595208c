#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: all scenarios work at the same time, and one busted flavour of each fires
# timeout: 120
#
# What is run where there is no time for the rest: each scenario's own test has all
# of its oracles.

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_race.sh
. "${0%/*}/lib_race.sh"

all="map_fixed/stale vma_lock/wrong_mm fork_fail/parent hugetlb_walk/wrong_folio"

# Does the scenario that race belongs to run here? $scenario is its name.
runs()
{
	scenario=${1%/*}
	case " $able " in *" $scenario "*) ;; *) return 1 ;; esac
}

all_work()
{
	for scenario in $able; do
		wait_for 20 above "$scenario/ops" 20 || no "$scenario: $value operations" || return
		silent || no "$scenario" || return
	done
	control stop
}

begin 6
loaded_with || ktap_exit_fail_msg "cannot load"
able=
for s in $(scenarios); do
	get "$s/state"
	case $value in
	skipped*) ;;
	*) able="$able $s" ;;
	esac
done
check "all scenarios work, and see nothing new" all_work
unload
for race in $all; do
	if runs "$race"; then
		check "$race fires" fires 50 "${race#*/}"
	else
		skip "$race" "the scenario cannot run here"
	fi
done
check "nothing is left" nothing_left

ktap_finished
