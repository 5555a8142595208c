/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a test, as the module and debugfs see it.
 */
#ifndef VT_SESSION_H
#define VT_SESSION_H

#include <linux/types.h>

#include "engine.h"

#define VT_MAX_SCENARIOS	8

/* All scenarios of the module, fixed after vt_session_init(). */
extern struct vt_run vt_runs[VT_MAX_SCENARIOS];
extern unsigned int vt_nr_runs;

int vt_session_init(const struct vt_scenario *const *scenarios, unsigned int nr,
		    const u32 *busted, const char *echo);
void vt_session_exit(void);
int vt_session_start(u32 mask);
void vt_session_stop(void);
void vt_session_reset(void);
void vt_session_stop_soon(void);
void vt_session_adopt(struct vt_run *run);
const struct vt_run *vt_session_adopted(void);

int vt_run_init(struct vt_run *run, const struct vt_scenario *sc, u32 busted);
void vt_run_exit(struct vt_run *run);

enum vt_verdict vt_session_verdict(void);
u64 vt_run_ms(const struct vt_run *run);
u64 vt_run_ops(const struct vt_run *run);
u64 vt_run_races(const struct vt_run *run);
u64 vt_run_exposure(const struct vt_run *run);
u64 vt_run_first_race_ms(const struct vt_run *run);
const char *vt_run_why(const struct vt_run *run, char *buf, size_t size);
bool vt_kind_present(const struct vt_run *run, unsigned int kind);

#endif /* VT_SESSION_H */
