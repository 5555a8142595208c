/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a test, as the module and debugfs see it.
 */
#ifndef VT_SESSION_H
#define VT_SESSION_H

#include <linux/types.h>

#include "engine.h"
#include "run.h"

#define VT_MAX_SCENARIOS	8

/* All runs of the module, fixed after vt_session_init(). */
extern struct vt_run vt_runs[VT_MAX_SCENARIOS];
extern unsigned int vt_nr_runs;

int vt_session_init(const struct vt_scenario *const *scenarios, unsigned int nr,
		    const u32 *busted, const char *echo);
void vt_session_exit(void);
int vt_session_start(u32 mask);
void vt_session_stop(void);
void vt_session_reset(void);
void vt_session_begin(struct vt_run *run);
void vt_session_end(struct vt_run *run);

enum vt_verdict vt_session_verdict(void);

#endif /* VT_SESSION_H */
