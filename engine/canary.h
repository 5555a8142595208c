/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Canaries, as the session sees them.
 */
#ifndef VT_CANARY_H
#define VT_CANARY_H

#include <linux/types.h>

int vt_canary_start(void);
void vt_canary_stop(void);
void vt_canary_want(bool wanted);
u64 vt_canary_laps(void);
long vt_outlasts(long (*left)(void *arg), void *arg);

#endif /* VT_CANARY_H */
