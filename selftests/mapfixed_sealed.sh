#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: MAP_FIXED over sealed memory is refused and changes nothing
# timeout: 45

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 4
user_test mapfixed_sealed 3 sealed
ktap_finished
