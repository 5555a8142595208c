/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads and their pacing, as the session sees them.
 */
#ifndef VT_THREAD_H
#define VT_THREAD_H

#include "engine.h"

/* Values of vt_pause. */
enum { VT_GO, VT_PAUSED, VT_STOPPING };

/* vt_thread_of(), unless that is a thread of another run. */
static inline struct vt_thread *vt_thread_in(struct task_struct *task,
					     const struct vt_run *run)
{
	struct vt_thread *t = vt_thread_of(task);

	return t && t->run == run ? t : NULL;
}

void vt_pace_set(unsigned int pause);

void vt_wait_stop(void);

void vt_threads_wake(struct vt_run *run);
void vt_threads_stop(struct vt_run *run);
void vt_threads_free(struct vt_run *run);
bool vt_threads_watch(struct vt_run *run, u64 ms);
void vt_threads_affine(struct vt_run *run, const struct cpumask *mask);

int vt_onoff_start(void);
void vt_onoff_stop(void);

#endif /* VT_THREAD_H */
