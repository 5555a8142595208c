#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2119,SC2120  # bodies of stubs; optional arguments
# scripts/overnight, with pieces that are stubs.

load helpers

setup()
{
	fake_project prepare
	cp "$TOP/scenarios.h" "$FAKE/"
	for s in torture soak explore mutation corpus bench; do
		stub $s 'echo "${0##*/} ${KERNELS-} ${SEED-} ${ARGS-} $*" >> "$VT_BUILD/calls"
			[ ! -e "$VT_BUILD/body" ] || . "$VT_BUILD/body"; sleep "${NAP:-0}"'
	done
	mkdir -p "$FAKE/mutants" "$FAKE/build/kernels/6.12-rt" "$FAKE/build/kernels/6.1-kasan"
	touch "$FAKE/build/.vma_torture" "$FAKE"/mutants/{a,b}.mutant
	echo x > "$FAKE/build/kernels/6.12-rt/vmlinuz"
	export VT_BUILD=$FAKE/build KERNELS=6.1 SEED=7 JOBS=1
	# A piece costs at least a second, so 0.01 hours are no more than 36.
	export HOURS=0.01
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "same $KERNEL $SCENARIO $*" >> "$VT_BUILD/calls"\n' \
		> "$BATS_TEST_TMPDIR/bin/bats"
	chmod +x "$BATS_TEST_TMPDIR/bin/bats"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

night()
{
	run "$FAKE/scripts/overnight" "$@"
	echo "$output"
}

@test "all kinds of pieces in turn, other seeds each round, and one report" {
	night
	[ "$status" = 0 ]
	cat "$FAKE/build/calls"
	for c in 'torture 6.1  seed=7 ' 'soak 6.1 7  ' 'explore 6.1 7000  ' 'torture 6.12-rt  seed=7 ' \
		'mutation   seed=7 --no-base a b' 'mutation    --no-base a b' \
		'same 6.1 map_fixed selftests/host/guests/deterministic.bats' \
		'same 6.1 vma_lock selftests/host/guests/deterministic.bats' \
		'torture 6.1  seed=8 ' 'soak 6.1 8  '; do
		grep -qxF "$c" "$FAKE/build/calls" || { echo "missing: $c"; return 1; }
	done
	for c in corpus bench; do
		[ "$(grep -c ^$c "$FAKE/build/calls")" = 1 ]
	done
	# What is not built is left out.
	[ "$(grep -c kasan "$FAKE/build/calls")" = 0 ]
	grep -qE '^SUCCESS: [1-9]' "$FAKE"/build/overnight/2*/REPORT
	grep -qx 'FAILURE: 0' "$FAKE"/build/overnight/2*/REPORT
	[ ! -e "$FAKE/build/overnight/current" ]
}

@test "a red piece is named with its log, the night goes on, and is red" {
	echo 'case ${0##*/}-${KERNELS-} in soak-*) exit 3 ;; torture-6.12-rt) exit 1 ;; explore-*) exit 137 ;; esac' \
		> "$FAKE/build/body"
	night
	[ "$status" = 1 ]
	[[ $output == *"  soak-6.1: the kernel oopsed, hung or complained (0002-soak-6.1.log)"* ]]
	[[ $output == *"  torture-6.12-rt: a race that is not known"* ]]
	[[ $output == *"  explore-6.1: something failed"* ]]
	grep -q ^mutation "$FAKE/build/calls"
	echo '[ ${0##*/} != soak ] || exit 3' > "$FAKE/build/body"
	night
	[ "$status" = 3 ]
}

@test "killed, it goes on with the piece that it was at" {
	local pid i
	echo '[ ${0##*/} != explore ] || [ -e "$VT_BUILD/again" ] || { touch "$VT_BUILD/again"; exec sleep 300; }' \
		> "$FAKE/build/body"
	"$FAKE/scripts/overnight" > /dev/null 2>&1 3>&- &
	pid=$!
	for ((i = 0; i < 300; i++)); do
		[ ! -e "$FAKE/build/again" ] || break
		sleep 0.1
	done
	kill "$pid"
	wait "$pid" || true
	[ "$(wc -l < "$FAKE/build/overnight/current/pieces")" = 2 ]
	printf 'explore-6.1\t0' >> "$FAKE/build/overnight/current/pieces"
	# Its own seed holds, whatever is asked for now.
	SEED=100 night
	[ "$status" = 0 ]
	[[ $output == *"going on, 2 pieces are done"* ]]
	[ "$(head -n 4 "$FAKE/build/calls")" = "torture 6.1  seed=7 
soak 6.1 7  
explore 6.1 7000  
explore 6.1 7000  " ]
	[ "$(grep -c '^torture 6.1  seed=7 $' "$FAKE/build/calls")" = 1 ]
}

@test "a full disk is one line and 2, and what was done is kept" {
	printf '#!/bin/sh\necho head; echo "d 1 1 5 1%% /"\n' > "$BATS_TEST_TMPDIR/bin/df"
	chmod +x "$BATS_TEST_TMPDIR/bin/df"
	night
	[ "$status" = 2 ]
	[[ $output == *"has 5 MB left"* ]]
	[ ! -e "$FAKE/build/calls" ]
	rm "$BATS_TEST_TMPDIR/bin/df"
	night
	[ "$status" = 0 ]
}

@test "no hours, no jobs, no seed: one line and 2" {
	for v in HOURS=0 HOURS=x HOURS=-1 JOBS=0 SEED=0 SEED=1234567890; do
		run env "$v" "$FAKE/scripts/overnight"
		echo "$v: $output"
		[ "$status" = 2 ]
		[ ${#lines[@]} = 1 ]
		[[ $output == *"${v%=*}"* ]]
	done
}
