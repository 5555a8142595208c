#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # bodies of stubs; run is a subshell
# scripts/soak: exit codes and table, with guests made of paper.

load helpers

setup()
{
	fake_project prepare kernels
	cp "$TOP/selftests/lib_rest.sh" "$FAKE/selftests/"
	fake_kernel 6.1 6.1.192
	fake_kernel 7.2 7.2.12
	stub build 'echo "$VT_BUILD/modules/$1/vma_torture.ko"'
	# Takes the guest's words from $VT_BUILD/guest-KERNEL.
	stub vm '
		echo "$*" > "$VT_BUILD/asked"
		while [ $# -gt 2 ]; do
			[ "$1" = --out ] && out=$2
			shift
		done
		mkdir -p "$out"
		echo "$2" > "$VT_BUILD/command-$1"
		grep -v "^[#\[]" "$VT_BUILD/guest-$1" | tee "$out/output"
		grep "^\[" "$VT_BUILD/guest-$1" > "$out/console.log"
		sed -n "s/^#//p" "$VT_BUILD/guest-$1" > "$out/status"
		exit "$(sed -n "s/^rc=//p" "$out/status")"'
}

# guest KERNEL [UP]: a guest that ran twelve turns, and whose memory at rest grew
# by UP kB and objects with each.
guest()
{
	local n up=${2:-0}
	{
		printf '%s\n' '#outcome=ok' '#rc=0' '#line=the line to blame'
		printf 'rest 0 %s\n' 'used 1000' 'maple_node 100' '=HugePages_Free 32'
		for n in $(seq 12); do
			cat <<-END
			turn $n scenarios=map_fixed,vma_lock nreaders=$n duration=20
			verdict SUCCESS
			state map_fixed done
			value map_fixed ops 1000
			value map_fixed exposure 500
			value map_fixed races 0
			value map_fixed race_gap 0
			state vma_lock skipped: no per-VMA locks
			value vma_lock ops 0
			state fork_fail stopped
			ended $n 0
			rest $n used $((1000 + up * n))
			rest $n maple_node $((100 + up * n))
			rest $n =HugePages_Free 32
			END
		done
	} > "$FAKE/build/guest-$1"
}

# in_turn KERNEL TURN SED: edit what the guest said of a turn.
in_turn()
{
	sed -i "/^turn $2 /,/^ended $2 /{$3;}" "$FAKE/build/guest-$1"
}

soak()
{
	HOURS=${hours-0.05} KERNELS=${kernels:-7.2} SEED=${seed-7} run "$FAKE/scripts/soak" "$@"
	echo "$output"
}

@test "hours and seeds that are none are refused" {
	for hours in 0 -1 abc 1h . 0.001 1001; do
		soak
		[ "$status" = 2 ] || { echo "$hours: $status"; return 1; }
		[[ $output == *HOURS*"'$hours'"* ]]
	done
	hours=1
	for seed in 0 x 12345678901; do
		soak
		[ "$status" = 2 ]
		[[ $output == *SEED* ]]
	done
	seed=7 JOBS=0 soak
	[ "$status" = 2 ]
}

@test "0: silent; the table adds up, and is kept" {
	guest 7.2
	soak
	[ "$status" = 0 ]
	[[ $output =~ 7.2\ +map_fixed\ +12\ +4:00\ +12000\ +6000\ +0\ +0\ +- ]]
	[[ $output =~ 7.2\ +vma_lock\ +0\ .*SKIP:\ no\ per-VMA\ locks ]]
	[[ $output != *fork_fail* ]]
	[[ $output == *"12 turns, 4:00 minutes: 12 SUCCESS"* ]]
	[[ $output == *"used +0, maple_node +0"* ]]
	grep -q "map_fixed  *12 " "$FAKE"/build/runs/*-soak/table
	grep -qx 'guest-run soak 180 7 *' "$FAKE/build/command-7.2"
}

@test "0: known races, marked so; 1 with --strict" {
	guest 6.1
	in_turn 6.1 4 's/^value map_fixed race_gap 0/value map_fixed race_gap 5\nvariant scenario=map_fixed kind=gap variant=00000001 races=5 seq=1 detail="point walk: nothing at 0x1"/'
	kernels=6.1 soak
	[ "$status" = 0 ]
	[[ $output == *"gap 5 in 1 turns KNOWN"* ]]
	kernels=6.1 soak --strict
	[ "$status" = 1 ]
}

@test "1: an unknown race, and how to repeat its turn" {
	guest 7.2
	in_turn 7.2 4 's/^value map_fixed race_gap 0/value map_fixed race_gap 5\nvariant scenario=map_fixed kind=gap variant=00000001 races=5 seq=1 detail="point walk: nothing at 0x1"/'
	soak
	[ "$status" = 1 ]
	[[ $output =~ map_fixed\ .*\ 5\ +0\ +gap\ 5\ in\ 1\ turns ]]
	[[ $output == *"first in turn 4: insmod vma_torture.ko scenarios=map_fixed,vma_lock nreaders=4 duration=20"* ]]
}

@test "3: memory that grows with the turns, and what may not change at all" {
	guest 7.2 50
	soak
	[ "$status" = 3 ]
	[[ $output == *"maple_node at rest is up by"* ]]
	[[ $output != *"used at rest is up by"* ]]
	guest 7.2
	sed -i 's/^rest 5 =HugePages_Free 32/rest 5 =HugePages_Free 31/' "$FAKE/build/guest-7.2"
	soak
	[ "$status" = 3 ]
	[[ $output == *"after turn 5 HugePages_Free is 31, was 32"* ]]
}

@test "3: trouble on the console, with its turn" {
	guest 7.2
	sed -i 's/^#outcome=ok/#outcome=dirty/' "$FAKE/build/guest-7.2"
	printf '%s\n' '[    1.000000] selftests: begin turn-6: scenarios=map_fixed' \
		'[    2.000000] WARNING: CPU: 0 at mm/vma.c' >> "$FAKE/build/guest-7.2"
	soak
	[ "$status" = 3 ]
	[[ $output == *"turn 6: the console has trouble: "*"WARNING: CPU: 0"* ]]
	[[ $output == *"turn 6: insmod vma_torture.ko"*"nreaders=6"* ]]
}

@test "3: a guest that died, its turn, its last line, and how to repeat it" {
	guest 7.2
	sed -i 's/^#outcome=ok/#outcome=died/; /^verdict/{/SUCCESS/!d}; /^turn 5 /q' "$FAKE/build/guest-7.2"
	soak
	[ "$status" = 3 ]
	[[ $output == *"the guest died in turn 5: the line to blame"* ]]
	[[ $output == *"turn 5: insmod vma_torture.ko scenarios=map_fixed,vma_lock nreaders=5"* ]]
}

@test "2: an error in a turn, nothing looked at, no turn at all" {
	guest 7.2
	in_turn 7.2 3 's/^verdict.*/error insmod failed: why/'
	soak
	[ "$status" = 2 ]
	[[ $output == *"turn 3: insmod failed: why"* ]]
	guest 7.2
	sed -i 's/exposure 500/exposure 0/' "$FAKE/build/guest-7.2"
	soak
	[ "$status" = 2 ]
	[[ $output == *"never looked at anything"* ]]
	printf '#outcome=ok\n#rc=0\n' > "$FAKE/build/guest-7.2"
	soak
	[ "$status" = 2 ]
}

@test "two guests at a time; 1 wins over 2" {
	guest 6.1
	guest 7.2
	in_turn 7.2 4 's/^value map_fixed race_gap 0/value map_fixed race_gap 5\nvariant scenario=map_fixed kind=gap variant=00000001 races=5 seq=1 detail="point walk: nothing at 0x1"/'
	in_turn 6.1 3 's/^verdict.*/error insmod failed: why/'
	JOBS=2 kernels="6.1 7.2" soak
	[ "$status" = 1 ]
	[[ $output =~ 6.1\ +map_fixed ]]
	[[ $output =~ 7.2\ +map_fixed ]]
}

@test "draws: the same for a seed and a turn, all scenarios in turn, all values legal" {
	local n p v lo hi
	draw() { "$TOP/scripts/guest-run" draw "$@" a b c; }
	[ "$(draw 9 4)" = "$(draw 9 4)" ]
	[ "$(draw 9 4)" != "$(draw 8 4)" ]
	for n in 1 2 3 4 5 6; do
		draw 9 $n
	done > "$BATS_TEST_TMPDIR/six"
	run sed 's/ .*//' "$BATS_TEST_TMPDIR/six"
	[ "${lines[0]}${lines[1]}${lines[2]}" = scenarios=ascenarios=bscenarios=c ]
	[[ ${lines[3]} == *,* ]]
	[ "${lines[4]}" = scenarios=a,b,c ]
	[ "${lines[5]}" = scenarios=a ]
	for n in $(seq 40); do
		for p in $(draw 5 "$n"); do
			v=${p#*=}
			case $p in scenarios=* | seed=*) continue ;; esac
			read -r lo hi < <(sed -n "s/^\tX(${p%%=*}, [0-9]*, \([0-9]*\), \([0-9]*\),.*/\1 \2/p" \
				"$TOP/vma_torture.c")
			[ "$v" -ge "$lo" ] && [ "$v" -le "$hi" ] || { echo "$p: $lo $hi"; return 1; }
		done
		[[ $(draw 5 "$n") != *busted* && $(draw 5 "$n") != *panic* ]]
	done
}

@test "DETERMINISTIC=1: such guests, with the soak's seed, and said in what repeats it" {
	guest 7.2
	DETERMINISTIC=1 soak
	[ "$status" = 0 ]
	[[ $output == *"HOURS=0.05 SEED=7 DETERMINISTIC=1 repeats it"* ]]
	grep -q -- "--deterministic --seed 7 " "$FAKE/build/asked"
	! grep -q -- "--idle" "$FAKE/build/asked" || return 1
	soak
	! grep -q -- "--deterministic" "$FAKE/build/asked" || return 1
	DETERMINISTIC=2 soak
	[ "$status" = 2 ]
	[[ $output == *"DETERMINISTIC wants 0 or 1, not '2'"* ]]
}
