#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# docs/hacking.md says what a new scenario takes: its file, a line in the table, an
# object, a test. Here that is done, in a copy of the tree, and nothing else is.
#
# It is built for each of $KERNELS. With FULL=1 each is booted, else the last.

load ../helpers

setup_file()
{
	local d
	TOP=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)
	FROM=${VT_BUILD:-$TOP/build}
	read -r -a kernels <<< "${KERNELS:-6.1 6.12 7}"
	"$TOP/scripts/prepare" >&2
	mapfile -t kernels < <("$TOP/scripts/kernels" "${kernels[@]}" | grep -v $'\t')
	ALL=${kernels[*]} BOOTED=${kernels[-1]}
	[ -z "${FULL-}" ] || BOOTED=$ALL
	# Below build/, for the kernels' headers may be in a root that has only that.
	mkdir -p "$FROM"
	TREE=$(mktemp -d "$FROM/fifth-XXXXXX")
	VT_BUILD=$TREE/build
	export TOP TREE VT_BUILD ALL BOOTED DETERMINISTIC=0
	# What the tests around this one were asked for is not asked of those in the copy.
	unset KERNELS KERNEL DURATION SCENARIOS ARGS STRICT KNOWN MAKEFLAGS
	unset MUTANT TESTS SMOKE GENTLE MINUTES BATS ABUSE ABUSE_SEED SLOW STRESS SWAPOFF
	export TRACING=0
	tar -C "$TOP" -c --exclude=./build --exclude=./.git . | tar -C "$TREE" -x
	mkdir "$VT_BUILD"
	touch "$VT_BUILD/.vma_torture"
	for d in kernels linux root-trixie sources apt; do
		[ ! -e "$FROM/$d" ] || ln -s "$(readlink -f "$FROM/$d")" "$VT_BUILD/$d"
	done
	cp "$BATS_TEST_DIRNAME/fifth/mprotect_torture.c" "$TREE/"
	cp "$BATS_TEST_DIRNAME/fifth/mprotect.sh" "$TREE/selftests/"
	# shellcheck disable=SC1003  # it continues the line
	sed -i '/^#define VT_SCENARIOS(X)/a\	X(mprotect)							\\' "$TREE/scenarios.h"
	sed -i '/^vma_torture-y += map_fixed_torture.o$/a vma_torture-y += mprotect_torture.o' "$TREE/Kbuild"
}

teardown_file()
{
	local k
	# They may be links into the private root.
	for k in "$VT_BUILD"/modules/*; do
		[ ! -L "$k" ] || rm -rf "$(readlink -f "$k")"
	done
	rm -rf "$TREE"
}

setup()
{
	cd "$TREE" || return
}

# lines_of_diff SIGN: how many lines the copy has more (+) or less (-) than the tree.
lines_of_diff()
{
	diff -ru --new-file --exclude=build --exclude=.git --exclude=__pycache__ "$TOP" "$TREE" |
		grep "^$1" | grep -vc "^$1$1$1 "
}

@test "a fifth scenario takes less than 150 lines, in the files that docs/hacking.md names" {
	local f
	run diff -rq --exclude=build --exclude=.git --exclude=__pycache__ "$TOP" "$TREE"
	echo "$output"
	[ "${#lines[@]}" = 4 ]
	[[ $output == *"Only in $TREE: mprotect_torture.c"* ]]
	[[ $output == *"Only in $TREE/selftests: mprotect.sh"* ]]
	[[ $output == *"/Kbuild differ"* ]]
	[[ $output == *"/scenarios.h differ"* ]]
	run lines_of_diff +
	echo "$output lines"
	[ "$output" -gt 100 ]
	[ "$output" -lt 150 ]
	run lines_of_diff -
	[ "$output" = 0 ]
	for f in scenarios.h Kbuild NAME_torture.c selftests/NAME.sh; do
		grep -qF "\`$f\`" docs/hacking.md || { echo "docs/hacking.md does not name $f"; false; }
	done
}

@test "it is built for each kernel, without a warning" {
	local k
	# shellcheck disable=SC2086  # a list of words
	run scripts/build --werror $ALL
	echo "$output"
	[ "$status" = 0 ]
	for k in $ALL; do
		modinfo -p "build/modules/$k/vma_torture.ko" | grep '^scenarios:.*[ :]mprotect[ )]'
	done
}

@test "its test sees the oracle silent, sees it fire, and no thread left" {
	KERNELS=$BOOTED run scripts/check mprotect
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c ' ok .* mprotect: gone$' <<< "$output")" = "$(wc -w <<< "$BOOTED")" ]
}

@test "it is in debugfs" {
	local k f
	for k in $BOOTED; do
		run scripts/vm --module "build/modules/$k/vma_torture.ko" "$k" '
			insmod /vma_torture.ko scenarios=mprotect busted=mprotect
			sleep 2
			cd /sys/kernel/debug/vma_torture
			grep -r . mprotect
			[ ! -e values ] || grep ^mprotect/ values
			grep mprotect: summary
			rmmod vma_torture'
		echo "$output"
		[ "$status" = 0 ]
		for f in state:running 'ops:[1-9]' 'exposure_gone:[1-9]' 'race_gone:[1-9]' 'race_stall:0'; do
			grep -q "^mprotect/$f" <<< "$output"
		done
		! grep -q '"values"' engine/debugfs.c || grep -q '^mprotect/race_gone [1-9]' <<< "$output"
		grep -q '^mprotect: gone broken [1-9][0-9]* times: mprotect() unmaps nothing' <<< "$output"
	done
}

@test "it is in the table of scripts/torture and in results.json, silent and broken" {
	local k
	for k in $BOOTED; do
		KERNELS=$k SCENARIOS=mprotect DURATION=5 run scripts/torture
		echo "$output"
		[ "$status" = 0 ]
		[[ $output =~ $k\ +mprotect\ +SUCCESS\ +[1-9] ]]
		rm -rf build/runs
		KERNELS=$k SCENARIOS=mprotect DURATION=5 ARGS=busted=mprotect run scripts/torture
		echo "$output"
		[ "$status" = 1 ]
		[[ $output =~ $k\ +mprotect\ +FAILURE\ .*gone\ [1-9] ]]
		python3 - build/runs/*/results.json <<-'END'
		import json, sys
		with open(sys.argv[1], encoding="utf-8") as f:
		    found = [s for s in json.load(f)["scenarios"] if s["name"] == "mprotect"]
		assert len(found) == 1, found
		races = {kind: seen["races"] for kind, seen in found[0]["kinds"].items()}
		assert races["gone"] > 0 and races["stall"] == 0, races
		END
	done
}
