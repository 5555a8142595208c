/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A look of a reader at a lane: what is in flight there, and whether a gap is one
 * that a failed replacement may leave.
 */
#ifndef MF_VIEW_H
#define MF_VIEW_H

#include <linux/compiler.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "map_fixed.h"

/**
 * struct mf_view - a lane as a look began
 * @look: the look; its range is what is in flight, or was last
 * @fails: odd: do not look
 */
struct mf_view {
	struct vt_flight_look look;
	unsigned int fails;
};

/**
 * mf_view_begin() - begin a look
 * @lane: the lane that is looked at
 * @v: what is in flight
 *
 * Return: false if a failed replacement may have left a gap: do not look.
 */
static inline bool mf_view_begin(const struct mf_lane *lane, struct mf_view *v)
{
	vt_flight_look_in(&lane->flight, &v->look);
	/* All is mapped that a failure took away. Pairs with mf_repair(). */
	v->fails = smp_load_acquire(&lane->fails);
	return !(v->fails & 1);
}

/**
 * mf_view_end() - end a look, and count it
 * @run: run
 * @kind: the oracle
 * @lane: the lane
 * @v: as the look began
 * @first: first address that was looked at
 * @last: and the last
 *
 * Return: true if the look overlapped a replacement of any of that.
 */
static inline bool mf_view_end(struct vt_run *run, enum mf_kind kind,
			       struct mf_lane *lane, struct mf_view *v,
			       unsigned long first, unsigned long last)
{
	bool exposed = vt_flight_exposed_in(&lane->flight, &v->look, first, last);

	vt_look_into(run, kind, exposed, &lane->flight, &v->look);
	return exposed;
}

/**
 * mf_wait_failed() - wait, and tell whether a gap is one that a failed
 *	replacement left
 * @lane: the lane
 * @v: as the look began
 *
 * A gap was seen. It is a race unless the replacement in flight fails, for then a
 * gap may stay. So wait for that replacement to end. Writers always end the one
 * they are in, also when they are being stopped, so this terminates.
 *
 * Context: sleeps; a race has to be reported unless it returns true.
 * Return: true if so.
 */
static inline bool mf_wait_failed(const struct mf_lane *lane,
				  const struct mf_view *v)
{
	struct vt_run *run = lane->space->run;
	u32 nr = atomic_read(&lane->flight.begun);

	/* By the end of the wait the writer is somewhere else. */
	vt_see(run);
	/* Then ->fails is as that replacement left it. */
	while (!vt_flight_over(&lane->flight, nr))
		cond_resched();
	if (READ_ONCE(lane->fails) == v->fails)
		return false;
	vt_unsee(run);
	return true;
}

#endif /* MF_VIEW_H */
