#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: looks per second of 1, 2 and 4 readers
# timeout: 90

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

# looks N: a second with that many readers, looks per second to stdout.
looks()
{
	load scenarios=map_fixed nreaders="$1" nwriters=1 nmms=1 hold_us=0 || exit 1
	wait_for 10 above map_fixed/looks_gap 0
	per_second map_fixed/looks_gap 1
	unload
}

start_bench
scaling readers "looks of 1 reader beside a writer" looks
