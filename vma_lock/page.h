/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The entry of a page, read by hand.
 */
#ifndef VL_PAGE_H
#define VL_PAGE_H

#include <linux/mm_types.h>
#include <linux/pgtable.h>

pte_t vl_entry(struct mm_struct *mm, unsigned long addr);

#endif /* VL_PAGE_H */
