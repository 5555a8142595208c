#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: MAP_FIXED at RLIMIT_AS, vm.max_map_count, RLIMIT_MEMLOCK, and not to replace
# timeout: 120

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 4
user_test mapfixed_limits 1 rlimit_as map_count mlocked noreplace
ktap_finished
