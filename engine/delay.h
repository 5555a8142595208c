/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interruptions at random instants, as the session sees them.
 */
#ifndef VT_DELAY_H
#define VT_DELAY_H

int vt_delay_start(void);
void vt_delay_stop(void);

#endif /* VT_DELAY_H */
