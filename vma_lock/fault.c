// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults at an address of a space, under the VMA's lock or under mmap_lock, as an
 * architecture's fault handler makes them.
 */
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mmap_lock.h>

#include "vma_lock.h"

static bool vl_access_ok(struct vm_area_struct *vma, unsigned int flags)
{
	if (flags & FAULT_FLAG_WRITE)
		return vma->vm_flags & VM_WRITE;
	return vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC);
}

/**
 * vl_fault_under_mmap_lock() - the fallback of do_user_addr_fault()
 * @run: run
 * @mm: mm
 * @addr: address in it
 * @flags: FAULT_FLAG_*
 *
 * Context: the caller has a reference on @mm and no lock of it; may sleep.
 */
void vl_fault_under_mmap_lock(struct vt_run *run, struct mm_struct *mm,
			      unsigned long addr, unsigned int flags)
{
	struct vm_area_struct *vma;
	vm_fault_t fault;

	vt_count(run, VL_FALLBACK, 1);
retry:
	vma = vt_call(lock_mm_and_find_vma)(mm, addr, NULL);
	if (!vma) {
		vt_count(run, VL_NO_VMA, 1);
		return;
	}
	if (!vl_access_ok(vma, flags)) {
		mmap_read_unlock(mm);
		return;
	}
	fault = handle_mm_fault(vma, addr, flags, NULL);
	if (fault & VM_FAULT_COMPLETED) {
		vt_count(run, VL_COMPLETED, 1);
		return;
	}
	if (fault & VM_FAULT_RETRY) {
		flags |= FAULT_FLAG_TRIED;
		goto retry;
	}
	mmap_read_unlock(mm);
	if (fault & VM_FAULT_ERROR)
		vt_count(run, VL_FAULT_ERROR, 1);
}

/**
 * vl_fault() - fault under a VMA's lock, and end it, as do_user_addr_fault() does
 * @run: run
 * @h: what the reader holds; the VMA is released
 * @flags: FAULT_FLAG_*
 *
 * Context: the lock of the VMA held for read; may sleep.
 */
void vl_fault(struct vt_run *run, struct vl_held *h, unsigned int flags)
{
	vm_fault_t fault;

	if (!vl_access_ok(h->vma, flags)) {
		vt_vma_end_read(h->vma);
		return;
	}
	fault = handle_mm_fault(h->vma, h->addr, flags | VT_FAULT_VMA_LOCK,
				NULL);
	if (!(fault & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
		vt_vma_end_read(h->vma);
	if (fault & VM_FAULT_COMPLETED)
		vt_count(run, VL_COMPLETED, 1);
	if (!(fault & VM_FAULT_RETRY)) {
		if (fault & VM_FAULT_ERROR)
			vt_count(run, VL_FAULT_ERROR, 1);
		return;
	}
	vt_count(run, VL_RETRY, 1);
	if (fault & VM_FAULT_MAJOR)
		flags |= FAULT_FLAG_TRIED;
	vl_fault_under_mmap_lock(run, h->mm, h->addr, flags);
}
