/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other side of a race: what the other threads of the run were doing when the
 * first of a variant was seen.
 */
#ifndef VT_OTHERS_H
#define VT_OTHERS_H

#include <linux/types.h>

struct seq_file;
struct vt_others;
struct vt_run;

struct vt_others *vt_others_ask(struct vt_run *run, u64 time_ns);
struct vt_others *vt_others_ask_seldom(struct vt_run *run, u64 time_ns);
void vt_others_keep(struct vt_others *race, u64 seq);
void vt_others_drop(struct vt_others *race);
void vt_others_warm(struct vt_run *run);
void vt_others_show(struct seq_file *m, u64 seq);
void vt_others_reset(void);
void vt_others_wait(void);

#endif /* VT_OTHERS_H */
