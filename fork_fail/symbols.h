/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unexported functions of the kernel that only fork_fail calls.
 */
#ifndef FF_SYMBOLS_H
#define FF_SYMBOLS_H

#include "engine.h"

#define FF_SYMBOLS(X)							\
	X(sys_mmap, long, (const struct pt_regs *regs), (regs))		\
	X(vma_interval_tree_iter_first, struct vm_area_struct *,	\
	  (struct rb_root_cached *root, unsigned long first,		\
	   unsigned long last), (root, first, last))			\
	X(vma_interval_tree_iter_next, struct vm_area_struct *,		\
	  (struct vm_area_struct *vma, unsigned long first,		\
	   unsigned long last), (vma, first, last))

FF_SYMBOLS(VT_DECLARE_SYMBOL)

extern struct vt_symbol *const ff_symbols[];

#endif /* FF_SYMBOLS_H */
