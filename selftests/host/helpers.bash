# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the tests of the scripts share.

setup_file()
{
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export TOP
	# What make was given is not for these.
	unset KERNELS DURATION SCENARIOS ARGS STRICT SMP BUILD MAKEFLAGS
	unset KERNEL MUTANTS DEADLINE JOBS SOURCE
}

# A project of its own in $BATS_TEST_TMPDIR, with the real scripts but those
# named, which are replaced by stubs that succeed.
fake_project()
{
	local s
	FAKE=$BATS_TEST_TMPDIR/project
	mkdir -p "$FAKE"
	cp -r "$TOP/scripts" "$FAKE/"
	mkdir -p "$FAKE/selftests/host"
	cp "$TOP/selftests/run" "$FAKE/selftests/"
	for s; do
		stub "$s" 'exit 0'
	done
}

# stub SCRIPT BODY
stub()
{
	printf '#!/bin/bash\n%s\n' "$2" > "$FAKE/scripts/$1"
	chmod +x "$FAKE/scripts/$1"
}

# A kernel as scripts/kernels leaves it.
fake_kernel()
{
	mkdir -p "$FAKE/build/kernels/$1" "$FAKE/build/modules/$1"
	printf 'release=%s-amd64\nversion=%s\n' "$2" "$2" > "$FAKE/build/kernels/$1/info"
	echo vmlinuz > "$FAKE/build/kernels/$1/vmlinuz"
	echo ko > "$FAKE/build/modules/$1/vma_torture.ko"
}
