/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in flight: a writer says in its lane which range it replaces, and a
 * look of a reader finds out whether it overlapped that. Inline, for it lies on
 * the path of every look.
 */
#ifndef MF_FLIGHT_H
#define MF_FLIGHT_H

#include <linux/compiler.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "map_fixed.h"

/*
 * What readers know of a lane.
 */

/**
 * struct mf_view - a lane as a look began
 * @seq: odd: what follows is in flight
 * @fails: odd: do not look
 * @start: of what is or was in flight
 * @end: likewise
 */
struct mf_view {
	unsigned int seq;
	unsigned int fails;
	unsigned long start;
	unsigned long end;
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
	/* Pairs with the releases in mf_flight_begin() and mf_flight_end(). */
	v->seq = smp_load_acquire(&lane->seq);
	v->fails = READ_ONCE(lane->fails);
	v->start = READ_ONCE(lane->start);
	v->end = READ_ONCE(lane->end);
	/* Start and end of one replacement? Pairs with mf_flight_begin(). */
	smp_rmb();
	if (READ_ONCE(lane->seq) != v->seq)
		v->start = v->end = lane->arena;
	return !(v->fails & 1);
}

/**
 * mf_view_exposed() - did a look overlap a replacement of any of its range?
 * @lane: the lane
 * @v: as the look began
 * @first: first address that was looked at
 * @last: and the last
 *
 * Return: true if so.
 */
static inline bool mf_view_exposed(const struct mf_lane *lane,
				   const struct mf_view *v, unsigned long first,
				   unsigned long last)
{
	if ((v->seq & 1) && first < v->end && last >= v->start)
		return true;
	/* The look's loads come first. Pairs with mf_flight_begin(). */
	smp_rmb();
	if (READ_ONCE(lane->seq) == v->seq)
		return false;
	return first < READ_ONCE(lane->end) && last >= READ_ONCE(lane->start);
}

/**
 * mf_view_failed() - is a gap one that a failed replacement left?
 * @lane: the lane
 * @v: as the look began
 *
 * A gap was seen. It is a race unless the replacement under way fails, for then
 * a gap may stay. So wait until it is over; that is what every writer comes to,
 * whether it is stopped or not.
 *
 * Context: sleeps.
 * Return: true if so.
 */
static inline bool mf_view_failed(const struct mf_lane *lane,
				  const struct mf_view *v)
{
	unsigned int seq = READ_ONCE(lane->seq);

	/* By the end of the wait the writer is somewhere else. */
	vt_seen();
	/* Pairs with the release in mf_flight_end(). */
	while ((seq & 1) && smp_load_acquire(&lane->seq) == seq)
		cond_resched();
	return READ_ONCE(lane->fails) != v->fails;
}

/**
 * mf_flight_begin() - say what is about to be replaced
 * @lane: the lane
 * @start: of the range
 * @end: of the range
 *
 * Context: the lane's writer.
 */
static inline void mf_flight_begin(struct mf_lane *lane, unsigned long start,
				   unsigned long end)
{
	WRITE_ONCE(lane->seq, lane->seq + 1);
	/*
	 * Odd before anything changes, the range included: pairs with
	 * mf_view_begin() and mf_view_exposed().
	 */
	smp_wmb();
	WRITE_ONCE(lane->start, start);
	WRITE_ONCE(lane->end, end);
}

/**
 * mf_flight_end() - say that the replacement is over
 * @lane: the lane; if the replacement failed, its fails says so already
 *
 * Context: the lane's writer.
 */
static inline void mf_flight_end(struct mf_lane *lane)
{
	/* Who sees it even sees how it ended. Pairs with mf_view_failed(). */
	smp_store_release(&lane->seq, lane->seq + 1);
}

#endif /* MF_FLIGHT_H */
