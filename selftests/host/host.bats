#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # bodies of stubs; a test is a subshell
# What the scripts do to the host: nothing is lost, nothing left, and one clear line.

load helpers

setup()
{
	fake_project
	mkdir "$BATS_TEST_TMPDIR/bin"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	OS_RELEASE=$BATS_TEST_TMPDIR/os-release
	export OS_RELEASE
	echo ID=debian > "$OS_RELEASE"
}

# command NAME BODY: a program in front of the host's own.
program()
{
	printf '#!/bin/bash\n%s\n' "$2" > "$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# Everything is installed, with this glibc and this QEMU.
host_has()
{
	program dpkg '[ "$1" != --print-architecture ] || echo amd64'
	program dpkg-query 'printf installed'
	program getconf "echo glibc $1"
	program qemu-system-x86_64 "${2:+echo QEMU emulator version $2.0}"
	export DEBIAN_MIRROR=http://mirror.example/debian
}

one_line()
{
	echo "$output"
	[ "${#lines[@]}" = 1 ]
}

@test "distclean removes nothing that was not made by these scripts" {
	mkdir -p "$BATS_TEST_TMPDIR/home/precious"
	VT_BUILD=$BATS_TEST_TMPDIR/home run "$FAKE/scripts/prepare" --remove
	[ "$status" = 2 ]
	one_line
	[[ $output == *"was not made by vma_torture"* ]]
	[ -d "$BATS_TEST_TMPDIR/home/precious" ]
	# Nor does another's BUILD mean anything.
	BUILD=$BATS_TEST_TMPDIR/home run "$FAKE/scripts/prepare" --remove
	[ "$status" = 0 ]
	[ -d "$BATS_TEST_TMPDIR/home/precious" ]
	# Nor is it taken for build/ in the first place.
	run env VT_BUILD="$BATS_TEST_TMPDIR/home" bash -c '. "$1/scripts/lib.sh"; lock x' "$FAKE/scripts/x" "$FAKE"
	[ "$status" = 2 ]
	one_line
	[[ $output == *"holds something else"* ]]
	[ "$(ls "$BATS_TEST_TMPDIR/home")" = precious ]
}

@test "distclean removes what was made, and follows no link" {
	mkdir "$BATS_TEST_TMPDIR/elsewhere"
	touch "$BATS_TEST_TMPDIR/elsewhere/file"
	run bash -c '. "$1/scripts/lib.sh"; lock x; lock y' "$FAKE/scripts/x" "$FAKE"
	[ "$status" = 0 ]
	[ -e "$FAKE/build/.vma_torture" ]
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$FAKE/build/kernels"
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$FAKE/build/root-trixie"
	run "$FAKE/scripts/prepare" --remove
	echo "$output"
	[ "$status" = 0 ]
	[ ! -e "$FAKE/build" ]
	[ -e "$BATS_TEST_TMPDIR/elsewhere/file" ]
}

@test "a root in which something is mounted is not removed" {
	local at
	# Whatever is mounted on this host: /proc is.
	at=/proc
	program rm 'echo "rm $*" >> "$0.calls"'
	run bash -c '. "$1/scripts/lib.sh"; remove_root "$2"' "$FAKE/scripts/x" "$FAKE" "$at"
	[ "$status" = 2 ]
	one_line
	[[ $output == *"is mounted: umount it first"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/bin/rm.calls" ]
	mkdir "$BATS_TEST_TMPDIR/root"
	program sudo 'shift 2; "$@"'
	run bash -c '. "$1/scripts/lib.sh"; remove_root "$2"' "$FAKE/scripts/x" "$FAKE" "$BATS_TEST_TMPDIR/root"
	[ "$status" = 0 ]
	[ "$(cat "$BATS_TEST_TMPDIR/bin/rm.calls")" = "rm -rf --one-file-system $BATS_TEST_TMPDIR/root" ]
}

@test "the private root is made in a mount namespace of its own, by every caller of mmdebstrap" {
	local n
	n=$(cat "$TOP"/scripts/* 2> /dev/null | grep -c 'mmdebstrap --quiet')
	[ "$n" -ge 3 ]
	[ "$(cat "$TOP"/scripts/* 2> /dev/null | grep -c 'mmdebstrap --quiet --mode=unshare ')" = "$n" ]
	run grep -nE 'rm -rf (--one-file-system )?"\$(ROOT|where|dir)"' "$TOP/scripts/prepare"
	[ "$status" = 1 ]
	host_has 2.36
	program mmdebstrap 'echo "$*" >> "$0.calls"; exit 1'
	program sudo 'shift 2; "$@"'
	run "$FAKE/scripts/prepare"
	echo "$output"
	[ "$status" = 2 ]
	grep -q -- '--mode=unshare' "$BATS_TEST_TMPDIR/bin/mmdebstrap.calls"
	[[ $output == *"has no suite trixie, set DEBIAN_MIRROR="* ]]
}

@test "a path with blanks or colons is one clear line, of the scripts and of make" {
	local d
	for d in 'a b' 'a:b'; do
		mkdir -p "$BATS_TEST_TMPDIR/$d"
		cp -r "$FAKE/scripts" "$TOP/Makefile" "$BATS_TEST_TMPDIR/$d/"
		mkdir -p "$BATS_TEST_TMPDIR/$d/selftests"
		cp "$TOP/selftests/Makefile" "$BATS_TEST_TMPDIR/$d/selftests/"
		run "$BATS_TEST_TMPDIR/$d/scripts/torture"
		[ "$status" = 2 ]
		one_line
		[[ $output == *"cannot live in a path with blanks, colons"* ]]
		run make -s -C "$BATS_TEST_TMPDIR/$d" modules
		[ "$status" != 0 ]
		[[ $output == *"cannot live in a path with blanks or colons"* ]]
		run make -s -C "$BATS_TEST_TMPDIR/$d/selftests" companions
		[ "$status" != 0 ]
		[[ $output == *"cannot live in a path with blanks or colons"* ]]
	done
	# A kernel's tree there is one, too; a file for the guest with a colon is another.
	fake_built_tree "$BATS_TEST_TMPDIR/a kernel" 7.3.0
	run "$FAKE/scripts/own-kernel" "$BATS_TEST_TMPDIR/a kernel"
	[ "$status" = 2 ]
	one_line
	[[ $output == *"a kernel': kbuild takes a path with blanks or colons apart"* ]]
	run "$FAKE/scripts/vm" --add "a:b:c" 6.1 true
	[ "$status" = 2 ]
	one_line
	[[ $output == *"neither may have a colon in it: 'a:b:c'"* ]]
	VT_BUILD="$BATS_TEST_TMPDIR/it's" run "$FAKE/scripts/torture"
	[ "$status" = 2 ]
	one_line
}

@test "a build/ of another user is one clear line" {
	[ "$(id -u)" = 0 ] || skip "wants root, to have another user's directory"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	mkdir -p "$FAKE/build/locks"
	touch "$FAKE/build/locks/kernels"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$FAKE/scripts/kernels" 6.1
	[ "$status" = 2 ]
	one_line
	[[ $output == *"build belongs to root: chown -R it, or set VT_BUILD="* ]]
	chown 65534 "$FAKE/build"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$FAKE/scripts/kernels" 6.1
	[ "$status" = 2 ]
	one_line
	[[ $output == *"build/locks belongs to root"* ]]
	chown 65534 "$FAKE/build/locks"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$FAKE/scripts/kernels" 6.1
	[ "$status" = 2 ]
	one_line
	[[ $output == *"build/locks/kernels belongs to root"* ]]
}

@test "a disk that is too full is one clear line, before anything is fetched or booted" {
	program df 'printf "Filesystem 1M-blocks Used Available\n/dev/x 100 98 2\n"'
	host_has 2.36
	program mmdebstrap 'touch "$0.called"'
	run "$FAKE/scripts/prepare"
	[ "$status" = 2 ]
	[[ ${lines[-1]} == *"has 2 MB left, and the private root takes 1000: make room (make clean-runs), or set VT_BUILD="* ]]
	[ ! -e "$BATS_TEST_TMPDIR/bin/mmdebstrap.called" ]
	host_has 2.41 10
	fake_kernel 6.1 6.1.192
	run "$FAKE/scripts/vm" 6.1 true
	[ "$status" = 2 ]
	[[ ${lines[-1]} == *"has 2 MB left, and a guest takes 50"* ]]
	fake_project prepare kernels build vm
	program bats 'exit 0'
	KERNELS=6.1 run "$FAKE/scripts/check" --guests
	[ "$status" = 2 ]
	[[ ${lines[-1]} == *"has 2 MB left, and make check's guests take 500"* ]]
}

@test "DKMS does not build it unasked" {
	# As DKMS asks.
	run bash -c 'kernel_source_dir=x; . "$1/dkms.conf"; [[ ! $AUTOINSTALL ]]' bash "$TOP"
	[ "$status" = 0 ]
}

@test "what DKMS reads is right: the version, the kernels, and the commands it runs" {
	local k
	# conf SCRIPT: as DKMS does, with what it has set before.
	conf() { (cd "$FAKE" && kernel_source_dir=$BATS_TEST_TMPDIR/linux bash -euc '. "$0"; '"$1" "$TOP/dkms.conf"); }
	grep -qF "\"$(conf 'echo "$PACKAGE_VERSION"')\"" "$TOP/version.h"
	for k in 6.1.0-56-amd64 6.12.117+deb12-rt-amd64 7.3.4+deb13-amd64 10.0.1-generic; do
		[[ $k =~ $(conf 'echo "$BUILD_EXCLUSIVE_KERNEL"') ]] || { echo "not $k"; return 1; }
	done
	for k in 5.10.0-30-amd64 6.0.2 4.19.0; do
		! [[ $k =~ $(conf 'echo "$BUILD_EXCLUSIVE_KERNEL"') ]] || { echo "$k"; return 1; }
	done
	mkdir -p "$FAKE/selftests" "$BATS_TEST_TMPDIR/linux"
	cp "$TOP/Makefile" "$TOP/Kbuild" "$FAKE/"
	printf 'modules:\n\t@touch $(M)/vma_torture.ko\nclean:\n\t@rm -f $(M)/vma_torture.ko\n' \
		> "$BATS_TEST_TMPDIR/linux/Makefile"
	conf 'eval "${MAKE[0]}"; [ -e "${BUILT_MODULE_NAME[0]}.ko" ]'
	conf 'eval "$CLEAN"; [ ! -e "${BUILT_MODULE_NAME[0]}.ko" ]'
}

@test "another machine than x86-64 is one clear line" {
	program uname 'echo aarch64'
	run "$FAKE/scripts/prepare"
	[ "$status" = 2 ]
	one_line
	[[ $output == *"x86-64 only, and this is aarch64"* ]]
}

@test "the lines for installing it in docs/ work" {
	cp "$TOP/Makefile" "$FAKE/"
	HOME=$BATS_TEST_TMPDIR
	export HOME
	mkdir ~/linux
	printf 'modules:\n\t@touch $(M)/vma_torture.ko\nmodules_install:\n\t@install -D $(M)/vma_torture.ko $(INSTALL_MOD_PATH)/lib/modules/x/updates/vma_torture.ko\n' \
		> ~/linux/Makefile
	blocks "run short: a kernel tree of paper" > "$BATS_TEST_TMPDIR/commands"
	[ "$(grep -c ^make "$BATS_TEST_TMPDIR/commands")" = 2 ]
	run sh -euxc "cd '$FAKE'; . '$BATS_TEST_TMPDIR/commands'"
	echo "$output"
	[ "$status" = 0 ]
	[ -e ~/installed/lib/modules/x/updates/vma_torture.ko ] ||
		[ -e "$FAKE/~/installed/lib/modules/x/updates/vma_torture.ko" ]
	[ -e ~/installed/lib/modules/x/updates/vma_torture.ko ]
}

@test "clean-runs removes old runs, and none that goes on" {
	cp "$TOP/Makefile" "$FAKE/"
	mkdir -p "$FAKE"/build/runs/{old,older,new,busy} "$FAKE/build/mutation/7.3/runs/old"
	touch -d '1 day ago' "$FAKE"/build/runs/{old,busy} "$FAKE/build/mutation/7.3/runs/old"
	touch -d '9 days ago' "$FAKE/build/runs/older"
	sh -c 'sleep 60; : "$0"' "$FAKE/build/runs/busy/console.log" 3>&- &
	run make -s -C "$FAKE" clean-runs DAYS=7
	echo "$output"
	[ "$(cd "$FAKE/build/runs" && echo *)" = "busy new old" ]
	run "$FAKE/scripts/clean-runs"
	echo "$output"
	kill $!
	[ "$status" = 0 ]
	[ "$(cd "$FAKE/build/runs" && echo *)" = "busy new" ]
	[ ! -e "$FAKE/build/mutation/7.3/runs/old" ]
	run make -s -C "$FAKE" clean-runs DAYS=x
	[ "$status" != 0 ]
}

# Not Debian: only these commands, and those that every system has.
elsewhere()
{
	local c d
	echo ID=fedora > "$OS_RELEASE"
	host_has 2.41 "${qemu-10}"
	rm "$BATS_TEST_TMPDIR/bin/dpkg" "$BATS_TEST_TMPDIR/bin/dpkg-query"
	d=$BATS_TEST_TMPDIR/path
	mkdir -p "$d"
	for c in $(awk '$2 == "always" { for (i = 3; i <= NF; i++) print $i }' "$TOP/scripts/packages") "$@"; do
		case $c in dpkg* | apt*) continue ;; esac
		ln -sf "$(PATH=/usr/bin:/usr/sbin:/bin:/sbin command -v "$c" || echo /bin/true)" "$d/$c"
	done
	cp --remove-destination "$BATS_TEST_TMPDIR/bin/"* "$d/"
	# What the host has in sbin counts too: look nowhere else.
	sed -i 's|PATH=$PATH:/usr/sbin:/sbin |PATH=$PATH |' "$FAKE/scripts/prepare"
}

@test "not Debian: kernels of one's own, where the commands are; what is missing is named" {
	elsewhere make gcc python3 busybox cpio kmod depmod strip
	run env PATH="$BATS_TEST_TMPDIR/path" "$FAKE/scripts/prepare" --own
	[[ $output == *"missing on this host: rmmod (in Debian: kmod)"* ]] || { echo "$output"; return 1; }
	ln -sf /bin/true "$BATS_TEST_TMPDIR/path/rmmod"
	run env PATH="$BATS_TEST_TMPDIR/path" "$FAKE/scripts/prepare" --own
	echo "$output"
	[ "$status" = 0 ]
	rm "$BATS_TEST_TMPDIR/path/cpio" "$BATS_TEST_TMPDIR/path/gcc"
	run env PATH="$BATS_TEST_TMPDIR/path" "$FAKE/scripts/prepare" --own
	[ "$status" = 2 ]
	one_line
	[[ $output == *"gcc or gcc-12 or gcc-14 (in Debian: gcc)"* ]]
	[[ $output == *"cpio (in Debian: cpio)"* ]]
	# In virtme-ng there is no initramfs of ours.
	ln -s /bin/true "$BATS_TEST_TMPDIR/path/gcc"
	run env PATH="$BATS_TEST_TMPDIR/path" "$FAKE/scripts/prepare" --own --vng
	[ "$status" = 0 ]
	run env PATH="$BATS_TEST_TMPDIR/path" "$FAKE/scripts/prepare"
	[ "$status" = 2 ]
	one_line
	[[ $output == *"give one of yours, KERNEL_TREE=DIR"* ]]
}

@test "not Debian: a QEMU that is too old is refused" {
	qemu=8 elsewhere make gcc python3 busybox cpio kmod depmod rmmod strip
	run env PATH="$BATS_TEST_TMPDIR/path" "$FAKE/scripts/prepare" --own
	[ "$status" = 2 ]
	one_line
	[[ $output == *"QEMU 8 can break"*"10 or newer"* ]]
}

@test "an old QEMU gets the private root on any Debian" {
	host_has 2.41 8
	run "$FAKE/scripts/prepare" --dry-run
	[ "$status" = 0 ]
	[[ $output == *"making the private trixie root"* ]]
	host_has 2.41 10
	run "$FAKE/scripts/prepare" --dry-run
	[ "$status" = 0 ]
	[[ $output != *"private trixie root"* ]]
	host_has 2.36 10
	run "$FAKE/scripts/prepare" --dry-run
	[[ $output == *"making the private trixie root"* ]]
}

@test "two trees at once are two kernels, named by their directories" {
	local a=$BATS_TEST_TMPDIR/a/linux-6.13 b=$BATS_TEST_TMPDIR/b/linux-6.13 c=$BATS_TEST_TMPDIR/6.12
	fake_built_tree "$a" 6.13.0
	fake_built_tree "$b" 6.13.0-b
	fake_built_tree "$c" 6.12.0
	fake_kernel 6.12 6.12.117
	run "$FAKE/scripts/own-kernel" "$a"
	[ "${lines[-1]}" = linux-6.13 ]
	run "$FAKE/scripts/own-kernel" "$b"
	[[ ${lines[-1]} =~ ^linux-6\.13-[0-9]+$ ]]
	grep -qx release=6.13.0-b "$FAKE/build/kernels/${lines[-1]}/info"
	run "$FAKE/scripts/own-kernel" "$a"
	[ "${lines[-1]}" = linux-6.13 ]
	grep -qx release=6.13.0 "$FAKE/build/kernels/linux-6.13/info"
	run "$FAKE/scripts/own-kernel" "$c"
	[ "${lines[-1]}" = own-6.12 ]
	grep -qx version=6.12.117 "$FAKE/build/kernels/6.12/info"
}

@test "headers whose kernel.release is another than UTS_RELEASE are taken by the latter" {
	local t=$BATS_TEST_TMPDIR/linux-rt
	fake_built_tree "$t" 6.1.0-56-rt-amd64
	echo 6.1.192-rt > "$t/include/config/kernel.release"
	run "$FAKE/scripts/own-kernel" "$t"
	[ "$status" = 2 ]
	echo '#define UTS_RELEASE "6.1.0-56-rt-amd64"' > "$t/include/generated/utsrelease.h"
	run "$FAKE/scripts/own-kernel" "$t"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"kernel.release says 6.1.192-rt, but modules are built for 6.1.0-56-rt-amd64"* ]]
	grep -qx release=6.1.0-56-rt-amd64 "$FAKE/build/kernels/linux-rt/info"
}

@test "a run has a directory of its own, however many begin in one second" {
	local i
	for ((i = 0; i < 3; i++)); do
		run bash -c '. "$1/scripts/lib.sh"; run_dir x' "$FAKE/scripts/x" "$FAKE"
		[ -d "$output" ]
	done
	[ "$(find "$FAKE/build/runs" -maxdepth 1 -name '*-x' | wc -l)" = 3 ]
	run grep -rnE 'runs(_dir\))?/\$\(date|VT_BUILD/selftests' "$TOP/scripts"
	echo "$output"
	[ "$(grep -vc 'lib.sh' <<< "$output")" = 0 ]
}

# ci_project: .ci/run, and two mutants of which it may take one.
ci_project()
{
	cp -r "$TOP/.ci" "$FAKE/"
	mkdir -p "$FAKE/mutants"
	printf '%s\n' '| a-one | 5 of 5 | x |' '| a-rare | 4 of 5 | x |' '| a-two | 5 of 5 | x |' \
		> "$FAKE/mutants/README.md"
}

@test ".ci/run counts the cell, and the mutant or the bare Debian, is red if one is, and chooses in turn by the commit" {
	local h smoke gentle bats what
	ci_project
	printf 'check:\n\t@echo "smoke $(SMOKE), gentle $(GENTLE), bats $(BATS)"; echo "5 passed, 0 failed, 2 skipped"\n' \
		> "$FAKE/Makefile"
	cp "$TOP/scenarios.h" "$FAKE/"
	program git 'echo "$HASH"'
	program bats 'echo "cell $KERNEL $SCENARIO $*" > "$BATS_TEST_TMPDIR/cell"; exit ${CELL:-0}'
	stub kernels 'printf "%s\n" 6.1 6.12 7.3'
	stub bare-debian 'echo "$*" > "${0%/*}/called"; echo "all passed"; exit ${BARE:-0}'
	stub mutation 'echo "$*" > "${0%/*}/called"; echo "found"; exit ${MUTATION:-0}'
	for h in a0:6.12:6.1:1:"--no-base a-one" b5:6.12:6.1:0:"--tests bookworm" \
		fe6:6.1:6.12:0:"--tests trixie" fea:6.1:6.12:1:"--no-base a-two" \
		:6.12:6.1:1:"--no-base a-one"; do
		IFS=: read -r HASH smoke gentle bats what <<< "$h"
		export HASH
		run "$FAKE/.ci/run"
		echo "$output"
		[ "$status" = 0 ]
		[ "${lines[-1]}" = "7 passed, 0 failed, 2 skipped" ]
		[ "$(cat "$FAKE/scripts/called")" = "$what" ]
		[[ $output == *"smoke $smoke, gentle $gentle, bats $bats"* ]]
	done
	# In fea there are 509 times 8, and 127 times 32.
	HASH=fea run "$FAKE/.ci/run"
	[ "$(cat "$BATS_TEST_TMPDIR/cell")" = "cell 7.3 hugetlb_walk selftests/host/guests/deterministic.bats" ]
	HASH=0 CELL=1 run "$FAKE/.ci/run"
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "6 passed, 1 failed, 2 skipped" ]
	[[ $output == *"FAIL 6.1: the same seed of map_fixed is the same run"* ]]
	HASH=4 BARE=1 run "$FAKE/.ci/run"
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "6 passed, 1 failed, 2 skipped" ]
	HASH=0 MUTATION=1 run "$FAKE/.ci/run"
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "6 passed, 1 failed, 2 skipped" ]
	printf 'check:\n\t@echo "4 passed, 1 failed, 2 skipped"; exit 1\n' > "$FAKE/Makefile"
	run "$FAKE/.ci/run"
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "6 passed, 1 failed, 2 skipped" ]
	# It died without a word.
	printf 'check:\n\t@exit 2\n' > "$FAKE/Makefile"
	run "$FAKE/.ci/run"
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "2 passed, 1 failed, 0 skipped" ]
}

# ends_at SIGNAL COMMAND...: begin it, wait until what it began writes its pid, send it
# the signal; it ends, and so does the other, and no temporary file is left.
ends_at()
{
	local signal=$1 i pid runner
	shift
	rm -rf "$BATS_TEST_TMPDIR/tmp" "$BATS_TEST_TMPDIR/begun"
	mkdir "$BATS_TEST_TMPDIR/tmp"
	# A background job ignores INT unless told otherwise, and one of nohup HUP.
	TMPDIR=$BATS_TEST_TMPDIR/tmp env --default-signal=INT,HUP "$@" \
		> "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	runner=$!
	for ((i = 0; i < 600; i++)); do
		[ ! -s "$BATS_TEST_TMPDIR/begun" ] || break
		sleep 0.1
	done
	pid=$(cat "$BATS_TEST_TMPDIR/begun")
	kill -"$signal" "$runner"
	# What it began would go on for 300 s.
	for ((i = 0; i < 600; i++)); do
		kill -0 "$runner" 2> /dev/null || break
		sleep 0.1
	done
	! kill -0 "$runner" 2> /dev/null || { echo "$1 outlives SIG$signal"; return 1; }
	! kill -0 "$pid" 2> /dev/null || { echo "SIG$signal of $1 left a child"; return 1; }
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/tmp")" ] ||
		{ echo "SIG$signal of $1 left $(ls -A "$BATS_TEST_TMPDIR/tmp")"; return 1; }
}

@test "a signal ends .ci/run, check and torture at once, with all that they began" {
	local s goes_on
	goes_on="mktemp > /dev/null; echo \$\$ > '$BATS_TEST_TMPDIR/begun'; exec sleep 300"
	ci_project
	fake_project prepare kernels build
	fake_kernel 6.1 6.1.192
	stub build "echo '$FAKE/build/modules/6.1/vma_torture.ko'"
	printf '#!/bin/bash\n%s\n' "$goes_on" > "$BATS_TEST_TMPDIR/goes-on"
	printf 'check:\n\t@bash %s\n' "$BATS_TEST_TMPDIR/goes-on" > "$FAKE/Makefile"
	program shellcheck 'exit 0'
	program bats "$goes_on"
	stub vm "$goes_on"
	for s in INT TERM HUP; do
		ends_at $s "$FAKE/.ci/run"
		ends_at $s "$FAKE/scripts/check" --host
		KERNELS=6.1 ends_at $s "$FAKE/scripts/torture"
	done
}

@test "7.x is built in the private root without any right of root, where users may have namespaces" {
	program id 'case $1 in -u) echo 1000 ;; -g) echo 1000 ;; *) exec /usr/bin/id "$@" ;; esac'
	program sudo 'echo "sudo $*" >> "$0.calls"; while [ "$1" != chroot ]; do shift; done; shift 3; exec "$@"'
	program chroot 'echo "chroot $1" >> "$0.calls"; shift; exec "$@"'
	program unshare 'shift; exec "$@"'
	run bash -c '. "$1/scripts/lib.sh"; in_root / sh -c "pwd; echo \$HOME"' "$FAKE/scripts/x" "$FAKE"
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = $'/\n/tmp' ]
	[ "$(cat "$BATS_TEST_TMPDIR/bin/chroot.calls")" = "chroot $FAKE/build/root-trixie" ]
	[ ! -e "$BATS_TEST_TMPDIR/bin/sudo.calls" ]
	# Where they may not, why is said, and prepare says it where it is seen.
	program unshare 'echo "unshare: Operation not permitted" >&2; exit 1'
	run bash -c '. "$1/scripts/lib.sh"; in_root / true' "$FAKE/scripts/x" "$FAKE"
	echo "$output"
	[ "$status" = 0 ]
	one_line
	[[ $output == *"root needed to chroot into $FAKE/build/root-trixie, as this system lets no user have a namespace"* ]]
	grep -q -- '-- chroot --userspec=1000:1000' "$BATS_TEST_TMPDIR/bin/sudo.calls"
	host_has 2.36
	mkdir -p "$FAKE/build/root-trixie/proc/self"
	touch "$FAKE/build/root-trixie/proc/self/maps"
	bash -c 'sed -n "/^root_packages()/,/^}/p" "$1/scripts/prepare" > "$1/f"; host_qemu_major() { :; }; . "$1/f"; root_packages | xargs' \
		bash "$FAKE" > "$FAKE/build/root-trixie/.complete"
	run "$FAKE/scripts/prepare"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"this system lets no user have a namespace: each build for 7.x will ask for root (sudo)"* ]]
	program unshare 'shift; exec "$@"'
	run "$FAKE/scripts/prepare"
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "what a guest runs as PID 1 does nothing on a host" {
	local c
	for c in mount mkdir ln ip hostname stty poweroff sync; do
		program "$c" 'echo "${0##*/} $*" >> "${0%/*}/../calls"'
	done
	# Its own PATH would find the real ones.
	sed 's|^export PATH=.*|export PATH="$HERE:$PATH"|' "$TOP/scripts/vm-init" > "$FAKE/init"
	HERE=$BATS_TEST_TMPDIR/bin run sh "$FAKE/init" --help
	[ "$status" = 2 ]
	one_line
	[[ $output == *"this is PID 1 of a guest"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/calls" ]
}

@test "the host's own apt: its lock is waited for, and a broken suite of others is no end" {
	host_has 2.41
	program dpkg-query '[ "$4" = sparse ] || printf installed'
	program apt-get 'echo "$*" >> "$0.calls"; [[ $* != *update ]] || { echo "E: no such suite" >&2; exit 100; }'
	program sudo 'shift 2; exec "$@"'
	run "$FAKE/scripts/prepare" --check
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"apt-get update had trouble, perhaps with suites that are not needed here: going on"* ]]
	[ "$(grep -c 'DPkg::Lock::Timeout=300' "$BATS_TEST_TMPDIR/bin/apt-get.calls")" = 2 ]
	grep -q 'install .* sparse$' "$BATS_TEST_TMPDIR/bin/apt-get.calls"
}

# state FILE NAME=NUMBER...: what the tests for leaks keep of a machine at rest.
state()
{
	local file=$1
	shift
	printf '%s\n' "$@" | sed 's/=\([^=]*\)$/ \1/' > "$BATS_TEST_TMPDIR/$file"
}

# grows STARTS: by the states before, half and after.
grows()
{
	run busybox sh -c 'tmp=$1; shift; . "$TOP/selftests/lib_rest.sh"
		grows_with "$1" "$tmp/before" "$tmp/half" "$tmp/after"; rc=$?; cat "$tmp/slope"; exit $rc' \
		sh "$BATS_TEST_TMPDIR" "$1"
	echo "$output"
}

@test "a leak is what grows in both halves of a test, by a part of its starts" {
	# As it was on a kernel that keeps nothing: noise, and what is kept once.
	state before kmalloc-128=1000 kmalloc-64=500 maple_node=90 used=-900000 SUnreclaim=20000 =probes=0
	state half kmalloc-128=1062 kmalloc-64=500 maple_node=140 used=-899680 SUnreclaim=20132 =probes=0
	state after kmalloc-128=1063 kmalloc-64=500 maple_node=141 used=-899552 SUnreclaim=20244 =probes=0
	grows 215
	[ "$status" = 1 ]
	[[ $output == *"in 215 starts each:"*"used=320,128"* ]]
	# The most that was seen to come and go, in long runs and in short ones.
	state before kmalloc-96=100 used=-900000 SUnreclaim=20000
	state half kmalloc-96=108 used=-899728 SUnreclaim=20220
	state after kmalloc-96=140 used=-899516 SUnreclaim=20400
	grows 219
	[ "$status" = 1 ]
	state half kmalloc-96=100 used=-899940 SUnreclaim=20000
	state after kmalloc-96=100 used=-899772 SUnreclaim=20000
	grows 39
	[ "$status" = 1 ]
	# A page with each start, and an object with every third.
	state before kmalloc-128=1000 kmalloc-64=500 maple_node=90 used=-900000 SUnreclaim=20000 =probes=0
	state half kmalloc-128=1062 kmalloc-64=500 maple_node=140 used=-899140 SUnreclaim=20132 =probes=0
	state after kmalloc-128=1063 kmalloc-64=500 maple_node=141 used=-898280 SUnreclaim=20244 =probes=0
	grows 215
	[ "$status" = 0 ]
	[ "$output" = "# used grew by 860 and 860 kB in 215 starts each" ]
	state half kmalloc-128=1062 kmalloc-64=571 maple_node=140 used=-899680 SUnreclaim=20132 =probes=0
	state after kmalloc-128=1063 kmalloc-64=643 maple_node=141 used=-899552 SUnreclaim=20244 =probes=0
	grows 215
	[ "$status" = 0 ]
	[ "$output" = "# kmalloc-64 grew by 71 and 72 in 215 starts each" ]
}
