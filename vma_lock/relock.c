// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks can be taken again: in an mm that nobody changes, no page that is mapped
 * is refused to a reader, whatever was locked before, and however that ended.
 */
#include <linux/atomic.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_context.h>
#include <linux/sched.h>

#include "vma_lock.h"

#define VL_RELOCK_TRIES	3

/* What kinds of VMA this kernel locks at all, even if nothing was faulted in. */
enum { VL_LOCKS_ANON, VL_LOCKS_FILE };

static bool vl_locks(struct mm_struct *mm, unsigned long addr)
{
	unsigned int tries;

	for (tries = 0; tries < VL_RELOCK_TRIES; tries++) {
		struct vm_area_struct *vma = vt_call(lock_vma_under_rcu)(mm, addr);

		if (vma) {
			vt_vma_end_read(vma);
			return true;
		}
		cond_resched();
	}
	return false;
}

/**
 * vl_relock_calibrate() - find out which VMAs this kernel locks for readers
 * @test: test
 * @mm: a new mm with all regions mapped, nothing faulted in
 *
 * The first kernels with locks of VMAs refused files, and anonymous memory that
 * had no anon_vma yet.
 */
void vl_relock_calibrate(struct vl_test *test, struct mm_struct *mm)
{
	if (vl_locks(mm, vl_region_base(VL_ANON) + VL_SIZE / 2))
		test->locks |= BIT(VL_LOCKS_ANON);
	if (vl_locks(mm, vl_region_base(VL_SHMEM) + VL_SIZE / 2) &&
	    vl_locks(mm, vl_region_base(VL_FILE) + VL_SIZE / 2))
		test->locks |= BIT(VL_LOCKS_FILE);
}

static bool vl_lockable(const struct vl_test *test, struct vm_area_struct *vma)
{
	if (!vma_is_anonymous(vma))
		return test->locks & BIT(VL_LOCKS_FILE);
	return vma->anon_vma || test->locks & BIT(VL_LOCKS_ANON);
}

/*
 * The first page that is refused, or 0. The mmap_lock is held, for read unless a
 * promise is to be broken: nobody else has a VMA of this mm locked for write.
 */
static unsigned long vl_refused(struct vl_test *test, struct mm_struct *mm,
				unsigned int *count)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	unsigned long addr;

	for_each_vma(vmi, vma) {
		if (!vl_lockable(test, vma))
			continue;
		for (addr = vma->vm_start; addr < vma->vm_end; addr += PAGE_SIZE) {
			if (likely(vl_locks(mm, addr)))
				continue;
			*count = vt_vma_count(vma);
			return addr;
		}
	}
	return 0;
}

static void vl_write_lock_all(struct mm_struct *mm)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	for_each_vma(vmi, vma)
		vt_vma_start_write(vma);
}

/* What munmap() of a page leaves on both sides, which it has split off. */
static bool vl_punch(struct vl_test *test, struct mm_struct *mm)
{
	unsigned long base = vl_region_base(VL_ANON);
	long ret;

	kthread_use_mm(mm);
	ret = vl_map_region(test, VL_ANON);
	if (!ret)
		ret = vt_syscall(sys_munmap, base + VL_SIZE / 2, PAGE_SIZE);
	kthread_unuse_mm(mm);

	return !ret;
}

/**
 * vl_relock() - judge whether each VMA of an mm can be locked
 * @test: test
 * @space: its last user is the caller
 *
 * As it is; when munmap() has locked some of them and kept its lock for read; and
 * when all were locked, the lock was kept for read, and all were locked again.
 *
 * Context: a kernel thread that uses no mm; may sleep; takes mmap_lock of the mm.
 */
void vl_relock(struct vl_test *test, struct vl_space *space)
{
	bool exposed = vl_space_changed(space);
	struct mm_struct *mm = space->mm;
	struct vt_run *run = test->run;
	unsigned long addr;
	unsigned int count;

	mmap_read_lock(mm);
	addr = vl_refused(test, mm, &count);
	mmap_read_unlock(mm);
	vt_look_own(run, VL_RELOCK, exposed);
	if (addr)
		vt_race(run, VL_RELOCK, mm, addr, count, 0,
			"at rest a page is refused %u times, count 0x%x",
			VL_RELOCK_TRIES, count);

	if (vl_punch(test, mm)) {
		mmap_read_lock(mm);
		addr = vl_refused(test, mm, &count);
		mmap_read_unlock(mm);
		vt_look_own(run, VL_RELOCK, true);
		if (addr)
			vt_race(run, VL_RELOCK, mm, addr, count, 0,
				"after munmap() a page is refused %u times, count 0x%x",
				VL_RELOCK_TRIES, count);
	}

	vl_write_lock_all(mm);
	/* The broken promise: readers are refused, for the lock is not given up. */
	if (unlikely(vt_busted(run, VL_RELOCK))) {
		addr = vl_refused(test, mm, &count);
		mmap_write_downgrade(mm);
	} else {
		mmap_write_downgrade(mm);
		addr = vl_refused(test, mm, &count);
	}
	mmap_read_unlock(mm);
	vt_look_own(run, VL_RELOCK, true);
	if (addr)
		vt_race(run, VL_RELOCK, mm, addr, count, 0,
			"after a downgrade a page is refused %u times, count 0x%x",
			VL_RELOCK_TRIES, count);

	vl_write_lock_all(mm);
	mmap_write_unlock(mm);
	mmap_read_lock(mm);
	addr = vl_refused(test, mm, &count);
	mmap_read_unlock(mm);
	vt_look_own(run, VL_RELOCK, true);
	if (addr)
		vt_race(run, VL_RELOCK, mm, addr, count, 0,
			"after an unlock a page is refused %u times, count 0x%x",
			VL_RELOCK_TRIES, count);
}
