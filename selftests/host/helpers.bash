# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the tests of the scripts share.

setup_file()
{
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export TOP
	# What make was given is not for these.
	unset KERNELS DURATION SCENARIOS ARGS STRICT KNOWN KNOWN_RACES SMP VT_BUILD MAKEFLAGS
	unset SEEDS LIMIT COLD BOOT RUN GDB ALL TRIES NEED
	# The second part of scripts/torture has tests of its own.
	export DETERMINISTIC=0
	unset KERNEL MUTANT MUTANTS DEADLINE JOBS SOURCE HOURS SEED
	unset ABUSE ABUSE_SEED SLOW TRACING STRESS SWAPOFF TESTS SMOKE GENTLE MINUTES BATS BOUNDS
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
	: > "$FAKE/selftests/expect"
	for s; do
		case $s in
		# All that was asked for is there.
		kernels) stub "$s" 'for k in ${*:-6.1 6.12 7.3}; do case $k in -*) ;; *) echo "$k" ;; esac; done' ;;
		*) stub "$s" 'exit 0' ;;
		esac
	done
}

# stub SCRIPT BODY
stub()
{
	printf '#!/bin/bash\n%s\n' "$2" > "$FAKE/scripts/$1"
	chmod +x "$FAKE/scripts/$1"
}

# stub_vm BODY: a scripts/vm that finds the directory for its run in $out, made, the
# kernel in $1 and the command in $2.
stub_vm()
{
	stub vm '
		while [ $# -gt 2 ]; do
			[ "$1" = --out ] && out=$2
			shift
		done
		mkdir -p "$out"'"$1"
}

# fake_core FILE RELEASE: the memory of a guest of this kernel, as scripts/vm --dump keeps it.
fake_core()
{
	PYTHONPATH=$TOP/scripts:$TOP/selftests/host/python /usr/bin/python3 -B -c '
import sys
from pathlib import Path
import test_dump
from vt import dump
path, note = Path(sys.argv[1]), test_dump.note(sys.argv[2])
test_dump.core(path, note)
dump.add_note(path, test_dump.BASE, len(note))' "$1" "$2"
}

# A kernel as scripts/kernels leaves it.
fake_kernel()
{
	mkdir -p "$FAKE/build/kernels/$1" "$FAKE/build/modules/$1"
	printf 'release=%s-amd64\nversion=%s\npackage=%s\n' "$2" "$2" "$2" > "$FAKE/build/kernels/$1/info"
	echo vmlinuz > "$FAKE/build/kernels/$1/vmlinuz"
	echo ko > "$FAKE/build/modules/$1/vma_torture.ko"
}

# fake_image FILE RELEASE: a bzImage as far as its header goes.
fake_image()
{
	{
		head -c 514 /dev/zero
		printf 'HdrS'
		head -c 8 /dev/zero
		# Where the release is, less 512.
		printf '\0\2'
		head -c 496 /dev/zero
		printf '%s (builder) #1 SMP\0' "$2"
	} > "$1"
}

# fake_built_tree DIR RELEASE: what a configured and built kernel tree shows.
fake_built_tree()
{
	mkdir -p "$1"/{include/config,include/generated,arch/x86/boot}
	touch "$1/Makefile"
	echo "$2" > "$1/include/config/kernel.release"
	echo '#define CONFIG_64BIT 1' > "$1/include/generated/autoconf.h"
	echo '0x0 vmlinux' > "$1/Module.symvers"
	sed -n '/^[A-Z0-9]/s/^\([^ |]*\).*/CONFIG_\1=y/p' "$TOP/scripts/needed-config" > "$1/.config"
	fake_image "$1/arch/x86/boot/bzImage" "$2"
}

# fake_source_tree DIR: a kernel of two files that make "compiles" at once; each
# step goes to steps, and the image holds the sources.
fake_source_tree()
{
	mkdir -p "$1/mm" "$1/include"
	touch "$1/Kbuild"
	printf 'one\ntwo\nthree\n' > "$1/mm/mmap.c"
	printf 'uno\ndue\ntre\n' > "$1/mm/vma.c"
	fake_image "$1/header" 7.3.0-plain
	fake_built_tree "$BATS_TEST_TMPDIR/built" 7.3.0-plain
	cat > "$1/Makefile" <<-END
	.RECIPEPREFIX = >
	S := \$(CURDIR)
	all: bzImage modules
	allnoconfig:
	>@touch \$(O)/Makefile
	>@(cat $BATS_TEST_TMPDIR/built/.config; grep ^CONFIG_ \$(KCONFIG_ALLCONFIG)) | grep -v UNHEARD > \$(O)/.config
	\$(O)/%.o: \$(S)/mm/%.c
	>@echo "  CC      \$*.o"; echo \$* >> \$(O)/steps; cp \$< \$@
	bzImage: \$(O)/mmap.o \$(O)/vma.o
	>@! grep -q BROKEN \$^ || { echo "mm/vma.c:1: error: BROKEN"; exit 1; }
	>@mkdir -p \$(O)/arch/x86/boot && cat \$(S)/header \$^ > \$(O)/arch/x86/boot/bzImage
	modules:
	>@mkdir -p \$(O)/include && cp -r $BATS_TEST_TMPDIR/built/include/* \$(O)/include/
	>@echo symbols > \$(O)/Module.symvers
	END
}

# blocks MARK: the commands of all blocks of README.md and docs/ with this mark.
blocks()
{
	awk -v mark="<!-- $1 -->" '
		FNR == 1 { inside = run = marked = 0 }
		/^```/ { run = !inside && marked && /^```sh$/; inside = !inside; next }
		{ marked = $0 == mark }
		run' "$TOP/README.md" "$TOP"/docs/*.md
}
