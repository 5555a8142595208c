// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, only in the module that scripts/bench builds: what a look costs.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rwsem.h>

#include "look.h"

#define HW_OVERHEAD_TURNS	64	/* of a reader, from one time to the next */

/* The same walk under the same locks, with and without the look. */
static void hw_overhead_walks(struct vt_thread *t, struct hw_state *st,
			   const struct hw_visit *v, bool checked)
{
	unsigned long since = jiffies;
	u64 t0 = ktime_get_ns();
	unsigned int i, n = 0;

	for (i = 0; i < 8 * HW_BATCH && !hw_enough(since); i++) {
		struct rw_semaphore *rwsem;
		struct hw_look l;

		hw_look_begin(&l, v, i % HW_PAGES);
		mmap_read_lock(v->mm);
		rwsem = hw_vma_rwsem(find_vma(v->mm, HW_BASE), &st->file);
		if (rwsem) {
			down_read(rwsem);
			if (hw_look_first(&l)) {
				n++;
				l.stamp = hw_stamp(&st->file, l.idx,
						   READ_ONCE(st->file.gen[l.idx]));
				if (checked)
					hw_judge(t->run, &l, &st->file,
						 &hw_vma_lock,
						 hw_vma_lock.judges);
			}
			up_read(rwsem);
		}
		mmap_read_unlock(v->mm);
	}
	vt_count(t->run, checked ? HW_C_CHECKED_NS : HW_C_BARE_NS,
		 ktime_get_ns() - t0);
	vt_count(t->run, checked ? HW_C_CHECKED : HW_C_BARE, n);
}

/**
 * hw_overhead() - now and then measure what a look costs
 * @t: thread
 * @st: all of it
 * @v: the mm
 *
 * Context: may sleep.
 * Return: true if so.
 */
bool hw_overhead(struct vt_thread *t, struct hw_state *st,
	      const struct hw_visit *v)
{
	if (!vt_rnd_one_in(&t->rnd, HW_OVERHEAD_TURNS))
		return false;
	hw_overhead_walks(t, st, v, false);
	hw_overhead_walks(t, st, v, true);
	return true;
}
