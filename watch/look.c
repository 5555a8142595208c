// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the watch looks at in an mm, and what of it is a race.
 */
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/xarray.h>

#include "compat_watch.h"
#include "engine.h"
#include "nofault.h"
#include "watches.h"

static void wt_look(struct wt_watch *w, bool exposed)
{
	WRITE_ONCE(w->looks, w->looks + 1);
	if (exposed)
		WRITE_ONCE(w->exposure, w->exposure + 1);
}

/*
 * Looks without the mmap lock are exposed if somebody held it for write before
 * or after, or in between.
 */
struct wt_before {
	unsigned int writes;
	bool locked;
};

static struct wt_before wt_before(struct mm_struct *mm)
{
	return (struct wt_before) {
		.writes = vt_mm_writes(mm),
		.locked = vt_mm_write_locked(mm),
	};
}

static bool wt_exposed(struct mm_struct *mm, struct wt_before before)
{
	return before.locked || vt_mm_write_locked(mm) ||
	       before.writes != vt_mm_writes(mm);
}

/**
 * wt_look_gap() - is there an entry where the owner promises never to unmap?
 * @w: watch
 * @t: mm with such a range
 *
 * Context: ->mm of @t is held by mm_users, and its tree in RCU mode.
 */
void wt_look_gap(struct wt_watch *w, struct wt_target *t)
{
	MA_STATE(mas, &t->mm->mm_mt, 0, 0);
	u64 pages = (t->end - t->start) >> PAGE_SHIFT;
	unsigned long addr = t->start +
			     (((vt_rnd_next(&w->rnd) >> 32) * pages) >> 32) * PAGE_SIZE;
	struct wt_before before = wt_before(t->mm);
	bool exposed;
	void *entry;

	mas_set(&mas, addr);
	rcu_read_lock();
	entry = mas_walk(&mas);
	rcu_read_unlock();

	exposed = wt_exposed(t->mm, before);
	wt_look(w, exposed);
	vt_look(wt_run, WT_GAP, exposed);
	if (unlikely(!entry))
		wt_race(w, WT_GAP, t->mm, addr, mas.index, mas.last,
			"nothing at 0x%lx-0x%lx, in 0x%lx-0x%lx", mas.index,
			mas.last, t->start, t->end - 1);
}

/* What has to stand still in a VMA that is locked for read. */
struct wt_still {
	struct mm_struct *mm;
	unsigned long start, end, pgoff;
	struct file *file;
};

static struct wt_still wt_still(struct vm_area_struct *vma)
{
	return (struct wt_still) {
		.mm = READ_ONCE(vma->vm_mm),
		.start = READ_ONCE(vma->vm_start),
		.end = READ_ONCE(vma->vm_end),
		.pgoff = READ_ONCE(vma->vm_pgoff),
		.file = READ_ONCE(vma->vm_file),
	};
}

static bool wt_moved(const struct wt_still *a, const struct wt_still *b)
{
	return a->mm != b->mm || a->start != b->start || a->end != b->end ||
	       a->pgoff != b->pgoff || a->file != b->file;
}

/**
 * wt_look_lock() - does a VMA stand still while it is locked for read?
 * @w: watch
 * @t: mm
 * @breaks: change the VMA while it is locked; only for an mm of the module's own
 *
 * Context: as wt_look_gap(); lock_vma_under_rcu() is there.
 */
void wt_look_lock(struct wt_watch *w, struct wt_target *t, bool breaks)
{
	struct vm_area_struct *vma;
	struct wt_still first, then;
	struct wt_before before;
	unsigned long addr;
	unsigned int i;
	bool exposed;

	if (!t->nr_places)
		return;
	addr = t->places[vt_rnd_below(&w->rnd, t->nr_places)];
	before = wt_before(t->mm);
	vma = vt_call(lock_vma_under_rcu)(t->mm, addr);
	if (!vma)
		return;
	first = wt_still(vma);
	if (breaks)
		WRITE_ONCE(vma->vm_pgoff, first.pgoff + 1);
	for (i = vt_rnd_below(&w->rnd, 64); i; i--)
		cpu_relax();
	then = wt_still(vma);
	if (breaks)
		WRITE_ONCE(vma->vm_pgoff, first.pgoff);
	exposed = wt_exposed(t->mm, before);
	if (unlikely(!vt_vma_attached(vma)))
		wt_race(w, WT_VMA_LOCK, t->mm, addr, (unsigned long)vma, 0,
			"locked VMA 0x%lx-0x%lx is detached", first.start,
			first.end);
	vt_vma_end_read(vma);

	wt_look(w, exposed);
	vt_look(wt_run, WT_VMA_LOCK, exposed);
	if (unlikely(first.mm != t->mm || addr < first.start ||
		     addr >= first.end))
		wt_race(w, WT_VMA_LOCK, t->mm, addr, first.start, first.end,
			"locked for 0x%lx was 0x%lx-0x%lx of %s mm", addr,
			first.start, first.end,
			first.mm == t->mm ? "this" : "another");
	else if (unlikely(wt_moved(&first, &then)))
		wt_race(w, WT_VMA_LOCK, t->mm, addr, first.start, then.start,
			"locked 0x%lx-0x%lx at page %lu became 0x%lx-0x%lx at page %lu",
			first.start, first.end, first.pgoff, then.start,
			then.end, then.pgoff);
}

/**
 * struct wt_walk - a walk over a whole tree
 * @nr: VMAs seen so far
 * @end: end of the last of them
 * @print: a sum over them
 */
struct wt_walk {
	unsigned int nr;
	unsigned long end;
	unsigned long print;
};

/* What is read of a VMA in the tree. */
struct wt_seen {
	unsigned long mm, start, end, flags;
};

/* Under the lock it is there, unless the tree is broken. */
static bool wt_read_vma(const struct vm_area_struct *vma, struct wt_seen *s)
{
	return vt_read_nofault(&vma->vm_mm, &s->mm) &&
	       vt_read_nofault(&vma->vm_start, &s->start) &&
	       vt_read_nofault(&vma->vm_end, &s->end) &&
	       vt_read_nofault(&vma->vm_flags, &s->flags);
}

static void wt_look_vma(struct wt_watch *w, struct wt_target *t,
			const struct ma_state *mas, struct vm_area_struct *vma,
			const struct wt_seen *s, struct wt_walk *walk)
{
	unsigned long start = s->start, end = s->end;

	if (unlikely(start < walk->end))
		wt_race(w, WT_ORDER, t->mm, start, start, walk->end,
			"a VMA ends at 0x%lx, the next one begins at 0x%lx",
			walk->end, start);
	walk->end = end;
	/* Before 6.5 a stack grew with the mmap lock held for read. */
	if (!(s->flags & VM_GROWSDOWN) &&
	    unlikely(start != mas->index || end - 1 != mas->last))
		wt_race(w, WT_RANGE, t->mm, mas->index, start, end,
			"VMA 0x%lx-0x%lx in the tree at 0x%lx-0x%lx", start,
			end - 1, mas->index, mas->last);
	if (unlikely(!vt_vma_in_tree(vma)))
		wt_race(w, WT_REFCOUNT, t->mm, start, (unsigned long)vma, 0,
			"VMA 0x%lx-0x%lx is in the tree and says it is not",
			start, end - 1);

	walk->print = walk->print * 31 + ((unsigned long)vma ^ start ^ end);
	if (t->nr_places < WT_PLACES)
		t->places[t->nr_places++] = start;
	else if (vt_rnd_one_in(&w->rnd, 4))
		t->places[vt_rnd_below(&w->rnd, WT_PLACES)] = end - PAGE_SIZE;
}

#define WT_PIECE	4096	/* entries in one go under RCU */

/**
 * wt_look_tree() - look at all of a tree
 * @w: watch
 * @t: mm
 *
 * Context: the mmap lock is held. RCU is taken as well: before 6.5 stacks grew,
 * and changed the tree, under no more than the lock for read.
 */
void wt_look_tree(struct wt_watch *w, struct wt_target *t)
{
	static const enum wt_kind kinds[] = {
		WT_ORDER, WT_RANGE, WT_FOREIGN, WT_XA_ZERO, WT_MAP_COUNT,
		WT_REFCOUNT,
	};
	MA_STATE(mas, &t->mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;
	struct wt_walk walk = {};
	unsigned int i, piece = 0;
	struct wt_seen seen;
	bool exposed;
	void *entry;

	if (vt_rnd_one_in(&w->rnd, 8))
		t->nr_places = 0;
	rcu_read_lock();
	mas_for_each(&mas, entry, ULONG_MAX) {
		/* A grace period is not to wait for all of a large tree. */
		if (++piece % WT_PIECE == 0) {
			mas_pause(&mas);
			rcu_read_unlock();
			cond_resched();
			rcu_read_lock();
		}
		if (unlikely(xa_is_zero(entry))) {
			wt_race(w, WT_XA_ZERO, t->mm, mas.index, mas.index,
				mas.last, "XA_ZERO_ENTRY at 0x%lx-0x%lx",
				mas.index, mas.last);
			continue;
		}
		vma = entry;
		walk.nr++;
		if (unlikely(!wt_read_vma(vma, &seen))) {
			wt_race(w, WT_FOREIGN, t->mm, mas.index,
				(unsigned long)vma, 0,
				"no VMA but a wild pointer at 0x%lx-0x%lx",
				mas.index, mas.last);
			continue;
		}
		if (unlikely(seen.mm != (unsigned long)t->mm)) {
			wt_race(w, WT_FOREIGN, t->mm, mas.index,
				(unsigned long)vma, seen.mm,
				"VMA of another mm at 0x%lx-0x%lx", mas.index,
				mas.last);
			continue;
		}
		wt_look_vma(w, t, &mas, vma, &seen, &walk);
	}
	rcu_read_unlock();
	if (unlikely(walk.nr != t->mm->map_count))
		wt_race(w, WT_MAP_COUNT, t->mm, 0, walk.nr, t->mm->map_count,
			"map_count is %d, the tree has %u VMAs",
			t->mm->map_count, walk.nr);

	/* Under the lock nothing changes: something must have since last time. */
	exposed = t->print && walk.print != t->print;
	t->print = walk.print;
	wt_look(w, exposed);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		vt_look(wt_run, kinds[i], exposed);
}
