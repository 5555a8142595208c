#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: forks of memory that is merged, collapsed, probed and reaped meanwhile
# timeout: 150

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 4
user_test fork_beside 2 merged collapsed probed reaped reaped_file
ktap_finished
