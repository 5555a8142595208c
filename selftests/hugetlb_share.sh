#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: hugetlb page tables are shared by processes, files end, pages run out, and walkers tell the truth
# timeout: 200
# guest: numa
# console: 6.1 BUG: Bad page cache in process hugetlb_share|Disabling lock debugging due to kernel taint
#
# These are 6.1's, one follows from the other, and go with huge pages that are lost: the
# program expects that there, and nowhere else. See docs/findings.md.

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 16
user_test hugetlb_share 3 by_mmap by_shmat
user_test hugetlb_last 3 owner_copies moved_child two_touchers fixed_over \
	dontneed_private dontneed_shared dontneed_file child_keeps
user_test hugetlb_ends 3 past_end seam shifted
user_test hugetlb_answers 3 answers punched_elsewhere migrated fault_waits
ktap_finished
