// SPDX-License-Identifier: GPL-2.0-only
/*
 * What makes each oracle of the watch fail on purpose.
 */
#include <linux/kthread.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/xarray.h>

#include "compat_watch.h"
#include "engine.h"
#include "run.h"
#include "space.h"
#include "watches.h"

/*
 * Broken promises, in an mm of the module's own that looks like this:
 *
 *	| first | second |  hole  |
 */
#define WT_DECOY	0x10000000UL
#define WT_DECOY_PART	(16 * PAGE_SIZE)
#define WT_DECOY_HOLE	(WT_DECOY + 2 * WT_DECOY_PART)

static int wt_decoy_map(struct mm_struct *mm)
{
	unsigned long flags = MAP_PRIVATE | MAP_ANONYMOUS;
	int ret;

	kthread_use_mm(mm);
	ret = vt_map(NULL, WT_DECOY, WT_DECOY_PART, PROT_READ, flags, 0);
	if (!ret)
		ret = vt_map(NULL, WT_DECOY + WT_DECOY_PART, WT_DECOY_PART,
			     PROT_READ | PROT_WRITE, flags, 0);
	kthread_unuse_mm(mm);
	return ret;
}

/**
 * wt_decoy_new() - make the mm to break promises in, if any shall be broken
 * @w: watch; without memory, it goes on without a decoy
 *
 * Context: a kernel thread; may sleep.
 */
void wt_decoy_new(struct wt_watch *w)
{
	struct wt_target *t = &w->decoy;

	if (!wt_run->busted || !vt_has_space())
		return;
	t->mm = vt_mm_new();
	if (!t->mm)
		return;
	t->start = WT_DECOY_HOLE;
	t->end = WT_DECOY_HOLE + WT_DECOY_PART;
	t->places[t->nr_places++] = WT_DECOY;
	if (wt_decoy_map(t->mm)) {
		vt_mm_put(t->mm);
		t->mm = NULL;
	}
}

/* Break something, look, mend it, as no writer under the lock ever does. */
static void wt_look_broken(struct wt_watch *w, enum wt_kind kind)
{
	MA_STATE(mas, &w->decoy.mm->mm_mt, WT_DECOY_HOLE, WT_DECOY_HOLE);
	struct wt_target *t = &w->decoy;
	struct vm_area_struct *vma = find_vma(t->mm, WT_DECOY);

	if (!vma || (kind == WT_XA_ZERO &&
		     mas_store_gfp(&mas, XA_ZERO_ENTRY, GFP_KERNEL)))
		return;
	if (kind == WT_ORDER)
		vma->vm_end += PAGE_SIZE;
	else if (kind == WT_RANGE)
		vma->vm_end -= PAGE_SIZE;
	else if (kind == WT_FOREIGN)
		vma->vm_mm = w->process.mm;
	else if (kind == WT_MAP_COUNT)
		t->mm->map_count++;
	else if (kind == WT_REFCOUNT)
		vt_vma_pretend(vma, false);

	wt_look_tree(w, t);

	if (kind == WT_ORDER)
		vma->vm_end -= PAGE_SIZE;
	else if (kind == WT_RANGE)
		vma->vm_end += PAGE_SIZE;
	else if (kind == WT_FOREIGN)
		vma->vm_mm = t->mm;
	else if (kind == WT_MAP_COUNT)
		t->mm->map_count--;
	else if (kind == WT_REFCOUNT)
		vt_vma_pretend(vma, true);
	mas_set(&mas, WT_DECOY_HOLE);
	if (kind == WT_XA_ZERO)
		mas_store_gfp(&mas, NULL, GFP_KERNEL | __GFP_NOFAIL);
}

/**
 * wt_burst_broken() - break each promise that shall be broken, and look
 * @w: watch that has a decoy
 *
 * Context: a kernel thread; may sleep.
 */
void wt_burst_broken(struct wt_watch *w)
{
	unsigned int kind;

	if (vt_busted(wt_run, WT_GAP))
		wt_look_gap(w, &w->decoy);
	if (vt_busted(wt_run, WT_VMA_LOCK) && vt_has(lock_vma_under_rcu))
		wt_look_lock(w, &w->decoy, true);
	mmap_write_lock(w->decoy.mm);
	for (kind = WT_ORDER; kind < WT_VMA_LOCK; kind++)
		if (vt_busted(wt_run, kind) && vt_kind_present(wt_run, kind))
			wt_look_broken(w, kind);
	mmap_write_unlock(w->decoy.mm);
}
