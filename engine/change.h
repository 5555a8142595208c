/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting for another verdict.
 */
#ifndef VT_CHANGE_H
#define VT_CHANGE_H

#include <linux/poll.h>
#include <linux/types.h>

void vt_changed(void);
void vt_change_end(void);
u32 vt_change_read(void);
__poll_t vt_change_poll(struct file *file, poll_table *wait, u32 seen);

#endif /* VT_CHANGE_H */
