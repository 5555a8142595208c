/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private address spaces, and files of the module to map into them.
 */
#ifndef VT_SPACE_H
#define VT_SPACE_H

#include <linux/fs.h>
#include <linux/mm_types.h>

#include "symbols.h"

/* What a scenario needs to have private address spaces. */
#define VT_NEED_SPACE	VT_NEED(mm_alloc), VT_NEED(arch_pick_mmap_layout)

static inline bool vt_has_space(void)
{
	return vt_has(mm_alloc) && vt_has(arch_pick_mmap_layout);
}

struct mm_struct *vt_mm_new(void);
void vt_mm_put(struct mm_struct *mm);

long vt_map(struct file *file, unsigned long addr, unsigned long len,
	    unsigned long prot, unsigned long flags, unsigned long off);

/* What a scenario needs to have children. */
#define VT_NEED_FORK	VT_NEED(kernel_clone), VT_NEED(do_exit), VT_NEED(kernel_wait)

pid_t vt_fork(int (*fn)(void *arg), void *arg);
int vt_child_end(void);
void vt_child_wait(pid_t pid);

struct file *vt_file_new(const struct file_operations *fops, void *priv);
bool vt_file_put(struct file *file);

/* How long the end of a test waits for all that is to come back, in seconds. */
#define VT_REST_SECS	10
#define VT_REST_GRACE	4

void vt_rest_begin(bool first);
void vt_rest_pin(void);
void vt_rest_unpin(void);
bool vt_rest_over(void);
bool vt_rest_sure(void);
bool vt_rest_kept(void);

#endif /* VT_SPACE_H */
