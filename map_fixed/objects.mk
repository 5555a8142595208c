# SPDX-License-Identifier: GPL-2.0-only
#
# The rooms of map_fixed: what changes, what looks and judges, and what breaks
# promises on purpose.

vma_torture-y += map_fixed/file.o map_fixed/replace.o map_fixed/writer.o
vma_torture-y += map_fixed/look.o map_fixed/abort.o map_fixed/account.o map_fixed/links.o \
		 map_fixed/busted.o
vma_torture-y += map_fixed/trace.o
vma_torture-$(vt-bench) += map_fixed/overhead.o
