// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replacements that fail, and what they leave.
 *
 * Judges: "half_abort". What the new mapping's file refuses, or the kernel for a
 * limit, leaves the range whole or empty, and nothing else; what a VMA refuses that
 * lies in the range, or on its border, leaves it whole.
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

#include "compat.h"
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
 * The abort range: its pages that are mapped, those of them that a file is mapped
 * to, and whether one of the VMAs is detached.
 */
struct mf_abort_view {
	DECLARE_BITMAP(mapped, MF_ABORT_PAGES);
	DECLARE_BITMAP(filed, MF_ABORT_PAGES);
	bool detached;
};

/* Nobody else locks any of these VMAs. */
static void mf_abort_look(struct mf_lane *lane, struct mf_abort_view *v)
{
	MA_STATE(mas, &lane->space->mm->mm_mt, 0, 0);
	struct mm_struct *mm = lane->space->mm;
	unsigned int page;

	*v = (struct mf_abort_view){};
	mmap_read_lock(mm);
	for (page = 0; page < MF_ABORT_PAGES; page++) {
		struct vm_area_struct *vma;

		/* What the tree says: a VMA may think itself larger. */
		mas_set(&mas, mf_abort_addr(lane, page));
		vma = mas_walk(&mas);
		if (!vma)
			continue;
		__set_bit(page, v->mapped);
		if (vma->vm_file)
			__set_bit(page, v->filed);
		v->detached |= !vt_vma_count(vma);
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

/*
 * What a replacement left that failed with @ret and should have with @errno. If what
 * was mapped before (@before) refused it, nothing has been unmapped yet.
 */
static void mf_abort_judge(struct vt_run *run, struct mf_lane *lane, long ret,
			   int errno, const struct mf_abort_view *before)
{
	const unsigned int pages = MF_ABORT_TO - MF_ABORT_FROM;
	unsigned int page, inside = 0, by_file = 0;
	struct mf_abort_view v;
	unsigned long word;

	mf_abort_look(lane, &v);
	bitmap_to_arr64((u64 *)&word, v.mapped, MF_ABORT_PAGES);
	vt_look_own(run, MF_HALF_ABORT, true);
	if (ret != errno)
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), ret, errno,
			"refused with %d, mmap() returned %ld", errno, ret);
	for (page = 0; page < MF_ABORT_PAGES; page++) {
		if (page >= MF_ABORT_FROM && page < MF_ABORT_TO) {
			inside += test_bit(page, v.mapped);
			by_file += test_bit(page, v.filed) &&
				   !(before && test_bit(page, before->filed));
		} else if (!test_bit(page, v.mapped)) {
			vt_race(run, MF_HALF_ABORT, lane->space->mm,
				mf_abort_addr(lane, page), page, word,
				"neighbour's page %u is gone, mapped: 0x%lx",
				page, word);
		}
	}
	if (v.detached)
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), inside, word,
			"a detached VMA is left, mapped: 0x%lx", word);
	if (by_file || (inside && inside != pages))
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), inside, word,
			"%u of %u pages left, mapped: 0x%lx, by the refusing file: %d",
			inside, pages, word, !!by_file);
	else if (before && !bitmap_equal(v.filed, before->filed, MF_ABORT_PAGES))
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), v.filed[0],
			before->filed[0],
			"the VMA that refused was at 0x%lx, is at 0x%lx",
			before->filed[0], v.filed[0]);
}

/*
 * One that a VMA refuses which is there: it may not be split where the range begins
 * or ends (by_split), or is sealed and lies on a border or inside (by_seal). All VMAs
 * in front of it have been gathered by then, and nothing has been unmapped.
 *
 *   pages   0      4               12     16
 *           | left |  to be        | right |
 *              | v |  replaced           |      at the begin
 *                           |  v  |             inside
 *                              |   v  |         at the end
 *
 * What errno a split fails with reaches user space only in newer kernels: any will do.
 */
static void mf_abort_by_vma(struct vt_thread *t, struct mf_lane *lane,
			    enum mf_refuser by, int errno)
{
	static const u8 from[] = { MF_ABORT_TO - 2, MF_ABORT_FROM - 2,
				   MF_ABORT_TO - 2, MF_ABORT_FROM + 3 };
	unsigned int where = vt_rnd_below(&t->rnd, by == MF_BY_SEAL ? 4 : 3);
	struct mf_op op = {
		.start = mf_abort_addr(lane, from[where]),
		.end = mf_abort_addr(lane, from[where] + 4),
		.backing = MF_FILE,
	};
	struct mm_struct *mm = lane->space->mm;
	struct mf_abort_view before;
	struct vm_area_struct *vma;
	long ret;

	if (by == MF_BY_SEAL && !VT_VM_SEALED)
		return;
	lane->next = mf_map_new(lane);
	if (!lane->next)
		return;
	lane->seal = by == MF_BY_SEAL;
	ret = mf_map(lane, &op, 0);
	lane->seal = false;
	kref_put(&lane->next->ref, mf_map_free);
	lane->next = NULL;
	if (ret) {
		vt_count(t->run, MF_C_FAILED, 1);
		return;
	}
	mf_abort_look(lane, &before);

	lane->refuse = errno;
	lane->whole = by == MF_BY_SPLIT;
	lane->refused = by == MF_BY_SEAL;
	ret = mf_abort_map(lane, MF_ABORT_FROM, MF_ABORT_TO, NULL,
			   PROT_READ | PROT_WRITE);
	lane->whole = false;
	lane->refuse = 0;
	vt_tried(t->run, MF_V_REFUSER, by, lane->refused);
	if (lane->refused) {
		vt_count(t->run, MF_C_REFUSED, 1);
		if (by == MF_BY_SEAL)
			errno = -EPERM;
		else if (ret)
			errno = ret;
		mf_abort_judge(t->run, lane, ret, errno, &before);
	}
	if (by != MF_BY_SEAL)
		return;
	mmap_write_lock(mm);
	for (vma = find_vma(mm, op.start); vma && vma->vm_start < op.end;
	     vma = find_vma(mm, vma->vm_end))
		vt_vm_flags_clear(vma, VT_VM_SEALED);
	mmap_write_unlock(mm);
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
	mf_abort_judge(run, lane, ret, -ENOMEM, NULL);
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
	errno = errnos[vt_rnd_below(&t->rnd, ARRAY_SIZE(errnos))];
	if (by == MF_BY_SPLIT || by == MF_BY_SEAL) {
		mf_abort_by_vma(t, lane, by, errno);
		return;
	}
	how = vt_draw(&t->rnd, &mf_tables[MF_T_REFUSED]);
	if (how == MF_PRIVATE && !mf_may_refuse(lane, by)) {
		if (!vt_drawn(&mf_tables[MF_T_REFUSED], MF_SHARED))
			return;
		how = MF_SHARED;
	}
	ret = mf_abort_refused(lane, by, how, errno);
	if (vt_busted(t->run, MF_HALF_ABORT))
		mf_abort_break(lane);
	/* If the file was not asked, mmap() had a reason of its own. */
	if (lane->refused) {
		vt_count(t->run, MF_C_REFUSED, 1);
		mf_abort_judge(t->run, lane, ret, errno, NULL);
	}
}
