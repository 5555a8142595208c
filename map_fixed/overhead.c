// SPDX-License-Identifier: GPL-2.0-only
/*
 * Only in the module that scripts/bench builds: what a look costs beside the walk
 * it watches, and what readers cost the writer.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "map_fixed.h"
#include "view.h"

#define MF_OVERHEAD_WALKS	256
#define MF_OVERHEAD_TURNS	32	/* of a reader, from one time to the next */

/**
 * mf_overhead() - now and then time some looks and as many bare walks
 * @t: the reader, which uses the mm
 * @lane: a lane in it
 *
 * In turns in the same run, so that load and machine are the same for both.
 */
void mf_overhead(struct vt_thread *t, struct mf_lane *lane)
{
	MA_STATE(mas, &lane->space->mm->mm_mt, 0, 0);
	struct mf_view v = {};
	u64 begun, between;
	unsigned int i;

	if (!vt_rnd_one_in(&t->rnd, MF_OVERHEAD_TURNS))
		return;
	begun = ktime_get_ns();
	for (i = 0; i < MF_OVERHEAD_WALKS; i++)
		mf_look_point(t, lane);
	between = ktime_get_ns();
	for (i = 0; i < MF_OVERHEAD_WALKS; i++) {
		mas_set(&mas, mf_aim(t, lane, &v));
		rcu_read_lock();
		mas_walk(&mas);
		rcu_read_unlock();
	}
	vt_count(t->run, MF_C_BARE_NS, ktime_get_ns() - between);
	vt_count(t->run, MF_C_CHECKED_NS, between - begun);
	vt_count(t->run, MF_C_CHECKED, MF_OVERHEAD_WALKS);
	vt_count(t->run, MF_C_BARE, MF_OVERHEAD_WALKS);
}

#define MF_BESIDE	8

/**
 * mf_overhead_beside() - time replacements beside readers
 * @t: the writer, which uses the mm
 * @lane: its lane, of which all is mapped
 * @op: the range of the arena
 *
 * mf_overhead_alone() does the same when the readers are gone.
 *
 * Return: 0, or an errno after which there may be a gap.
 */
long mf_overhead_beside(struct vt_thread *t, struct mf_lane *lane,
		     const struct mf_op *op)
{
	unsigned int i;
	u64 begun;
	bool done;
	u32 nr;

	for (i = 0; i < MF_BESIDE; i++) {
		nr = vt_flight_begin_in(&lane->flight, op->start, op->end);
		begun = ktime_get_ns();
		done = mf_repair(lane);
		vt_count(t->run, MF_C_BESIDE_NS, ktime_get_ns() - begun);
		if (!done)
			WRITE_ONCE(lane->fails, lane->fails + 1);
		else
			vt_count(t->run, MF_C_REPLACEMENTS, 1);
		vt_flight_end(&lane->flight, nr);
		if (!done)
			return -ENOMEM;
		vt_count(t->run, MF_C_BESIDE, 1);
	}
	return 0;
}

#define MF_ALONE	192

/**
 * mf_overhead_alone() - time the same replacements without readers
 * @lane: a lane
 *
 * Context: a thread that uses the mm, nobody else at work.
 */
void mf_overhead_alone(struct mf_lane *lane)
{
	u64 begun = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < MF_ALONE; i++)
		if (!mf_repair(lane))
			return;
	vt_count(lane->space->run, MF_C_ALONE, MF_ALONE);
	vt_count(lane->space->run, MF_C_ALONE_NS, ktime_get_ns() - begun);
}
