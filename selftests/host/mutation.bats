#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # bodies of stubs; run is a subshell
# scripts/mutate and scripts/mutation, on a kernel made of paper.

load helpers

setup()
{
	fake_project prepare kernels
	stub kernels 'echo 7.3'
	stub build 'echo "$VT_BUILD/modules/$1/vma_torture.ko"'
	tree=$BATS_TEST_TMPDIR/linux
	mkdir -p "$tree/mm" "$FAKE/mutants"
	cat > "$tree/mm/vma.c" <<-'END'
	static int lock(struct vma *vma);

	static int other(struct vma *vma)
	{
		count(vma);
		return 0;
	}

	/* lock() - says what it does */
	static int
	lock(struct vma *vma)
	{
		/* count(vma) */
		count(vma);

		/*
		 * wait(vma);
		 */
		wait(vma,
		     FOREVER);
		wake(vma);
		return 0;
	}
	END
	mutant no_wait <<-'END'
	@@ mm/vma.c lock()
	 	count(vma);
	-	wait(vma,
	-	     FOREVER);
	+	/* no wait */
	END
}

# mutant NAME < edits
mutant()
{
	{
		printf '%s\n' '# a comment' 'promise: it waits' 'documented: nowhere' \
			'scenario: map_fixed' 'oracle: gap' '' 'Some words.' ''
		cat
	} > "$FAKE/mutants/$1.mutant"
}

mutate()
{
	run "$TOP/scripts/mutate" "$@"
	echo "$output"
}

# The mutant named does not fit, for the reason given, and nothing is changed.
misfit()
{
	cp "$tree/mm/vma.c" "$tree/before"
	mutate "$FAKE/mutants/$1.mutant" "$tree"
	[ "$status" = 2 ]
	[[ $output == *"$1.mutant"*"$2"* ]]
	cmp "$tree/mm/vma.c" "$tree/before"
}

@test "an edit is made in its function, where comments and white space differ" {
	mutate --check "$FAKE/mutants/no_wait.mutant" "$tree"
	[ "$status" = 0 ]
	grep -q FOREVER "$tree/mm/vma.c"
	mutate --files "$FAKE/mutants/no_wait.mutant" "$tree"
	[ "$output" = mm/vma.c ]
	mutate "$FAKE/mutants/no_wait.mutant" "$tree"
	[ "$status" = 0 ]
	run grep -A1 -c FOREVER "$tree/mm/vma.c"
	[ "$output" = 0 ]
	grep -q '/\* no wait \*/' "$tree/mm/vma.c"
	grep -q 'wake(vma);' "$tree/mm/vma.c"
	# The same once more finds nothing.
	misfit no_wait 'fits 0 times'
}

@test "an edit has to fit exactly once" {
	mutant none <<< $'@@ mm/vma.c lock()\n-\tleap(vma);'
	misfit none 'fits 0 times'
	mutant twice <<< $'@@ mm/vma.c\n-\tcount(vma);'
	misfit twice 'fits 2 times'
	mutant nowhere <<< $'@@ mm/vma.c unlock()\n-\tcount(vma);'
	misfit nowhere 'no function'
	mutant prototype <<< $'@@ mm/vma.c count()\n-\tcount(vma);'
	misfit prototype 'no function'
}

@test "a file that is no mutant is refused" {
	mutant odd <<< $'@@ mm/vma.c lock()\nwhat is this'
	misfit odd "what is 'what is this'"
	mutant empty <<< ''
	misfit empty 'no edit'
	sed -i '/^promise/d' "$FAKE/mutants/no_wait.mutant"
	misfit no_wait "no line 'promise:'"
	mutate --no-such-option x y
	[ "$status" = 2 ]
	mutate only_one
	[ "$status" = 2 ]
}

@test "the mutants of this project have all that they need to have" {
	local f n=0
	for f in "$TOP"/mutants/*.mutant; do
		for field in promise documented scenario oracle; do
			grep -q "^$field: ." "$f" || { echo "$f: no $field"; return 1; }
		done
		grep -q "X($(sed -n 's/^scenario: //p' "$f"))" "$TOP/scenarios.h"
		for o in $(sed -n 's/^oracle: //p' "$f" | tr -d ,); do
			[ "$o" = stall ] || [ "$o" = console ] ||
				grep -qs "KTAP_CASE(${o#*/})" "$TOP/selftests/companions/${o%/*}.c" ||
				grep -q "{ \"$o\"," "$TOP/$(sed -n 's/^scenario: //p' "$f")_torture.c" ||
				{ echo "$f: no oracle $o"; return 1; }
		done
		n=$((n + 1))
	done
	[ $n -ge 20 ]
}

mutation()
{
	run "$FAKE/scripts/mutation" "$@"
	echo "$output"
}

@test "mutation refuses names and numbers that are none" {
	mutation no_such_mutant
	[ "$status" = 2 ]
	[[ $output == *"no mutant no_such_mutant"* ]]
	DEADLINE=abc mutation
	[ "$status" = 2 ]
	DEADLINE=5 mutation
	[ "$status" = 2 ]
	JOBS=0 mutation
	[ "$status" = 2 ]
	RUNS=0 mutation
	[ "$status" = 2 ]
	RUNS=few mutation
	[ "$status" = 2 ]
}

@test "mutation --list and --check" {
	mutation --list
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +it\ waits ]]
	SOURCE=$tree mutation --check
	[ "$status" = 0 ]
	[[ $output == *"1 mutants fit"* ]]
	mutant none <<< $'@@ mm/vma.c lock()\n-\tleap(vma);'
	SOURCE=$tree mutation --check
	[ "$status" = 2 ]
	SOURCE=$tree mutation --check no_wait
	[ "$status" = 0 ]
}

# A kernel whose image is its source, and a guest that says of it what $1 says
# of the base, and $2 of a mutant.
paper_kernel()
{
	mkdir -p "$FAKE/bin"
	# build-kernel --tree DIR --name NAME plain
	stub build-kernel '
		d=$VT_BUILD/kernels/$4
		make -C "$2" O="$d/obj" bzImage && cp "$d/obj/arch/x86/boot/bzImage" "$d/vmlinuz"'
	cat > "$FAKE/bin/make" <<-'END'
	#!/bin/bash
	while [ $# -gt 0 ]; do
		case $1 in
		-C) src=$2; shift ;;
		O=*) obj=${1#O=} ;;
		bzImage)
			mkdir -p "$obj/arch/x86/boot"
			cp "$src/mm/vma.c" "$obj/arch/x86/boot/bzImage" ;;
		esac
		shift
	done
	END
	printf '%s\n' "$1" > "$BATS_TEST_TMPDIR/base"
	printf '%s\n' "$2" > "$BATS_TEST_TMPDIR/mutant"
	stub_vm '
		echo "$2" > "$out/command"
		said=$BATS_TEST_TMPDIR/base
		grep -q FOREVER "$1" || said=$BATS_TEST_TMPDIR/mutant
		grep "^\[" "$said" > "$out/console.log"
		grep "^[a-z]*=" "$said" > "$out/status"
		grep -E "^(verdict|summary|state|value|KTAP|1\.\.|ok|not ok) ?" "$said" > "$out/output"'
	chmod +x "$FAKE/bin/make"
	export SOURCE=$tree PATH=$FAKE/bin:$PATH
}

begun='[    5.000000] vma_torture: --- Start of test: all
outcome=ok'
race='[    7.250000] vma_torture: RACE map_fixed/gap seq=1 what'

@test "mutation: killed by an oracle, and the time it took" {
	paper_kernel "$begun"$'\nverdict SUCCESS' "$begun"$'\n'"$race"$'\nverdict FAILURE'
	mutation
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +yes\ +map_fixed/gap\ +2250 ]]
	[[ $output =~ base.*\ no\ .*SUCCESS ]]
	[[ $output == *"1 of 1 mutants killed by an oracle they name within 60 s, the base silent"* ]]
	grep -q 'scenarios=map_fixed' "$FAKE/build/mutation/7.3/runs/no_wait/command"
	# What was edited is as it was.
	cmp "$tree/mm/vma.c" "$FAKE/build/mutation/7.3/src/mm/vma.c"
}

@test "mutation: killed by a companion, which the base passes" {
	paper_kernel "KTAP version 1
1..1
ok 1 last
outcome=ok" "KTAP version 1
1..1
not ok 1 last
outcome=ok"
	sed -i 's/outcome=ok/&\nrc=0/' "$BATS_TEST_TMPDIR/base"
	mkdir -p "$FAKE/selftests"
	printf 'companions:\n\tmkdir -p $(OUT)\n' > "$FAKE/selftests/Makefile"
	sed -i 's/^oracle: gap/companion: share\noracle: share\/last/' "$FAKE/mutants/no_wait.mutant"
	mutation
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +yes\ +share/last\ +- ]]
	[[ $output =~ base,\ share.*\ no\ .*SUCCESS ]]
	[ "$(cat "$FAKE/build/mutation/7.3/runs/no_wait/command")" = "share --seconds 10 --case last" ]
	# Whoever asks for a scenario has it.
	SCENARIOS=map_fixed mutation --no-base
	grep -q 'scenarios=map_fixed' "$FAKE/build/mutation/7.3/runs/no_wait/command"
}

@test "mutation: only an oracle that the mutant names scores" {
	paper_kernel "$begun"$'\nverdict SUCCESS' "$begun"$'\n'"${race/gap/stale}"
	mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +other\ +map_fixed/stale\ +2250 ]]
	[[ $output == *"0 of 1 mutants killed by an oracle"* ]]
	# The one it names may come second.
	printf '%s\n' "$begun" "${race/gap/stale}" "${race/7.250/8.250}" > "$BATS_TEST_TMPDIR/mutant"
	mutation --no-base
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +yes\ +map_fixed/gap\ +3250\ +after\ map_fixed/stale ]]
	printf '%s\n' "$begun" "${race/gap/stall}" > "$BATS_TEST_TMPDIR/mutant"
	mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +stall\ +map_fixed/stall ]]
}

@test "mutation: the console, and a guest that hangs, are no oracle unless named" {
	paper_kernel "$begun"$'\nverdict SUCCESS' \
		"$begun"$'\n[    6.000000] WARNING: CPU: 0 at mm/vma.c\n'"$race"
	mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +console\ +console\ +1000\ +WARNING.*then\ map_fixed/gap ]]
	sed -i 's/^oracle: gap/oracle: gap, console/' "$FAKE/mutants/no_wait.mutant"
	mutation --no-base
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +yes\ +console ]]
	printf '[    5.000000] vma_torture: --- Start of test: all\noutcome=died\n' \
		> "$BATS_TEST_TMPDIR/mutant"
	mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +hang\ +guest.*the\ guest\ died ]]
}

@test "mutation: a mutant that survives, and a race that comes too late" {
	paper_kernel "$begun"$'\nverdict SUCCESS' "$begun"$'\nverdict SUCCESS'
	mutation
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +no\ .*SUCCESS ]]
	printf '%s\nverdict FAILURE\n' "$begun
[   99.250000] vma_torture: RACE map_fixed/gap seq=1 what" > "$BATS_TEST_TMPDIR/mutant"
	mutation --no-base
	[ "$status" = 1 ]
	[[ $output == *"0 of 1 mutants killed"* ]]
}

@test "mutation: several runs of each, killed in how many, and the median" {
	local n=$BATS_TEST_TMPDIR/n
	paper_kernel "$begun"$'\nverdict SUCCESS' ''
	# Killed after 1000, 2000 and 4000 ms and so on, but for the runs in $1.
	runs_but()
	{
		rm -f "$n"
		stub_vm '
			n='"$n"'
			echo run >> "$n"
			i=$(wc -l < "$n")
			echo outcome=ok > "$out/status"
			echo "[    5.000000] vma_torture: --- Start of test: all" > "$out/console.log"
			case " '"$1"' " in
			*" $i "*) echo "verdict SUCCESS" > "$out/output" ;;
			*) echo "[    $((5 + (1 << (i - 1)))).000000] vma_torture: RACE map_fixed/gap seq=1 what" \
				>> "$out/console.log" ;;
			esac'
	}
	runs_but 4
	RUNS=5 mutation --no-base
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +4\ of\ 5\ +map_fixed/gap\ +3000\ +no\ SUCCESS\ \(once\) ]]
	[[ $output == *"1 of 1 mutants killed by an oracle they name"* ]]
	[ "$(wc -l < "$n")" = 5 ]
	[ -s "$FAKE/build/mutation/7.3/runs/no_wait.5/console.log" ]
	runs_but '2 4'
	RUNS=5 mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +3\ of\ 5\ +map_fixed/gap\ +4000\ +no\ SUCCESS\ \(2\ times\) ]]
	[[ $output == *"0 of 1 mutants killed by an oracle they name"* ]]
	runs_but '1 2'
	RUNS=2 mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +0\ of\ 2\ +-\ +-\ +no\ SUCCESS\ \(2\ times\) ]]
	# The base is run once.
	runs_but '1 2 3'
	RUNS=2 mutation
	[ "$status" = 1 ]
	[ "$(wc -l < "$n")" = 3 ]
}

@test "mutation: a base that is not silent, and a guest that never came" {
	paper_kernel "$begun"$'\n'"$race" "$begun"$'\n'"$race"
	mutation
	[ "$status" = 1 ]
	[[ $output == *"the base NOT silent"* ]]
	printf 'outcome=noboot\n' > "$BATS_TEST_TMPDIR/mutant"
	mutation --no-base
	[ "$status" = 2 ]
	[[ $output =~ no_wait\ +broken ]]
}

@test "mutation: each run leaves results.json, and the base what it looked at in silence" {
	local said=$'state map_fixed done\nsummary map_fixed done 50 10 300 0 -\nvalue map_fixed ops 1000
value map_fixed exposure 300\nvalue map_fixed race_gap 0\nvalue map_fixed looks_gap 700\nvalue map_fixed met_gap 40'
	paper_kernel "$begun"$'\nverdict SUCCESS\nrc=0\n'"$said" "$begun"$'\n'"$race"$'\nverdict FAILURE\nrc=0'
	mutation
	[ "$status" = 0 ]
	cat "$FAKE/build/silence"
	[ "$(wc -l < "$FAKE/build/silence")" = 1 ]
	IFS=$'\t' read -r _ package scenario oracle _ _ seconds operations met looks races _ \
		< "$FAKE/build/silence"
	[[ $package == 7.3-mutation-* ]]
	[ "$scenario/$oracle $seconds $operations $met $looks $races" = "map_fixed/gap 50 1000 40 700 0" ]
	run cat "$FAKE/build/mutation/7.3/runs/base-map_fixed/results.json"
	[[ $output == *'"tool": "mutation"'* ]]
	[[ $output == *'"code": 0,'* ]]
	run cat "$FAKE/build/mutation/7.3/runs/no_wait/results.json"
	[[ $output == *'"name": "7.3-mutation/no_wait"'* ]]
	[[ $output == *'"code": 1,'* ]]
	# What a mutant did not show is no silence of a right kernel.
	printf '%s\n' "$begun" "$said" 'verdict SUCCESS' rc=0 > "$BATS_TEST_TMPDIR/mutant"
	mutation --no-base
	[ "$(wc -l < "$FAKE/build/silence")" = 1 ]
}

@test "mutation: one that does not build" {
	paper_kernel "$begun"$'\nverdict SUCCESS' "$begun"$'\n'"$race"
	mutation --build
	[ "$status" = 0 ]
	mutant broken <<< $'@@ mm/vma.c lock()\n-\tleap(vma);'
	mutation --no-base broken
	[ "$status" = 2 ]
	[[ $output =~ broken\ +broken\ .*does\ not\ build ]]
	cmp "$tree/mm/vma.c" "$FAKE/build/mutation/7.3/src/mm/vma.c"
}

@test "mutation: DEFAULT=1 has make torture judge each kernel as one of the user's own" {
	paper_kernel '' ''
	stub_vm 'echo "a guest was booted" >&2; exit 9'
	# torture_says CODE KIND [RACES]: what the stub of scripts/torture finds in the
	# first part; in the second and as a whole it is what the file "then" says.
	torture_says()
	{
		echo "$1 $2 ${3-3}" > "$BATS_TEST_TMPDIR/first"
		: > "$BATS_TEST_TMPDIR/calls"
		stub torture '
			[ -z "${SCENARIOS-}${KERNELS-}${KERNEL_TREE-}" ] || exit 9
			echo "${DETERMINISTIC-}${ARGS:+ $ARGS}" >> "$BATS_TEST_TMPDIR/calls"
			echo "$KDIR $KERNEL_IMAGE" > "$VT_RUNS/told"
			says=$BATS_TEST_TMPDIR/then
			[ "${DETERMINISTIC-}" != 0 ] || says=$BATS_TEST_TMPDIR/first
			read -r code kind races < "$says"
			mkdir "$VT_RUNS/x-torture"
			echo "{\"console\": {\"trouble\": []}, \"scenarios\": [{\"name\": \"map_fixed\",
				\"first_race_ms\": 77, \"kinds\": {\"$kind\": {\"races\": $races}}}]}" \
				> "$VT_RUNS/x-torture/results.json"
			exit "$code"'
	}
	calls()
	{
		tr '\n' ';' < "$BATS_TEST_TMPDIR/calls"
	}
	echo 9 > "$BATS_TEST_TMPDIR/then"
	torture_says 1 gap
	DEFAULT=1 mutation --no-base
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +yes\ +map_fixed/gap\ +77 ]]
	[[ $output == *"1 of 1 mutants killed by an oracle they name by make torture as it comes, the base not run"* ]]
	[[ $(cat "$FAKE/build/mutation/7.3/default/no_wait/first/told") == */kernels/7.3-mutation/obj\ */images/no_wait ]]
	# What is named was seen: nothing is run behind it.
	[ "$(calls)" = "0 stop_on_race=1;" ]
	# Nothing was seen: the second part.
	torture_says 0 gap 0
	echo 1 gap 2 > "$BATS_TEST_TMPDIR/then"
	DEFAULT=1 mutation --no-base
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +yes\ +map_fixed/gap ]]
	[ "$(calls)" = "0 stop_on_race=1;1;" ]
	echo 0 gap 0 > "$BATS_TEST_TMPDIR/then"
	torture_says 0 gap 0
	DEFAULT=1 mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +no\ .*SUCCESS ]]
	# Another race ended it: all of it, as it comes.
	torture_says 1 stale
	echo 1 gap 2 > "$BATS_TEST_TMPDIR/then"
	DEFAULT=1 mutation --no-base
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +yes\ +map_fixed/gap ]]
	[ "$(calls)" = "0 stop_on_race=1;;" ]
	echo 1 stale 2 > "$BATS_TEST_TMPDIR/then"
	torture_says 1 stale
	DEFAULT=1 mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +other\ +map_fixed/stale ]]
	# Seen, but not what the command ended with.
	echo 0 gap 2 > "$BATS_TEST_TMPDIR/then"
	torture_says 0 gap
	DEFAULT=1 mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +other\ +map_fixed/gap\ +77\ +exit\ code\ 0 ]]
	echo 2 gap 0 > "$BATS_TEST_TMPDIR/then"
	torture_says 2 gap 0
	DEFAULT=1 mutation --no-base
	[ "$status" = 2 ]
	[[ $output =~ no_wait\ +broken\ .*exit\ code\ 2 ]]
}

@test "mutation: DETERMINISTIC=1 has scripts/explore run the seeds, and judges each" {
	paper_kernel '' ''
	stub_vm 'echo "a guest was booted" >&2; exit 9'
	# Seed 2 of a mutant shows nothing, and of the base what the file base says.
	stub explore '
		[ -z "${KERNELS-}${KERNEL_TREE-}${LIMIT-}" ] || exit 9
		echo "$SEEDS $DURATION $SCENARIOS $ARGS" > "$VT_RUNS/told"
		[ ! -e "$BATS_TEST_TMPDIR/no_seeds" ] || { echo "explore: no space" >&2; exit 2; }
		for ((i = 1; i <= SEEDS; i++)); do
			d=$VT_RUNS/explore-obj-0/seed-$i
			mkdir -p "$d"
			touch "$d/seed.json"
			printf "outcome=ok\nrc=0\n" > "$d/status"
			said=$(cat "$BATS_TEST_TMPDIR/race")
			case $KERNEL_IMAGE,$i in
			*/base,*) said=$(cat "$BATS_TEST_TMPDIR/base") ;;
			*,2) said= ;;
			esac
			printf "%s\n" "$(cat "$BATS_TEST_TMPDIR/begun")" "$said" > "$d/console.log"
			echo "verdict SUCCESS" > "$d/output"
		done'
	echo "$begun" > "$BATS_TEST_TMPDIR/begun"
	echo "$race" > "$BATS_TEST_TMPDIR/race"
	: > "$BATS_TEST_TMPDIR/base"
	DETERMINISTIC=1 RUNS=5 DEADLINE=20 mutation
	[ "$status" = 0 ]
	[[ $output =~ no_wait\ +4\ of\ 5\ +map_fixed/gap ]]
	[[ $output == *"within 10 s of deterministic guests, the base silent"* ]]
	[ "$(cat "$FAKE/build/mutation/7.3/seeds/no_wait/told")" = "5 10 map_fixed stop_on_race=1 " ]
	DETERMINISTIC=1 RUNS=2 mutation --no-base
	[ "$status" = 1 ]
	[[ $output =~ no_wait\ +1\ of\ 2\ +map_fixed/gap ]]
	echo "$race" > "$BATS_TEST_TMPDIR/base"
	DETERMINISTIC=1 RUNS=2 mutation
	[ "$status" = 1 ]
	[[ $output == *"the base NOT silent"* ]]
	touch "$BATS_TEST_TMPDIR/no_seeds"
	DETERMINISTIC=1 RUNS=2 mutation --no-base
	[ "$status" = 2 ]
	[[ $output =~ no_wait\ +broken\ .*no\ space ]]
	DETERMINISTIC=1 DEFAULT=1 mutation
	[ "$status" = 2 ]
	DETERMINISTIC=2 mutation
	[ "$status" = 2 ]
	[[ $output == *"DETERMINISTIC wants 0 or 1"* ]]
}

@test "mutation: DEFAULT=1 refuses what would not be the default" {
	for word in DEADLINE=60 SCENARIOS=all ARGS=nmms=2; do
		run env DEFAULT=1 "$word" "$FAKE/scripts/mutation"
		[ "$status" = 2 ]
		[[ $output == *"DEFAULT=1 is for what make torture does by itself"* ]]
	done
	DEFAULT=maybe run "$FAKE/scripts/mutation"
	[ "$status" = 2 ]
	[[ $output == *"DEFAULT wants 0 or 1"* ]]
}
