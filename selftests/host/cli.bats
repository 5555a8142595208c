#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2013  # options are words
# Every script: --help, and what it says to bad arguments.

load helpers

scripts()
{
	local f
	for f in "$TOP"/scripts/* "$TOP/selftests/run" "$TOP/.ci/run"; do
		[ -f "$f" ] || continue
		[ -x "$f" ] || continue
		case ${f##*/} in
		vm-init) continue ;; # PID 1 of a guest
		esac
		echo "$f"
	done
}

@test "--help works everywhere, on stdout" {
	local f n=0
	for f in $(scripts); do
		run "$f" --help
		[ "$status" = 0 ] || { echo "$f: $status"; return 1; }
		[[ $output == *usage:* ]] || { echo "$f: $output"; return 1; }
		n=$((n + 1))
	done
	[ $n -ge 10 ]
}

@test "an unknown option is refused everywhere, with code 2" {
	local f want
	for f in $(scripts); do
		run "$f" --no-such-option
		want=2
		# To git bisect run, 2 is a bad kernel and 128 the end.
		[ "${f##*/}" != bisect ] || want=128
		[ "$status" = $want ] || { echo "$f: $status: $output"; return 1; }
	done
}

@test "no script holds an option that its help does not name" {
	local f o
	for f in "$TOP"/scripts/*; do
		grep -qs '^#:' "$f" || continue
		for o in $(sed -n 's/^\t\(--[a-z-]*\)).*/\1/p' "$f"); do
			grep -q "^#:.*$o" "$f" || { echo "$f: $o"; return 1; }
		done
	done
}

@test "torture refuses a duration that is none" {
	for d in 0 -1 abc 1s ''; do
		[ -n "$d" ] || continue
		DURATION=$d run "$TOP/scripts/torture"
		[ "$status" = 2 ]
		[[ $output == *DURATION*"'$d'"* ]]
	done
}

@test "vm refuses bad values, and names the option" {
	run "$TOP/scripts/vm" --smp 0 6.1 true
	[ "$status" = 2 ]
	[[ $output == *--smp* ]]
	run "$TOP/scripts/vm" --timeout
	[ "$status" = 2 ]
	run "$TOP/scripts/vm" 6.1
	[ "$status" = 2 ]
	run "$TOP/scripts/vm" --accel xen 6.1 true
	[ "$status" = 2 ]
	[[ $output == *--accel* ]]
	run "$TOP/scripts/vm" --module /no/such/file 6.1 true
	[ "$status" = 2 ]
	[[ $output == */no/such/file* ]]
	VT_BUILD=$BATS_TEST_TMPDIR run "$TOP/scripts/vm" 5.4 true
	[ "$status" = 2 ]
	[[ $output == *"scripts/kernels 5.4"* ]]
}

@test "check refuses a selftest that does not exist" {
	fake_project prepare kernels build
	fake_kernel 6.1 6.1.192
	run "$FAKE/scripts/check" no_such_test
	[ "$status" = 2 ]
	[[ $output == *no_such_test* ]]
}

@test "make help names every target" {
	run make -s -C "$TOP" help
	[ "$status" = 0 ]
	for t in modules_install torture check bench clean clean-runs distclean; do
		[[ $output == *"make $t"* ]]
	done
}

@test "prepare refuses a compiler that no kernel's headers name" {
	local c
	for c in '' gcc 'gcc-12; id' 'gcc-12 x' tcc-1 gcc-; do
		run "$TOP/scripts/prepare" --dry-run --no-root --compiler "$c"
		echo "'$c': $output"
		[ "$status" = 2 ]
		[[ $output == *"--compiler wants gcc-12 or the like"* ]]
	done
}
