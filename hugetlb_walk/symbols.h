/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unexported functions of the kernel that only hugetlb_walk calls.
 */
#ifndef HW_SYMBOLS_H
#define HW_SYMBOLS_H

#include "engine.h"

struct mm_walk_ops;

#define HW_SYMBOLS(X)							\
	X(sys_mincore, long, (const struct pt_regs *regs), (regs))	\
	X(walk_page_range, int,						\
	  (struct mm_struct *mm, unsigned long start, unsigned long end, \
	   const struct mm_walk_ops *ops, void *private),		\
	  (mm, start, end, ops, private))

HW_SYMBOLS(VT_DECLARE_SYMBOL)

extern struct vt_symbol *const hw_symbols[];

#endif /* HW_SYMBOLS_H */
