/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A look at a shared table: which VMA may share one, what a walk finds at first,
 * whether a change overlapped it, and by which rule it is judged.
 */
#ifndef HW_LOOK_H
#define HW_LOOK_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/rwsem.h>
#include <linux/types.h>

#include "compat_hugetlb.h"
#include "table.h"

/**
 * struct hw_rule - what is judged under a protection
 * @name: for the log, what is held
 * @counter: of its walks
 * @judges: bit set of kinds
 * @typed: the page's type may be asked for
 * @migrates: migration may take entries away meanwhile
 */
struct hw_rule {
	const char *name;
	enum hw_counter counter;
	u32 judges;
	bool typed;
	bool migrates;
};

/* walk.c: what is judged under mmap_lock and the hugetlb vma lock */
extern const struct hw_rule hw_vma_lock;

/**
 * struct hw_look - what a walk found at first
 * @slot: whose
 * @mm: of @slot
 * @pudp: where the table hangs
 * @table: the table
 * @page: the page it is in
 * @entry: its entry for @idx
 * @idx: huge page of the file
 * @stamp: the latest that the page of @entry can have
 * @shared: others have the table too
 * @look: into the changes of @slot
 */
struct hw_look {
	struct hw_slot *slot;
	struct mm_struct *mm;
	pud_t *pudp;
	unsigned long *table;
	struct page *page;
	pte_t entry;
	unsigned int idx;
	u64 stamp;
	bool shared;
	struct vt_flight_look look;
};

/**
 * hw_look_begin() - begin a look
 * @l: look
 * @v: the mm
 * @idx: huge page of the file
 *
 * Context: any; before the protection is taken.
 */
static inline void hw_look_begin(struct hw_look *l, const struct hw_visit *v,
				 unsigned int idx)
{
	l->slot = v->slot;
	l->mm = v->mm;
	l->pudp = v->pudp;
	l->idx = idx;
	vt_flight_look(&l->slot->flight, &l->look);
}

/**
 * hw_exposed() - was a change of this mm in flight between hw_look_begin() and
 *	now?
 * @l: look
 *
 * Context: any.
 */
static inline bool hw_exposed(struct hw_look *l)
{
	return vt_flight_exposed(&l->slot->flight, &l->look);
}

/**
 * hw_count_look() - count a look of an oracle
 * @run: run
 * @kind: the oracle
 * @exposed: it could have caught a race
 * @l: the look, asked by hw_exposed()
 *
 * Context: any.
 */
static inline void hw_count_look(struct vt_run *run, enum hw_kind kind,
				 bool exposed, const struct hw_look *l)
{
	vt_look_into(run, kind, exposed, &l->slot->flight, &l->look);
}

/**
 * hw_look_first() - look at the table and its entry for the first time
 * @l: look, with its entry and index
 *
 * Context: the mm's page tables above the PMD table stay.
 * Return: false if there is no table.
 */
static inline bool hw_look_first(struct hw_look *l)
{
	l->table = hw_table(l->pudp);
	if (!l->table)
		return false;
	l->page = virt_to_page(l->table);
	l->shared = vt_pmd_sharers(l->page) > 0;
	l->entry = __pte(hw_word(&l->table[l->idx]));
	return true;
}

/**
 * hw_vma_rwsem() - the lock against unsharing, of a VMA whose table may be
 *	shared
 * @vma: VMA, or NULL
 * @f: the file that it should map
 *
 * Context: mmap_lock or the VMA's own lock held.
 * Return: the lock, or NULL if @vma is no such VMA.
 */
static inline struct rw_semaphore *hw_vma_rwsem(struct vm_area_struct *vma,
						const struct hw_file *f)
{
	if (!vma || vma->vm_start > HW_BASE ||
	    vma->vm_end < HW_BASE + PUD_SIZE || !vma->vm_file ||
	    vma->vm_file->f_mapping != f->mapping)
		return NULL;
	return vt_hugetlb_vma_rwsem(vma);
}

#endif /* HW_LOOK_H */
