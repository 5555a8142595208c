#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel that has given another name to what oracles judge by does not get a
# module that judges by a value made up: it gets none, or the oracle is absent.
# Tried with edits to copies of the headers of each kernel that is there.

load helpers

setup()
{
	cd "$TOP" || return
	headers=$BATS_TEST_TMPDIR/tree/include/linux
}

# kernels: the names of those that are there.
kernels()
{
	local info
	for info in build/kernels/*/info; do
		[ ! -e "$info" ] || basename "$(dirname "$info")"
	done
}

# copy_headers KERNEL: those that are asked, to be edited.
copy_headers()
{
	local root kdir dir
	root=$(sed -n 's/^root=//p' "build/kernels/$1/info")
	kdir=$root$(sed -n 's/^kdir=//p' "build/kernels/$1/info")
	rm -rf "$headers"
	mkdir -p "$headers"
	for dir in "$kdir" "${kdir%-amd64}-common" "$kdir/source"; do
		[ -e "$dir/include/linux/mm_types.h" ] || continue
		cp "$dir/include/linux/mm.h" "$dir/include/linux/mm_types.h" \
			"$dir/include/linux/mmap_lock.h" "$headers/"
		return
	done
	return 1
}

# Each macro that an oracle of vma_lock judges by, as the preprocessor sees it with
# those headers. Of <linux/...> only the definitions of such macros are taken: the
# rest wants a whole kernel.
values()
{
	local stubs=$BATS_TEST_TMPDIR/stubs flags h
	mkdir -p "$stubs/linux"
	for h in mm mman mmap_lock; do
		: > "$stubs/linux/$h.h"
	done
	grep -hE '^#define[[:space:]]+(VM(A)?_REF(CNT)?_LIMIT|VM_ATOMIC_[A-Z_]+)\b' \
		"$headers"/*.h > "$stubs/linux/mm.h" || true
	# shellcheck disable=SC2016  # for make
	flags=$(printf '%s\n' 'srctree := '"$BATS_TEST_TMPDIR/tree" \
		"include $TOP/engine/features.mk" 'all:;@echo $(ccflags-y)' |
		make -s -f -)
	# shellcheck disable=SC2086  # a list
	printf '%s\n' '#include "compat_vma_lock.h"' \
		'limit VT_VMA_REF_LIMIT' 'atomic VT_VM_ATOMIC_FLAGS' |
		gcc -E -P -nostdinc $flags -I "$stubs" -I engine - 2>&1 |
		grep -E '^(limit|atomic)|error'
}

# has ERE: do the headers have it?
has()
{
	grep -qE "$1" "$headers"/*.h
}

@test "each kernel at hand has what oracles judge by, or never had it" {
	local k n=0
	for k in $(kernels); do
		copy_headers "$k" || continue
		n=$((n + 1))
		run values
		echo "$k: $output"
		[[ $output != *error* ]]
		! has 'refcount_t[[:space:]]+vm_refcnt' || [[ $output != *"limit 0"* ]]
		has 'refcount_t[[:space:]]+vm_refcnt' || [[ $output == *"limit 0"* ]]
		! has MAYBE_GUARD || [[ $output != *"atomic 0"* ]]
		has MAYBE_GUARD || [[ $output == *"atomic 0"* ]]
	done
	[ "$n" -gt 0 ] || skip "no kernels in build/kernels"
}

@test "a limit of vm_refcnt with another name stops the build" {
	local k n=0
	for k in $(kernels); do
		copy_headers "$k" || continue
		has 'refcount_t[[:space:]]+vm_refcnt' || continue
		n=$((n + 1))
		sed -i -E 's/\bVM(A)?_REF(CNT)?_LIMIT\b/VMA_READERS_MAX/g' "$headers"/*.h
		run values
		echo "$k: $output"
		[[ $output == *'error "vm_refcnt is there'* ]] ||
			[[ $output == *'#error "vm_refcnt is there'* ]]
	done
	[ "$n" -gt 0 ] || skip "no kernel with vm_refcnt"
}

@test "flags set under the read lock with another name stop the build" {
	local k n=0
	for k in $(kernels); do
		copy_headers "$k" || continue
		has MAYBE_GUARD || continue
		n=$((n + 1))
		sed -i 's/\bVM_ATOMIC_SET_ALLOWED\b/VMA_FLAGS_ATOMIC/g' "$headers"/*.h
		run values
		echo "$k: $output"
		[[ $output == *'error "flags are set under'* ]] ||
			[[ $output == *'#error "flags are set under'* ]]
	done
	[ "$n" -gt 0 ] || skip "no kernel with guard regions in flags"
}
