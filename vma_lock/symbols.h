/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unexported functions of the kernel that only vma_lock calls.
 */
#ifndef VL_SYMBOLS_H
#define VL_SYMBOLS_H

#include "engine.h"

#define VL_SYMBOLS(X)							\
	X(sys_munmap, long, (const struct pt_regs *regs), (regs))	\
	X(sys_mlock2, long, (const struct pt_regs *regs), (regs))	\
	X(sys_munlock, long, (const struct pt_regs *regs), (regs))	\
	X(sys_mbind, long, (const struct pt_regs *regs), (regs))	\
	X(sys_set_mempolicy_home_node, long,				\
	  (const struct pt_regs *regs), (regs))				\
	X(sys_prctl, long, (const struct pt_regs *regs), (regs))	\
	X(sys_brk, long, (const struct pt_regs *regs), (regs))		\
	X(lock_mm_and_find_vma, struct vm_area_struct *,		\
	  (struct mm_struct *mm, unsigned long addr, struct pt_regs *regs), \
	  (mm, addr, regs))

VL_SYMBOLS(VT_DECLARE_SYMBOL)

extern struct vt_symbol *const vl_symbols[];

#endif /* VL_SYMBOLS_H */
