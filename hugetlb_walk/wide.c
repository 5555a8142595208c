// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, mappings of several PUDs: two mms share three page tables, one of
 * them makes its mapping read-only, which goes from table to table, or splits it at a
 * seam of two, and each of the tables is looked at.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "compat_hugetlb.h"
#include "look.h"
#include "space.h"
#include "symbols.h"

#define HW_WIDE_LEN	(HW_WIDE_PUDS * PUD_SIZE)

/* The pages in use: on both sides of both seams. */
static const unsigned int hw_wide_at[HW_PAGES] = {
	PTRS_PER_PMD - 1, PTRS_PER_PMD, 2 * PTRS_PER_PMD - 1, 2 * PTRS_PER_PMD,
};

static unsigned long hw_wide_addr(unsigned int i)
{
	return hw_addr(hw_wide_at[i]);
}

/**
 * hw_wide_op() - is this an operation of the mappings of several PUDs?
 * @op: operation
 *
 * Context: any.
 */
bool hw_wide_op(enum hw_op op)
{
	return op == HW_WIDE_PROTECT || op == HW_WIDE_CUT;
}

/**
 * hw_wide_open() - make the mms that share several page tables
 * @st: all of it, its files open
 *
 * Context: may sleep.
 * Return: 0 or an errno.
 */
int hw_wide_open(struct hw_state *st)
{
	struct hw_wide *wide = &st->wide;

	wide->mm = hw_mm_new(&wide->file, HW_BASE, HW_WIDE_LEN, MAP_NORESERVE);
	wide->other = hw_mm_new(&wide->file, HW_BASE, HW_WIDE_LEN, MAP_NORESERVE);
	return wide->mm && wide->other ? 0 : -ENOMEM;
}

/**
 * hw_wide_close() - drop these mms
 * @st: all of it
 *
 * Context: may sleep; the writers are gone.
 */
void hw_wide_close(struct hw_state *st)
{
	struct hw_wide *wide = &st->wide;

	if (wide->mm)
		hw_mm_put(st->run, wide->mm);
	if (wide->other)
		hw_mm_put(st->run, wide->other);
	wide->mm = NULL;
	wide->other = NULL;
}

/* Read a page, and judge whose it is. Return: false if there is none. */
static bool hw_wide_read(struct hw_state *st, struct mm_struct *mm,
			 unsigned int i, u64 *seen)
{
	const struct hw_file *f = &st->wide.file;

	if (get_user(*seen, (u64 __user *)hw_wide_addr(i))) {
		hw_no_page(st->run);
		return false;
	}
	vt_look(st->run, HW_WRONG_FOLIO, false);
	if (!hw_stamp_fits(f, i, *seen))
		vt_race(st->run, HW_WRONG_FOLIO, mm, hw_wide_addr(i), *seen,
			hw_stamp(f, i, 0),
			"0x%llx is read in page %u, of table %u of several", *seen,
			hw_wide_at[i], hw_wide_at[i] / (unsigned int)PTRS_PER_PMD);
	return true;
}

/* Read, and stamp what is new. Context: the mm is in use. Return: all are there. */
static bool hw_wide_touch(struct hw_state *st, struct mm_struct *mm)
{
	struct hw_file *f = &st->wide.file;
	unsigned int i;
	u64 seen;

	for (i = 0; i < HW_PAGES; i++) {
		u64 __user *p = (u64 __user *)hw_wide_addr(i);

		if (!hw_wide_read(st, mm, i, &seen))
			return false;
		if (!seen && put_user(hw_stamp(f, i, f->gen[i]), p))
			return false;
	}
	return true;
}

/* What the entry of a page is now. Context: i_mmap_rwsem held. */
static bool hw_wide_look(struct mm_struct *mm, unsigned int i, struct hw_look *l)
{
	pud_t *pudp = hw_pudp(mm, hw_wide_addr(i));

	*l = (struct hw_look){ .mm = mm, .pudp = pudp, .idx = hw_wide_at[i] };
	l->table = pudp ? hw_table(pudp) : NULL;
	if (!l->table)
		return false;
	l->shared = vt_pmd_sharers(virt_to_page(l->table)) > 0;
	l->entry = __pte(hw_word(&l->table[l->idx % PTRS_PER_PMD]));
	return true;
}

/* Do the two share all tables? */
static bool hw_wide_shared(struct hw_state *st)
{
	struct hw_wide *wide = &st->wide;
	struct hw_look mine, other;
	bool shared = true;
	unsigned int i;

	i_mmap_lock_read(wide->file.mapping);
	for (i = 0; shared && i < HW_PAGES; i++)
		shared = hw_wide_look(wide->mm, i, &mine) &&
			 hw_wide_look(wide->other, i, &other) &&
			 mine.table == other.table;
	i_mmap_unlock_read(wide->file.mapping);
	return shared;
}

/* Both map all of it. Return: and share all tables. */
static bool hw_wide_fresh(struct hw_state *st)
{
	struct hw_wide *wide = &st->wide;
	bool there;

	kthread_use_mm(wide->other);
	there = hw_wide_touch(st, wide->other);
	kthread_unuse_mm(wide->other);
	if (!there)
		return false;
	kthread_use_mm(wide->mm);
	there = !hw_map(&wide->file, HW_BASE, HW_WIDE_LEN, MAP_NORESERVE) &&
		hw_wide_touch(st, wide->mm);
	kthread_unuse_mm(wide->mm);
	return there && hw_wide_shared(st);
}

/* The counts and splits, and the locks of the pieces. */
static void hw_wide_census(struct hw_state *st)
{
	u32 kinds;

	i_mmap_lock_write(st->wide.file.mapping);
	kinds = hw_census(st->run, &st->wide.file, 2, true);
	i_mmap_unlock_write(st->wide.file.mapping);
	vt_met_first(st->run, kinds & ~BIT(HW_LOCK_OWNER));
	hw_look_owners(st->run, st->wide.mm);
}

/* No entry below a mapping that is read-only may be written to. */
static void hw_wide_judge_writable(struct hw_state *st)
{
	struct hw_wide *wide = &st->wide;
	struct vm_area_struct *vma;
	bool judged = false;
	unsigned int i;

	mmap_read_lock(wide->mm);
	vma = find_vma(wide->mm, HW_BASE);
	if (vma && vma->vm_start == HW_BASE && vma->vm_end == HW_BASE + HW_WIDE_LEN) {
		i_mmap_lock_read(wide->file.mapping);
		for (i = 0; i < HW_PAGES; i++) {
			struct hw_look l;

			if (hw_wide_look(wide->mm, i, &l))
				judged |= hw_judge_writable(st->run, &l,
							    vma->vm_flags, true);
		}
		i_mmap_unlock_read(wide->file.mapping);
	}
	mmap_read_unlock(wide->mm);
	vt_look_own(st->run, HW_WRITABLE, judged);
}

static long hw_wide_protect(struct hw_state *st)
{
	struct hw_wide *wide = &st->wide;
	unsigned int i;
	u64 seen;
	long ret;

	ret = vt_syscall(sys_mprotect, HW_BASE, HW_WIDE_LEN, PROT_READ);
	if (ret)
		return ret;
	/* What mprotect() left, and what there is when both have touched it. */
	hw_wide_judge_writable(st);
	for (i = 0; i < HW_PAGES; i++)
		if (hw_wide_read(st, wide->mm, i, &seen))
			hw_fault(wide->other, hw_wide_addr(i));
	hw_wide_judge_writable(st);
	hw_wide_census(st);
	return 0;
}

/* A split that unmaps nothing, or a piece less. Context: the mm is in use. */
static long hw_wide_cut(struct hw_writer *w, unsigned int seam)
{
	unsigned long start = hw_wide_addr(2 * seam);
	unsigned long len = PMD_SIZE * (1 + vt_rnd_below(&w->t->rnd, 2));
	long ret;

	/* From the one side of a seam to the other, or on either side. */
	if (len == PMD_SIZE && vt_rnd_one_in(&w->t->rnd, 2))
		start += PMD_SIZE;
	if (vt_has(sys_madvise) && vt_rnd_one_in(&w->t->rnd, 2))
		ret = vt_syscall(sys_madvise, start, len, MADV_DONTDUMP);
	else
		ret = vm_munmap(start, len);
	if (!ret)
		hw_wide_census(w->st);
	return ret;
}

/**
 * hw_wide() - change a mapping of several PUDs that shares the table of each, and
 *	judge what is left of each
 * @w: writer
 * @op: how
 *
 * Context: no mm is in use; may sleep; hw_op_possible().
 */
void hw_wide(struct hw_writer *w, enum hw_op op)
{
	struct hw_state *st = w->st;
	unsigned int seam = vt_rnd_below(&w->t->rnd, HW_WIDE_PUDS - 1);
	struct hw_wide *wide = &st->wide;
	unsigned int i;
	long ret;
	u64 seen;

	mutex_lock(&wide->lock);
	if (!hw_wide_fresh(st)) {
		vt_count(st->run, HW_C_FAILED, 1);
		goto out;
	}
	kthread_use_mm(wide->mm);
	ret = op == HW_WIDE_PROTECT ? hw_wide_protect(st) : hw_wide_cut(w, seam);
	kthread_unuse_mm(wide->mm);
	/* Whoever else has the tables has its pages. */
	kthread_use_mm(wide->other);
	for (i = 0; i < HW_PAGES; i++)
		hw_wide_read(st, wide->other, i, &seen);
	kthread_unuse_mm(wide->other);
	vt_look_own(st->run, HW_WRONG_FOLIO, true);
	if (ret)
		vt_count(st->run, HW_C_FAILED, 1);
	else
		vt_worked(st->run, HW_V_OP, op);
out:
	mutex_unlock(&wide->lock);
}
