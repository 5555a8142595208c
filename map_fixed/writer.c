// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers: each picks what to replace in its own lane, over and over.
 */
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "map_fixed.h"

/*
 * Shapes. Each looks at the tree as it is and picks a range.
 *
 *                 |--- A ---|--- B ---|-- C --|
 *  exact                    [         )
 *  inside           [     )
 *  straddle             [        )
 *  dozens         [                           )  after cutting it to pieces
 *  merge                [   )                    with what is mapped on its left
 */

/* The VMA at @addr, cut to the arena. False if there is none. */
static bool mf_vma_at(struct mf_lane *lane, unsigned long addr,
		      struct mf_op *op, bool *anon)
{
	struct mm_struct *mm = lane->space->mm;
	struct vm_area_struct *vma;
	bool found;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	found = vma && vma->vm_start <= addr;
	if (found) {
		op->start = max(vma->vm_start, lane->arena);
		op->end = min(vma->vm_end, lane->arena + MF_ARENA);
		*anon = !vma->vm_file;
	}
	mmap_read_unlock(mm);
	return found;
}

static unsigned long mf_random_page(struct vt_thread *t, struct mf_lane *lane)
{
	return lane->arena + vt_rnd_below(&t->rnd, MF_ARENA_PAGES) * PAGE_SIZE;
}

/* A random part of [start, end) that leaves something on both sides. */
static bool mf_shrink(struct vt_thread *t, struct mf_op *op)
{
	unsigned long pages = (op->end - op->start) >> PAGE_SHIFT;
	unsigned long from, n;

	if (pages < 3)
		return false;
	from = 1 + vt_rnd_below(&t->rnd, min(pages - 2, 64UL));
	n = 1 + vt_rnd_below(&t->rnd, min(pages - 1 - from, 64UL));
	op->start += from * PAGE_SIZE;
	op->end = op->start + n * PAGE_SIZE;
	return true;
}

static bool mf_pick_straddle(struct vt_thread *t, struct mf_lane *lane,
			     struct mf_op *op)
{
	struct mf_op left, right;
	bool anon;

	if (!mf_vma_at(lane, mf_random_page(t, lane), &left, &anon) ||
	    !mf_in_arena(lane, left.end) ||
	    !mf_vma_at(lane, left.end, &right, &anon))
		return false;
	/* The whole of a VMA of one page, else at most a part of each. */
	op->start = left.end - PAGE_SIZE *
		(1 + vt_rnd_below(&t->rnd, min((left.end - left.start) >> PAGE_SHIFT, 32UL)));
	op->end = right.start + PAGE_SIZE *
		(1 + vt_rnd_below(&t->rnd, min((right.end - right.start) >> PAGE_SHIFT, 32UL)));
	return true;
}

static long mf_do_dozens(struct vt_thread *t, struct mf_lane *lane,
			 struct mf_op *op)
{
	unsigned int i, n = 24 + vt_rnd_below(&t->rnd, 25);
	unsigned long start = lane->arena +
		vt_rnd_below(&t->rnd, MF_ARENA_PAGES - n) * PAGE_SIZE;
	long ret;

	/* Neighbours that cannot merge: each page another kind than the last. */
	for (i = 0; i < n; i++) {
		op->start = start + i * PAGE_SIZE;
		op->end = op->start + PAGE_SIZE;
		op->backing = i & 1 ? MF_FILE : vt_rnd_below(&t->rnd, 2);
		if (!vt_drawn(&mf_tables[MF_T_BACKING], MF_FILE))
			op->backing = i & 1 ? MF_SHMEM : MF_ANON;
		op->shape = MF_C_INSIDE;
		ret = mf_replace(t, lane, op);
		if (ret)
			return ret;
	}
	op->start = start;
	op->end = start + n * PAGE_SIZE;
	op->backing = vt_draw(&t->rnd, &mf_tables[MF_T_BACKING]);
	op->shape = MF_C_DOZENS;
	return mf_replace(t, lane, op);
}

static long mf_do_sparse(struct vt_thread *t, struct mf_lane *lane,
			 struct mf_op *op)
{
	unsigned int i;

	op->start = lane->arena + MF_SPARSE_OFF;
	op->end = op->start + MF_SPARSE;
	op->backing = MF_ANON;
	op->flags = MAP_NORESERVE;
	op->shape = MF_C_SPARSE;
	/* Something to unmap, far apart. */
	for (i = 0; i < 3; i++) {
		unsigned long addr = op->start + (vt_rnd_next(&t->rnd) %
			(MF_SPARSE >> PAGE_SHIFT)) * PAGE_SIZE;

		if (put_user(1ULL, (u64 __user *)addr))
			vt_count(t->run, MF_C_EFAULT, 1);
	}
	return mf_replace(t, lane, op);
}

/* The whole arena by one mapping. */
static long mf_do_whole(struct vt_thread *t, struct mf_lane *lane,
			struct mf_op *op)
{
	long ret;

	op->start = lane->arena;
	op->end = lane->arena + MF_ARENA;
	op->backing = MF_ANON;
	op->shape = MF_C_DOZENS;
	ret = mf_replace(t, lane, op);
	return ret ? ret : mf_overhead_beside(t, lane, op);
}

static long mf_write_one(struct vt_thread *t, struct mf_lane *lane)
{
	const struct vt_draw *replaces = &mf_tables[MF_T_REPLACE];
	struct mf_op op = {
		.backing = vt_draw(&t->rnd, &mf_tables[MF_T_BACKING]),
	};
	enum mf_draw draw = vt_draw(&t->rnd, replaces);
	bool anon;

	if (draw == MF_D_SPARSE && !lane->has_sparse)
		draw = MF_D_STRADDLE;
	if (draw == MF_D_STRADDLE && !mf_pick_straddle(t, lane, &op))
		draw = vt_drawn(replaces, MF_D_LIMIT) ? MF_D_LIMIT : MF_D_INSIDE;

	switch (draw) {
	case MF_D_DOZENS:
		return mf_do_dozens(t, lane, &op);
	case MF_D_WHOLE:
		return mf_do_whole(t, lane, &op);
	case MF_D_SPARSE:
		return mf_do_sparse(t, lane, &op);
	case MF_D_STRADDLE:
		op.shape = MF_C_STRADDLE;
		return mf_replace(t, lane, &op);
	case MF_D_NR:
		return 0;
	default:
		break;
	}

	if (!mf_vma_at(lane, mf_random_page(t, lane), &op, &anon))
		return 0;
	if (draw == MF_D_LIMIT)
		return mf_do_limit(t, lane, &op);
	if (draw == MF_D_LOCKED && op.end - op.start <= 8 * PAGE_SIZE)
		op.flags = MAP_LOCKED;
	if (draw != MF_D_EXACT && mf_shrink(t, &op)) {
		/* Anonymous into anonymous merges on both sides. */
		op.shape = anon && op.backing == MF_ANON ? MF_C_MERGE : MF_C_INSIDE;
		return mf_replace(t, lane, &op);
	}
	op.shape = MF_C_EXACT;
	return mf_replace(t, lane, &op);
}

/**
 * mf_writer() - the thread of a writer
 * @t: the thread; its argument is the lane
 *
 * Return: 0
 */
int mf_writer(struct vt_thread *t)
{
	struct mf_lane *lane = t->arg;

	kthread_use_mm(lane->space->mm);
	while (vt_go(t)) {
		if (lane->fails & 1) {
			/* Let others free what there is not enough of. */
			if (!mf_repair(lane))
				schedule_timeout_idle(1);
			continue;
		}
		if (vt_draw(&t->rnd, &mf_tables[MF_T_REFUSE]) == MF_DO)
			mf_abort_one(t, lane);
		if (vt_draw(&t->rnd, &mf_tables[MF_T_ACCOUNT]) == MF_DO)
			mf_account_now(lane);
		if (vt_draw(&t->rnd, &mf_tables[MF_T_CENSUS]) == MF_DO)
			mf_links_census(lane);
		if (vt_draw(&t->rnd, &mf_tables[MF_T_BURST]) == MF_DO)
			mf_burst_one(t, lane);
		mf_write_one(t, lane);
	}
	kthread_unuse_mm(lane->space->mm);
	return 0;
}
