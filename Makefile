# SPDX-License-Identifier: GPL-2.0-only
# For people; kbuild itself reads the Kbuild file beside this one.

# Kbuild cannot do it anyhow.
ifneq ($(words $(CURDIR))$(findstring :,$(CURDIR)),1)
$(error vma_torture cannot live in a path with blanks or colons, and this is '$(CURDIR)')
endif

# Only one that was given is the kernel to torture.
ifdef KDIR
export KDIR
endif
KDIR ?= /lib/modules/$(shell uname -r)/build
# Not every shell expands the ~ of `make KDIR=~/x`.
override KDIR := $(patsubst ~/%,$(HOME)/%,$(KDIR))

all: modules

modules modules_install:
	$(MAKE) -C $(KDIR) M=$(CURDIR) $@

clean:
	@if [ -d $(KDIR) ]; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi
	@if [ -f selftests/Makefile ]; then $(MAKE) -C selftests clean; fi

# Only what the scripts made: they know it by a mark.
distclean: clean
	@scripts/prepare --remove

clean-runs:
	@scripts/clean-runs

# Variables given to make reach the scripts by the environment.
export KERNELS DURATION SCENARIOS ARGS STRICT SMP VT_BUILD
export KERNEL_TREE KERNEL_IMAGE SERIES DUMP PATCHES VM
export KERNEL MUTANT MUTANTS DEADLINE JOBS SOURCE HOURS SEED
export CORPUS DETERMINISTIC SEEDS LIMIT COLD BOOT RUN GDB AGAIN ALL TRIES NEED
export ABUSE ABUSE_SEED TRACING STRESS SWAPOFF DAYS TESTS SMOKE GENTLE MINUTES BATS

torture:
	@scripts/torture

explore:
	@scripts/explore

compare:
	@scripts/compare $(if $(A),'$(A)') $(if $(B),'$(B)')

report:
	@scripts/report $(if $(filter-out 0,$(BOUNDS)),--bounds) $(if $(RUN),'$(RUN)')

replay:
	@scripts/replay

minimise:
	@scripts/minimise

corpus:
	@scripts/corpus

check:
	@scripts/check

quick:
	@scripts/check --quick

bench:
	@scripts/bench

mutation:
	@scripts/mutation

soak:
	@scripts/soak

overnight:
	@scripts/overnight

help:
	@echo 'make                  build vma_torture.ko for the running kernel'
	@echo '                      (KDIR=DIR: for the kernel of that build tree)'
	@echo 'make modules_install  install it (root)'
	@echo 'make torture          torture stock kernels in guests: KERNELS="6.1 6.12 7"'
	@echo '                      (and 6.12-rt, 6.12-cloud, ...; 7 is the newest 7.x)'
	@echo '                      DURATION=30 SCENARIOS=a,b ARGS="name=value ..." STRICT=1'
	@echo '                      AGAIN=build/runs/X: as that run was; DUMP=1: a crash dump of its race'
	@echo '                      or yours: KERNEL_TREE=DIR, or KDIR=DIR [KERNEL_IMAGE=FILE];'
	@echo '                      KERNEL_TREE="DIR DIR"; KERNEL_TREE=DIR SERIES=BASE..HEAD'
	@echo '                      (built ones: scripts/build-kernel, KERNELS=7.3-debug)'
	@echo 'make explore          search in deterministic guests, a seed each: KERNELS= SCENARIOS='
	@echo '                      SEEDS=100 SEED=1 DURATION=5 JOBS=N COLD=1 (docs/deterministic.md)'
	@echo 'make replay           the same again, and both sides of its first race: RUN=build/runs/X GDB=1'
	@echo 'make minimise         leave out operations as long as the race of a run comes: RUN=build/runs/X'
	@echo '                      TRIES=5 NEED=3 DURATION=5 ALL=1'
	@echo 'make corpus           races that seeds once showed: are they still? KERNELS="6.1 6.12"'
	@echo 'make report           its races that are not known, as mails: RUN=build/runs/X [BOUNDS=1]'
	@echo 'make compare          two runs side by side: A=build/runs/X B=build/runs/Y'
	@echo 'make check            all tests: sources, builds, guests (ABUSE=N: abuse N times as long)'
	@echo '                      KERNELS=7.3 TESTS="map_fixed watch": only these, only there'
	@echo 'make quick            the newest kernel, one guest, what changed: a minute and a half'
	@echo 'make bench            what the oracles and threads cost, in one guest'
	@echo 'make mutation         kernels that break a promise each: are all found? (half an hour)'
	@echo '                      KERNEL=7.3 MUTANTS="name ..." DEADLINE=60'
	@echo 'make soak             random parameters for hours, memory at rest: HOURS=1 (each kernel)'
	@echo '                      KERNELS="6.1 6.12 7" SEED=N JOBS=1 SCENARIOS=a,b STRICT=1'
	@echo 'make overnight        all that takes long in turn, and one report; goes on where it was'
	@echo '                      HOURS=8 JOBS=N KERNELS="6.1 6.12 7" SEED=N'
	@echo 'make clean            remove what make built here'
	@echo 'make clean-runs       remove the runs kept in build/runs (DAYS=N: older than that)'
	@echo 'make distclean        and build/, with kernels and the private root'

.PHONY: all modules modules_install clean clean-runs distclean torture explore compare report replay minimise corpus check quick bench mutation soak overnight help
