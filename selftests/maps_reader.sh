#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: what is never unmapped is in /proc/PID/maps, whoever replaces it
# timeout: 60

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 4
user_test maps_reader 2 maps smaps procmap_query
ktap_finished
