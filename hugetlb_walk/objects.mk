# SPDX-License-Identifier: GPL-2.0-only
#
# The rooms of hugetlb_walk: what changes, who looks, what is a race, and what
# makes it fail on purpose.

vma_torture-y += hugetlb_walk/map.o hugetlb_walk/change.o hugetlb_walk/writer.o
vma_torture-y += hugetlb_walk/walk.o hugetlb_walk/kernel.o hugetlb_walk/reader.o
vma_torture-y += hugetlb_walk/judge.o hugetlb_walk/vma.o hugetlb_walk/owner.o hugetlb_walk/census.o \
		 hugetlb_walk/directed.o hugetlb_walk/wide.o hugetlb_walk/busted.o
vma_torture-y += hugetlb_walk/reserve.o hugetlb_walk/books.o
vma_torture-y += hugetlb_walk/trace.o hugetlb_walk/symbols.o
vma_torture-$(vt-bench) += hugetlb_walk/overhead.o
