#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016  # bodies of stubs
# scripts/bench: a benchmark that did not run is no figure.

load helpers

setup()
{
	fake_project prepare kernels
	stub kernels 'for k in ${*:-6.12}; do case $k in -*) ;; *) echo "$k" ;; esac; done'
	stub build 'for k; do :; done; echo "$VT_BUILD/modules/$k/vma_torture.ko"'
	fake_kernel 6.12 6.12.118
	mkdir -p "$FAKE/selftests/bench"
	printf '#!/bin/sh\n# timeout: 5\n' > "$FAKE/selftests/bench/walk.sh"
	chmod +x "$FAKE/selftests/bench/walk.sh"
	cp "$TOP/selftests/Makefile" "$FAKE/selftests/"
	cp -r "$TOP/selftests/companions" "$TOP/selftests/unit" "$FAKE/selftests/"
	cp -r "$TOP/findings" "$FAKE/"
	stub_vm '
		cat "$VT_BUILD/said" | tee "$out/output"
		printf "%s\n" outcome=ok rc=0 retries=0 accel=tcg line= > "$out/status"
		exit "$(cat "$VT_BUILD/rc")"'
	echo 0 > "$FAKE/build/rc"
	printf '%s\n' "KTAP version 1" 1..1 "  KTAP version 1" "  # Subtest: walk" \
		"  bench checked_walk 0.71 ratio >=0.5 checked per bare" "ok 1 walk" > "$FAKE/build/said"
}

bench()
{
	KERNELS=6.12 run "$FAKE/scripts/bench"
	echo "$output"
}

@test "a benchmark that ran is a line of the table" {
	bench
	[ "$status" = 0 ]
	[[ $output =~ checked_walk.*0.71 ]]
}

@test "a runner that died, or ran less than it planned, is 2" {
	echo 137 > "$FAKE/build/rc"
	bench
	[ "$status" = 2 ]
	echo 0 > "$FAKE/build/rc"
	sed -i 's/^1\.\.1/1..2/' "$FAKE/build/said"
	bench
	[ "$status" = 2 ]
	[[ $output == *"planned 2, ran 1"* ]]
	: > "$FAKE/build/said"
	bench
	[ "$status" = 2 ]
}

@test "a benchmark that failed is 2, and named" {
	sed -i 's/^ok 1 walk/not ok 1 walk # exit code 1/' "$FAKE/build/said"
	bench
	[ "$status" = 2 ]
	[[ $output == *"FAILED walk: exit code 1"* ]]
}

@test "a limit that is missed is 1, and named" {
	sed -i 's/checked_walk 0.71/checked_walk 0.41/' "$FAKE/build/said"
	bench
	[ "$status" = 1 ]
	[[ $output == *"MISSED: checked_walk"* ]]
	# What failed wins.
	sed -i 's/^ok 1 walk/not ok 1 walk # exit code 1/' "$FAKE/build/said"
	bench
	[ "$status" = 2 ]
}
