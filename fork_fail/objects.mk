# SPDX-License-Identifier: GPL-2.0-only
#
# The rooms of fork_fail: what changes, what looks and judges, and what breaks
# promises on purpose.

vma_torture-y += fork_fail/parent.o fork_fail/fork.o fork_fail/plan.o \
		 fork_fail/refuse.o fork_fail/mix.o fork_fail/hold.o \
		 fork_fail/child.o
vma_torture-y += fork_fail/walk.o fork_fail/compare.o fork_fail/leak.o \
		 fork_fail/account.o fork_fail/census.o \
		 fork_fail/balance.o fork_fail/calibrate.o fork_fail/busted.o
vma_torture-y += fork_fail/trace.o fork_fail/symbols.o
vma_torture-$(vt-bench) += fork_fail/overhead.o
