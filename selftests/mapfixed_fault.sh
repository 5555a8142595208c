#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: threads use what others replace by MAP_FIXED: no signal, nothing stale
# timeout: 90

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 5
user_test mapfixed_fault 2 anonymous private_file shmem huge_ranges
# What the faults of a thread wait for, the walkers of the module do not.
if ! gap_is_expected; then
	skip "the gap of old kernels is seen in a watched process" \
		"this kernel promises none"
else
	check "the gap of old kernels is seen in a watched process" saw_the_gap
fi
ktap_finished
