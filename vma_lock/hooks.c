// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hooks of the module's own VMAs find. The kernel calls them in the middle of
 * what a writer does, where no reader could look: a VMA that is not in the tree yet, one
 * whose page tables have just been moved, one that ends.
 */
#include <linux/compiler.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "page.h"
#include "vma_lock.h"

/**
 * vl_self() - the writer whose thread this is
 * @test: test
 *
 * Return: the writer, or NULL in any other thread.
 */
struct vl_writer *vl_self(struct vl_test *test)
{
	unsigned int i;

	for (i = 0; i < test->nr_writers; i++)
		if (test->writers[i].task == current)
			return &test->writers[i];
	return NULL;
}

/* Count what was found; @bad: it is not what it should be. */
static bool vl_found(struct vl_test *test, enum vl_hook hook, bool bad)
{
	vt_tried(test->run, VL_V_HOOK, hook, true);
	vt_look_own(test->run, VL_HOOKS, true);
	/* The broken promise: it is taken for wrong. */
	bad |= vt_busted(test->run, VL_HOOKS);
	if (unlikely(bad))
		vt_see(test->run);
	return unlikely(bad);
}

/**
 * vl_hook_new() - judge a VMA that is not in the tree yet
 * @test: test
 * @vma: VMA, which only the caller knows
 * @hook: VL_AT_MMAP or VL_AT_OPEN
 *
 * No reader can lock it, whatever its object was used for before.
 *
 * Context: ->mmap(), or ->open() of what was split or moved: the child of a fork is
 * stored before that.
 */
void vl_hook_new(struct vl_test *test, struct vm_area_struct *vma, enum vl_hook hook)
{
	unsigned int count = vt_vma_count(vma);

	/* Before there was a count nothing says that a VMA is in no tree. */
	if (!VT_VMA_REF_LIMIT)
		return;
	if (vl_found(test, hook, count))
		vt_race(test->run, VL_HOOKS, vma->vm_mm, vma->vm_start,
			(unsigned long)vma, count,
			"a VMA can be locked and is not in the tree yet, vma=%p count=0x%x",
			vma, count);
}

/**
 * vl_hook_open() - note what a VMA was copied from, and judge the copy
 * @test: test
 * @vma: VMA
 * @source: VMA of which it is a copy, or NULL: not known
 *
 * Context: ->open().
 */
void vl_hook_open(struct vl_test *test, struct vm_area_struct *vma,
		  struct vm_area_struct *source)
{
	struct vl_writer *w = vl_self(test);

	if (!source || source->vm_mm != vma->vm_mm)
		return;
	vl_hook_new(test, vma, VL_AT_OPEN);
	if (!w)
		return;
	/* Split, by what makes room for a move that may grow into this VMA. */
	w->copy = NULL;
	if (vma->vm_start >= source->vm_start && vma->vm_end <= source->vm_end)
		return;
	w->copy = vma;
	w->source = source;
}

/**
 * vl_hook_moved() - judge that nobody was in a VMA whose page tables have been moved
 * @test: test
 * @vma: where they are now
 * @w: writer who moves them
 *
 * If the new VMA is part of one that was there before, it was not opened, and where the
 * old one is cannot be told.
 *
 * Context: ->mremap().
 */
void vl_hook_moved(struct vl_test *test, struct vm_area_struct *vma, struct vl_writer *w)
{
	struct vm_area_struct *source = w->source;

	if (w->copy != vma)
		return;
	w->copy = NULL;
	if (vl_found(test, VL_AT_MREMAP, !vt_vma_write_locked(source, source->vm_mm)))
		vt_race(test->run, VL_HOOKS, source->vm_mm, source->vm_start,
			(unsigned long)source, vt_vma_count(source),
			"page tables were moved and readers not excluded, vma=%p count=0x%x",
			source, vt_vma_count(source));
	vl_exclusive(test, source, vl_close_by(test, source), "move");
}

/**
 * vl_hook_around() - judge the pages that the kernel wants mapped around a fault
 * @test: test
 * @vmf: the fault
 * @first: offset of the first in the file
 * @last: offset of the last
 *
 * Context: ->map_pages().
 */
void vl_hook_around(struct vl_test *test, struct vm_fault *vmf, pgoff_t first, pgoff_t last)
{
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t begin = vma->vm_pgoff, end = begin + vma_pages(vma);

	if (vl_found(test, VL_AT_MAP_PAGES, first < begin || last >= end || first > last))
		vt_race(test->run, VL_HOOKS, vma->vm_mm, vmf->address, first, last,
			"pages 0x%lx to 0x%lx asked for in a VMA of 0x%lx to 0x%lx, vma=%p",
			first, last, begin, end - 1, vma);
}

/**
 * vl_hook_close() - judge that nothing is mapped by a VMA that ends
 * @test: test
 * @vma: VMA
 *
 * Page tables may be freed by who empties a neighbour, after a grace period.
 *
 * Context: ->close().
 */
void vl_hook_close(struct vl_test *test, struct vm_area_struct *vma)
{
	unsigned long addr, left = 0;
	pte_t pte = __pte(0);

	rcu_read_lock();
	for (addr = vma->vm_start; addr < vma->vm_end && !left; addr += PAGE_SIZE) {
		pte = vl_entry(vma->vm_mm, addr);
		if (pte_present(pte))
			left = addr;
	}
	rcu_read_unlock();
	if (vl_found(test, VL_AT_CLOSE, left))
		vt_race(test->run, VL_HOOKS, vma->vm_mm, left, pte_val(pte),
			(unsigned long)vma,
			"closed with a page still mapped at 0x%lx, entry 0x%lx, vma=%p",
			left, (unsigned long)pte_val(pte), vma);
}
