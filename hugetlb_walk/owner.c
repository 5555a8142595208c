// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, whose a hugetlb vma lock is (lock_owner): that of each VMA of an mm,
 * after splits, moves and forks, and that of each VMA which maps the file, at any
 * moment. And the two operations for which that is looked at: splits that are
 * refused, and forks.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>

#include "compat_hugetlb.h"
#include "look.h"
#include "space.h"
#include "symbols.h"

#define HW_BARE_US	20	/* in which a lock may come that must not */

/* The VMA has a lock. @where is said before what is wrong. */
static void hw_judge_owner(struct vt_run *run, struct vm_area_struct *vma,
			   const char *where)
{
	struct vm_area_struct *owner = vt_hugetlb_lock_owner(vma);

	if (owner != vma)
		vt_race(run, HW_LOCK_OWNER, vma->vm_mm, vma->vm_start,
			(unsigned long)vma, (unsigned long)owner,
			"%sthe hugetlb lock of VMA 0x%lx is that of 0x%lx", where,
			(unsigned long)vma, (unsigned long)owner);
}

/**
 * hw_judge_lock() - judge whose the hugetlb vma lock of a VMA is
 * @run: run
 * @vma: shared VMA of a hugetlb file
 * @had: it had a lock before, and has been mapped since
 *
 * There may have been no memory for a lock; then the VMA has none from the start.
 *
 * Context: mmap_lock or the VMA's own lock held.
 */
void hw_judge_lock(struct vt_run *run, struct vm_area_struct *vma, bool had)
{
	if (vt_hugetlb_vma_rwsem(vma))
		hw_judge_owner(run, vma, "");
	else if (had)
		vt_race(run, HW_LOCK_OWNER, vma->vm_mm, vma->vm_start,
			0, 0, "the VMA's hugetlb lock is gone, and the VMA is not");
}

/**
 * hw_look_owners() - judge whose the hugetlb vma locks of an mm are
 * @run: run
 * @mm: the mm, of which a VMA was split, moved or copied
 *
 * Context: may sleep; mmap_lock not held.
 */
void hw_look_owners(struct vt_run *run, struct mm_struct *mm)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;
	bool judged = false;

	mmap_read_lock(mm);
	mas_for_each(&mas, vma, ULONG_MAX) {
		if (!vt_vma_is_hugetlb(vma) || !(vma->vm_flags & VM_MAYSHARE))
			continue;
		hw_judge_lock(run, vma, false);
		judged = true;
	}
	mmap_read_unlock(mm);
	vt_look_own(run, HW_LOCK_OWNER, judged);
}

/**
 * hw_judge_mapped() - judge whose the hugetlb vma locks of a file's VMAs are
 * @run: run
 * @mapping: the file's
 *
 * A VMA gets its lock before its file has it, and loses it with i_mmap_rwsem held
 * for write. One without a lock is about to leave its file, or found no memory for
 * one: it gets none any more.
 *
 * Context: i_mmap_rwsem held for write.
 */
void hw_judge_mapped(struct vt_run *run, struct address_space *mapping)
{
	struct vm_area_struct *vma, *bare = NULL;

	vt_rmap_for_each(vma, mapping) {
		if (!vt_hugetlb_vma_rwsem(vma)) {
			bare = vma;
			continue;
		}
		hw_judge_owner(run, vma, "under i_mmap ");
	}
	if (!bare)
		return;
	udelay(HW_BARE_US);
	if (vt_hugetlb_vma_rwsem(bare))
		vt_race(run, HW_LOCK_OWNER, bare->vm_mm, bare->vm_start,
			(unsigned long)bare, 0,
			"under i_mmap VMA 0x%lx got its hugetlb lock, when its file had it already",
			(unsigned long)bare);
}

static struct vm_area_struct *hw_slot_vma(struct hw_state *st,
					  struct hw_slot *slot)
{
	struct vm_area_struct *vma = find_vma(slot->mm, HW_BASE);

	return vma && vma->vm_start <= HW_BASE && vma->vm_file &&
	       vma->vm_file->f_mapping == st->file.mapping ? vma : NULL;
}

/**
 * hw_has_lock() - has the slot's mapping a hugetlb vma lock?
 * @st: all of it
 * @slot: the mm's
 *
 * Context: hw_slot.lock held; may sleep.
 */
bool hw_has_lock(struct hw_state *st, struct hw_slot *slot)
{
	struct vm_area_struct *vma;
	bool has;

	mmap_read_lock(slot->mm);
	vma = hw_slot_vma(st, slot);
	has = vma && vt_hugetlb_vma_rwsem(vma);
	mmap_read_unlock(slot->mm);
	return has;
}

/**
 * hw_look_lock() - judge the hugetlb vma lock of the slot's mapping
 * @st: all of it
 * @slot: the mm's
 * @had: it had one before, and no other VMA has taken its place
 *
 * Context: hw_slot.lock held; may sleep.
 */
void hw_look_lock(struct hw_state *st, struct hw_slot *slot, bool had)
{
	struct vm_area_struct *vma;

	mmap_read_lock(slot->mm);
	vma = hw_slot_vma(st, slot);
	if (vma) {
		vt_look_own(st->run, HW_LOCK_OWNER, true);
		hw_judge_lock(st->run, vma, had);
	}
	mmap_read_unlock(slot->mm);
}

/**
 * hw_refuse_split() - split a mapping where no huge page begins, which is refused,
 *	and judge its lock
 * @w: writer
 * @slot: the mm's
 *
 * Either nothing is split, or the first of two splits is done and stays.
 *
 * Context: the mm is in use, hw_slot.lock held; may sleep.
 * Return: 0 if it was refused, or an errno.
 */
long hw_refuse_split(struct hw_writer *w, struct hw_slot *slot)
{
	struct vt_rnd *rnd = &w->t->rnd;
	unsigned long start = hw_addr(1 + vt_rnd_below(rnd, HW_PAGES));
	unsigned long end = start + PMD_SIZE + PAGE_SIZE;
	bool at_once = vt_rnd_one_in(rnd, 2);
	unsigned int way = vt_rnd_below(rnd, 3);
	bool had = hw_has_lock(w->st, slot);
	long ret;

	if (at_once)
		start += PAGE_SIZE;
	if (way == 0 && vt_has(sys_madvise))
		ret = vt_syscall(sys_madvise, start, end - start, MADV_DONTDUMP);
	else if (way == 1 && vt_has(sys_mprotect))
		ret = vt_syscall(sys_mprotect, start, end - start, PROT_READ);
	else
		ret = vm_munmap(start, end - start);
	if (at_once)
		hw_look_lock(w->st, slot, had && ret);
	else
		hw_look_owners(w->st->run, slot->mm);
	return ret ? 0 : -ENOTRECOVERABLE;
}

/* It runs in the kernel only, and leaves its mm behind. */
static int hw_child(void *arg)
{
	struct mm_struct **mm = arg;

	mmget(current->mm);
	*mm = current->mm;
	return vt_child_end();
}

/**
 * hw_fork() - fork an mm, let the child share, and judge the locks of both
 * @w: writer
 * @slot: the mm's
 *
 * Context: no mm is in use, hw_slot.lock held; may sleep. The kernel has what
 * VT_NEED_FORK names.
 */
void hw_fork(struct hw_writer *w, struct hw_slot *slot)
{
	struct hw_state *st = w->st;
	struct mm_struct *mm = NULL;
	bool had = hw_has_lock(st, slot);
	pid_t pid;
	u32 nr;

	kthread_use_mm(slot->mm);
	nr = vt_flight_begin(&st->forks);
	pid = vt_fork(hw_child, &mm);
	vt_flight_end(&st->forks, nr);
	if (pid > 0)
		vt_child_wait(pid);
	kthread_unuse_mm(slot->mm);
	if (mm) {
		hw_look_owners(st->run, mm);
		kthread_use_mm(mm);
		hw_touch(st, HW_BASE);
		kthread_unuse_mm(mm);
		hw_mm_put(st->run, mm);
		vt_worked(st->run, HW_V_OP, HW_FORK);
	} else {
		vt_count(st->run, HW_C_FAILED, 1);
	}
	/* Whose child has gone has its lock still. */
	hw_look_lock(st, slot, had);
}

/**
 * hw_forking() - is an mm of a slot being forked?
 * @st: all of it
 *
 * Context: any.
 */
bool hw_forking(const struct hw_state *st)
{
	return atomic_read(&st->forks.begun) != atomic_read(&st->forks.ended);
}

/**
 * hw_watch_forks() - while an mm is forked, judge the locks of the VMAs that are
 *	found through the file
 * @run: run
 * @st: all of it
 *
 * One reader does, and asks for i_mmap_rwsem again and again, so that it is in the
 * queue when who forks, having linked a child's VMA, lets go of it.
 *
 * Context: may sleep; the VMAs that map a file can be told.
 */
void hw_watch_forks(struct vt_run *run, struct hw_state *st)
{
	unsigned long since = jiffies;

	if (!mutex_trylock(&st->watch_lock))
		return;
	while (hw_forking(st) && !hw_enough(since)) {
		struct vt_flight_look look;
		bool exposed;

		vt_flight_look(&st->forks, &look);
		i_mmap_lock_write(st->file.mapping);
		hw_judge_mapped(run, st->file.mapping);
		i_mmap_unlock_write(st->file.mapping);
		exposed = vt_flight_exposed(&st->forks, &look);
		vt_look_into(run, HW_LOCK_OWNER, exposed, &st->forks, &look);
		cond_resched();
	}
	mutex_unlock(&st->watch_lock);
}
