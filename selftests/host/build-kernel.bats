#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # bodies of stubs; a test is a subshell
# scripts/build-kernel, with a kernel of two files that make "compiles" at once.

load helpers

setup()
{
	fake_project prepare
	tree=$BATS_TEST_TMPDIR/linux
	fake_source_tree "$tree"
	CC=true
	export CC
}

build()
{
	run "$FAKE/scripts/build-kernel" "$@"
	echo "$output"
}

steps()
{
	sort "$FAKE/build/kernels/$1/obj/steps" | xargs
	rm "$FAKE/build/kernels/$1/obj/steps"
}

# diff_to FILE SED: a patch that does to a file of the tree what sed does.
diff_to()
{
	sed "$2" "$tree/$1" | diff -u --label "a/$1" --label "b/$1" "$tree/$1" - || [ $? = 1 ]
}

@test "a tree is built outside of itself, and entered" {
	cp -r "$tree" "$BATS_TEST_TMPDIR/before"
	build --tree "$tree" plain
	[ "$status" = 0 ]
	[ "${lines[-1]}" = linux-plain ]
	diff -r "$tree" "$BATS_TEST_TMPDIR/before"
	grep -qx release=7.3.0-plain "$FAKE/build/kernels/linux-plain/info"
	grep -qx "kdir=$FAKE/build/kernels/linux-plain/obj" "$FAKE/build/kernels/linux-plain/info"
	[ -s "$FAKE/build/kernels/linux-plain/vmlinuz" ]
	grep -qx CONFIG_KALLSYMS_ALL=y "$FAKE/build/kernels/linux-plain/obj/.config"
}

@test "a flavour is the base and its own options; what is not to be had is named" {
	echo CONFIG_UNHEARD_OF=y > "$BATS_TEST_TMPDIR/more"
	build --tree "$tree" --config "$BATS_TEST_TMPDIR/more" debug
	[ "$status" = 0 ]
	[[ $output == *"asked for, but not to be had here: UNHEARD_OF=y"* ]]
	grep -qx CONFIG_PROVE_LOCKING=y "$FAKE/build/kernels/linux-debug/obj/.config"
	grep -qx CONFIG_HUGETLBFS=y "$FAKE/build/kernels/linux-debug/obj/.config"
}

@test "only what changed is built again" {
	build --tree "$tree" plain
	[ "$(steps linux-plain)" = "mmap vma" ]
	echo four >> "$tree/mm/vma.c"
	touch -d '1 minute' "$tree/mm/vma.c"
	build --tree "$tree" plain
	[ "$status" = 0 ]
	[ "$(steps linux-plain)" = vma ]
}

@test "a tree that was built in place is copied without its objects" {
	touch "$tree/.config" "$tree/mm/vma.o"
	build --tree "$tree" plain
	[ "$status" = 0 ]
	[ -e "$FAKE/build/sources/linux-plain/mm/vma.c" ]
	[ ! -e "$FAKE/build/sources/linux-plain/mm/vma.o" ]
	[ ! -e "$FAKE/build/sources/linux-plain/.config" ]
}

@test "a patch goes to a private copy, and only its files are built again" {
	cp -r "$tree" "$BATS_TEST_TMPDIR/before"
	diff_to mm/vma.c s/due/DUE/ > "$BATS_TEST_TMPDIR/one.patch"
	build --tree "$tree" --patches "$BATS_TEST_TMPDIR/one.patch" plain
	[ "$status" = 0 ]
	[ "${lines[-1]}" = linux-plain-patched ]
	diff -r "$tree" "$BATS_TEST_TMPDIR/before"
	grep -qx DUE "$FAKE/build/kernels/linux-plain-patched/obj/vma.o"
	[ "$(steps linux-plain-patched)" = "mmap vma" ]
	# The same again: nothing. Another: that file only.
	build --tree "$tree" --patches "$BATS_TEST_TMPDIR/one.patch" plain
	[ ! -e "$FAKE/build/kernels/linux-plain-patched/obj/steps" ]
	diff_to mm/mmap.c s/two/TWO/ > "$BATS_TEST_TMPDIR/two.patch"
	touch -d '1 minute ago' "$FAKE/build/kernels/linux-plain-patched/obj/"*.o
	PATCHES=$BATS_TEST_TMPDIR/two.patch build --tree "$tree" plain
	[ "$status" = 0 ]
	[ "$(steps linux-plain-patched)" = "mmap vma" ]
	grep -qx TWO "$FAKE/build/kernels/linux-plain-patched/obj/mmap.o"
	grep -qx due "$FAKE/build/kernels/linux-plain-patched/obj/vma.o"
}

@test "a directory is applied by its series, else by name" {
	local d=$BATS_TEST_TMPDIR/series
	mkdir "$d"
	diff_to mm/vma.c s/due/zwei/ > "$d/b.patch"
	printf -- '--- a/mm/vma.c\n+++ b/mm/vma.c\n@@ -1,3 +1,3 @@\n uno\n-zwei\n+dos\n tre\n' > "$d/a.patch"
	build --tree "$tree" --patches "$d" plain
	[ "$status" = 2 ]
	printf 'b.patch # first\n\na.patch -p1\n' > "$d/series"
	build --tree "$tree" --patches "$d" plain
	[ "$status" = 0 ]
	grep -qx dos "$FAKE/build/kernels/linux-plain-patched/obj/vma.o"
	echo missing.patch >> "$d/series"
	build --tree "$tree" --patches "$d" plain
	[ "$status" = 2 ]
	[[ $output == *missing.patch* ]]
}

# mail SUBJECT [ENCODING] < body: one of an mbox.
mail()
{
	printf 'From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: A <a@example.org>\n'
	printf 'Date: Thu, 1 Jan 2026 00:00:00 +0000\nSubject: %s\n' "$1"
	printf 'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n'
	printf 'Content-Transfer-Encoding: %s\n\n' "${2:-8bit}"
	cat
	echo
}

@test "an mbox is applied by the numbers of its patches, without cover and replies" {
	local m=$BATS_TEST_TMPDIR/series.mbox
	{
		mail '[PATCH v2 0/2] mm: a cover letter' <<< 'What it is about.'
		{ echo second; echo ---; echo; printf -- '--- a/mm/vma.c\n+++ b/mm/vma.c\n@@ -1,3 +1,3 @@\n uno\n-zwei\n+dos=3D2\n tre\n'; } |
			mail '[PATCH v2 2/2] mm: second' quoted-printable
		diff_to mm/vma.c s/due/drei/ | mail 'Re: [PATCH v2 1/2] mm: first'
		{ echo first; echo ---; diff_to mm/vma.c s/due/zwei/; } | mail '[PATCH v2 1/2] mm: first'
	} > "$m"
	build --tree "$tree" --patches "$m" plain
	[ "$status" = 0 ]
	grep -qx 'dos=2' "$FAKE/build/kernels/linux-plain-patched/obj/vma.o"
	gzip "$m"
	build --again --tree "$tree" --patches "$m.gz" plain
	[ "$status" = 0 ]
	grep -qx 'dos=2' "$FAKE/build/kernels/linux-plain-patched/obj/vma.o"
}

@test "a patch may make and remove files; without it they are as before" {
	local p=$BATS_TEST_TMPDIR/p
	echo gone > "$tree/mm/old.h"
	{
		diff_to mm/old.h d | sed 's|^+++.*|+++ /dev/null|'
		printf -- '--- /dev/null\n+++ b/mm/new.h\n@@ -0,0 +1 @@\n+new\n'
	} > "$p"
	build --tree "$tree" --name x --patches "$p" plain
	[ "$status" = 0 ]
	[ -e "$FAKE/build/sources/x/mm/new.h" ]
	[ ! -e "$FAKE/build/sources/x/mm/old.h" ]
	diff_to mm/vma.c s/due/DUE/ > "$p"
	build --tree "$tree" --name x --patches "$p" plain
	[ "$status" = 0 ]
	[ ! -e "$FAKE/build/sources/x/mm/new.h" ]
	[ -e "$FAKE/build/sources/x/mm/old.h" ]
}

@test "a patch that does not apply, or leaves the tree, is named, and nothing is built" {
	printf -- '--- a/mm/vma.c\n+++ b/mm/vma.c\n@@ -1,3 +1,3 @@\n x\n-y\n+z\n w\n' > "$BATS_TEST_TMPDIR/bad.patch"
	build --tree "$tree" --patches "$BATS_TEST_TMPDIR/bad.patch" plain
	[ "$status" = 2 ]
	[[ $output == *"bad.patch does not apply to $tree"* ]]
	[ ! -e "$FAKE/build/kernels/linux-plain-patched/info" ]
	printf -- '--- a/../../x\n+++ b/../../x\n@@ -0,0 +1 @@\n+z\n' > "$BATS_TEST_TMPDIR/bad.patch"
	build --tree "$tree" --patches "$BATS_TEST_TMPDIR/bad.patch" plain
	[ "$status" = 2 ]
	[[ $output == *"names ../../x"* ]]
	: > "$BATS_TEST_TMPDIR/bad.patch"
	mkdir "$BATS_TEST_TMPDIR/none"
	build --tree "$tree" --patches "$BATS_TEST_TMPDIR/none" plain
	[ "$status" = 2 ]
	[[ $output == *"no patch in"* ]]
}

@test "a build that fails shows the compiler's errors, with code 2" {
	echo BROKEN >> "$tree/mm/vma.c"
	build --tree "$tree" plain
	[ "$status" = 2 ]
	[[ $output == *"mm/vma.c:1: error: BROKEN"* ]]
	[[ $output == *"the build failed"* ]]
	[ ! -e "$FAKE/build/kernels/linux-plain/info" ]
}

@test "what it did not build it does not overwrite" {
	fake_kernel mine 7.3.0
	sed -i s/^package=.*/package=own/ "$FAKE/build/kernels/mine/info"
	build --tree "$tree" --name mine plain
	[ "$status" = 2 ]
	[[ $output == *"--name"* ]]
	run cat "$FAKE/build/kernels/mine/vmlinuz"
	[ "$output" = vmlinuz ]
}

@test "bad arguments are refused before anything is done" {
	local args
	for args in '' 'plain' '7.2-fast' '7.2-base' "--tree $tree 7.2-plain" "--tree $tree" \
		'--tree /nowhere plain' '--name a/b 7.2-plain' '--name x 7.2-plain 6.12-plain' \
		'--patches /nowhere 7.2-plain' '--config /nowhere 7.2-plain' '--tree'; do
		# shellcheck disable=SC2086  # words
		build $args
		[ "$status" = 2 ] || { echo "$args: $status"; return 1; }
		[ "${#lines[@]}" = 1 ] || { echo "$args: $output"; return 1; }
	done
	[ ! -e "$FAKE/build" ]
	build 7.2-fast
	[[ $output == *"no flavour fast; there are "*debug*kasan*kcsan*plain* ]]
}

@test "scripts/kernels builds names with a flavour, once, and keeps one's own" {
	stub build-kernel 'echo "$*" >> "$VT_BUILD/built"; for k; do mkdir -p "$VT_BUILD/kernels/$k"
		echo release=x > "$VT_BUILD/kernels/$k/info"; done'
	run "$FAKE/scripts/kernels" 7.2-debug 6.12-kasan
	echo "$output"
	[ "$status" = 0 ]
	run "$FAKE/scripts/kernels" 7.2-debug
	[ "$status" = 0 ]
	[ "$(cat "$FAKE/build/built")" = "7.2-debug 6.12-kasan" ]
	run "$FAKE/scripts/kernels" linux-debug
	[ "$status" = 2 ]
	[[ $output == *"unknown kernel linux-debug"* ]]
	fake_kernel linux-debug 7.3.0
	sed -i s/^package=.*/package=own/ "$FAKE/build/kernels/linux-debug/info"
	run "$FAKE/scripts/kernels" linux-debug
	[ "$status" = 0 ]
}

@test "the flavours' files hold options only, each once, and boot what they build" {
	local f
	for f in "$TOP"/scripts/configs/*.config; do
		run grep -vE '^(#.*|CONFIG_[A-Z0-9_]+=.+)?$' "$f"
		[ "$status" = 1 ] || { echo "$f: $output"; return 1; }
		run bash -c 'sed -n "s/^\(CONFIG_.*\)=.*/\1/p" "$1" | sort | uniq -d' bash "$f"
		[ -z "$output" ] || { echo "$f: $output"; return 1; }
	done
	# What guests and scenarios need is in the base, but for what is selected.
	run bash -c '. "$1/scripts/lib.sh"; missing_config "$1/scripts/configs/base.config"' \
		"$TOP/scripts/test" "$TOP"
	echo "$output"
	[ "$status" = 0 ]
}
