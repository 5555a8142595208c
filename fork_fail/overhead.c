// SPDX-License-Identifier: GPL-2.0-only
/*
 * Only in the module that scripts/bench builds: what a walker's look costs.
 */
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>

#include "fork_fail.h"

#define FF_OVERHEAD_WALKS	8
#define FF_OVERHEAD_TURNS	64	/* of a walker, from one time to the next */

/* As ff_scan(), without looking. */
static unsigned int ff_scan_bare(struct mm_struct *mm)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;
	unsigned int n = 0;

	mas_for_each(&mas, vma, ULONG_MAX)
		n++;
	return n;
}

/**
 * ff_overhead() - now and then time some looks and as many bare walks
 * @t: the walker
 * @p: parent
 * @mm: a child's mm, which has a user
 *
 * Context: sleeps; takes mmap_lock of @mm.
 */
void ff_overhead(struct vt_thread *t, struct ff_parent *p, struct mm_struct *mm)
{
	struct vt_run *run = p->st->run;
	struct ff_seen seen = {};
	unsigned int i;
	u64 t0, t1, t2;

	if (!vt_rnd_one_in(&t->rnd, FF_OVERHEAD_TURNS))
		return;
	mmap_read_lock(mm);
	/* Neither shall pay for a cold cache. */
	ff_scan_bare(mm);
	t0 = ktime_get_ns();
	for (i = 0; i < FF_OVERHEAD_WALKS; i++)
		ff_scan_bare(mm);
	t1 = ktime_get_ns();
	for (i = 0; i < FF_OVERHEAD_WALKS; i++)
		ff_scan(mm, &seen);
	t2 = ktime_get_ns();
	mmap_read_unlock(mm);

	vt_count(run, FF_C_BARE, FF_OVERHEAD_WALKS);
	vt_count(run, FF_C_BARE_NS, t1 - t0);
	vt_count(run, FF_C_CHECKED, FF_OVERHEAD_WALKS);
	vt_count(run, FF_C_CHECKED_NS, t2 - t1);
}
