/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run, as the session and debugfs see it.
 */
#ifndef VT_RUN_H
#define VT_RUN_H

#include "engine.h"

int vt_run_init(struct vt_run *run, const struct vt_scenario *sc, u32 busted);
void vt_run_exit(struct vt_run *run);
int vt_run_probe(struct vt_run *run);
void vt_run_clear(struct vt_run *run);
void vt_run_forget(struct vt_run *run, bool chosen);
void vt_run_begin(struct vt_run *run);
void vt_run_end(struct vt_run *run);

u64 vt_run_ms(const struct vt_run *run);
u64 vt_run_ops(const struct vt_run *run);
u64 vt_run_races(const struct vt_run *run);
u64 vt_run_exposure(const struct vt_run *run);
u64 vt_run_met(const struct vt_run *run);
u64 vt_run_first_race_ms(const struct vt_run *run);
const char *vt_run_why(const struct vt_run *run, char *buf, size_t size);
bool vt_kind_present(const struct vt_run *run, unsigned int kind);
void vt_run_facts(const struct vt_run *run, struct vt_facts *f);

#endif /* VT_RUN_H */
