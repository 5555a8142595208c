// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, what ends sharing: each operation of the writers, from a change
 * that begins in one mm or in all of them to the mms that share again.
 */
#include <linux/atomic.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "symbols.h"
#include "table.h"

/* Numbers of a change: in its slot, and among those of all slots. */
struct hw_nrs {
	u32 slot;
	u32 all;
};

static struct hw_nrs hw_begin(struct hw_state *st, struct hw_slot *slot)
{
	return (struct hw_nrs) {
		.all = vt_flight_begin(&st->flight),
		.slot = vt_flight_begin(&slot->flight),
	};
}

static void hw_end(struct hw_state *st, struct hw_slot *slot, struct hw_nrs nrs)
{
	vt_flight_end(&slot->flight, nrs.slot);
	vt_flight_end(&st->flight, nrs.all);
	if (st->run->busted)
		wake_up_all(&st->wait);
}

/*
 * A change to all slots at once, which is one of each. Context: hw_state.file_lock
 * held until hw_end_all(). Return: its number among those of all slots.
 */
static u32 hw_begin_all(struct hw_state *st)
{
	u32 nr = vt_flight_begin(&st->flight);
	unsigned int i;

	for (i = 0; i < st->nr_slots; i++)
		st->slots[i].nr = vt_flight_begin(&st->slots[i].flight);
	return nr;
}

static void hw_end_all(struct hw_state *st, u32 nr)
{
	unsigned int i;

	for (i = 0; i < st->nr_slots; i++)
		vt_flight_end(&st->slots[i].flight, st->slots[i].nr);
	vt_flight_end(&st->flight, nr);
	if (st->run->busted)
		wake_up_all(&st->wait);
}

/*
 * Pages that were freed by what this CPU did last are the first to be given
 * out: fill some, so that a walker in a freed table sees it.
 */
static void hw_poison(struct hw_writer *w)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		struct page **page = &w->ring[w->next];

		if (*page)
			__free_page(*page);
		*page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
		if (*page)
			memset64(page_address(*page), HW_POISON,
				 PAGE_SIZE / sizeof(u64));
		w->next = (w->next + 1) % HW_RING;
	}
}

static void hw_stamp_page(struct vt_run *run, const struct hw_file *f,
			  unsigned long base, unsigned int idx)
{
	u64 __user *p = (u64 __user *)(base + idx * PMD_SIZE);
	u64 seen;

	if (get_user(seen, p) ||
	    (!seen && put_user(hw_stamp(f, idx, f->gen[idx]), p)))
		hw_no_page(run);
}

/**
 * hw_touch() - touch all pages, so that the mm shares again, and stamp the new
 *	ones
 * @st: all of it
 * @base: where the mm maps the file
 *
 * Context: the mm is in use.
 */
void hw_touch(struct hw_state *st, unsigned long base)
{
	unsigned int idx;

	mutex_lock(&st->file_lock);
	for (idx = 0; idx < HW_PAGES; idx++)
		hw_stamp_page(st->run, &st->file, base, idx);
	mutex_unlock(&st->file_lock);
}

static void hw_next_gen(struct hw_file *f, unsigned int idx)
{
	/* Whoever sees it must not see what was there before. */
	smp_store_release(&f->gen[idx], f->gen[idx] + 1);
}

static int hw_punch(const struct hw_file *f, unsigned int idx, unsigned int nr)
{
	return vfs_fallocate(f->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     (loff_t)idx * PMD_SIZE, (loff_t)nr * PMD_SIZE);
}

/**
 * hw_shrink() - take pages from the file, and give them to the other one, so
 *	that old content would be seen
 * @w: writer
 * @op: HW_PUNCH or HW_TRUNCATE
 *
 * Context: no mm is in use; may sleep.
 */
void hw_shrink(struct hw_writer *w, enum hw_op op)
{
	struct hw_state *st = w->st;
	struct hw_file *f = &st->file;
	unsigned int idx = vt_rnd_below(&w->t->rnd, HW_PAGES), i;
	int ret;
	u32 nr;

	mutex_lock(&st->file_lock);
	hw_punch(&st->reuse, 0, HW_REUSE_PAGES);
	nr = hw_begin_all(st);
	if (op == HW_PUNCH) {
		ret = hw_punch(f, idx, 1);
		if (!ret)
			hw_next_gen(f, idx);
	} else {
		ret = vfs_truncate(&f->file->f_path, (loff_t)idx * PMD_SIZE);
		for (i = idx; !ret && i < HW_PAGES; i++)
			hw_next_gen(f, i);
		/* And back: mappings past the end are no use. */
		if (!ret)
			ret = vfs_truncate(&f->file->f_path, PUD_SIZE);
	}
	if (ret)
		vt_count(st->run, HW_C_FAILED, 1);
	else
		vt_worked(st->run, HW_V_OP, op);

	kthread_use_mm(st->reuse_mm);
	for (i = 0; i < (op == HW_PUNCH ? 1 : HW_REUSE_PAGES); i++)
		hw_stamp_page(st->run, &st->reuse, HW_REUSE_BASE, i);
	kthread_unuse_mm(st->reuse_mm);
	WRITE_ONCE(st->punched, st->punched + 1);
	hw_end_all(st, nr);
	mutex_unlock(&st->file_lock);
}

/**
 * hw_move() - move the mapping away, judge whose its lock is, and drop it there
 * @run: run
 *
 * Not to where it may share: mremap() of a table that is not shared allocates
 * the new one with i_mmap_rwsem held for write, and huge_pmd_share() takes it
 * for read, so that the task waits for itself for ever (seen on 6.1, 6.12 and 7.2).
 *
 * Context: the mm is in use; may sleep; there is sys_mremap().
 * Return: 0 or an errno.
 */
long hw_move(struct vt_run *run)
{
	long ret = vt_syscall(sys_mremap, HW_BASE, PUD_SIZE, PUD_SIZE,
			      MREMAP_MAYMOVE | MREMAP_FIXED, HW_OTHER);

	if (ret != HW_OTHER)
		return -ENOMEM;
	hw_look_owners(run, current->mm);
	return vm_munmap(HW_OTHER, PUD_SIZE);
}

/* Context: the mm is in use. Return: the VMA is in pieces or away. */
static bool hw_alter(struct hw_writer *w, struct hw_slot *slot, enum hw_op op)
{
	struct hw_state *st = w->st;
	unsigned long part = hw_addr(1 + vt_rnd_below(&w->t->rnd, HW_PAGES));
	bool had;
	long ret = 0;

	switch (op) {
	case HW_MUNMAP:
		ret = vm_munmap(HW_BASE, PUD_SIZE);
		break;
	case HW_MAP_FIXED:
		ret = hw_map(&st->file, part, PMD_SIZE, MAP_NORESERVE);
		break;
	case HW_PARTIAL:
		ret = vm_munmap(part, PMD_SIZE);
		break;
	case HW_MPROTECT_PART:
		ret = vt_syscall(sys_mprotect, part, PMD_SIZE, PROT_READ);
		break;
	case HW_MPROTECT:
		ret = vt_syscall(sys_mprotect, HW_BASE, PUD_SIZE, PROT_READ);
		break;
	case HW_MREMAP:
		ret = hw_move(st->run);
		break;
	case HW_MADVISE:
		ret = vt_syscall(sys_madvise, part, PMD_SIZE, MADV_DONTDUMP);
		break;
	case HW_DONTNEED:
		had = hw_has_lock(st, slot);
		ret = vt_syscall(sys_madvise, HW_BASE, PUD_SIZE, MADV_DONTNEED);
		hw_look_lock(st, slot, had);
		break;
	case HW_REFUSED:
		ret = hw_refuse_split(w, slot);
		break;
	default:
		break;
	}
	if (ret)
		vt_count(st->run, HW_C_FAILED, 1);
	/* The others are done elsewhere. */
	else if (op <= HW_DONTNEED || op == HW_REFUSED)
		vt_worked(st->run, HW_V_OP, op);
	/* Each of the pieces has one of its own. */
	if (op == HW_MAP_FIXED || op == HW_PARTIAL || op == HW_MPROTECT_PART ||
	    op == HW_MADVISE)
		hw_look_owners(st->run, slot->mm);

	return ret || (op != HW_MPROTECT && op != HW_DONTNEED);
}

/* An mm that shares exits, and a new one takes its place. */
static void hw_exchange(struct hw_state *st, struct hw_slot *slot)
{
	struct mm_struct *old = slot->mm, *new;
	struct hw_nrs nrs;

	new = hw_mm_new(&st->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
	if (!new) {
		vt_count(st->run, HW_C_FAILED, 1);
		return;
	}
	nrs = hw_begin(st, slot);
	hw_slot_set(slot, NULL);
	/* Nobody is about to get the old one, or looks at its page tables. */
	synchronize_rcu_expedited();
	hw_mm_put(st->run, old);
	hw_end(st, slot, nrs);
	hw_slot_set(slot, new);
	vt_worked(st->run, HW_V_OP, HW_EXIT);
}

/**
 * hw_change() - end the sharing of one mm, and let it share again
 * @w: writer
 * @slot: the mm's
 * @op: how; for HW_PUNCH and HW_TRUNCATE that was hw_shrink()
 *
 * Context: no mm is in use, hw_slot.lock held; may sleep.
 */
void hw_change(struct hw_writer *w, struct hw_slot *slot, enum hw_op op)
{
	struct hw_state *st = w->st;
	struct hw_nrs nrs;
	bool remap = false, failed = false;
	long began = 0;
	u64 t0;

	if (op == HW_EXIT)
		hw_exchange(st, slot);

	kthread_use_mm(slot->mm);
	if (op == HW_MPROTECT)
		began = hw_protect_begin(st);
	if (op != HW_EXIT) {
		nrs = hw_begin(st, slot);
		t0 = ktime_get_ns();
		remap = hw_alter(w, slot, op);
		vt_hist(st->run, HW_H_UNSHARE, ktime_get_ns() - t0);
		hw_end(st, slot, nrs);
	}
	if (op == HW_MPROTECT && !remap) {
		hw_read_only(w, slot, began);
		nrs = hw_begin(st, slot);
		remap = vt_syscall(sys_mprotect, HW_BASE, PUD_SIZE,
				   PROT_READ | PROT_WRITE);
		hw_end(st, slot, nrs);
	}
	hw_poison(w);
	hw_tally(st);
	if (remap) {
		nrs = hw_begin(st, slot);
		failed = hw_map(&st->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
		if (failed)
			vt_count(st->run, HW_C_FAILED, 1);
		hw_end(st, slot, nrs);
	}
	/* One that may have stayed read-only is never over. */
	if (op == HW_MPROTECT && !failed)
		hw_protect_end(st);
	hw_touch(st, HW_BASE);
	kthread_unuse_mm(slot->mm);
	hw_tally(st);
}

/**
 * hw_lock_all() - lock all slots
 * @st: all of it
 *
 * Context: may sleep.
 */
void hw_lock_all(struct hw_state *st)
{
	unsigned int i;

	mutex_lock(&st->all_lock);
	for (i = 0; i < st->nr_slots; i++)
		mutex_lock_nest_lock(&st->slots[i].lock, &st->all_lock);
}

/**
 * hw_unlock_all() - unlock all slots
 * @st: all of it
 *
 * Context: after hw_lock_all().
 */
void hw_unlock_all(struct hw_state *st)
{
	unsigned int i;

	for (i = 0; i < st->nr_slots; i++)
		mutex_unlock(&st->slots[i].lock);
	mutex_unlock(&st->all_lock);
}

/**
 * hw_purge() - all of them unmap, so that the table is not only unshared but
 *	freed
 * @w: writer
 *
 * Context: no mm is in use; may sleep.
 */
void hw_purge(struct hw_writer *w)
{
	struct hw_state *st = w->st;
	bool all = true;
	unsigned int i;

	hw_lock_all(st);
	for (i = 0; i < st->nr_slots; i++) {
		struct hw_slot *slot = &st->slots[i];
		struct hw_nrs nrs;

		kthread_use_mm(slot->mm);
		nrs = hw_begin(st, slot);
		if (vm_munmap(HW_BASE, PUD_SIZE)) {
			vt_count(st->run, HW_C_FAILED, 1);
			all = false;
		}
		hw_poison(w);
		if (i == st->nr_slots - 1)
			WRITE_ONCE(st->purged, st->purged + 1);
		hw_end(st, slot, nrs);
		kthread_unuse_mm(slot->mm);
		hw_tally(st);
	}
	if (all)
		vt_worked(st->run, HW_V_OP, HW_PURGE);
	/* At the end of the test nobody needs them any more. */
	for (i = 0; i < st->nr_slots && !READ_ONCE(vt_pause); i++) {
		struct hw_slot *slot = &st->slots[i];

		kthread_use_mm(slot->mm);
		if (hw_map(&st->file, HW_BASE, PUD_SIZE, MAP_NORESERVE))
			vt_count(st->run, HW_C_FAILED, 1);
		hw_touch(st, HW_BASE);
		kthread_unuse_mm(slot->mm);
	}
	hw_unlock_all(st);
	hw_tally(st);
}
