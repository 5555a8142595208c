/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Before each access to memory that threads share, a unit test may let another
 * thread go on.
 */
#ifndef UNIT_STEP_H
#define UNIT_STEP_H

static void (*unit_switch)(void);

static inline void unit_step(void)
{
	if (unit_switch)
		unit_switch();
}

#endif /* UNIT_STEP_H */
