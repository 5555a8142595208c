// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges: "account". What an mm says is mapped and locked in it is what is mapped
 * and locked in it, a process at its RLIMIT_AS may replace its own pages, and
 * replacements leave no memory committed.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>

#include "map_fixed.h"

/*
 * account: the sums the mm keeps against the mappings there are. With the mmap
 * lock held they have to agree at any time.
 */
static void mf_account_sum(struct mm_struct *mm, struct mf_base *sum)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	*sum = (struct mf_base){};
	mas_for_each(&mas, vma, ULONG_MAX) {
		sum->map_count++;
		sum->total_vm += vma_pages(vma);
		if (vma->vm_flags & VM_LOCKED)
			sum->locked_vm += vma_pages(vma);
	}
}

/**
 * mf_account_kept() - take down what an mm says is mapped in it
 * @mm: the mm
 * @kept: where to
 *
 * Context: with the mm's lock, or nobody else at work.
 */
void mf_account_kept(const struct mm_struct *mm, struct mf_base *kept)
{
	kept->map_count = mm->map_count;
	kept->total_vm = mm->total_vm;
	kept->locked_vm = mm->locked_vm;
}

static void mf_account_judge(struct mf_space *s, const struct mf_base *kept,
			     const struct mf_base *want, const char *when)
{
	vt_look(s->run, MF_ACCOUNT, true);
	if (kept->map_count != want->map_count)
		vt_race(s->run, MF_ACCOUNT, s->mm, 0, kept->map_count,
			want->map_count, "%s: map_count %ld, VMAs %ld", when,
			kept->map_count, want->map_count);
	if (kept->total_vm != want->total_vm)
		vt_race(s->run, MF_ACCOUNT, s->mm, 0, kept->total_vm,
			want->total_vm, "%s: total_vm %ld, pages mapped %ld",
			when, kept->total_vm, want->total_vm);
	if (kept->locked_vm != want->locked_vm)
		vt_race(s->run, MF_ACCOUNT, s->mm, 0, kept->locked_vm,
			want->locked_vm, "%s: locked_vm %ld, pages locked %ld",
			when, kept->locked_vm, want->locked_vm);
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
	struct mf_base kept, sum;

	if (vt_busted(s->run, MF_ACCOUNT))
		mf_account_break(lane);
	mmap_read_lock(s->mm);
	mf_account_kept(s->mm, &kept);
	mf_account_sum(s->mm, &sum);
	mmap_read_unlock(s->mm);
	mf_account_judge(s, &kept, &sum, "at work");
}

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
	unsigned long saved = rlim->rlim_cur;
	struct vt_run *run = t->run;
	long ret, again;

	op->shape = MF_C_LIMIT;
	WRITE_ONCE(rlim->rlim_cur, lane->space->base.total_vm << PAGE_SHIFT);
	ret = mf_replace(t, lane, op);
	WRITE_ONCE(rlim->rlim_cur, saved);
	vt_look(run, MF_ACCOUNT, true);
	if (ret != -ENOMEM || lane->bumped)
		return ret;

	/* Was it the limit, or is there no memory? */
	op->backing = MF_ANON;
	again = mf_map(lane, op, 0);
	if (!again)
		vt_race(run, MF_ACCOUNT, lane->space->mm, op->start,
			op->end - op->start, lane->space->base.total_vm,
			"replacing 0x%lx own bytes refused at RLIMIT_AS of %ld pages",
			op->end - op->start, lane->space->base.total_vm);
	return ret;
}

/*
 * At rest, all ranges whole again, the accounts have to be what they were. And
 * committed memory, which is of the whole machine, must not grow with
 * replacements: the same burst three times has to grow it three times by the
 * same amount, at least a page each, before it is called a leak.
 */
#define MF_BURST	64

/**
 * mf_whole() - map every range of a lane as one VMA, as set up
 * @lane: the lane
 *
 * Context: a thread that uses the mm, nobody else at work in the lane.
 * Return: false without memory.
 */
bool mf_whole(struct mf_lane *lane)
{
	return mf_repair(lane) &&
	       !mf_abort_map(lane, 0, MF_ABORT_PAGES, NULL,
			     PROT_READ | PROT_WRITE);
}

static bool mf_burst(struct mf_lane *lane, long *grown)
{
	unsigned long before = vm_memory_committed();
	u64 begun = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < MF_BURST; i++)
		if (!mf_repair(lane))
			return false;
	vt_count(lane->space->run, MF_C_ALONE, MF_BURST);
	vt_count(lane->space->run, MF_C_ALONE_NS, ktime_get_ns() - begun);
	/* By what is not accounted, and back. */
	for (i = 0; i < MF_BURST; i++)
		if (mf_abort_map(lane, 0, MF_ABORT_PAGES, lane->shmem, PROT_READ) ||
		    mf_abort_map(lane, 0, MF_ABORT_PAGES, NULL,
				 PROT_READ | PROT_WRITE))
			return false;
	*grown = vm_memory_committed() - before;
	return true;
}

/**
 * mf_rest_space() - judge an mm's accounts at rest
 * @s: the mm
 *
 * Context: a thread that uses the mm, nobody else at work.
 */
void mf_rest_space(struct mf_space *s)
{
	struct mf_base kept, sum;
	long grown[3] = {};
	unsigned int i;

	for (i = 0; i < s->nr_lanes; i++)
		if (!mf_whole(s->lanes[i]))
			return;
	mmap_read_lock(s->mm);
	mf_account_kept(s->mm, &kept);
	mf_account_sum(s->mm, &sum);
	mmap_read_unlock(s->mm);
	mf_account_judge(s, &kept, &sum, "at rest");
	mf_account_judge(s, &kept, &s->base, "at rest, as set up");

	for (i = 0; i < ARRAY_SIZE(grown); i++)
		if (!mf_burst(s->lanes[0], &grown[i]))
			return;
	vt_look(s->run, MF_ACCOUNT, true);
	if (grown[0] >= MF_BURST && grown[0] == grown[1] && grown[1] == grown[2])
		vt_race(s->run, MF_ACCOUNT, s->mm, 0, grown[0], MF_BURST,
			"%u replacements left %ld pages committed", MF_BURST,
			grown[0]);
}
