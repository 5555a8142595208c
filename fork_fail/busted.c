// SPDX-License-Identifier: GPL-2.0-only
/*
 * The broken promises behind what walkers look for: an mm of the module's own
 * that looks like the remains of a failed fork as they must not be.
 */
#include <linux/bitops.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/sched/mm.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "compat_fork.h"
#include "fork_fail.h"
#include "space.h"

/**
 * ff_decoy() - show walkers an mm that breaks one of the promises
 * @p: parent
 * @rnd: random stream
 *
 * Does nothing unless the scenario shall break one of those that walkers look for.
 *
 * Context: the forker's, which uses no mm; sleeps.
 */
void ff_decoy(struct ff_parent *p, struct vt_rnd *rnd)
{
	MA_STATE(mas, NULL, FF_BASE, FF_BASE + PAGE_SIZE - 1);
	unsigned long kinds = p->st->run->busted & FF_DECOYS;
	unsigned int i, kind, opened = 0;
	struct mm_struct *mm;
	void *entry = NULL;

	if (!kinds || !p->nr || ff_settle(p) == FF_RECORDS)
		return;
	/* One of them at a time. */
	kind = vt_rnd_below(rnd, hweight_long(kinds));
	while (kind--)
		kinds &= kinds - 1;
	kind = __ffs(kinds);

	mm = vt_mm_new();
	if (!mm)
		return;
	kthread_use_mm(mm);
	for (i = 1; i <= 3; i++)
		opened += !ff_map(p->file, FF_BASE + 2 * i * PAGE_SIZE, PAGE_SIZE,
				  MAP_PRIVATE);
	kthread_unuse_mm(mm);

	if (kind == FF_XA_ZERO)
		entry = XA_ZERO_ENTRY;
	if (kind == FF_FOREIGN)
		entry = p->snap[0].vma;
	mas.tree = &mm->mm_mt;
	mmap_write_lock(mm);
	mt_clear_in_rcu(&mm->mm_mt);
	if (kind != FF_UNMARKED)
		vt_mm_set_unstable(mm);
	if (entry && mas_store_gfp(&mas, entry, GFP_KERNEL))
		entry = NULL;
	mmap_write_unlock(mm);

	raw_spin_lock(&p->lock);
	p->hand = true;
	ff_publish(p, mm, false)->opened = opened;
	p->copied = mm;
	raw_spin_unlock(&p->lock);
	wake_up_all(&p->st->wq);
	ff_show(p, mm);

	mmap_write_lock(mm);
	if (entry) {
		mas_set_range(&mas, FF_BASE, FF_BASE + PAGE_SIZE - 1);
		/* Over an entry of the same size: needs no memory. */
		mas_store_gfp(&mas, NULL, GFP_KERNEL | __GFP_NOFAIL);
	}
	mmap_write_unlock(mm);
	ff_unpublish(p, true);
	vt_mm_put(mm);
	ff_settle(p);
}
