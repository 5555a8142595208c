# SPDX-License-Identifier: GPL-2.0-only
#
# The rooms of vma_lock: what changes, what looks, what judges, directed races,
# and what breaks promises on purpose.

vma_torture-y += vma_lock/vma.o vma_lock/space.o vma_lock/change.o \
		 vma_lock/writer.o vma_lock/directed.o
vma_torture-y += vma_lock/look.o vma_lock/reader.o vma_lock/fault.o \
		 vma_lock/exclusive.o vma_lock/count.o vma_lock/account.o \
		 vma_lock/relock.o vma_lock/contend.o vma_lock/contents.o vma_lock/guard.o \
		 vma_lock/hooks.o vma_lock/still.o vma_lock/page.o vma_lock/busted.o
vma_torture-y += vma_lock/trace.o vma_lock/symbols.o
vma_torture-$(vt-bench) += vma_lock/overhead.o
