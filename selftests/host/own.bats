#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # bodies of stubs; a test is a subshell
# A kernel of one's own: scripts/own-kernel, torture KERNEL_TREE=, scripts/vng.

load helpers

setup()
{
	fake_project prepare kernels
	stub build 'echo "$VT_BUILD/modules/$1/vma_torture.ko"'
	mkdir -p "$FAKE/build/modules/linux"
	echo ko > "$FAKE/build/modules/linux/vma_torture.ko"
	tree=$BATS_TEST_TMPDIR/linux
	fake_built_tree "$tree" 7.3.0-rc2-mine
	stub_vm '
		echo "$1: $2" > "$VT_BUILD/booted"
		printf "%s\n" "outcome=ok" "rc=0" > "$out/status"
		printf "%s\n" "verdict SUCCESS" "state map_fixed done" \
			"value map_fixed ops 300" "value map_fixed exposure 100" \
			"value map_fixed races 0" | tee "$out/output"'
}

own()
{
	run "$FAKE/scripts/own-kernel" "$@"
	echo "$output"
}

lacks()
{
	sed -i "/^CONFIG_$1=/d" "$tree/.config"
}

torture()
{
	run env DURATION=3 "$@" "$FAKE/scripts/torture"
	echo "$output"
}

@test "a built tree is entered with release, version, build tree and image" {
	own "$tree"
	[ "$status" = 0 ]
	i=$FAKE/build/kernels/linux/info
	grep -qx release=7.3.0-rc2-mine "$i"
	grep -qx version=7.3.0 "$i"
	grep -qx "kdir=$tree" "$i"
	grep -qx "config=$tree/.config" "$i"
	[ "$(readlink -f "$FAKE/build/kernels/linux/vmlinuz")" = "$tree/arch/x86/boot/bzImage" ]
}

@test "a tree that cannot be used is one clear line, with code 2" {
	own "$BATS_TEST_TMPDIR/nowhere"
	[ "$status" = 2 ]
	[[ $output == *"no kernel tree $BATS_TEST_TMPDIR/nowhere"* ]]
	mkdir "$BATS_TEST_TMPDIR/empty"
	own "$BATS_TEST_TMPDIR/empty"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"no Makefile"* ]]
	mv "$tree/.config" "$tree/config"
	own "$tree"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"not configured"* ]]
	mv "$tree/config" "$tree/.config"
	mv "$tree/Module.symvers" "$tree/symvers"
	own "$tree"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"Module.symvers"*"make -C"* ]]
	mv "$tree/symvers" "$tree/Module.symvers"
	rm "$tree/arch/x86/boot/bzImage"
	own "$tree"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"no kernel image"*KERNEL_IMAGE=* ]]
	rm "$tree/include/config/kernel.release"
	own "$tree"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"not built"* ]]
	[ ! -e "$FAKE/build/kernels/linux" ]
}

@test "an image of another release than the tree's is refused" {
	fake_image "$BATS_TEST_TMPDIR/other" 6.1.0-56-amd64
	own --image "$BATS_TEST_TMPDIR/other" "$tree"
	[ "$status" = 2 ]
	[[ $output == *"is 6.1.0-56-amd64, but"*7.3.0-rc2-mine* ]]
}

@test "what nothing works without is named, all of it, and fatal" {
	lacks MODULES
	lacks DEBUG_FS
	lacks KPROBES
	lacks SERIAL_8250_CONSOLE
	lacks BLK_DEV_INITRD
	own "$tree"
	[ "$status" = 2 ]
	for o in MODULES DEBUG_FS KPROBES SERIAL_8250_CONSOLE BLK_DEV_INITRD; do
		[[ $output == *"CONFIG_$o: "* ]] || { echo "no $o"; return 1; }
	done
}

@test "a module is not built in" {
	sed -i 's/^CONFIG_SERIAL_8250=y/CONFIG_SERIAL_8250=m/' "$tree/.config"
	own "$tree"
	[ "$status" = 2 ]
	[[ $output == *"CONFIG_SERIAL_8250: "* ]]
}

@test "what a scenario wants is a notice, for the scenarios that run" {
	lacks PER_VMA_LOCK
	lacks HUGETLBFS
	own "$tree"
	[ "$status" = 0 ]
	[[ $output == *"notice: "*CONFIG_PER_VMA_LOCK*vma_lock* ]]
	[[ $output == *"notice: "*CONFIG_HUGETLBFS*hugetlb_walk* ]]
	own --scenarios map_fixed,vma_lock "$tree"
	[ "$status" = 0 ]
	[[ $output == *CONFIG_PER_VMA_LOCK* ]]
	[[ $output != *CONFIG_HUGETLBFS* ]]
}

@test "of options with two names one will do" {
	lacks HUGETLB_PMD_PAGE_TABLE_SHARING
	echo CONFIG_ARCH_WANT_HUGE_PMD_SHARE=y >> "$tree/.config"
	own "$tree"
	[[ $output != *notice* ]]
	lacks ARCH_WANT_HUGE_PMD_SHARE
	own "$tree"
	[[ $output == *"HUGETLB_PMD_PAGE_TABLE_SHARING or CONFIG_ARCH_WANT_HUGE_PMD_SHARE"* ]]
}

@test "virtme-ng does not need what only our guests need" {
	lacks SERIAL_8250_CONSOLE
	own --vng "$tree"
	[ "$status" = 0 ]
	lacks MODULES
	own --vng "$tree"
	[ "$status" = 2 ]
}

@test "the compiler the kernel was built with is kept, where it is here" {
	local d=$BATS_TEST_TMPDIR/bin
	mkdir "$d"
	printf '#!/bin/sh\n' > "$d/gcc-99"
	chmod +x "$d/gcc-99"
	echo 'CONFIG_CC_VERSION_TEXT="gcc-99 (Debian 99) 99.0"' >> "$tree/.config"
	PATH=$d:$PATH own "$tree"
	grep -qx make=CC=gcc-99 "$FAKE/build/kernels/linux/info"
	own "$tree"
	grep -qx make= "$FAKE/build/kernels/linux/info"
	echo CONFIG_CC_IS_CLANG=y >> "$tree/.config"
	own "$tree"
	grep -qx make=LLVM=1 "$FAKE/build/kernels/linux/info"
}

@test "torture KERNEL_TREE= boots it, and gives the same table" {
	torture KERNEL_TREE="$tree"
	[ "$status" = 0 ]
	[[ $output =~ linux\ +map_fixed\ +SUCCESS\ +100\ +100 ]]
	run cat "$FAKE/build/booted"
	[[ $output == "linux: guest-run torture 3 duration=3"* ]]
}

@test "torture KERNEL_TREE= looks with seeds too, at the same kernel" {
	stub explore '
		[ -z "${KERNEL_TREE-}${KDIR-}${KERNEL_IMAGE-}" ] || exit 9
		[ -e "$VT_BUILD/kernels/$KERNELS/vmlinuz" ] || exit 9
		echo "explored $KERNELS"; exit "$(cat "$VT_BUILD/explored")"'
	echo 0 > "$FAKE/build/explored"
	torture KERNEL_TREE="$tree" DETERMINISTIC=''
	[ "$status" = 0 ]
	[[ $output == *"explored linux"* ]]
	echo 1 > "$FAKE/build/explored"
	torture KDIR="$tree" KERNEL_IMAGE="$tree/arch/x86/boot/bzImage" DETERMINISTIC=''
	[ "$status" = 1 ]
	# One that deterministic guests cannot run has its first part.
	echo 4 > "$FAKE/build/explored"
	torture KERNEL_TREE="$tree" DETERMINISTIC=''
	[ "$status" = 0 ]
}

@test "a kernel of one's own is booted once: one that boots only sometimes is a finding" {
	stub vm 'echo "$*" >> "$VT_BUILD/asked"; exit 2'
	torture KERNEL_TREE="$tree"
	[ "$status" = 2 ]
	[[ $(cat "$FAKE/build/asked") == *"--retries 0 "* ]]
	[ "$(wc -l < "$FAKE/build/asked")" = 1 ]
}

@test "torture KERNEL_TREE= of two trees has both in one table, and side by side" {
	fake_built_tree "$BATS_TEST_TMPDIR/patched" 7.3.0-rc2-patched
	mkdir -p "$FAKE/build/modules/patched"
	echo ko > "$FAKE/build/modules/patched/vma_torture.ko"
	torture KERNEL_TREE="$tree $BATS_TEST_TMPDIR/patched"
	[ "$status" = 0 ]
	[[ $output =~ linux\ +map_fixed\ +SUCCESS ]]
	[[ $output =~ patched\ +map_fixed\ +SUCCESS ]]
	[[ $output =~ map_fixed\ +ops/s\ +[0-9]+\ +[0-9]+\ +1.00 ]]
	[[ $output =~ "A "[^$'\n']*linux-torture,\ B\ [^$'\n']*patched-torture: ]]
}

# series_tree: $tree in git, with commits one, two, broken, four; what make builds is what is
# in built/ beside it.
series_tree()
{
	fake_built_tree "$BATS_TEST_TMPDIR/built" 7.3.0-rc2-series
	printf 'olddefconfig:\n\t@cp -r %s/. $(O)\nbzImage modules:\n\t@! grep -q BROKEN what || { echo "what:1: error: BROKEN"; exit 1; }\n' \
		"$BATS_TEST_TMPDIR/built" > "$tree/Makefile"
	git -C "$tree" init -q
	for what in one two broken four; do
		echo "${what/broken/BROKEN}" > "$tree/what"
		git -C "$tree" add what Makefile
		git -C "$tree" -c user.name=x -c user.email=x@y commit -qm "the change $what"
	done
	stub build 'mkdir -p "$VT_BUILD/modules/$1"; echo ko > "$VT_BUILD/modules/$1/vma_torture.ko"
		cat "$(sed -n "s/^kdir=//p" "$VT_BUILD/kernels/$1/info")/../src/what" >> "$VT_BUILD/built"
		echo "$VT_BUILD/modules/$1/vma_torture.ko"'
}

@test "torture SERIES= has a row for each commit, until one does not build" {
	series_tree
	git -C "$tree" status --porcelain --ignored > "$BATS_TEST_TMPDIR/before"
	torture KERNEL_TREE="$tree" SERIES=HEAD~3..HEAD
	[ "$status" = 2 ]
	[[ $output == *"the change one"*"the change two"*"the change broken"*"does not build: what:1: error: BROKEN"* ]]
	[[ $output != *"the change four"* ]]
	[[ $output =~ linux-0-[0-9a-f]+\ +map_fixed\ +SUCCESS ]]
	[[ $output =~ linux-1-[0-9a-f]+\ +map_fixed\ +SUCCESS ]]
	[[ $output =~ map_fixed\ +ops/s\ +[0-9]+\ +[0-9]+\ +1.00 ]]
	[ "$(cat "$FAKE/build/built")" = $'one\ntwo' ]
	# Each has its own image, and nothing was done to the tree.
	[ "$(readlink "$FAKE"/build/kernels/linux-0-*/vmlinuz)" != "$(readlink "$FAKE"/build/kernels/linux-1-*/vmlinuz)" ]
	git -C "$tree" status --porcelain --ignored | cmp - "$BATS_TEST_TMPDIR/before"
	# Once more, with a commit that came later.
	echo five > "$tree/what"
	git -C "$tree" -c user.name=x -c user.email=x@y commit -qam "the change five"
	torture KERNEL_TREE="$tree" SERIES=HEAD~1..HEAD
	[ "$status" = 0 ]
	[[ $output == *"0 "*"the change four"*"1 "*"the change five"* ]]
}

@test "torture SERIES= wants a range of commits of a configured tree" {
	series_tree
	torture SERIES=a..b
	[ "$status" = 2 ]
	[[ $output == *"SERIES wants KERNEL_TREE"* ]]
	for series in HEAD HEAD~1... HEAD...HEAD~1; do
		torture KERNEL_TREE="$tree" SERIES=$series
		[ "$status" = 2 ]
		[[ $output == *"SERIES wants BASE..HEAD, not '$series'"* ]]
	done
	torture KERNEL_TREE="$tree" SERIES=nowhere..HEAD
	[ "$status" = 2 ]
	[[ $output == *"has no commit nowhere"* ]]
	torture KERNEL_TREE="$tree" SERIES=HEAD..HEAD~1
	[ "$status" = 2 ]
	[[ $output == *"there is no commit in HEAD..HEAD~1"* ]]
	torture KERNEL_TREE="$tree" SERIES=HEAD~1..HEAD DETERMINISTIC=1
	[ "$status" = 2 ]
	rm "$tree/.config"
	torture KERNEL_TREE="$tree" SERIES=HEAD~1..HEAD
	[ "$status" = 2 ]
	[[ $output == *"is not configured"* ]]
	[ ! -e "$FAKE/build/booted" ]
}

@test "torture KDIR= with KERNEL_IMAGE= takes that image" {
	fake_image "$BATS_TEST_TMPDIR/image" 7.3.0-rc2-mine
	rm "$tree/arch/x86/boot/bzImage"
	torture KDIR="$tree"
	[ "$status" = 2 ]
	torture KDIR="$tree" KERNEL_IMAGE="$BATS_TEST_TMPDIR/image"
	[ "$status" = 0 ]
	[ "$(readlink -f "$FAKE/build/kernels/linux/vmlinuz")" = "$BATS_TEST_TMPDIR/image" ]
}

@test "torture boots nothing that lacks what it needs" {
	lacks KALLSYMS
	torture KERNEL_TREE="$tree"
	[ "$status" = 2 ]
	[[ $output == *CONFIG_KALLSYMS* ]]
	[ ! -e "$FAKE/build/booted" ]
}

@test "torture refuses two kernels of one's own, or half of one" {
	torture KERNEL_TREE="$tree" KDIR="$tree"
	[ "$status" = 2 ]
	[[ $output == *KERNEL_TREE*KDIR* ]]
	torture KERNEL_TREE="$tree" KERNELS=6.1
	[ "$status" = 2 ]
	[[ $output == *KERNELS* ]]
	torture KERNEL_IMAGE=/dev/null
	[ "$status" = 2 ]
	[[ $output == *KDIR* ]]
	torture KERNEL_TREE="$tree" VM=xen
	[ "$status" = 2 ]
	[[ $output == *VM*xen* ]]
}

@test "make torture passes them on, and KDIR only if it was given" {
	stub torture 'echo "tree=${KERNEL_TREE-} kdir=${KDIR-} image=${KERNEL_IMAGE-} vm=${VM-} series=${SERIES-}"'
	cp "$TOP/Makefile" "$FAKE/"
	run make -s -C "$FAKE" torture KERNEL_TREE=/a VM=vng SERIES=b..c
	[ "$output" = "tree=/a kdir= image= vm=vng series=b..c" ]
	run make -s -C "$FAKE" torture KDIR=/b KERNEL_IMAGE=/c
	[ "$output" = "tree= kdir=/b image=/c vm= series=" ]
	run env KDIR=/d make -s -C "$FAKE" torture
	[ "$output" = "tree= kdir=/d image= vm= series=" ]
}

# A virtme-ng made of paper: runs what it is to execute in this shell.
fake_vng()
{
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	cat > "$BATS_TEST_TMPDIR/bin/vng" <<-'END'
	#!/bin/bash
	printf '%s\n' "$@" > "${0%/bin/*}/vng-args"
	verbose=''
	while [ "$1" != --exec ]; do
		[ "$1" != --verbose ] || verbose=1
		# Where its real one keeps the modules of the kernel that it boots.
		[ "$1" != --run ] || tree=${2%/arch/*}
		[ "$1" != --skip-modules ] || tree=''
		shift
	done
	[ -z "$tree" ] || mkdir -p "$tree/.virtme_mods"
	echo "vng: booting"
	# QEMU opens its console by this name, which empties a file.
	[ -z "$verbose" ] || cat "${0%/bin/*}/log" > /proc/self/fd/2
	[ ! -e "${0%/bin/*}/panic" ] || exit 255
	$2
	exit 0
	END
	printf '#!/bin/sh\nexit 0\n' > "$BATS_TEST_TMPDIR/bin/mountpoint"
	chmod +x "$BATS_TEST_TMPDIR/bin/"*
	echo '[    1.000000] all is well' > "$BATS_TEST_TMPDIR/log"
	# What the guest would find in its own $PATH.
	sed -i "s|PATH='\$path'|&$BATS_TEST_TMPDIR/bin:|" "$FAKE/scripts/vng"
}

vng()
{
	run "$FAKE/scripts/vng" --out "$BATS_TEST_TMPDIR/out" "$@"
	echo "$output"
}

@test "vng: the command runs with the module, its code and output come back" {
	own "$tree"
	fake_vng
	vng --module "$FAKE/build/modules/linux/vma_torture.ko" --smp 3 linux \
		'echo "I have $MODULE"; exit 3'
	[ "$status" = 3 ]
	[ "$output" = "I have $FAKE/build/modules/linux/vma_torture.ko" ]
	grep -qx outcome=ok "$BATS_TEST_TMPDIR/out/status"
	grep -q 'all is well' "$BATS_TEST_TMPDIR/out/console.log"
	# Nothing in the tree is touched.
	[ ! -e "$tree/.virtme_mods" ]
	grep -qx "$tree/arch/x86/boot/bzImage" "$BATS_TEST_TMPDIR/vng-args"
	grep -qx 3 "$BATS_TEST_TMPDIR/vng-args"
}

@test "vng: trouble on the console is 3, and so is a guest that dies; vng's own is 2" {
	own "$tree"
	fake_vng
	echo '[    2.000000] WARNING: CPU: 0 PID: 1 at mm/vma.c:1' >> "$BATS_TEST_TMPDIR/log"
	vng linux true
	[ "$status" = 3 ]
	grep -qx outcome=dirty "$BATS_TEST_TMPDIR/out/status"
	touch "$BATS_TEST_TMPDIR/panic"
	echo '[    3.000000] Kernel panic - not syncing: boom' > "$BATS_TEST_TMPDIR/log"
	vng linux true
	[ "$status" = 3 ]
	grep -qx outcome=died "$BATS_TEST_TMPDIR/out/status"
	[[ $output == *"Kernel panic - not syncing: boom"* ]]
	rm "$BATS_TEST_TMPDIR/panic"
	: > "$BATS_TEST_TMPDIR/log"
	vng linux true
	[ "$status" = 2 ]
	[[ $output == *"let nothing of the guest's console through"* ]]
	printf '#!/bin/sh\necho "qemu: no" >&2\nexit 1\n' > "$BATS_TEST_TMPDIR/bin/vng"
	vng linux true
	[ "$status" = 2 ]
	grep -qx outcome=died "$BATS_TEST_TMPDIR/out/status"
	[[ $output == *"qemu: no"* ]]
}

@test "vng: --dry-run prints the command and needs no virtme-ng" {
	own "$tree"
	vng --dry-run --vng --disable-kvm --append 'a b' linux true
	[ "$status" = 0 ]
	[[ $output == "vng --run $tree/arch/x86/boot/bzImage --verbose --skip-modules --user root "*"--append a\\ b --disable-kvm --exec "* ]]
}

@test "torture VM=vng gives the table from virtme-ng" {
	fake_vng
	stub guest-run 'printf "%s\n" "verdict SUCCESS" "state map_fixed done" \
		"value map_fixed ops 300" "value map_fixed exposure 100" "value map_fixed races 0"'
	torture KERNEL_TREE="$tree" VM=vng
	[ "$status" = 0 ]
	[[ $output =~ linux\ +map_fixed\ +SUCCESS\ +100\ +100 ]]
}

@test "what docs/ tell to type for a kernel of one's own works" {
	local n
	fake_vng
	stub prepare 'exit 0'
	cp "$TOP/scripts/kernels" "$FAKE/scripts/"
	cp "$TOP/Makefile" "$FAKE/"
	stub guest-run 'printf "%s\n" "verdict SUCCESS" "state map_fixed done" \
		"value map_fixed ops 300" "value map_fixed exposure 100" "value map_fixed races 0"'
	stub build 'mkdir -p "$VT_BUILD/modules/$1"; echo ko > "$VT_BUILD/modules/$1/vma_torture.ko"
		echo "$VT_BUILD/modules/$1/vma_torture.ko"'
	HOME=$BATS_TEST_TMPDIR
	export HOME CC=true
	fake_built_tree ~/build 7.3.0
	fake_source_tree ~/linux
	mkdir -p "$FAKE/build/sources"
	cp -r ~/linux "$FAKE/build/sources/linux-source-7.3_7.3.4-1"
	# Configured and built in place, too.
	cp -rn ~/build/. ~/linux/
	diff -u --label a/mm/vma.c --label b/mm/vma.c ~/linux/mm/vma.c - <<< DUE > ~/series.mbox || true
	blocks "run short: kernels and guests of paper" > "$BATS_TEST_TMPDIR/commands"
	n=$(wc -l < "$BATS_TEST_TMPDIR/commands")
	[ "$n" -ge 9 ]
	run sh -euxc "cd '$FAKE'; . '$BATS_TEST_TMPDIR/commands'"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c 'map_fixed  *SUCCESS' <<< "$output")" = 6 ]
}

@test "needed-config: every line has an option, whom it is for, and why" {
	local options for why n=0
	while read -r options for why; do
		case $options in '' | '#'*) continue ;; esac
		[[ $options =~ ^[A-Z0-9_|]+$ ]]
		[[ $for =~ ^[a-z_]+$ ]]
		[ -n "$why" ]
		n=$((n + 1))
	done < "$TOP/scripts/needed-config"
	[ $n -ge 20 ]
}
