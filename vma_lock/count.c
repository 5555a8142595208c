// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges the count in the lock of each VMA of an mm that no thread of the test
 * can reach: at the limit a further reader is refused, and when the last user of
 * the mm is gone it is at rest.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "vma_lock.h"

#define VL_LIMIT_WAIT	HZ	/* for what others still owe to a count */

/*
 * Wait until nobody else can touch the count of @vma, and set it to the limit.
 * VMA objects are reused while readers of other mms still look at them
 * (SLAB_TYPESAFE_BY_RCU): such a reader counts itself, sees that this is not its
 * mm, and drops the count again, the latter when it has left the RCU section.
 * After a grace period nobody is left who could begin that; who has begun keeps
 * the count above what it is at rest until it is done.
 */
static bool vl_limit_set(struct vm_area_struct *vma)
{
	unsigned long end = jiffies + VL_LIMIT_WAIT;

	synchronize_rcu();
	while (!vt_vma_count_swap(vma, VT_VMA_AT_REST, VT_VMA_REF_LIMIT)) {
		if (time_after(jiffies, end))
			return false;
		schedule_timeout_uninterruptible(1);
	}
	return true;
}

/**
 * vl_limit() - judge whether readers are refused at the limit
 * @test: test
 * @mm: mm that nobody but the caller can reach
 *
 * As nobody else locks anything in this mm, a count may be brought to the limit,
 * and has to be found there. It is brought back by what it was raised, so that
 * whatever somebody did to it meanwhile is not lost.
 *
 * Context: may sleep; takes mmap_lock of @mm for read.
 */
void vl_limit(struct vl_test *test, struct mm_struct *mm)
{
	struct vm_area_struct *vma, *got;
	unsigned int now;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, VL_BASE);
	if (!vma || !VT_VMA_REF_LIMIT || !vl_limit_set(vma))
		goto unlock;

	if (unlikely(vt_busted(test->run, VL_REF_LIMIT))) {
		vt_vma_count_add(vma, 1);
		got = vma;
	} else {
		got = vt_call(lock_vma_under_rcu)(mm, VL_BASE);
		if (!got && vt_vma_start_read_locked(vma))
			got = vma;
	}
	now = vt_vma_count(vma);

	vt_look_own(test->run, VL_REF_LIMIT, true);
	if (got || now != VT_VMA_REF_LIMIT)
		vt_race(test->run, VL_REF_LIMIT, mm, VL_BASE, now,
			VT_VMA_REF_LIMIT,
			"reader %s at the limit, count 0x%x, limit 0x%x",
			got ? "let in" : "refused", now, VT_VMA_REF_LIMIT);
	/* A reader that was let in is counted below the limit before it leaves. */
	vt_vma_count_add(vma, VT_VMA_AT_REST - (int)VT_VMA_REF_LIMIT);
	if (unlikely(vt_busted(test->run, VL_REF_LIMIT)))
		vt_vma_count_add(vma, -1);
	else if (got)
		vt_vma_end_read(got);
unlock:
	mmap_read_unlock(mm);
}

/**
 * struct vl_leak - what was found of locks that are not at rest
 * @vmas: how many VMAs
 * @vma: the first of them
 * @start: where that begins
 * @count: its count
 */
struct vl_leak {
	unsigned int vmas;
	struct vm_area_struct *vma;
	unsigned long start;
	unsigned int count;
};

/* Looks at the lock of each VMA. Returns false if all are at rest. */
static bool vl_look_leaks(struct vt_run *run, struct mm_struct *mm,
			  struct vl_leak *leak)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma, *leaked = NULL;

	*leak = (struct vl_leak){};
	mmap_write_lock(mm);
	/* The broken promise: one reader who has not released. */
	if (unlikely(vt_busted(run, VL_REF_LEAK)))
		leaked = vt_call(lock_vma_under_rcu)(mm, VL_BASE);
	for_each_vma(vmi, vma) {
		unsigned int count = vt_vma_count(vma);

		if (count == VT_VMA_AT_REST)
			continue;
		if (leak->vmas++)
			continue;
		leak->vma = vma;
		leak->start = vma->vm_start;
		leak->count = count;
	}
	if (leaked)
		vt_vma_end_read(leaked);
	mmap_write_unlock(mm);

	return leak->vmas;
}

#define VL_LEAK_LOOKS	4
#define VL_LEAK_TRIES	50
#define VL_LEAK_STAYS	(2 * HZ)

/*
 * A reader of another mm may still have to drop what it counted in an object that
 * was reused, see vl_limit_set(), and may have been preempted before it does. What
 * is the same VMA with the same count two seconds after a grace period is none of
 * those. The first time only: then the kernel is known to leak.
 */
static bool vl_leak_stays(struct vl_test *test, struct mm_struct *mm,
			  struct vl_leak *leak)
{
	unsigned long end = jiffies + VL_LEAK_STAYS;
	struct vl_leak again;

	if (READ_ONCE(test->leaked))
		return true;
	synchronize_rcu();
	do {
		schedule_timeout_uninterruptible(HZ / 20);
		if (atomic_read(&mm->mm_users) != 1 ||
		    !vl_look_leaks(test->run, mm, &again) ||
		    again.vma != leak->vma || again.start != leak->start ||
		    again.count != leak->count)
			return false;
	} while (time_before(jiffies, end));
	WRITE_ONCE(test->leaked, true);
	return true;
}

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
	unsigned int tries, looks = 0;
	struct vl_leak leak;
	bool leaks;

	for (tries = 0; tries < VL_LEAK_TRIES; tries++) {
		bool alone = atomic_read(&mm->mm_users) == 1;

		leaks = vl_look_leaks(test->run, mm, &leak);
		if (!leaks)
			break;
		if (alone && atomic_read(&mm->mm_users) == 1)
			looks++;
		if (looks == VL_LEAK_LOOKS)
			break;
		schedule_timeout_uninterruptible(1);
	}

	vt_look_own(test->run, VL_REF_LEAK, vl_space_changed(space));
	if (leaks && looks == VL_LEAK_LOOKS && vl_leak_stays(test, mm, &leak))
		vt_race(test->run, VL_REF_LEAK, mm, leak.start, leak.count,
			leak.vmas,
			"%u VMAs not at rest, one with count 0x%x instead of %u",
			leak.vmas, leak.count, VT_VMA_AT_REST);
}
