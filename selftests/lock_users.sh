#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: maps, memory of others, advice and userfaultfd while mappings are split, merged, replaced
# timeout: 90

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 4
user_test lock_users 3 one_read borders foreign advised filled protected
ktap_finished
