#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # a test is a subshell
# Real deterministic guests: the same seed is the same run to the last byte,
# beside busy loops and with a reader that sleeps; another seed is another run.

bats_require_minimum_version 1.5.0
load ../helpers

setup_file()
{
	TOP=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)
	# CI names the cell; all of them are KERNEL times SCENARIO.
	CELL_KERNEL=${KERNEL:-6.12} CELL_SCENARIO=${SCENARIO:-map_fixed}
	DIR=$BATS_FILE_TMPDIR
	export TOP CELL_KERNEL CELL_SCENARIO DIR
	"$TOP/scripts/prepare" >&2
	"$TOP/scripts/kernels" "$CELL_KERNEL" >&2
	KO=$("$TOP/scripts/build" "$CELL_KERNEL")
	export KO
	"$TOP/scripts/vm" --deterministic --save --module "$KO" \
		--add "$TOP/scripts/guest-explore:/bin/guest-explore" \
		--out "$DIR/boot" "$CELL_KERNEL" 'guest-explore stat_interval=1' >&2
}

# guest SEED NAME: a seed's run in $DIR/NAME.
guest()
{
	"$TOP/scripts/vm" --deterministic --from "$DIR/boot" --seed "$1" --out "$DIR/$2" \
		--item "seed=$1 duration=2 scenarios=$CELL_SCENARIO delay_interval_us=4000"
}

same()
{
	cmp "$DIR/$1/port" "$DIR/$2/port" && cmp "$DIR/$1/console.log" "$DIR/$2/console.log"
}

# The counters of the scenario, without the seed's own number.
counters()
{
	grep "^value $CELL_SCENARIO " "$DIR/$1/output"
}

# A kernel that cannot have the scenario says so, and why.
possible()
{
	local why
	why=$(sed -n "s/^state $CELL_SCENARIO skipped: //p" "$DIR/one/output" | head -n 1)
	[ -z "$why" ] || skip "$CELL_KERNEL: $why"
}

@test "the same seed is the same run, beside two busy loops and with a slow reader" {
	guest 1 one > /dev/null
	possible
	grep -q '^verdict [SF]' "$DIR/one/output"
	[ "$(counters one | awk '$3 == "exposure" { print $4 }')" -gt 0 ]
	timeout 600 sh -c 'while :; do :; done' 3>&- &
	local a=$!
	timeout 600 sh -c 'while :; do :; done' 3>&- &
	local b=$!
	guest 1 beside | { sleep 15; cat > /dev/null; }
	kill $a $b
	same one beside
}

@test "another seed is another run, in the scenario's counters" {
	possible
	guest 2 other > /dev/null
	run counters one
	[ "$status" = 0 ]
	local one=$output
	run counters other
	[ "$status" = 0 ]
	[ "$one" != "$output" ]
}

@test "two boots are the same run" {
	local n
	for n in 1 2; do
		"$TOP/scripts/vm" --deterministic --module "$KO" --seed 7 --out "$DIR/cold$n" \
			--item "seed=7 duration=1 scenarios=$CELL_SCENARIO" \
			--add "$TOP/scripts/guest-explore:/bin/guest-explore" \
			"$CELL_KERNEL" 'guest-explore stat_interval=1' > /dev/null
	done
	same cold1 cold2
	[ "$(sed -n 's/^output_sha256=//p' "$DIR/cold1/identity")" = \
		"$(sed -n 's/^output_sha256=//p' "$DIR/cold2/identity")" ]
}

@test "a guest that takes too long of its own time is ended, whatever the host's" {
	run "$TOP/scripts/vm" --deterministic --timeout 20 --out "$DIR/late" "$CELL_KERNEL" 'sleep 10000'
	[ "$status" = 3 ]
	grep -qx outcome=hung "$DIR/late/status"
	grep -q "guest's time" "$DIR/late/status"
}

@test "the module built in another folder is the same module" {
	local other n f
	for n in one two; do
		other=$BATS_FILE_TMPDIR/elsewhere/$n
		mkdir -p "$other"
		touch "$other/.vma_torture"
		for f in kernels root-trixie linux; do
			[ ! -e "${VT_BUILD:-$TOP/build}/$f" ] ||
				ln -s "${VT_BUILD:-$TOP/build}/$f" "$other/$f"
		done
		run --separate-stderr env VT_BUILD="$other" "$TOP/scripts/build" 6.1
		[ "$status" = 0 ]
		strip --strip-debug -o "$DIR/$n.ko" "$output"
		# It may be a link into the private root.
		rm -rf "$(readlink -f "$(dirname "$output")")"
	done
	cmp "$DIR/one.ko" "$DIR/two.ko"
}
