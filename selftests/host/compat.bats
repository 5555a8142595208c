#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel that has given another name to what oracles judge by does not get a
# module that judges by a value made up: it gets none, or the oracle is absent.
# Tried with edits to copies of the headers of each kernel that is there.

bats_require_minimum_version 1.5.0
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
	for h in mm mman mmap_lock mmu_notifier; do
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

# What is on its way in 7.4, as edits to all headers: a word that is there now, and
# what becomes of it. PG_private goes with its functions, whose names are made of it.
to_come='is_vm_hugetlb_page s/\bis_vm_hugetlb_page\b/vma_is_hugetlb/g
VM_SPECIAL s/\bVM_SPECIAL\b/VMA_WAS_SPECIAL/g
PG_private s/\bPG_private\b/PG_was_private/g
Private s/\bPrivate, private\b/WasPrivate, was_private/g
PagePrivate s/\bPagePrivate\b/PageWasPrivate/g
SetPagePrivate s/\bSetPagePrivate\b/SetPageWasPrivate/g
ClearPagePrivate s/\bClearPagePrivate\b/ClearPageWasPrivate/g
folio_test_private s/\bfolio_test_private\b/folio_test_was_private/g
folio_set_private s/\bfolio_set_private\b/folio_set_was_private/g
folio_clear_private s/\bfolio_clear_private\b/folio_clear_was_private/g'

# A kernel that does not exist yet: the headers of one at hand, edited, below $ahead.
ahead_of()
{
	local info=build/kernels/$1/info kdir src at word edit
	root=$(sed -n 's/^root=//p' "$info")
	kdir=$(sed -n 's/^kdir=//p' "$info")
	src=${kdir%/*}
	at=/vt/modules/ahead-$BASHPID
	ahead=$root$at
	mkdir -p "$ahead/src"
	# Links to the same files: an edit makes a new one in place of the link.
	cp -al "$root$src/." "$ahead/src/"
	ln -s "${src%/*}/lib" "$ahead/lib"
	grep -lF "$src/" "$ahead"/src/*/Makefile | xargs -r sed -i "s|$src/|$at/src/|g"
	while read -r word edit; do
		grep -rlw "$word" "$ahead/src" --include=*.h | xargs -r sed -i "$edit"
	done <<< "$to_come"
	mkdir -p "$BATS_TEST_TMPDIR/build/kernels/$1-ahead"
	[ -z "$root" ] || ln -s "$root" "$BATS_TEST_TMPDIR/build/root-trixie"
	touch "$BATS_TEST_TMPDIR/build/.vma_torture"
	sed "s|^kdir=.*|kdir=$at/src/${kdir##*/}|" "$info" \
		> "$BATS_TEST_TMPDIR/build/kernels/$1-ahead/info"
}

teardown()
{
	[ -z "${ahead-}" ] || rm -rf "$ahead"
	[ -z "${root-}" ] || rm -rf "$(readlink -f "$BATS_TEST_TMPDIR/build/modules/7.3-ahead")"
}

@test "the module builds for a kernel with the names that are on their way" {
	[ -e build/kernels/7.3/info ] || skip "no kernel 7.3"
	ahead_of 7.3
	grep -rqw vma_is_hugetlb "$ahead/src" --include=hugetlb_inline.h
	run ! grep -rqwE 'is_vm_hugetlb_page|VM_SPECIAL|PG_private|PagePrivate' "$ahead/src" --include=*.h
	VT_BUILD=$BATS_TEST_TMPDIR/build run scripts/build --werror 7.3-ahead
	echo "$output"
	[ "$status" = 0 ]
	[ -s "$BATS_TEST_TMPDIR/build/modules/7.3-ahead/vma_torture.ko" ]
}
