// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, the module's own walkers: under each protection that is
 * documented a walk looks at a table twice, and has judged what that protection
 * promises.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/rwsem.h>

#include "compat_hugetlb.h"
#include "look.h"
#include "symbols.h"

#define HW_STABLE_KINDS	(BIT(HW_TABLE_FREED) | BIT(HW_TABLE_MOVED) |	\
			 BIT(HW_ENTRY_MOVED) | BIT(HW_WRONG_FOLIO))

const struct hw_rule hw_vma_lock = {
	.name = "mmap+hugetlb",
	.counter = HW_C_VMA_LOCK, .judges = HW_STABLE_KINDS, .typed = true,
	.migrates = true,
};

static const struct hw_rule hw_per_vma = {
	.name = "vma+hugetlb",
	.counter = HW_C_PER_VMA, .judges = HW_STABLE_KINDS, .typed = true,
	.migrates = true,
};

static const struct hw_rule hw_i_mmap = {
	.name = "i_mmap",
	.counter = HW_C_I_MMAP, .judges = HW_STABLE_KINDS, .typed = true,
};

static const struct hw_rule hw_pagewalk = {
	.name = "walk_page_range",
	.counter = HW_C_PAGEWALK, .judges = HW_STABLE_KINDS, .typed = true,
	.migrates = true,
};

static const struct hw_rule hw_irqs_off = {
	.name = "irqs off",
	.counter = HW_C_IRQS_OFF,
	.judges = BIT(HW_TABLE_FREED) | BIT(HW_NO_SYNC),
};

/* Look, hold it for a while, look again. */
static void hw_walk(struct vt_thread *t, struct hw_look *l,
		    const struct hw_rule *rule, const struct hw_file *f)
{
	if (!hw_look_first(l)) {
		vt_count(t->run, HW_C_EMPTY, 1);
		return;
	}
	vt_count(t->run, rule->counter, 1);
	vt_worked(t->run, HW_V_WAY, rule->counter - HW_C_VMA_LOCK);
	/*
	 * The entry first, then the generation: what the entry leads to has the
	 * stamp of this one or an earlier one. Pairs with hw_next_gen().
	 */
	smp_rmb();
	l->stamp = hw_stamp(f, l->idx, READ_ONCE(f->gen[l->idx]));
	vt_hold(t);
	hw_judge(t->run, l, f, rule, rule->judges);
}

/**
 * hw_walk_vma_lock() - walk under mmap_lock and the hugetlb vma lock
 * @t: thread
 * @st: all of it
 * @v: the mm
 *
 * Context: may sleep.
 */
void hw_walk_vma_lock(struct vt_thread *t, struct hw_state *st,
		      const struct hw_visit *v)
{
	struct rw_semaphore *rwsem;
	struct hw_look l;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	mmap_read_lock(v->mm);
	rwsem = hw_vma_rwsem(find_vma(v->mm, HW_BASE), &st->file);
	if (rwsem) {
		down_read(rwsem);
		hw_walk(t, &l, &hw_vma_lock, &st->file);
		up_read(rwsem);
	} else {
		vt_count(t->run, HW_C_EMPTY, 1);
	}
	mmap_read_unlock(v->mm);
}

/**
 * hw_walk_per_vma() - walk under the VMA's own lock and the hugetlb vma lock
 * @t: thread
 * @st: all of it
 * @v: the mm
 *
 * Context: may sleep; this kernel has lock_vma_under_rcu().
 */
void hw_walk_per_vma(struct vt_thread *t, struct hw_state *st,
		     const struct hw_visit *v)
{
	struct vm_area_struct *vma;
	struct rw_semaphore *rwsem;
	struct hw_look l;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	vma = vt_call(lock_vma_under_rcu)(v->mm, HW_BASE);
	if (!vma) {
		vt_count(t->run, HW_C_EMPTY, 1);
		return;
	}
	rwsem = hw_vma_rwsem(vma, &st->file);
	if (rwsem) {
		down_read(rwsem);
		hw_walk(t, &l, &hw_per_vma, &st->file);
		up_read(rwsem);
	}
	vt_vma_end_read(vma);
}

/**
 * hw_walk_i_mmap() - walk under i_mmap_rwsem
 * @t: thread
 * @st: all of it
 * @v: the mm
 *
 * The VMA is found in the tree, so that it stays there while this is held.
 *
 * Context: may sleep; the VMAs that map a file can be told.
 */
void hw_walk_i_mmap(struct vt_thread *t, struct hw_state *st,
		    const struct hw_visit *v)
{
	struct vm_area_struct *vma;
	struct hw_look l;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	i_mmap_lock_read(st->file.mapping);
	vt_rmap_for_each(vma, st->file.mapping)
		if (vma->vm_mm == v->mm && vma->vm_start <= HW_BASE &&
		    vma->vm_end >= HW_BASE + PUD_SIZE)
			break;
	if (vma)
		hw_walk(t, &l, &hw_i_mmap, &st->file);
	else
		vt_count(t->run, HW_C_EMPTY, 1);
	i_mmap_unlock_read(st->file.mapping);
}

/*
 * Is the table, which @l's mm has, in another mm at this moment too?
 *
 * The count alone does not tell: two faults of one mm may both have raised it,
 * and one of them takes its own back without waiting for anybody.
 *
 * Context: interrupts off, which RCU waits for.
 */
static bool hw_shared_truly(struct hw_state *st, struct hw_look *l)
{
	unsigned int i;

	for (i = 0; l->shared && i < st->nr_slots; i++) {
		pud_t *pudp = READ_ONCE(st->slots[i].pudp);

		if (&st->slots[i] != l->slot && pudp &&
		    hw_table(pudp) == l->table)
			return true;
	}
	return false;
}

/* As GUP-fast gets a page. Return: the page, with a reference, or NULL. */
static struct folio *hw_get(struct hw_look *l, bool *still)
{
	unsigned long pfn = pte_pfn(l->entry);
	struct folio *folio;

	if (!pte_present(l->entry) || !pfn_valid(pfn))
		return NULL;
	folio = page_folio(pfn_to_page(pfn));
	if (!folio_try_get(folio))
		return NULL;
	*still = page_folio(pfn_to_page(pfn)) == folio &&
		 hw_table(l->pudp) == l->table &&
		 hw_same_page(l->entry, __pte(hw_word(&l->table[l->idx])));
	return folio;
}

/**
 * hw_walk_irqs_off() - walk with interrupts off, as GUP-fast does
 * @t: thread
 * @st: all of it
 * @v: the mm
 *
 * Context: after kthread_use_mm(): whoever flushes an mm's TLB interrupts, and so
 * waits for, only the CPUs that use that mm.
 */
void hw_walk_irqs_off(struct vt_thread *t, struct hw_state *st,
		      const struct hw_visit *v)
{
	struct folio *folio = NULL;
	const char *what = NULL;
	bool still = false;
	unsigned long flags;
	struct hw_look l;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	local_irq_save(flags);
	if (hw_look_first(&l)) {
		vt_count(t->run, HW_C_IRQS_OFF, 1);
		vt_worked(t->run, HW_V_WAY, HW_BY_IRQS_OFF);
		l.shared = hw_shared_truly(st, &l);
		folio = hw_get(&l, &still);
		vt_hold_irqs_off(t);
		hw_judge(t->run, &l, &st->file, &hw_irqs_off,
			 hw_irqs_off.judges & ~t->run->absent);
	} else {
		vt_count(t->run, HW_C_EMPTY, 1);
	}
	local_irq_restore(flags);

	if (!folio)
		return;
	/* It may have left the file since, but not become another's. */
	if (still) {
		hw_count_look(t->run, HW_WRONG_FOLIO,
			      l.shared && hw_exposed(&l), &l);
		what = hw_folio_wrong(&st->file, folio, l.idx, true);
	}
	if (what)
		hw_wrong_folio(t->run, &l, "irqs off", what);
	folio_put(folio);
}

/* A walk of the kernel's, and the look of whom it calls. */
struct hw_pagewalk {
	struct vt_thread *t;
	struct hw_state *st;
	struct hw_look look;
	bool met;
};

/*
 * walk_hugetlb_range() has the hugetlb vma lock meanwhile, and its caller mmap_lock.
 * Where the VMA does not span the PUD there is no such lock, and nothing to share.
 */
static int hw_pagewalk_entry(pte_t *pte, unsigned long hmask, unsigned long addr,
			     unsigned long next, struct mm_walk *walk)
{
	struct hw_pagewalk *w = walk->private;

	if (hw_vma_rwsem(walk->vma, &w->st->file)) {
		w->met = true;
		hw_walk(w->t, &w->look, &hw_pagewalk, &w->st->file);
	}
	return 0;
}

static const struct mm_walk_ops hw_pagewalk_ops = {
	.hugetlb_entry = hw_pagewalk_entry,
};

/**
 * hw_walk_pagewalk() - look while the kernel's own page walk is at a page
 * @t: thread
 * @st: all of it
 * @v: the mm
 *
 * Context: may sleep; there is walk_page_range().
 */
void hw_walk_pagewalk(struct vt_thread *t, struct hw_state *st,
		      const struct hw_visit *v)
{
	unsigned int idx = vt_rnd_below(&t->rnd, HW_PAGES);
	struct hw_pagewalk w = { .t = t, .st = st };

	hw_look_begin(&w.look, v, idx);
	mmap_read_lock(v->mm);
	vt_call(walk_page_range)(v->mm, hw_addr(idx), hw_addr(idx) + PMD_SIZE,
				 &hw_pagewalk_ops, &w);
	mmap_read_unlock(v->mm);
	if (!w.met)
		vt_count(t->run, HW_C_EMPTY, 1);
}
