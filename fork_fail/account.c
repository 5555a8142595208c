// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges: "account" and "after_failure", but for what is left in the tree. The
 * sums of parent and child against their VMAs; page tables and pages of a child
 * that is gone; VMAs of the parent that turn readers away after a fork; and what
 * bursts of failed forks leave committed.
 */
#include <linux/bits.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>

#include "compat_fork.h"
#include "compat_vma_lock.h"
#include "fork_fail.h"
#include "space.h"

#define FF_BURST_PAGES	16		/* charged to each child, at least */
#define FF_BURST_SIZE	12		/* VMAs of the parent besides */

/*
 * Bursts: forks that fail so and there. The first three, one of each way, are made
 * before anything else. The first VMA is one that is charged for itself.
 */
#define FF_BURSTS_FIRST	3
static const struct {
	enum ff_way way;
	enum ff_pos pos;
} ff_account_bursts[] = {
	{ FF_DUP, FF_LAST }, { FF_ACCOUNT, FF_LAST }, { FF_COPY, FF_LAST },
	{ FF_ANON_VMA, FF_FIRST }, { FF_POLICY, FF_FIRST },
	{ FF_USERFAULT, FF_FIRST }, { FF_TABLE, FF_MIDDLE },
	{ FF_COPY, FF_AFTER }, { FF_DUP, FF_MIDDLE }, { FF_ACCOUNT, FF_MIDDLE },
	{ FF_COPY, FF_MIDDLE }, { FF_DUP, FF_FIRST }, { FF_COPY, FF_FIRST },
};

/* What is left out if one of them leaks. */
static const char *const ff_account_names[FF_NR_WAYS] = {
	[FF_ACCOUNT] = "a fork failing by account",
	[FF_DUP] = "a fork failing by dup",
	[FF_POLICY] = "a fork failing by policy",
	[FF_USERFAULT] = "a fork failing by userfault",
	[FF_ANON_VMA] = "a fork failing by anon_vma",
	[FF_COPY] = "a fork failing by copy",
	[FF_TABLE] = "a fork failing by table",
};

/**
 * struct ff_account_fork - an operation of a burst
 * @p: parent
 * @plan: how its forks fail
 * @extra: pages that were mapped in between (busted)
 */
struct ff_account_fork {
	struct ff_parent *p;
	struct ff_plan plan;
	unsigned int extra;
};

/* Have the parent's VMAs turn their readers away no longer. */
static void ff_open_up(struct ff_parent *p)
{
	MA_STATE(mas, &p->mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	mmap_write_lock(p->mm);
	mas_for_each(&mas, vma, ULONG_MAX)
		if (vt_vma_excludes(vma))
			vt_vma_exclude(vma, false);
	mmap_write_unlock(p->mm);
}

/**
 * ff_account_bust() - break the promises about a parent, if the scenario shall
 * @p: parent
 * @err: what the last fork returned
 *
 * Context: the forker's, which uses the parent's mm; takes its mmap_lock.
 */
void ff_account_bust(struct ff_parent *p, int err)
{
	struct vt_run *run = p->st->run;
	struct vm_area_struct *vma;

	if (vt_busted(run, FF_BOOKS)) {
		mmap_write_lock(p->mm);
		p->mm->total_vm++;
		mmap_write_unlock(p->mm);
	}
	if (err && vt_busted(run, FF_REMAINS)) {
		mmap_write_lock(p->mm);
		vma = find_vma(p->mm, p->snap[0].start);
		if (vma)
			vt_vma_exclude(vma, true);
		mmap_write_unlock(p->mm);
	}
}

/**
 * ff_account_fork() - judge what ff_compare() took down of sums and locks
 * @p: parent
 * @err: what the fork returned
 *
 * Context: the forker's, which uses the parent's mm; takes its mmap_lock.
 */
void ff_account_fork(struct ff_parent *p, int err)
{
	struct vt_run *run = p->st->run;

	vt_look_own(run, FF_BOOKS, true);
	vt_books_judge(run, FF_BOOKS, p->mm, &p->kept[FF_BOOKS_PARENT],
		       &p->sums[FF_BOOKS_PARENT],
		       err ? "parent after a failed fork" : "parent after a fork");
	if (!err)
		vt_books_judge(run, FF_BOOKS, NULL, &p->kept[FF_BOOKS_CHILD],
			       &p->sums[FF_BOOKS_CHILD], "child");
	if (vt_busted(run, FF_BOOKS)) {
		mmap_write_lock(p->mm);
		p->mm->total_vm--;
		mmap_write_unlock(p->mm);
	}

	/* The look of this oracle at each failed fork; others look at some. */
	vt_look_own(run, FF_REMAINS, err || p->refused);
	if (p->refused && !err)
		vt_race(run, FF_REMAINS, p->mm, p->refuse_at, p->refuse, 0,
			"a fork succeeded that was refused what it needs (%s)",
			p->refuse < FF_NR_WAYS ? ff_ways[p->refuse].name : "arch");
	if (p->shut)
		vt_race(run, FF_REMAINS, p->mm, p->shut, -err, 0,
			"after a fork that returned %d, with no writer about, a VMA of the parent turns readers away",
			err);
	/*
	 * Or the next writer waits for ever. What was shut on purpose has not
	 * been taken down if the comparison ended at something else.
	 */
	if (p->shut || vt_busted(run, FF_REMAINS))
		ff_open_up(p);
}

/**
 * ff_account_end() - judge the page tables and pages of a child that is gone
 * @p: parent
 * @rec: the child's record, with a reference on its mm
 *
 * Context: may sleep; takes the lock of the child's mm.
 */
void ff_account_end(struct ff_parent *p, const struct ff_record *rec)
{
	struct vt_run *run = p->st->run;
	struct mm_struct *mm = rec->mm;

	if (vt_busted(run, FF_REMAINS))
		mm_inc_nr_ptes(mm);
	if (vt_end_judge(run, FF_REMAINS, mm, rec->failed,
			 rec->failed ? "the child of a failed fork" : "a child")) {
		vt_count(run, FF_C_ENDS, 1);
		ff_census(p, mm, "a child that is gone");
	}
	if (vt_busted(run, FF_REMAINS))
		mm_dec_nr_ptes(mm);
}

static int ff_account_once(void *arg)
{
	struct ff_account_fork *fork = arg;
	struct ff_parent *p = fork->p;
	int err;

	if (vt_busted(p->st->run, FF_BOOKS))
		ff_map_anon(FF_BASE / 4 + 2 * PAGE_SIZE * fork->extra++,
			    PAGE_SIZE);
	err = ff_fork(p, &fork->plan);
	ff_unpublish(p, err);
	/* Another fork would break more of what is broken. */
	if (!vt_busted(p->st->run, FF_BOOKS) && !ff_judge_parent(p, err))
		return -EAGAIN;
	return err && !ff_settle_all(p) ? 0 : -EAGAIN;
}

/* Arrange for the forks of a burst to fail. */
static bool ff_account_plan(struct ff_parent *p, enum ff_way way,
			    enum ff_pos pos, struct ff_plan *plan)
{
	unsigned int i, n = 0;

	ff_plan_clear(p);
	*plan = (struct ff_plan){ .way = way, .pos = pos };
	if (!(p->st->ways & BIT(way)))
		return false;
	if (way == FF_ACCOUNT) {
		if (!p->big[pos] || !ff_arm(p, pos, true))
			return false;
		p->armed = BIT(pos);
		return true;
	}
	if (pos == FF_AFTER) {
		p->refuse_arch = true;
		return p->st->probe[FF_P_ARCH].on;
	}
	while (ff_nth(p, 0, n) < p->nr)
		n++;
	if (!n)
		return false;
	i = ff_nth(p, 0, pos == FF_FIRST ? 0 : pos == FF_LAST ? n - 1 : n / 2);
	if (way == FF_TABLE)
		i = ff_wide_entry(p);
	if (i == p->nr)
		return false;
	plan->addr = p->snap[i].start;
	return ff_refuse_at(p, way, i);
}

/* Do one of the bursts, nobody else being at work in the parents. */
static void ff_account_try(struct ff_state *st, struct vt_rnd *rnd,
			   unsigned int nr)
{
	enum ff_way way = ff_account_bursts[nr].way;
	enum ff_pos pos = ff_account_bursts[nr].pos;
	struct ff_parent *p = st->parents;
	struct ff_account_fork fork = { .p = p };
	struct vt_burst burst = { .once = ff_account_once };
	enum vt_burst_result result = VT_BURST_UNSURE;
	char name[64];

	if (!(st->ways & BIT(way)))
		return;
	ff_drop_unused(p);
	if (ff_settle_all(p) ||
	    ff_raise(p, rnd, FF_BURST_SIZE,
		     BIT(FF_FIRST) | BIT(FF_MIDDLE) | BIT(FF_LAST)))
		return;
	scnprintf(name, sizeof(name), "a fork failing by %s at the %s VMA",
		  ff_ways[way].name, ff_pos_names[pos]);
	burst.name = name;
	if (!ff_map_anon(FF_BASE / 2, FF_BURST_PAGES * PAGE_SIZE)) {
		ff_snapshot(p);
		if (ff_account_plan(p, way, pos, &fork.plan))
			result = vt_burst(st->run, FF_BOOKS, p->mm, &burst,
					  &fork);
		ff_plan_end(p, &fork.plan);
		ff_plan_clear(p);
	}
	ff_drop(p);
	ff_settle_all(p);
	if (result == VT_BURST_EVEN) {
		vt_count(st->run, FF_C_EVEN, 1);
		st->even |= BIT(nr);
	}
	/* What is broken on purpose comes back with the parent. */
	if (result != VT_BURST_GROWS || vt_busted(st->run, FF_BOOKS))
		return;
	/*
	 * What a run can lose on a kernel that leaks is bounded. Of the ways that no
	 * burst judges it is not known whether they leak, too.
	 */
	st->ways &= ~(BIT(way) | BIT(FF_SIGNAL) | BIT(FF_INJECT));
	vt_left_out(st->run, ff_account_names[way]);
}

/**
 * ff_account_burst() - judge a burst of failed forks, while the others pause
 * @t: the first forker
 * @st: the scenario
 *
 * The first few come at once, the others follow each other quickly until each was
 * seen once, and slowly from then on.
 *
 * Context: @t, which uses no mm and does not hold @st->busy; sleeps.
 */
void ff_account_burst(struct vt_thread *t, struct ff_state *st)
{
	vt_quiet_write(t, &st->busy);
	do
		ff_account_try(st, &t->rnd, st->burst % ARRAY_SIZE(ff_account_bursts));
	while (++st->burst < FF_BURSTS_FIRST);
	ff_overhead_forks(st, &t->rnd);
	vt_quiet_end(t, &st->busy);
	st->burst_next = jiffies +
		(st->burst < ARRAY_SIZE(ff_account_bursts) ? HZ / 4 : 2 * HZ);
}

#define FF_REST_JIFFIES	(HZ / 8)

/**
 * ff_account_rest() - judge some of the bursts that were not seen to be even so far
 * @st: the scenario
 *
 * In a run of seconds all were. Who ends a shorter one does not want to wait for it.
 *
 * Context: all threads are gone; sleeps.
 */
void ff_account_rest(struct ff_state *st)
{
	unsigned long until = jiffies + FF_REST_JIFFIES;
	struct vt_rnd rnd;
	unsigned int i, nr;

	vt_rnd_fork(&rnd, vt_params.seed, vt_rnd_id("fork_fail account", 0));
	nr = vt_rnd_below(&rnd, ARRAY_SIZE(ff_account_bursts));
	for (i = 0; i < ARRAY_SIZE(ff_account_bursts); i++) {
		if (!(st->even & BIT(nr)) && !vt_rest_over() &&
		    time_is_after_jiffies(until))
			ff_account_try(st, &rnd, nr);
		nr = (nr + 1) % ARRAY_SIZE(ff_account_bursts);
	}
}
