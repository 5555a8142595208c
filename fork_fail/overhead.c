// SPDX-License-Identifier: GPL-2.0-only
/*
 * Only in the module that scripts/bench builds: what a walker's look costs, and
 * what a failed fork takes when nothing else is done.
 */
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>

#include "fork_fail.h"
#include "space.h"

#define FF_OVERHEAD_WALKS	8
#define FF_OVERHEAD_FORKS	64
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

/* In a child that should not have come to be. */
static int ff_no_child(void *arg)
{
	return vt_child_end();
}

/**
 * ff_overhead_forks() - time forks that fail at the last VMA, and nothing else
 * @st: the scenario
 * @rnd: random stream
 *
 * Context: the first forker's, which uses no mm; nobody else is at work in the
 * parents. Sleeps.
 */
void ff_overhead_forks(struct ff_state *st, struct vt_rnd *rnd)
{
	struct ff_parent *p = st->parents;
	struct ff_plan plan;
	unsigned int i;
	pid_t pid;
	u64 t0;

	if (!(st->ways & BIT(FF_ACCOUNT)))
		return;
	ff_drop_unused(p);
	if (ff_raise(p, rnd, ff_draw_size(rnd), BIT(FF_LAST)))
		return;
	if (ff_plan_burst(p, &plan) && plan.way == FF_ACCOUNT) {
		t0 = ktime_get_ns();
		for (i = 0; i < FF_OVERHEAD_FORKS; i++) {
			pid = vt_fork(ff_no_child, NULL);
			if (pid >= 0)
				break;
		}
		vt_count(st->run, FF_C_BARE_FORKS, i);
		vt_count(st->run, FF_C_BARE_FORKS_NS, ktime_get_ns() - t0);
		if (i < FF_OVERHEAD_FORKS)
			vt_child_wait(pid);
	}
	ff_plan_end(p, &plan);
	ff_plan_clear(p);
	ff_drop(p);
}
