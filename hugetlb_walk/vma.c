// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, what a VMA has of its own although its table is shared: whether
 * its entries are writable (writable), and where its pages are after mremap()
 * (wrong_folio).
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "look.h"
#include "space.h"
#include "symbols.h"

/*
 * What is moved begins with the last entry of a table, which is never made, and
 * arrives one entry further from the end of one: only who keeps to the distance
 * finds the right place for the pages in the next table. As seen from there, one
 * that was skipped wrongly has its page at the next index, which is still mapped.
 */
#define HW_MOVE_FROM	(HW_BASE + 7 * PUD_SIZE - PMD_SIZE)
#define HW_MOVE_TO	(HW_BASE + 4 * PUD_SIZE - 2 * PMD_SIZE)
#define HW_MOVE_LEN	(HW_PAGES * PMD_SIZE)

/**
 * hw_protect_begin() - begin to make a mapping read-only and writable again
 * @st: all of it
 *
 * Context: hw_slot.lock held.
 * Return: for hw_protect_alone().
 */
long hw_protect_begin(struct hw_state *st)
{
	return atomic_long_add_return(HW_PROTECTION + 1, &st->protecting);
}

/**
 * hw_protect_end() - the mapping is writable again, or there is another one
 * @st: all of it
 *
 * Context: hw_slot.lock held since hw_protect_begin().
 */
void hw_protect_end(struct hw_state *st)
{
	atomic_long_dec(&st->protecting);
}

/* Was this the only mapping that was not writable, from hw_protect_begin() on? */
static bool hw_protect_alone(struct hw_state *st, long began)
{
	return began % HW_PROTECTION == 1 &&
	       atomic_long_read(&st->protecting) == began;
}

/**
 * hw_judge_writable() - judge whether the entry of a look may be written to
 * @run: run
 * @l: look, of which the entry was read while the VMA could not change
 * @flags: VM_* of the VMA
 * @alone: no other mapping of the file was anything but writable
 *
 * Two mappings that are both read-only may share a table. mprotect(2) sets a VMA's
 * flags before it sees to the entries, and who comes to share the table in between
 * gets those that are still writable: docs/findings.md. That can be told apart.
 *
 * Context: mmap_lock or the VMA's own lock held, since before the look.
 * Return: it was judged: the VMA may not be written to.
 */
bool hw_judge_writable(struct vt_run *run, const struct hw_look *l,
		       vm_flags_t flags, bool alone)
{
	if (flags & VM_WRITE || !pte_present(l->entry))
		return false;
	if (huge_pte_write(l->entry))
		vt_race(run, HW_WRITABLE, l->mm, hw_addr(l->idx),
			(unsigned long)l->table, pte_val(l->entry),
			"entry 0x%lx of table 0x%lx, %sshared, is writable in %s",
			(unsigned long)pte_val(l->entry), (unsigned long)l->table,
			l->shared ? "" : "not ",
			alone ? "the one mapping that is read-only" :
				"a read-only mapping, one of several");
	return true;
}

/* Read a page, of which the kernel makes an entry then. */
static bool hw_touched(unsigned long addr)
{
	return !fault_in_readable((char __user *)addr, 1);
}

/* Let another mm write to a page, as a sharer may at any time. */
static void hw_other_writes(struct hw_writer *w, const struct hw_slot *slot,
			    unsigned int idx)
{
	struct hw_state *st = w->st;
	struct hw_slot *other = &st->slots[vt_rnd_below(&w->t->rnd, st->nr_slots)];
	struct mm_struct *mm;

	if (other == slot)
		return;
	mm = hw_slot_get(other);
	if (!mm)
		return;
	hw_fault(mm, hw_addr(idx));
	vt_mm_put(mm);
}

/**
 * hw_read_only() - judge a mapping that has been made read-only
 * @w: writer
 * @slot: the mm's
 * @began: of hw_protect_begin()
 *
 * Context: the mm is in use, hw_slot.lock held; may sleep.
 */
void hw_read_only(struct hw_writer *w, struct hw_slot *slot, long began)
{
	struct hw_visit v = { slot, slot->mm, slot->pudp };
	struct hw_state *st = w->st;
	unsigned int idx;
	bool seen = false;

	for (idx = 0; idx < HW_PAGES; idx++) {
		struct vm_area_struct *vma;
		struct hw_look l;

		/* An entry of its own, if it has none, and then one of others. */
		if (!hw_touched(hw_addr(idx)))
			continue;
		hw_other_writes(w, slot, idx);
		hw_look_begin(&l, &v, idx);
		mmap_read_lock(v.mm);
		vma = find_vma(v.mm, HW_BASE);
		if (hw_vma_rwsem(vma, &st->file)) {
			i_mmap_lock_read(st->file.mapping);
			if (hw_look_first(&l))
				seen |= hw_judge_writable(st->run, &l, vma->vm_flags,
							  hw_protect_alone(st, began));
			i_mmap_unlock_read(st->file.mapping);
		}
		mmap_read_unlock(v.mm);
	}
	vt_look_own(st->run, HW_WRITABLE, seen);
}

/* The pages are what they were: not yet stamped, or of the index they are read at. */
static void hw_judge_moved(struct hw_state *st, struct mm_struct *mm)
{
	unsigned int idx;
	u64 seen;

	for (idx = 1; idx < HW_PAGES; idx++) {
		if (get_user(seen, (u64 __user *)(HW_MOVE_TO + idx * PMD_SIZE)))
			continue;
		vt_look_own(st->run, HW_WRONG_FOLIO, true);
		if (!hw_stamp_fits(&st->file, idx, seen))
			vt_race(st->run, HW_WRONG_FOLIO, mm,
				HW_MOVE_TO + idx * PMD_SIZE, seen,
				hw_stamp(&st->file, idx, 0),
				"after mremap() 0x%llx is read at the place of page %u",
				seen, idx);
	}
}

/**
 * hw_move_offset() - move a mapping that crosses a PUD to another offset there,
 *	and judge what is found where it went
 * @st: all of it
 * @slot: the mm's
 *
 * Its first page is not touched, so that there is no table for it, and its last one
 * is not either. Neither of its VMAs spans a PUD, so they share nothing.
 *
 * Context: no mm is in use, hw_slot.lock held; may sleep; there is sys_mremap().
 */
void hw_move_offset(struct hw_state *st, struct hw_slot *slot)
{
	long ret;

	kthread_use_mm(slot->mm);
	ret = vt_map(st->file.file, HW_MOVE_FROM, HW_MOVE_LEN,
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, 0);
	if (ret)
		goto out;
	if (!hw_touched(HW_MOVE_FROM + PMD_SIZE) ||
	    !hw_touched(HW_MOVE_FROM + 2 * PMD_SIZE))
		hw_no_page(st->run);
	ret = vt_syscall(sys_mremap, HW_MOVE_FROM, HW_MOVE_LEN, HW_MOVE_LEN,
			 MREMAP_MAYMOVE | MREMAP_FIXED, HW_MOVE_TO);
	if (ret != HW_MOVE_TO) {
		vm_munmap(HW_MOVE_FROM, HW_MOVE_LEN);
		goto out;
	}
	hw_judge_moved(st, slot->mm);
	hw_look_owners(st->run, slot->mm);
	vt_worked(st->run, HW_V_OP, HW_MOVE);
	ret = vm_munmap(HW_MOVE_TO, HW_MOVE_LEN);
out:
	kthread_unuse_mm(slot->mm);
	if (ret)
		vt_count(st->run, HW_C_FAILED, 1);
}
