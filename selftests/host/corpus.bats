#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016  # bodies of stubs
# scripts/corpus: a race that its seeds do not show any more is lost, with searches of paper.

load helpers

setup()
{
	fake_project
	mkdir -p "$FAKE/build"
	touch "$FAKE/build/.vma_torture"
	# Says what it was asked, and leaves what $VT_BUILD/found has.
	stub explore '
		echo "$KERNELS $SCENARIOS $SEED $SEEDS $DURATION ${JOBS-}" >> "$VT_BUILD/asked"
		mkdir -p "$VT_BUILD/runs/explore"
		cat "$VT_BUILD/found" > "$VT_BUILD/runs/explore/explore.json"
		echo "kept in $VT_BUILD/runs/explore"
		exit "$(cat "$VT_BUILD/rc")"'
	echo 0 > "$FAKE/build/rc"
	cat > "$FAKE/build/found" <<-'END'
	{ "kernel": "6.1", "seeds": 5, "races": [
	  { "scenario": "map_fixed", "kind": "gap", "variant": "a", "seeds": [1, 2, 4] },
	  { "scenario": "map_fixed", "kind": "gap", "variant": "b", "seeds": [2, 5] },
	  { "scenario": "map_fixed", "kind": "stale", "variant": "c", "seeds": [3] } ] }
	END
	export VT_BUILD=$FAKE/build CORPUS=$BATS_TEST_TMPDIR/list
	printf '%s\n' '# of paper' '6.1  map_fixed/gap 1 5 2 4 # found by luck' \
		'6.12 fork_fail/xa_zero 11 20 5 1' > "$CORPUS"
}

corpus()
{
	run "$FAKE/scripts/corpus"
	echo "$output"
}

@test "each line is searched for with its seeds; enough of them is 0" {
	KERNELS=6.1 JOBS=2 corpus
	[ "$status" = 0 ]
	[ "$(cat "$FAKE/build/asked")" = "6.1 map_fixed 1 5 2 2" ]
	# Four seeds: one has both variants.
	[[ $output == *"6.1 map_fixed/gap: 4 of 5 seeds, 4 are wanted"* ]]
	[[ $output != *LOST* ]]
}

@test "1: one seed too few, or none, and the others are still searched for" {
	sed -i 's/1, 2, 4/1, 2/' "$FAKE/build/found"
	corpus
	[ "$status" = 1 ]
	[[ $output == *"map_fixed/gap: 3 of 5 seeds, 4 are wanted: LOST"* ]]
	[[ $output == *"fork_fail/xa_zero: 0 of 5 seeds, 1 are wanted: LOST"* ]]
	grep -qx '6.12 fork_fail 11 10 5 ' "$FAKE/build/asked"
}

@test "a race that is not known is no failure, a search that failed is 2" {
	echo 1 > "$FAKE/build/rc"
	KERNELS=6.1 corpus
	[ "$status" = 0 ]
	for rc in 2 3 4 137; do
		echo $rc > "$FAKE/build/rc"
		KERNELS=6.1 corpus
		[ "$status" = 2 ]
		[[ $output == *"the search ended with $rc"* ]]
	done
	echo 0 > "$FAKE/build/rc"
	echo '{' > "$FAKE/build/found"
	KERNELS=6.1 corpus
	[ "$status" = 2 ]
}

@test "bad lists: one clear line, and 2; no line of these kernels is 4" {
	for line in '6.1 gap 1 5 2 4' '6.1 map_fixed/gap 1 5 2' '6.1 map_fixed/gap 5 1 2 1' \
		'6.1 map_fixed/gap 1 5 2 6' '6.1 map_fixed/gap 0 5 2 6'; do
		echo "$line" > "$CORPUS"
		corpus
		[ "$status" = 2 ]
		[[ $output == *"list:1: "*"'$line'"* || $output == *"list:1: seeds "* ]]
	done
	CORPUS=/nowhere corpus
	[ "$status" = 2 ]
	[[ $output == *"there is no file '/nowhere'"* ]]
	echo '6.1 map_fixed/gap 1 5 2 4' > "$CORPUS"
	KERNELS=7.3 corpus
	[ "$status" = 4 ]
	[ ! -e "$FAKE/build/asked" ]
}

@test "the list that is kept is well-formed" {
	PYTHONPATH=$TOP/scripts /usr/bin/python3 -B -m vt.corpus list "$TOP/scripts/seeds"
}
