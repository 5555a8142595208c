/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading memory that may be gone: see nofault.c.
 */
#ifndef VT_NOFAULT_H
#define VT_NOFAULT_H

#include <linux/types.h>

bool vt_read_nofault(const void *p, unsigned long *word);

#endif /* VT_NOFAULT_H */
