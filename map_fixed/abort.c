// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replacements that fail, and what they leave.
 *
 * Judges: "half_abort". What the new mapping's file refuses, or the kernel for a
 * limit, leaves the range whole or empty, and nothing else.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>

#include "compat_vma_lock.h"
#include "map_fixed.h"

/*
 * half_abort: a replacement that its file refuses.
 *
 *   pages   0      4               12     16
 *           | left |  to be        | right |
 *                  |  replaced     |
 *
 * Before: one VMA, or one per two pages of which every second may not be
 * written, so that the replacement has VMAs to split, or many to gather.
 */

/**
 * mf_abort_map() - map part of the abort range
 * @lane: the lane
 * @from: first page, in the abort range
 * @to: first page behind it
 * @file: what is mapped, shared; or NULL: private and anonymous
 * @prot: PROT_ flags
 *
 * Context: a thread that uses the mm, without its lock.
 * Return: 0 or the errno of mmap().
 */
long mf_abort_map(struct mf_lane *lane, unsigned int from, unsigned int to,
		  struct file *file, unsigned long prot)
{
	struct mf_op op = {
		.start = mf_abort_addr(lane, from), .end = mf_abort_addr(lane, to),
	};

	return mf_mmap(file, &op, prot,
		       file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, 0);
}

/*
 * Which pages of the range are mapped, and is any mapped by the file, or by a
 * VMA that is detached? Nobody else locks any of them.
 */
static void mf_abort_look(struct mf_lane *lane, unsigned long *mapped,
			  bool *by_file, bool *detached)
{
	MA_STATE(mas, &lane->space->mm->mm_mt, 0, 0);
	struct mm_struct *mm = lane->space->mm;
	unsigned int page;

	bitmap_zero(mapped, MF_ABORT_PAGES);
	*by_file = false;
	*detached = false;
	mmap_read_lock(mm);
	for (page = 0; page < MF_ABORT_PAGES; page++) {
		struct vm_area_struct *vma;

		/* What the tree says: a VMA may think itself larger. */
		mas_set(&mas, mf_abort_addr(lane, page));
		vma = mas_walk(&mas);
		if (!vma)
			continue;
		__set_bit(page, mapped);
		*by_file |= !!vma->vm_file;
		*detached |= !vt_vma_count(vma);
	}
	mmap_read_unlock(mm);
}

/**
 * mf_abort_refused() - one replacement of the abort range that a file refuses
 * @lane: the lane
 * @by: which file, and when it does
 * @how: shared, or private and writable: only the latter is accounted
 * @errno: with which
 *
 * Context: the lane's writer, without the mm's lock.
 * Return: what mmap() returned. lane->refused tells whether the file was asked.
 */
long mf_abort_refused(struct mf_lane *lane, enum mf_refuser by,
		      enum mf_refused how, int errno)
{
	struct mf_op op = {
		.start = mf_abort_addr(lane, MF_ABORT_FROM),
		.end = mf_abort_addr(lane, MF_ABORT_TO),
	};
	long ret;

	lane->refuse = errno;
	lane->late = by == MF_BY_FILE_LATE;
	lane->refused = false;
	ret = mf_mmap(by == MF_BY_PREPARE ? lane->shy : lane->file, &op,
		      how == MF_PRIVATE ? PROT_READ | PROT_WRITE : PROT_READ,
		      how == MF_PRIVATE ? MAP_PRIVATE : MAP_SHARED, 0);
	lane->refuse = 0;
	lane->late = false;
	vt_tried(lane->space->run, MF_V_REFUSER, by, lane->refused);
	vt_tried(lane->space->run, MF_V_REFUSED, how, lane->refused);
	return ret;
}

static void mf_abort_judge(struct vt_run *run, struct mf_lane *lane, long ret,
			   int errno)
{
	DECLARE_BITMAP(mapped, MF_ABORT_PAGES);
	unsigned int page, inside = 0;
	bool by_file, detached;
	unsigned long word;

	mf_abort_look(lane, mapped, &by_file, &detached);
	bitmap_to_arr64((u64 *)&word, mapped, MF_ABORT_PAGES);
	vt_look_own(run, MF_HALF_ABORT, true);
	if (ret != errno)
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), ret, errno,
			"refused with %d, mmap() returned %ld", errno, ret);
	for (page = 0; page < MF_ABORT_PAGES; page++) {
		if (page >= MF_ABORT_FROM && page < MF_ABORT_TO)
			inside += test_bit(page, mapped);
		else if (!test_bit(page, mapped))
			vt_race(run, MF_HALF_ABORT, lane->space->mm,
				mf_abort_addr(lane, page), page, word,
				"neighbour's page %u is gone, mapped: 0x%lx",
				page, word);
	}
	if (detached)
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), inside, word,
			"a detached VMA is left, mapped: 0x%lx", word);
	if (by_file || (inside && inside != MF_ABORT_TO - MF_ABORT_FROM))
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), inside, word,
			"%u of %u pages left, mapped: 0x%lx, by the refusing file: %d",
			inside, MF_ABORT_TO - MF_ABORT_FROM, word, by_file);
}

/*
 * One that the kernel itself refuses: the mm is above its RLIMIT_AS, and the
 * replacement asks for more pages than it replaces. The limit is this thread's
 * own. Nobody promises that the kernel refuses; where it does not, there is
 * nothing to judge.
 */
static void mf_abort_at_limit(struct vt_run *run, struct mf_lane *lane)
{
	struct rlimit *rlim = &current->signal->rlim[RLIMIT_AS];
	unsigned long saved = rlim->rlim_cur;
	long ret;

	WRITE_ONCE(rlim->rlim_cur, PAGE_SIZE);
	ret = mf_abort_map(lane, MF_ABORT_FROM, MF_ABORT_TO, NULL, PROT_READ);
	WRITE_ONCE(rlim->rlim_cur, saved);
	/* Asked for is enough, as there is nothing that has to refuse it. */
	vt_tried(run, MF_V_REFUSER, MF_BY_LIMIT, true);
	if (!ret)
		return;
	vt_count(run, MF_C_REFUSED, 1);
	mf_abort_judge(run, lane, ret, -ENOMEM);
}

/**
 * mf_abort_one() - have a replacement fail, and judge what it leaves
 * @t: the writer, which uses the mm
 * @lane: its lane
 */
void mf_abort_one(struct vt_thread *t, struct mf_lane *lane)
{
	static const int errnos[] = {
		-ENODEV, -EPERM, -EACCES, -ENOMEM, -EAGAIN, -EINVAL, -EIO,
	};
	enum mf_refuser by;
	enum mf_refused how;
	unsigned int page;
	int errno;
	long ret;

	/* The replacement that must work after the last one that did not. */
	if (mf_abort_map(lane, 0, MF_ABORT_PAGES, NULL, PROT_READ | PROT_WRITE)) {
		vt_count(t->run, MF_C_FAILED, 1);
		return;
	}
	if (vt_draw(&t->rnd, &mf_tables[MF_T_LAID]) == MF_LAID_PIECES) {
		for (page = 0; page < MF_ABORT_PAGES; page += 4)
			if (mf_abort_map(lane, page, page + 2, NULL, PROT_READ))
				return;
	}

	by = vt_draw(&t->rnd, &mf_tables[MF_T_REFUSER]);
	if (by == MF_BY_LIMIT) {
		mf_abort_at_limit(t->run, lane);
		return;
	}
	how = vt_draw(&t->rnd, &mf_tables[MF_T_REFUSED]);
	if (how == MF_PRIVATE && !mf_may_refuse(lane, by)) {
		if (!vt_drawn(&mf_tables[MF_T_REFUSED], MF_SHARED))
			return;
		how = MF_SHARED;
	}
	errno = errnos[vt_rnd_below(&t->rnd, ARRAY_SIZE(errnos))];
	ret = mf_abort_refused(lane, by, how, errno);
	if (vt_busted(t->run, MF_HALF_ABORT))
		mf_abort_break(lane);
	/* If the file was not asked, mmap() had a reason of its own. */
	if (lane->refused) {
		vt_count(t->run, MF_C_REFUSED, 1);
		mf_abort_judge(t->run, lane, ret, errno);
	}
}
