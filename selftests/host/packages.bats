#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # texts of scripts; a test is a subshell
# scripts/packages against the sources, and what scripts/prepare makes of it.

load helpers

@test "every command that runs on the host is in scripts/packages" {
	run "$TOP/selftests/host/commands"
	echo "$output"
	[ "$status" = 0 ]
}

@test "a command that is not in scripts/packages is found, wherever it hides" {
	local n=0 l
	while IFS= read -r l; do
		n=$((n + 1))
		printf '%s\n' "$l" > "$BATS_TEST_TMPDIR/script"
		run "$TOP/selftests/host/commands" "$BATS_TEST_TMPDIR/script"
		[ "$status" = 1 ] && [[ $output == *': frob' ]] || { echo "$l: $output"; return 1; }
	done <<-'END'
	frob --a b
	x=$(frob)
	x="$(frob a)"
	[ -z "$x" ] || frob
	if ! frob; then :; fi
	cat < <(frob)
	cat x | LC_ALL=C frob > y
	case $x in a | b) cat ;; *) frob ;; esac
	for i in 1 2; do frob; done
	at_exit 'frob $x'
	sh -c 'cd / && frob'
	stub vm 'exec frob'
	find . | xargs -n 1 frob
	timeout -k 1 10 frob
	exec env A=b frob
	[[ $(frob) == x ]]
	f() { frob; }
	a=(1 "$(frob)")
	((i > 1)) && frob
	END
	[ $n = 19 ]
	printf 'all:\n\t@frob $@\n' > "$BATS_TEST_TMPDIR/Makefile"
	run "$TOP/selftests/host/commands" "$BATS_TEST_TMPDIR/Makefile"
	[ "$status" = 1 ]
}

@test "what is no command is none" {
	cat > "$BATS_TEST_TMPDIR/script" <<-'END'
	# frob
	echo frob 'frob' "frob"; echo a > frob; x=frob
	cat <<E | sed s/a/b/
	frob
	E
	awk '{ frob() }'
	case frob in frob) ;; frob | "frob") echo ;; esac
	for x in frob; do :; done
	arr=(frob frob); frobnicate() { :; }; frobnicate
	[[ frob == frob ]]; ((frob = 1))
	END
	run "$TOP/selftests/host/commands" "$BATS_TEST_TMPDIR/script"
	echo "$output"
	[ "$status" = 0 ]
}

@test "a command that leaves the list is found again" {
	for c in rsync patch gcc flex; do
		grep -q "[[:space:]]$c\([ |]\|\$\)" "$TOP/scripts/packages"
	done
	sed 's/ rsync$//; s/ patch$//; s/ gcc|/ /' "$TOP/scripts/packages" > "$BATS_TEST_TMPDIR/packages"
	run "$TOP/selftests/host/commands" --list "$BATS_TEST_TMPDIR/packages"
	[ "$status" = 1 ]
	for c in rsync patch gcc; do
		[[ $output == *": $c"* ]] || { echo "$c: $output"; return 1; }
	done
}

# A host on which nothing is installed, of the given glibc.
bare_host()
{
	fake_project
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\n[ "$1" != --print-architecture ] || echo amd64\n' > "$BATS_TEST_TMPDIR/bin/dpkg"
	printf '#!/bin/sh\nexit 1\n' > "$BATS_TEST_TMPDIR/bin/dpkg-query"
	printf '#!/bin/sh\necho glibc %s\n' "$1" > "$BATS_TEST_TMPDIR/bin/getconf"
	printf '#!/bin/sh\nexit 127\n' > "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	export OS_RELEASE=$BATS_TEST_TMPDIR/os-release
	echo ID=debian > "$OS_RELEASE"
	chmod +x "$BATS_TEST_TMPDIR/bin/"*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

missing()
{
	run "$FAKE/scripts/prepare" --dry-run "$@"
	echo "$output"
	[ "$status" = 0 ]
	output=" $(sed -n 's/.*missing on this host: //p' <<< "$output") "
}

@test "what only the tests, or only kernels' builds want is installed for these only" {
	bare_host 2.36
	missing
	for p in gcc make python3 mmdebstrap busybox-static cpio; do
		[[ $output == *" $p "* ]] || { echo "no $p: $output"; return 1; }
	done
	for p in rsync patch bats perl flex coreutils sudo qemu-system-x86; do
		[[ $output != *" $p "* ]] || { echo "$p: $output"; return 1; }
	done
	missing --check
	for p in rsync patch perl bats procps gcc; do
		[[ $output == *" $p "* ]] || { echo "no $p: $output"; return 1; }
	done
	[[ $output != *" flex "* ]]
	missing --kernel
	for p in rsync patch perl flex bc; do
		[[ $output == *" $p "* ]] || { echo "no $p: $output"; return 1; }
	done
	[[ $output != *" bats "* ]]
}

@test "a host with a new glibc gets QEMU of its own and makes no private root" {
	bare_host 2.41
	missing --bpftrace
	[[ $output == *" qemu-system-x86 "* ]]
	[[ $output == *" bpftrace "* ]]
	[[ $output != *" mmdebstrap "* ]]
}

@test "only the tests build with W=1, which wants perl's Pod::Usage" {
	fake_project
	fake_kernel 6.12 6.12.117
	mkdir "$BATS_TEST_TMPDIR/src"
	touch "$BATS_TEST_TMPDIR/src/Kbuild"
	echo "kdir=$BATS_TEST_TMPDIR/kdir" >> "$FAKE/build/kernels/6.12/info"
	mkdir "$BATS_TEST_TMPDIR/kdir"
	printf 'modules:\n\t@echo W is $(W), for $(M); echo "  CHECK "; touch $(M)/vma_torture.ko\n' \
		> "$BATS_TEST_TMPDIR/kdir/Makefile"
	for o in '' --werror --sparse; do
		# shellcheck disable=SC2086  # an option or none
		run "$FAKE/scripts/build" --src "$BATS_TEST_TMPDIR/src" $o 6.12
		echo "$output"
		[ "$status" = 0 ]
		run grep -q 'W is 1' "$FAKE/build/modules/6.12/build.log"
		[ "$status" = $((${#o} == 0)) ] || { echo "$o"; return 1; }
	done
}
