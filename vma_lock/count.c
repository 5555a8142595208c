// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges the count in the lock of each VMA of an mm that no thread of the test
 * can reach: at the limit a further reader is refused, and when the last user of
 * the mm is gone it is at rest.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/sched.h>

#include "vma_lock.h"

/**
 * vl_limit() - judge whether readers are refused at the limit
 * @test: test
 * @mm: mm that nobody but the caller can reach
 *
 * As nobody else locks anything in this mm, its counts may be set, and have to
 * be found as they were set.
 *
 * Context: may sleep; takes mmap_lock of @mm for read.
 */
void vl_limit(struct vl_test *test, struct mm_struct *mm)
{
	struct vm_area_struct *vma, *got;
	unsigned int was, now;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, VL_BASE);
	if (!vma || !VT_VMA_REF_LIMIT)
		goto unlock;
	was = vt_vma_count(vma);
	vt_vma_count_set(vma, VT_VMA_REF_LIMIT);

	if (unlikely(vt_busted(test->run, VL_REF_LIMIT))) {
		vt_vma_count_inc(vma);
		got = vma;
	} else {
		got = vt_call(lock_vma_under_rcu)(mm, VL_BASE);
		if (!got && vt_vma_start_read_locked(vma))
			got = vma;
	}
	now = vt_vma_count(vma);

	vt_look(test->run, VL_REF_LIMIT, true);
	if (got || now != VT_VMA_REF_LIMIT)
		vt_race(test->run, VL_REF_LIMIT, mm, VL_BASE, now,
			VT_VMA_REF_LIMIT,
			"reader %s at the limit, count 0x%x, limit 0x%x",
			got ? "let in" : "refused", now, VT_VMA_REF_LIMIT);
	vt_vma_count_set(vma, was);
unlock:
	mmap_read_unlock(mm);
}

/* Counts the VMAs whose locks are not at rest; @w tells of the last of them. */
static unsigned int vl_count_leaks(struct vt_run *run, struct mm_struct *mm,
				   unsigned long *w)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma, *leaked = NULL;
	unsigned int leaks = 0;

	mmap_write_lock(mm);
	/* The broken promise: one reader who has not released. */
	if (unlikely(vt_busted(run, VL_REF_LEAK)))
		leaked = vt_call(lock_vma_under_rcu)(mm, VL_BASE);
	for_each_vma(vmi, vma) {
		unsigned int count = vt_vma_count(vma);

		if (count == VT_VMA_AT_REST)
			continue;
		leaks++;
		w[0] = vma->vm_start;
		w[1] = count;
	}
	if (leaked)
		vt_vma_end_read(leaked);
	mmap_write_unlock(mm);

	return leaks;
}

#define VL_LEAK_LOOKS	4
#define VL_LEAK_TRIES	50

/**
 * vl_audit() - judge whether all locks of an mm are at rest
 * @test: test
 * @space: its last user is the caller
 *
 * Threads of the test are gone from it. Somebody who reads /proc/PID/maps of a
 * child may have its mm for a moment, but then has a reference on it; a leak is
 * what stays, and stays while the mm has no other user than the test.
 *
 * Context: may sleep; takes mmap_lock of the mm for write.
 */
void vl_audit(struct vl_test *test, struct vl_space *space)
{
	struct mm_struct *mm = space->mm;
	unsigned int tries, leaks, looks = 0;
	unsigned long w[2] = {};

	for (tries = 0; tries < VL_LEAK_TRIES; tries++) {
		bool alone = atomic_read(&mm->mm_users) == 1;

		leaks = vl_count_leaks(test->run, mm, w);
		if (!leaks)
			break;
		if (alone && atomic_read(&mm->mm_users) == 1)
			looks++;
		if (looks == VL_LEAK_LOOKS)
			break;
		schedule_timeout_uninterruptible(1);
	}

	vt_look(test->run, VL_REF_LEAK, atomic_read(&space->regions[0].begun));
	if (leaks && looks == VL_LEAK_LOOKS)
		vt_race(test->run, VL_REF_LEAK, mm, w[0], w[1], leaks,
			"%u VMAs not at rest, one with count 0x%lx instead of %u",
			leaks, w[1], VT_VMA_AT_REST);
}
