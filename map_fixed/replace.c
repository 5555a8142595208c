// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replacements: one mmap(MAP_FIXED) over what is mapped, with what it takes before
 * and after it, and the repair of a lane in which one has failed.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>

#include "map_fixed.h"
#include "space.h"
#include "trace.h"

/* Put the generation into the pages of the file that are about to be mapped. */
static int mf_stamp_shmem(struct mf_lane *lane, pgoff_t first, pgoff_t end)
{
	struct address_space *mapping = lane->shmem->f_mapping;

	for (; first < end; first++) {
		struct page *page = shmem_read_mapping_page(mapping, first);
		u64 *stamp;

		if (IS_ERR(page))
			return PTR_ERR(page);
		stamp = kmap_local_page(page);
		WRITE_ONCE(*stamp, lane->generation);
		kunmap_local(stamp);
		set_page_dirty(page);
		put_page(page);
	}
	return 0;
}

/**
 * mf_mmap() - mmap(MAP_FIXED) in the range of a replacement
 * @file: what is mapped, or NULL
 * @op: where, and more flags
 * @prot: PROT_ flags
 * @flags: MAP_ flags, besides MAP_FIXED
 * @pgoff: first page of @file
 *
 * Context: a thread that uses the mm, without its lock.
 * Return: 0 or the errno of mmap().
 */
long mf_mmap(struct file *file, const struct mf_op *op, unsigned long prot,
	     unsigned long flags, pgoff_t pgoff)
{
	return vt_map(file, op->start, op->end - op->start, prot,
		      flags | op->flags, pgoff << PAGE_SHIFT);
}

/**
 * mf_map() - the system call itself, with all that has to be ready for it
 * @lane: the lane; its next mapping of the module's file is ready
 * @op: what to do
 * @pgoff: first page of the shmem file
 *
 * Context: the lane's writer, or nobody else at work.
 * Return: 0 or the errno of mmap().
 */
long mf_map(struct mf_lane *lane, const struct mf_op *op, pgoff_t pgoff)
{
	switch (op->backing) {
	case MF_SHMEM:
		return mf_mmap(lane->shmem, op, PROT_READ | PROT_WRITE,
			       MAP_SHARED, pgoff);
	case MF_FILE:
		return mf_mmap(lane->file, op, PROT_READ, MAP_SHARED, 0);
	default:
		return mf_mmap(NULL, op, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	}
}

/* Write the generation into some pages of an anonymous mapping. */
static void mf_stamp_anon(struct vt_thread *t, const struct mf_lane *lane,
			  const struct mf_op *op)
{
	unsigned long pages = (op->end - op->start) >> PAGE_SHIFT;
	unsigned int n = 1 + vt_rnd_below(&t->rnd, min(pages, 8UL));

	while (n--) {
		unsigned long addr = op->start +
			(vt_rnd_next(&t->rnd) % pages) * PAGE_SIZE;

		/* Without memory the page stays as it is: that is legal. */
		if (put_user(lane->generation, (u64 __user *)addr))
			vt_count(t->run, MF_C_EFAULT, 1);
	}
}

static void mf_set_gen(struct mf_lane *lane, unsigned int first,
		       unsigned int end)
{
	for (; first < end; first++)
		/* After the replacement. Pairs with mf_look_stale(). */
		smp_store_release(&lane->gen[first], lane->generation);
}

/**
 * mf_replace() - one replacement, from its preparation to what it left
 * @t: the writer, which uses the mm
 * @lane: its lane
 * @op: what to do
 *
 * Context: without the mm's lock.
 * Return: 0, or the errno of mmap(), after which there may be a gap and readers
 * keep away until mf_repair().
 */
long mf_replace(struct vt_thread *t, struct mf_lane *lane,
		const struct mf_op *op)
{
	bool arena = mf_in_arena(lane, op->start), covered = false;
	struct mm_struct *mm = lane->space->mm;
	unsigned int first = 0, end = 0;
	struct vt_run *run = t->run;
	pgoff_t pgoff = 0;
	u64 begun;
	u32 nr;
	long ret;

	vt_try(run, MF_V_REPLACE, op->shape);
	vt_try(run, MF_V_REPLACE, MF_C_ANON + op->backing);
	if (op->flags & MAP_LOCKED)
		vt_try(run, MF_V_REPLACE, MF_C_LOCKED);
	lane->generation++;
	if (arena) {
		first = mf_page_of(lane, op->start);
		end = first + ((op->end - op->start) >> PAGE_SHIFT);
		covered = mf_was_covered(lane, first, end);
	}
	if (op->backing == MF_SHMEM) {
		/* One half of the file or the other, so that offsets change. */
		pgoff = first + vt_rnd_below(&t->rnd, 2) * MF_ARENA_PAGES;
		ret = mf_stamp_shmem(lane, pgoff, pgoff + end - first);
		if (ret)
			return 0;	/* nothing was touched */
	}
	if (op->backing == MF_FILE) {
		lane->next = mf_map_new(lane);
		if (!lane->next)
			return 0;
	}

	trace_map_fixed_begin(mm, op->start, op->end, mf_counters[op->shape],
			      mf_backing_names[op->backing]);
	if (arena && vt_busted(run, MF_STALE))
		mf_set_gen(lane, first, end);	/* before it is true */
	nr = vt_flight_begin_in(&lane->flight, op->start, op->end);
	vt_did_begin(&t->did, mf_counters[op->shape], op->start, op->end);
	begun = ktime_get_ns();
	if (vt_busted(run, MF_GAP) || vt_busted(run, MF_NO_VMA))
		vm_munmap(op->start, op->end - op->start);
	ret = mf_map(lane, op, pgoff);
	vt_hist(run, MF_H_FLIGHT, ktime_get_ns() - begun);
	vt_did_end(&t->did, ret);
	if (ret)
		WRITE_ONCE(lane->fails, lane->fails + 1);
	else	/* before a walker that waits for its end counts it as caught */
		vt_count(run, MF_C_REPLACEMENTS, 1);
	/* A reader that sees it over also sees ->fails as this left it. */
	vt_flight_end(&lane->flight, nr);
	trace_map_fixed_end(mm, op->start, op->end, ret);

	if (lane->next) {
		kref_put(&lane->next->ref, mf_map_free);
		lane->next = NULL;
	}
	mf_close_late(lane);
	if (ret) {
		vt_count(run, MF_C_FAILED, 1);
		return ret;
	}

	if (arena) {
		mf_set_gen(lane, first, end);
		vt_look_own(run, MF_CLOSE_ORDER, covered);
		if (op->backing != MF_FILE)
			mf_judge_closed(lane, first, end, "after mmap()");
		if (op->backing == MF_ANON)
			mf_stamp_anon(t, lane, op);
	}
	vt_op(run);
	vt_count(run, op->shape, 1);
	vt_count(run, MF_C_ANON + op->backing, 1);
	vt_worked(run, MF_V_REPLACE, op->shape);
	vt_worked(run, MF_V_REPLACE, MF_C_ANON + op->backing);
	if (op->flags & MAP_LOCKED) {
		vt_count(run, MF_C_LOCKED, 1);
		vt_worked(run, MF_V_REPLACE, MF_C_LOCKED);
	}
	return 0;
}

/**
 * mf_repair() - make all of the arena one anonymous mapping again
 * @lane: the lane
 *
 * The sparse range is mapped again, too. If a failed replacement kept readers away,
 * they come back.
 *
 * Context: the lane's writer, or nobody else at work.
 * Return: false without memory.
 */
bool mf_repair(struct mf_lane *lane)
{
	struct mf_op op = {
		.start = lane->arena, .end = lane->arena + MF_ARENA,
	};
	bool broken = lane->fails & 1;

	lane->generation++;
	if (mf_map(lane, &op, 0))
		return false;
	mf_close_late(lane);
	mf_set_gen(lane, 0, MF_ARENA_PAGES);
	if (lane->has_sparse) {
		op.start = lane->arena + MF_SPARSE_OFF;
		op.end = op.start + MF_SPARSE;
		op.flags = MAP_NORESERVE;
		if (mf_map(lane, &op, 0))
			return false;
	}
	if (broken)
		/* All mapped again. Pairs with mf_view_begin(). */
		smp_store_release(&lane->fails, lane->fails + 1);
	return true;
}
