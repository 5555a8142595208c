/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The coverage list, as the engine sees it: see coverage.c.
 */
#ifndef VT_COVERAGE_H
#define VT_COVERAGE_H

#include "engine.h"

struct seq_file;

unsigned int vt_trials_nr(const struct vt_scenario *sc);
void vt_trials_place(struct vt_run *run, unsigned int cell);
void vt_trials_forget(struct vt_run *run);
void vt_trials_narrow(struct vt_run *run);
unsigned int vt_trials_wanting(const struct vt_run *run, char *first, size_t size);
void vt_trials_list(struct seq_file *m, const struct vt_run *run);
void vt_trials_notes(struct seq_file *m, const struct vt_run *run);

#endif /* VT_COVERAGE_H */
