/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unexported functions of the kernel that only fork_fail calls.
 */
#ifndef FF_SYMBOLS_H
#define FF_SYMBOLS_H

#include "engine.h"

#define FF_SYMBOLS(X)							\
	X(sys_mmap, long, (const struct pt_regs *regs), (regs))

FF_SYMBOLS(VT_DECLARE_SYMBOL)

extern struct vt_symbol *const ff_symbols[];

#endif /* FF_SYMBOLS_H */
