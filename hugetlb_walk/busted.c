// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, what makes it fail on purpose: a translation that is kept over a
 * punch (stale_tlb), a walker that holds nothing, a count, a VMA and its lock that
 * are falsified (share_count, split_shared, lock_owner), a mapping that is taken for
 * a read-only one (writable), and a page that is held (page_leak). The page tables
 * of page_leak are falsified where an mm exits.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/wait.h>

#include "compat_hugetlb.h"
#include "look.h"

/**
 * hw_recall() - busted: keep translations
 * @v: the mm
 * @kept: per page of the file, where the kernel maps what is there now
 *
 * A reader that keeps using a translation after the punch does as a TLB that was
 * not flushed would.
 *
 * Context: the mm's page tables above the PMD table stay.
 */
void hw_recall(const struct hw_visit *v, const unsigned long **kept)
{
	unsigned int idx;
	struct hw_look l;

	for (idx = 0; idx < HW_PAGES; idx++) {
		hw_look_begin(&l, v, idx);
		if (hw_look_first(&l) &&
		    pte_present(l.entry) && pfn_valid(pte_pfn(l.entry)))
			kept[idx] = page_address(pfn_to_page(pte_pfn(l.entry)));
	}
}

/**
 * hw_walk_unlocked() - busted: a walker that holds nothing, and judges as if it
 *	did
 * @t: thread
 * @st: all of it
 * @v: the mm
 *
 * It waits for what it wants to see.
 *
 * Context: may sleep.
 */
void hw_walk_unlocked(struct vt_thread *t, struct hw_state *st,
		   const struct hw_visit *v)
{
	static const struct hw_rule unlocked = {
		.name = "nothing", .counter = HW_C_JUDGED, .typed = true,
	};
	u32 kinds = t->run->busted & HW_UNLOCKED_KINDS;
	u32 freed = kinds & BIT(HW_TABLE_FREED);
	u32 punched, purged;
	struct hw_look l;
	unsigned int kind;

	/* One kind needs the table to be freed, the others a page to be. */
	if (kinds != freed && (!freed || vt_rnd_one_in(&t->rnd, 2)))
		freed = 0;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	punched = READ_ONCE(st->punched);
	purged = READ_ONCE(st->purged);
	if (!hw_look_first(&l) || !l.shared || !pte_present(l.entry))
		return;

	wait_event_idle_timeout(st->wait, kthread_should_stop() ||
		(freed ? READ_ONCE(st->purged) != purged :
			 READ_ONCE(st->punched) != punched), HZ / 4);
	/* Tables may be freed at once, or by RCU. */
	if (freed) {
		hw_judge(t->run, &l, &st->file, &unlocked, freed);
		rcu_barrier();
	} else {
		kinds &= ~BIT(HW_TABLE_FREED);
	}
	for (kind = 0; kind < HW_PAGE_LEAK; kind++)
		if ((freed ? freed : kinds) & BIT(kind))
			hw_judge(t->run, &l, &st->file, &unlocked, BIT(kind));
}

/**
 * hw_plant() - busted: a false count, a VMA that ends before its PUD or is not
 *	the lock's, and one that is judged as if it were read-only
 * @st: all of it
 *
 * With all others locked out, falsify the count of a shared table, let a VMA end
 * before its PUD does, and the lock belong to none; look at each; undo it.
 *
 * Context: may sleep.
 */
void hw_plant(struct hw_state *st)
{
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	struct hw_visit v;
	struct hw_look l;

	hw_lock_all(st);
	mm = st->slots[0].mm;
	v = (struct hw_visit){ &st->slots[0], mm, st->slots[0].pudp };
	mmap_write_lock(mm);
	vma = find_vma(mm, HW_BASE);
	i_mmap_lock_write(st->file.mapping);
	hw_look_begin(&l, &v, 0);
	if (vma && hw_vma_rwsem(vma, &st->file) &&
	    hw_look_first(&l) && l.shared) {
		if (vt_busted(st->run, HW_SHARE_COUNT)) {
			vt_pmd_sharers_add(l.page, 1);
			hw_census(st->run, &st->file, st->nr_slots, true);
			vt_pmd_sharers_add(l.page, -1);
		}
		if (vt_busted(st->run, HW_SPLIT_SHARED)) {
			vma->vm_end -= PMD_SIZE;
			hw_census(st->run, &st->file, st->nr_slots, true);
			vma->vm_end += PMD_SIZE;
		}
		if (vt_busted(st->run, HW_WRITABLE)) {
			vt_look_own(st->run, HW_WRITABLE, true);
			hw_judge_writable(st->run, &l, vma->vm_flags & ~VM_WRITE,
					  true);
		}
		if (vt_busted(st->run, HW_LOCK_OWNER)) {
			vt_hugetlb_set_lock_owner(vma, NULL);
			vt_look_own(st->run, HW_LOCK_OWNER, true);
			hw_judge_lock(st->run, vma, true);
			hw_judge_mapped(st->run, st->file.mapping);
			vt_hugetlb_set_lock_owner(vma, vma);
		}
	}
	i_mmap_unlock_write(st->file.mapping);
	mmap_write_unlock(mm);
	hw_unlock_all(st);
}

/**
 * hw_hold_page() - busted: hold a page for longer than anything is mapped
 * @st: all of it
 *
 * Context: the threads are gone, the mms are not.
 */
void hw_hold_page(struct hw_state *st)
{
	struct hw_look l = { .pudp = st->slots[0].pudp };

	if (!hw_look_first(&l) || !pte_present(l.entry))
		return;
	st->held = page_folio(pfn_to_page(pte_pfn(l.entry)));
	folio_get(st->held);
}
