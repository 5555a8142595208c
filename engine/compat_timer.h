/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift: timers.
 */
#ifndef VT_COMPAT_TIMER_H
#define VT_COMPAT_TIMER_H

#include <linux/hrtimer.h>

/**
 * vt_hrtimer_setup() - prepare a high resolution timer that is not yet started
 * @timer: timer
 * @fire: what it calls
 * @clock: the clock it runs by
 * @mode: as hrtimer_start() will be given it
 */
static inline void vt_hrtimer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*fire)(struct hrtimer *),
				    clockid_t clock, enum hrtimer_mode mode)
{
#ifdef VT_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, fire, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = fire;
#endif
}

#endif /* VT_COMPAT_TIMER_H */
