#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: the oracle of mprotect is silent, and fires where its promise is broken

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_race.sh
. "${0%/*}/lib_race.sh"

scenario=mprotect

begin 3
loaded_with scenarios=mprotect || ktap_exit_fail_msg "cannot load"
enough exposure_gone 1000
check "silent" silent
unload
check "gone" fires 100 gone
check "nothing is left" nothing_left
ktap_finished
