// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page that is mapped stays mapped as long as a reader has the VMA locked: whoever
 * unmaps, moves or replaces the VMA waits for that reader.
 *
 * Only where nobody else takes pages away: what the module's own file shows has no
 * reverse mapping and is on no list of the reclaim. And in one region only, in which
 * writers give none of the advices that take pages away under the read lock.
 */
#include <linux/compiler.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pgtable.h>

#include "look.h"
#include "page.h"

/**
 * vl_entry() - the entry of a page
 * @mm: mm
 * @addr: address, in a VMA of the module's file: nothing is mapped by a huge entry
 *
 * Context: the VMA is locked, or the caller's own and this is within an RCU read
 * section, so that page tables stay.
 * Return: the entry, or an empty one.
 */
pte_t vl_entry(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (!pgd_present(READ_ONCE(*pgd)))
		return __pte(0);
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(READ_ONCE(*p4d)))
		return __pte(0);
	pud = pud_offset(p4d, addr);
	if (!pud_present(READ_ONCE(*pud)))
		return __pte(0);
	pmd = pmd_offset(pud, addr);
	if (!pmd_present(READ_ONCE(*pmd)))
		return __pte(0);
	return READ_ONCE(*pte_offset_kernel(pmd, addr));
}

/**
 * vl_page_stays() - judge whether a page stays while its VMA is locked
 * @t: thread
 * @test: test
 * @r: reader, r->space is where it looks
 *
 * Context: a kernel thread; may sleep.
 */
void vl_page_stays(struct vt_thread *t, struct vl_test *test, struct vl_reader *r)
{
	unsigned long addr = vl_region_base(VL_KEPT) +
			     vt_rnd_below(&t->rnd, VL_PAGES) * PAGE_SIZE;
	struct vt_flight *region = &r->space->regions[VL_KEPT];
	struct vt_flight_look look;
	struct vm_area_struct *vma;
	vm_fault_t fault;
	pte_t was, now;
	bool gone;

	vt_flight_look(region, &look);
	vma = vt_call(lock_vma_under_rcu)(r->mm, addr);
	if (!vma)
		return;
	/* What was moved here may be anything. */
	if (vma->vm_file != test->file || !(vma->vm_flags & VM_SHARED) ||
	    !(vma->vm_flags & VM_READ))
		goto out;
	fault = handle_mm_fault(vma, addr, FAULT_FLAG_DEFAULT | FAULT_FLAG_USER |
				VT_FAULT_VMA_LOCK, NULL);
	/* These give the lock back. */
	if (fault & (VM_FAULT_RETRY | VM_FAULT_COMPLETED))
		return;
	was = vl_entry(r->mm, addr);
	if (fault & VM_FAULT_ERROR || !pte_present(was))
		goto out;

	vl_hold(t, vt_draw(&t->rnd, &vl_tables[VL_T_HOLD]));
	now = vl_entry(r->mm, addr);
	/* The broken promise: it is taken for gone. */
	if (unlikely(vt_busted(t->run, VL_PAGE_GONE)))
		now = __pte(0);
	gone = !pte_present(now) || pte_pfn(now) != pte_pfn(was);
	if (unlikely(gone))
		vt_see(t->run);
	vt_look_into(t->run, VL_PAGE_GONE, vt_flight_exposed(region, &look), region,
		     &look);
	if (unlikely(gone))
		vt_race(t->run, VL_PAGE_GONE, r->mm, addr, pte_val(was), pte_val(now),
			"entry 0x%lx became 0x%lx under a reader, vma=%p count=0x%x",
			(unsigned long)pte_val(was), (unsigned long)pte_val(now), vma,
			vt_vma_count(vma));
out:
	vt_vma_end_read(vma);
}
