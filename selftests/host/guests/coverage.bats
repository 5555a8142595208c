#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A module that can no longer do one of the things it is there for says which, and
# its verdict is not SUCCESS.

bats_require_minimum_version 1.5.0
load ../helpers

setup()
{
	TOP=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)
	K=${KERNEL:-7.3}
	tree=$BATS_TEST_TMPDIR/tree
	mkdir "$tree"
	(cd "$TOP" && cp -r -- *.c *.h Kbuild Makefile LICENSE engine map_fixed vma_lock \
		fork_fail hugetlb_walk watch scripts selftests "$tree/")
	"$TOP/scripts/kernels" "$K" >&2
}

# module: print the module of $tree.
module()
{
	mkdir -p "$tree/build"
	touch "$tree/build/.vma_torture"
	for d in kernels root-trixie apt linux sources; do
		ln -s "$(readlink -f "$TOP/build/$d")" "$tree/build/$d"
	done
	"$tree/scripts/build" "$K"
}

@test "an operation that always fails is named, and the verdict is INCOMPLETE" {
	# A flag that no kernel has.
	sed -i 's/? 0 : MLOCK_ONFAULT;/? 128 : 128 | MLOCK_ONFAULT;/' "$tree/vma_lock/change.c"
	grep -q '128 | MLOCK' "$tree/vma_lock/change.c"
	run "$TOP/scripts/vm" --module "$(module)" --add "$TOP/scripts/guest-run:/bin/guest-run" \
		--out "$BATS_TEST_TMPDIR/vm" "$K" 'guest-run torture 10 duration=10 scenarios=vma_lock'
	[ "$status" = 0 ]
	[[ $output == *$'\n'"verdict INCOMPLETE"* ]]
	[[ $output == *$'\n'"summary vma_lock: tried and never worked: change/mlock"$'\n'* ]]
	[[ $output == *$'\n'"summary vma_lock: incomplete: change mlock was tried and never worked"$'\n'* ]]
	[[ $output == *$'\n'"coverage vma_lock change mlock never_worked tried="* ]]
}
