// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges: "parent". A fork, failed or not, leaves the parent's VMAs as they are,
 * and a child that gets to run has copies of them.
 *
 * What a parent's VMAs are is taken down once, between forks, without the churn
 * that mixers replace. Parents and children are compared with it entry by entry.
 */
#include <linux/hugetlb.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/xarray.h>

#include "compat_hugetlb.h"
#include "compat_vma_lock.h"
#include "fork_fail.h"

static bool ff_in_churn(const struct ff_parent *p, unsigned long addr)
{
	return p->churn && addr >= p->churn &&
	       addr < p->churn + FF_CHURN_PAGES * PAGE_SIZE;
}

static void ff_entry_set(struct ff_entry *e, struct vm_area_struct *vma)
{
	e->start = vma->vm_start;
	e->end = vma->vm_end;
	e->pgoff = vma->vm_pgoff;
	e->flags = vma->vm_flags & FF_FLAGS;
	e->file = vma->vm_file;
	e->vma = vma;
	/* Others may fault in it. */
	e->anon_vma = READ_ONCE(vma->anon_vma);
}

/**
 * ff_snapshot() - take down what the parent's VMAs are
 * @p: parent
 *
 * Context: the forker's; takes the parent's mmap_lock.
 */
void ff_snapshot(struct ff_parent *p)
{
	MA_STATE(mas, &p->mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	p->nr = 0;
	mmap_read_lock(p->mm);
	mas_for_each(&mas, vma, ULONG_MAX)
		if (!ff_in_churn(p, mas.index) && p->nr < FF_MAX_ENTRIES)
			ff_entry_set(&p->snap[p->nr++], vma);
	mmap_read_unlock(p->mm);
}

/**
 * ff_compare() - is an mm's tree what it has to be?
 * @p: parent
 * @mm: its mm, or a child's
 * @addr: where the first thing is wrong
 *
 * Also takes down the sums that @mm keeps and those of its VMAs, and which VMA of
 * the parent turns its readers away.
 *
 * Context: takes the mm's mmap_lock.
 * Return: what is wrong, or NULL.
 */
const char *ff_compare(struct ff_parent *p, struct mm_struct *mm,
		       unsigned long *addr)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	bool child = mm != p->mm;
	const char *wrong = NULL;
	unsigned int i = 0, mapped = 0, known;
	struct vm_area_struct *vma;
	int count = 0;

	*addr = 0;
	mmap_read_lock(mm);
	vt_books_kept(mm, &p->kept[child]);
	p->sums[child] = p->kept[child];
	if (!child)
		p->shut = 0;
	mas_for_each(&mas, vma, ULONG_MAX) {
		struct ff_entry e;

		*addr = mas.index;
		count++;
		if (xa_is_zero(vma))
			wrong = "XA_ZERO_ENTRY in the tree";
		else if (READ_ONCE(vma->vm_mm) != mm)
			wrong = "VMA of another mm in the tree";
		if (wrong)
			break;
		ff_entry_set(&e, vma);
		mapped += e.file && (e.file == p->shmem || e.file == p->file);
		if (e.start != mas.index || e.end - 1 != mas.last)
			wrong = "VMA and its place in the tree differ";
		else if (ff_in_churn(p, mas.index))
			continue;
		while (child && i < p->nr && p->snap[i].flags & VM_DONTCOPY)
			i++;
		if (wrong)
			break;
		if (i == p->nr)
			wrong = "more VMAs than before";
		else if (e.start != p->snap[i].start || e.end != p->snap[i].end)
			wrong = "VMA is not where it was";
		else if (e.pgoff != p->snap[i].pgoff ||
			 e.file != p->snap[i].file ||
			 e.flags != p->snap[i].flags)
			wrong = "VMA is not what it was";
		else if (vt_vma_is_hugetlb(vma) &&
			 vt_hugetlb_resv_users(vma) > !child)
			wrong = "reservations of a hugetlb VMA have a holder more";
		else if (!child && p->snap[i].anon_vma &&
			 e.anon_vma != p->snap[i].anon_vma)
			wrong = "VMA has lost its anon_vma";
		if (wrong)
			break;
		/* The first fault sets it, and then it stays. */
		if (!child)
			p->snap[i].anon_vma = e.anon_vma;
		/* Writers have the mmap lock for write: there is none. */
		if (!child && !p->shut && vt_vma_excludes(vma))
			p->shut = mas.index;
		i++;
	}
	if (!wrong) {
		while (child && i < p->nr && p->snap[i].flags & VM_DONTCOPY)
			i++;
		if (i != p->nr) {
			wrong = "fewer VMAs than before";
			*addr = p->snap[i].start;
		} else if (count != mm->map_count) {
			wrong = "map_count is not the number of VMAs";
			*addr = count;
		} else if (ff_files_have(p, mm, &known) && known != mapped) {
			wrong = "its files know another number of its VMAs";
			*addr = known;
		}
	}
	if (!wrong)
		vt_books_sum(mm, &p->sums[child]);
	mmap_read_unlock(mm);

	return wrong;
}
