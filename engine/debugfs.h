/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /sys/kernel/debug/vma_torture
 */
#ifndef VT_DEBUGFS_H
#define VT_DEBUGFS_H

#include <linux/types.h>

struct file_operations;

void vt_debugfs_init(u32 default_mask);
void vt_debugfs_file(const char *name, umode_t mode,
		     const struct file_operations *fops);
int vt_debugfs_complete(void);
void vt_debugfs_exit(void);

/* Names of scenarios to bits, as the module's parameter has them. */
int vt_scenario_mask(const char *list, u32 *mask);

#endif /* VT_DEBUGFS_H */
