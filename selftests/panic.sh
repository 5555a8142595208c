#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: panic_on_race panics with the race, for a crash dump
# timeout: 60
# expect-panic: Kernel panic - not syncing: vma_torture: RACE map_fixed/gap: .*nothing at 0x

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

begin 1
loaded_with scenarios=map_fixed busted=map_fixed/gap panic_on_race=1
wait_for 30 above map_fixed/races 0
# Who gets here is alive.
ktap_test_fail "panic"
ktap_finished
