#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # bodies of stubs; run is a subshell
# scripts/minimise, with a guest made of paper: its race comes as long as what is
# in $VT_BUILD/wanted is among the operations.

load helpers

setup()
{
	fake_project prepare kernels
	fake_kernel 7.2 7.2.12
	stub build 'echo "$VT_BUILD/modules/$1/vma_torture.ko"'
	stub_vm '
		printf "outcome=ok\nrc=0\nretries=0\nline=\n" > "$out/status"
		: > "$out/console.log"
		case $2 in
		"guest-run torture"*)
			grep -v "^#" "$VT_BUILD/guest" > "$out/output"
			cat "$out/output"
			exit 0
			;;
		esac
		echo "$2" >> "$VT_BUILD/commands"
		set -f
		set -- $2
		ops=" " names="walk,run,jump,swim,sing; far,near"
		for word; do case $word in ops=*) ops=${word#ops=} ;; esac; done
		wanted=$(cat "$VT_BUILD/wanted")
		drawn() {
			case ",$ops," in *",map_fixed/$1,"* | *",map_fixed/$1:"*) ;; *) return 1 ;; esac
		}
		{
			echo "names $names"
			if [ "$ops" != " " ] && [ -n "$(echo "$ops" | tr , "\n" | grep -v "^map_fixed/")" ]; then
				echo "error insmod failed; bad parameter ops=$ops: no such operation; allowed for"
				exit 2
			fi
			for ((i = 1; i <= $2; i++)); do
				said=yes
				for w in $wanted; do
					drawn "$w" && continue
					# A group that is not named is whole.
					group="walk run jump swim sing"
					case $w in far | near) group="far near" ;; esac
					named=no
					for o in $group; do ! drawn "$o" || named=yes; done
					[ $named = no ] || said=no
				done
				[ ! -e "$VT_BUILD/seldom" ] || [ $i = 1 ] || said=no
				echo "try $i $said"
			done
		} > "$out/output"'
	a_run 3 "$BATS_TEST_TMPDIR/run"
}

# a_run GAPS DIR [ARGS]: what scripts/torture keeps of a guest with so many.
a_run()
{
	local d
	cat > "$FAKE/build/guest" <<-END
	verdict FAILURE
	state map_fixed done
	value map_fixed ops 3000
	value map_fixed exposure 100
	value map_fixed races $1
	value map_fixed race_gap $1
	value map_fixed first_race_ms 12
	END
	[ "$1" = 0 ] || echo 'variant scenario=map_fixed kind=gap variant=00000001 races=3 seq=1 detail="point walk"' >> "$FAKE/build/guest"
	KERNELS=7.2 DURATION=5 ARGS=${3-} run "$FAKE/scripts/torture"
	d=$(echo "$FAKE"/build/runs/*-torture)
	mv "$d" "$2"
	[ -s "$2/results.json" ]
}

minimise()
{
	RUN=$BATS_TEST_TMPDIR/run run "$FAKE/scripts/minimise" "$@"
	echo "$output"
}

wants()
{
	echo "$*" > "$FAKE/build/wanted"
}

@test "one operation is left" {
	wants swim
	minimise
	[ "$status" = 0 ]
	[ "${lines[-1]}" = 'make torture KERNELS=7.2 DURATION=5 SCENARIOS=map_fixed ARGS="ops=map_fixed/swim"' ]
	# Each guest is kept.
	n=$(wc -l < "$FAKE/build/commands")
	[[ $output == *"1 of 5 operations are left, after $n guests"* ]]
	[ "$(printf '%s\n' "$FAKE"/build/runs/*-minimise/*/output | wc -l)" = "$n" ]
	# Halves of five, of three, of two: none is tried one by one.
	[ "$n" -le 7 ]
}

@test "two that are wanted together are both left, wherever they stand" {
	local pair
	for pair in "walk sing" "run jump" "jump sing"; do
		wants "$pair"
		minimise
		[ "$status" = 0 ]
		[[ ${lines[-1]} == *"ARGS=\"ops=map_fixed/${pair% *},map_fixed/${pair#* }\"" ]]
	done
}

@test "all that is wanted: nothing is left out, and the line has no ops=" {
	wants walk run jump swim sing
	minimise
	[ "$status" = 0 ]
	[ "${lines[-1]}" = 'make torture KERNELS=7.2 DURATION=5 SCENARIOS=map_fixed' ]
}

@test "ways are left alone, but with --all" {
	wants run near
	minimise
	[[ ${lines[-1]} == *'ARGS="ops=map_fixed/run"' ]]
	minimise --all
	[[ ${lines[-1]} == *'ARGS="ops=map_fixed/run,map_fixed/near"' ]]
}

@test "the run's own parameters stay, and its ops= is where it begins" {
	rm -r "$BATS_TEST_TMPDIR/run"
	a_run 3 "$BATS_TEST_TMPDIR/run" "busted=map_fixed/gap hold_us=7 seed=9 ops=map_fixed/run:8,map_fixed/jump,map_fixed/-far"
	wants run
	minimise
	[ "$status" = 0 ]
	[[ ${lines[-1]} == *' ARGS="busted=map_fixed/gap hold_us=7 ops=map_fixed/run:8,map_fixed/near"' ]]
	# It begins with what the run had.
	[[ $(head -n 1 "$FAKE/build/commands") == *" hold_us=7 ops=map_fixed/run:8,map_fixed/jump,map_fixed/-far" ]]
	run grep -q walk "$FAKE/build/commands"
	[ "$status" = 1 ]
}

@test "what comes too seldom is said, with code 1" {
	wants swim
	touch "$FAKE/build/seldom"
	minimise
	[ "$status" = 1 ]
	[[ $output == *"map_fixed/gap does not come again as often as that"* ]]
	NEED=1 minimise
	[ "$status" = 0 ]
	[[ ${lines[-1]} == *'ARGS="ops=map_fixed/swim"' ]]
}

@test "TRIES and DURATION reach the guest" {
	wants swim
	TRIES=2 NEED=2 DURATION=9 minimise
	[ "$status" = 0 ]
	[[ $(head -n 1 "$FAKE/build/commands") == "guest-minimise 2 9 map_fixed gap"* ]]
	[[ ${lines[-1]} == *DURATION=9* ]]
}

# refused WORDS: one line that has these words, and code 2.
refused()
{
	echo "$output"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"$1"* ]]
}

@test "no run, no such run, none of ours" {
	run "$FAKE/scripts/minimise"
	refused "RUN wants the directory of a run"
	run "$FAKE/scripts/minimise" "$BATS_TEST_TMPDIR/none"
	refused "there is no directory"
	mkdir "$BATS_TEST_TMPDIR/empty"
	run "$FAKE/scripts/minimise" "$BATS_TEST_TMPDIR/empty"
	refused "is no run of scripts/torture or scripts/explore"
	echo '{}' > "$BATS_TEST_TMPDIR/empty/results.json"
	run "$FAKE/scripts/minimise" "$BATS_TEST_TMPDIR/empty"
	refused "results.json"
}

@test "a run without a race" {
	a_run 0 "$BATS_TEST_TMPDIR/silent"
	run "$FAKE/scripts/minimise" "$BATS_TEST_TMPDIR/silent"
	refused "shows no race"
}

@test "a kernel that is gone" {
	rm -r "$FAKE/build/kernels/7.2"
	minimise
	refused "the kernel of"
	refused "is gone"
}

@test "numbers that are none, and more than there are" {
	for v in TRIES NEED DURATION; do
		export $v=0
		minimise
		refused "$v"
		unset $v
	done
	NEED=6 minimise
	refused "NEED=6 of TRIES=5"
}

@test "a guest that cannot try" {
	stub_vm '
		printf "outcome=ok\nrc=2\nretries=0\nline=\n" > "$out/status"
		echo "error insmod failed; the log says: no" > "$out/output"'
	minimise
	[ "$status" = 2 ]
	[[ $output == *"insmod failed"*"could not try"* ]]
}

@test "a run of a deterministic guest" {
	local d=$BATS_TEST_TMPDIR/seed-3
	mkdir "$d"
	printf 'kernel=7.2\nseed=3\nitem=scenarios=map_fixed duration=2 seed=3 busted=map_fixed/gap\n' > "$d/identity"
	echo '[ 1.0] vma_torture: RACE map_fixed/gap addr=0x1' > "$d/console.log"
	wants swim
	run "$FAKE/scripts/minimise" "$d"
	[ "$status" = 0 ]
	[[ ${lines[-1]} == *'ARGS="busted=map_fixed/gap ops=map_fixed/swim"' ]]
}

@test "a guest that died of the race has shown it" {
	local d=$BATS_TEST_TMPDIR/guest
	mkdir "$d"
	printf 'outcome=died\n' > "$d/status"
	printf 'try 1 yes\ntry 2 no\n' > "$d/output"
	printf '%s\n' 'vma_torture: --- Start of test: x' 'vma_torture: RACE a/b x' \
		'vma_torture: --- Start of test: x' > "$d/console.log"
	PYTHONPATH=$TOP/scripts run python3 -B -m vt.minimise came "$d" a/b
	[ "$output" = 1 ]
	echo 'vma_torture: RACE a/b x' >> "$d/console.log"
	PYTHONPATH=$TOP/scripts run python3 -B -m vt.minimise came "$d" a/b
	[ "$output" = 2 ]
	PYTHONPATH=$TOP/scripts run python3 -B -m vt.minimise came "$d" a/bc
	[ "$output" = 1 ]
}
