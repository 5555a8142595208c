/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walkers on the address spaces of live processes.
 */
#ifndef VT_WATCH_H
#define VT_WATCH_H

#include "engine.h"

extern const struct vt_scenario watch_torture;

void vt_watch_files(void);
void vt_watch_exit(void);

#endif /* VT_WATCH_H */
