// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges: "account". What an mm says is mapped and locked in it is what is mapped
 * and locked in it, a process at its RLIMIT_AS may replace its own pages,
 * replacements leave no memory committed, and an mm that ends leaves no pages, no
 * page tables and no mappings.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_context.h>
#include <linux/sched/signal.h>

#include "map_fixed.h"

static void mf_account_judge(struct mf_space *s, const struct vt_books *kept,
			     const struct vt_books *want, const char *when)
{
	vt_books_judge(s->run, MF_ACCOUNT, s->mm, kept, want, when);
}

/**
 * mf_account_now() - judge an mm's accounts at work
 * @lane: a lane in it
 *
 * Context: the lane's writer; takes the mm's lock.
 */
void mf_account_now(struct mf_lane *lane)
{
	struct mf_space *s = lane->space;
	struct vt_books kept, sum;

	if (vt_busted(s->run, MF_ACCOUNT))
		mf_account_break(lane);
	/* For write: munmap() lowers some of the sums under the lock for read. */
	mmap_write_lock(s->mm);
	vt_books_kept(s->mm, &kept);
	vt_books_sum(s->mm, &sum);
	mmap_write_unlock(s->mm);
	/* The lane's writer has replaced something since its last time. */
	vt_look_own(s->run, MF_ACCOUNT, true);
	mf_account_judge(s, &kept, &sum, "at work");
}

#define MF_LIMIT_TRIES	3

/**
 * mf_do_limit() - replace at RLIMIT_AS
 * @t: the writer, which uses the mm
 * @lane: its lane
 * @op: what to do; its shape is set here
 *
 * A process at its RLIMIT_AS may replace its own pages. The limit is this
 * thread's own, and the mm never has more than the base: a limit of just that
 * is reached whenever all is mapped.
 *
 * Return: what mf_replace() returns.
 */
long mf_do_limit(struct vt_thread *t, struct mf_lane *lane, struct mf_op *op)
{
	struct rlimit *rlim = &current->signal->rlim[RLIMIT_AS];
	unsigned long limit = lane->space->base.total_vm << PAGE_SHIFT;
	unsigned long saved = rlim->rlim_cur;
	struct vt_run *run = t->run;
	unsigned int tries;
	long ret, again;

	op->shape = MF_C_LIMIT;
	WRITE_ONCE(rlim->rlim_cur, limit);
	ret = mf_replace(t, lane, op);
	WRITE_ONCE(rlim->rlim_cur, saved);
	vt_look_own(run, MF_ACCOUNT, true);
	if (ret != -ENOMEM || lane->bumped)
		return ret;

	/*
	 * Was it the limit, or is there no memory? Only what fails each time at
	 * the limit, and never without it, was the limit.
	 */
	op->backing = MF_ANON;
	for (tries = 0; tries < MF_LIMIT_TRIES; tries++) {
		if (mf_map(lane, op, 0))
			return ret;
		WRITE_ONCE(rlim->rlim_cur, limit);
		again = mf_map(lane, op, 0);
		WRITE_ONCE(rlim->rlim_cur, saved);
		if (again != -ENOMEM)
			return ret;
	}
	if (!mf_map(lane, op, 0))
		vt_race(run, MF_ACCOUNT, lane->space->mm, op->start,
			op->end - op->start, lane->space->base.total_vm,
			"replacing 0x%lx own bytes refused at RLIMIT_AS of %ld pages",
			op->end - op->start, lane->space->base.total_vm);
	return ret;
}

static int mf_once_replace(void *arg)
{
	return mf_repair(arg) ? 0 : -ENOMEM;
}

static int mf_abort_whole(struct mf_lane *lane)
{
	return mf_abort_map(lane, 0, MF_ABORT_PAGES, NULL,
			    PROT_READ | PROT_WRITE);
}

/* By what is not accounted, and back. */
static int mf_once_shared(void *arg)
{
	struct mf_lane *lane = arg;
	int ret = mf_abort_map(lane, 0, MF_ABORT_PAGES, lane->shmem, PROT_READ);

	return ret ? ret : mf_abort_whole(lane);
}

/* A piece that is not accounted, and one that merges on both sides. */
static int mf_once_merge(void *arg)
{
	struct mf_lane *lane = arg;
	int ret = mf_abort_map(lane, MF_ABORT_FROM, MF_ABORT_TO, NULL, PROT_READ);

	return ret ? ret : mf_abort_map(lane, MF_ABORT_FROM, MF_ABORT_TO, NULL,
					PROT_READ | PROT_WRITE);
}

/* What was refused may have left a gap: fill it. */
static int mf_once_refused(struct mf_lane *lane, enum mf_refuser by)
{
	mf_abort_refused(lane, by, MF_PRIVATE, -ENODEV);
	return lane->refused ? mf_abort_whole(lane) : -EAGAIN;
}

static int mf_once_private(void *arg)
{
	return mf_once_refused(arg, MF_BY_FILE);
}

static int mf_once_late(void *arg)
{
	return mf_once_refused(arg, MF_BY_FILE_LATE);
}

static int mf_once_prepare(void *arg)
{
	return mf_once_refused(arg, MF_BY_PREPARE);
}

static const struct vt_burst mf_bursts[] = {
	[MF_L_REPLACE]	= { "a replacement", mf_once_replace },
	[MF_L_SHARED]	= { "a replacement by shared memory, and back", mf_once_shared },
	[MF_L_MERGE]	= { "a replacement that merges", mf_once_merge },
	[MF_L_PRIVATE]	= { "a refused private writable mapping", mf_once_private },
	[MF_L_LATE]	= { "one refused when it was set up", mf_once_late },
	[MF_L_PREPARE]	= { "one refused by ->mmap_prepare()", mf_once_prepare },
};

/* By whom it is refused, as what bursts see. */
static enum mf_leak mf_leak_refused(enum mf_refuser by)
{
	return by == MF_BY_FILE_LATE ? MF_L_LATE :
	       by == MF_BY_PREPARE ? MF_L_PREPARE : MF_L_PRIVATE;
}

/**
 * mf_may_refuse() - may a private writable mapping be refused here?
 * @lane: the lane
 * @by: by whom
 *
 * Not where each one more costs memory for good.
 *
 * Return: false if one of them was seen to leak, or none was judged for long.
 */
bool mf_may_refuse(struct mf_lane *lane, enum mf_refuser by)
{
	struct vt_leaks *leaks = lane->space->leaks;

	return !vt_leaky(leaks, MF_L_PRIVATE) && !vt_leaky(leaks, MF_L_LATE) &&
	       !vt_leaky(leaks, MF_L_PREPARE) &&
	       vt_may_leak(leaks, mf_leak_refused(by), MF_ABORT_TO - MF_ABORT_FROM);
}

static void mf_burst(struct mf_lane *lane, enum mf_leak what)
{
	struct mf_space *s = lane->space;

	if (!vt_leaky(s->leaks, what) && !mf_abort_whole(lane))
		vt_leaks_burst(s->run, MF_ACCOUNT, s->mm, s->leaks, what,
			       &mf_bursts[what], lane);
}

/**
 * mf_burst_one() - does some operation leave memory committed?
 * @t: the writer, which uses the mm
 * @lane: its lane
 *
 * Context: without the mm's lock.
 */
void mf_burst_one(struct vt_thread *t, struct mf_lane *lane)
{
	unsigned int drawn = vt_draw(&t->rnd, &mf_tables[MF_T_LEAK]), i, what;
	struct vt_leaks *leaks = lane->space->leaks;

	/* One that was not judged yet, while there is one. */
	for (i = 0; i < MF_NR_LEAKS && vt_judged(leaks, drawn); i++) {
		what = (drawn + i) % MF_NR_LEAKS;
		if (!vt_judged(leaks, what) &&
		    vt_drawn(&mf_tables[MF_T_LEAK], what))
			drawn = what;
	}
	if (vt_burst_due(leaks, drawn))
		mf_burst(lane, drawn);
}

/**
 * mf_whole() - map every range of a lane as one VMA, as set up
 * @lane: the lane
 *
 * Context: a thread that uses the mm, nobody else at work in the lane.
 * Return: false without memory.
 */
bool mf_whole(struct mf_lane *lane)
{
	return mf_repair(lane) && !mf_abort_whole(lane);
}

/**
 * mf_rest_space() - judge an mm's accounts at rest
 * @s: the mm
 *
 * All ranges whole again, the accounts have to be what they were.
 *
 * Context: a thread that uses the mm, nobody else at work.
 */
void mf_rest_space(struct mf_space *s)
{
	struct vt_books kept, sum;
	unsigned int i;

	for (i = 0; i < s->nr_lanes; i++)
		if (!mf_whole(s->lanes[i]))
			return;
	mmap_write_lock(s->mm);
	vt_books_kept(s->mm, &kept);
	vt_books_sum(s->mm, &sum);
	mmap_write_unlock(s->mm);
	vt_look_own(s->run, MF_ACCOUNT, true);
	mf_account_judge(s, &kept, &sum, "at rest");
	vt_look(s->run, MF_ACCOUNT, true);
	mf_account_judge(s, &kept, &s->base, "at rest, as set up");

	mf_overhead_alone(s->lanes[0]);
	if (!vt_drawn(&mf_tables[MF_T_BURST], MF_DO))
		return;
	mf_burst(s->lanes[0], MF_L_REPLACE);
	for (i = 0; i < MF_NR_LEAKS; i++)
		if (vt_drawn(&mf_tables[MF_T_LEAK], i))
			mf_burst(s->lanes[0], i);
}

/* The broken promise: the lane's shmem file is judged while it is mapped. */
static void mf_rest_break(struct mf_lane *lane)
{
	if (vt_busted(lane->space->run, MF_ACCOUNT) &&
	    !mf_abort_map(lane, 0, MF_ABORT_PAGES, lane->shmem, PROT_READ))
		vt_unmapped_judge(lane->space->run, MF_ACCOUNT, lane->shmem, 2,
				  "the shmem file");
}

/**
 * mf_rest_end() - end an mm, and judge what it leaves
 * @s: the mm
 *
 * Closes all VMAs of the lanes' files.
 *
 * Context: a thread that uses no mm, nobody else at work.
 */
void mf_rest_end(struct mf_space *s)
{
	unsigned int i;

	kthread_use_mm(s->mm);
	mf_rest_break(s->lanes[0]);
	kthread_unuse_mm(s->mm);

	vt_mm_end(s->run, MF_ACCOUNT, s->mm, true, "the mm");
	s->mm = NULL;
	/* That of the module's file is the inode of all files without one. */
	for (i = 0; i < s->nr_lanes; i++)
		vt_unmapped_judge(s->run, MF_ACCOUNT, s->lanes[i]->shmem, 1,
				  "the shmem file");
}
