// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spaces: how an mm of a test is made and mapped, where readers and writers find
 * it, and what becomes of it when the last of them lets go.
 */
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_context.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "space.h"
#include "vma_lock.h"

/**
 * vl_map() - map a piece of a region as it is at first, over whatever is there
 * @test: test
 * @region: region
 * @start: where the piece begins
 * @len: how long it is
 *
 * Context: a thread that uses the mm of a space; may sleep.
 * Return: 0 or an errno.
 */
long vl_map(struct vl_test *test, unsigned int region, unsigned long start,
	    unsigned long len)
{
	unsigned long flags = 0, off = start - vl_region_base(region);
	struct file *file = NULL;

	switch (region % VL_BACKINGS) {
	case VL_ANON:
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
		break;
	case VL_SHMEM:
		flags |= MAP_SHARED | MAP_ANONYMOUS;
		break;
	case VL_FILE:
		flags |= MAP_SHARED;
		file = test->file;
		break;
	case VL_FILE_COW:
		flags |= MAP_PRIVATE;
		file = test->file;
		break;
	case VL_FILE_SLOW:
		flags |= MAP_SHARED;
		file = test->slow;
		break;
	}
	if (region == VL_STACK) {
		flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN;
		file = NULL;
	}

	return vt_map(file, start, len, PROT_READ | PROT_WRITE, flags,
		      file ? off : 0);
}

/**
 * vl_map_region() - map a region as it is at first, over whatever is there
 * @test: test
 * @region: region; of the stack, what it has to begin with
 *
 * Context: a thread that uses the mm of a space; may sleep.
 * Return: 0 or an errno.
 */
long vl_map_region(struct vl_test *test, unsigned int region)
{
	unsigned long start = vl_region_base(region), len = VL_SIZE;

	if (region == VL_STACK) {
		start = VL_STACK_START;
		len = VL_STACK_PAGES * PAGE_SIZE;
	}
	return vl_map(test, region, start, len);
}

/**
 * vl_space_wrap() - make a space of an mm
 * @test: test
 * @mm: mm; the caller's reference goes to the space
 *
 * Context: may sleep.
 * Return: the space, its one user is the caller; or NULL without memory, then
 * the reference stays with the caller.
 */
struct vl_space *vl_space_wrap(struct vl_test *test, struct mm_struct *mm)
{
	struct vl_space *space = kzalloc(sizeof(*space), GFP_KERNEL);

	if (!space)
		return NULL;
	refcount_set(&space->users, 1);
	space->mm = mm;
	space->id = atomic64_inc_return(&test->ids);

	return space;
}

/**
 * vl_space_new() - a new mm with all regions mapped
 * @test: test
 *
 * Context: a kernel thread that uses no mm; may sleep.
 * Return: the space, or NULL without memory.
 */
struct vl_space *vl_space_new(struct vl_test *test)
{
	struct mm_struct *mm = vt_mm_new();
	struct vl_space *space;
	unsigned int region;

	if (!mm)
		return NULL;
	space = vl_space_wrap(test, mm);
	if (!space) {
		vt_mm_put(mm);
		return NULL;
	}

	kthread_use_mm(mm);
	for (region = 0; region <= VL_STACK; region++)
		if (vl_map_region(test, region))
			vt_count(test->run, VL_WRITE_ERRORS, 1);
	kthread_unuse_mm(mm);

	return space;
}

/**
 * vl_space_get() - become a user of the space in a slot
 * @slot: slot
 *
 * Slots are filled before the threads begin, and emptied when they are gone.
 *
 * Context: a thread of the test; takes @slot->lock.
 * Return: the space, for vl_space_put().
 */
struct vl_space *vl_space_get(struct vl_slot *slot)
{
	struct vl_space *space;

	spin_lock(&slot->lock);
	space = slot->space;
	refcount_inc(&space->users);
	spin_unlock(&slot->lock);

	return space;
}

/**
 * vl_space_put() - be done with a space
 * @test: test
 * @space: space, or NULL
 *
 * Context: a kernel thread that does not use the mm; may sleep. The last one to
 * be done with it judges its locks and ends the mm.
 */
void vl_space_put(struct vl_test *test, struct vl_space *space)
{
	bool changed;

	if (!space || !refcount_dec_and_test(&space->users))
		return;
	changed = vl_space_changed(space);
	vl_audit(test, space);
	vl_account_rest(test, space);
	vl_relock(test, space);
	vl_contents(test, space);
	vl_guard(test, space);
	vt_mm_end(test->run, VL_ACCOUNT, space->mm, changed, "the mm");
	kfree(space);
	vt_count(test->run, VL_EXITS, 1);
}

/**
 * vl_slot_put() - put another space into a slot
 * @test: test
 * @slot: slot
 * @space: space, or NULL; the caller's use of it goes to the slot
 *
 * Context: as vl_space_put(), which is called for the space that was there.
 */
void vl_slot_put(struct vl_test *test, struct vl_slot *slot,
		 struct vl_space *space)
{
	struct vl_space *old;

	spin_lock(&slot->lock);
	old = slot->space;
	WRITE_ONCE(slot->space, space);
	spin_unlock(&slot->lock);
	vl_space_put(test, old);
}
