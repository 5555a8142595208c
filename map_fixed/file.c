// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's file, of which mappings are replaced and by which others are.
 *
 * Judges: "close_order". ->close() of what is replaced runs before ->mmap() of
 * what replaces it, and has run for all of it when mmap() has returned; what
 * ->mmap() refused is never closed (mmap_file() in mm/internal.h).
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/kref.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "compat_file.h"
#include "map_fixed.h"

/*
 * The module's file: ->mmap() and ->close() tell the order in which the kernel
 * does things, a page with a generation in it tells what a mapping is.
 *
 * All of these but ->fault() are called with the mmap lock held for write, and
 * the lane's writer is who replaces: what they touch in the lane needs no other
 * lock. The last ->close() comes with the mm's end.
 */

/**
 * mf_map_free() - free what a mapping of the module's file shows
 * @ref: its last reference, put
 */
void mf_map_free(struct kref *ref)
{
	struct mf_map *map = container_of(ref, struct mf_map, ref);

	__free_page(map->page);
	kfree(map);
}

/**
 * mf_map_new() - make what the next mapping of the module's file will show
 * @lane: the lane it is for; its generation is written into the page
 *
 * Context: the lane's writer; sleeps.
 * Return: it, with one reference, or NULL without memory.
 */
struct mf_map *mf_map_new(struct mf_lane *lane)
{
	struct mf_map *map = kzalloc(sizeof(*map), GFP_KERNEL);
	u64 *stamp;

	if (!map)
		return NULL;
	map->page = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
	if (!map->page) {
		kfree(map);
		return NULL;
	}
	kref_init(&map->ref);
	map->lane = lane;
	stamp = kmap_local_page(map->page);
	*stamp = lane->generation;
	kunmap_local(stamp);

	return map;
}

/* The part of a VMA that lies in the arena, in pages; false if none does. */
static bool mf_arena_part(const struct mf_lane *lane,
			  const struct vm_area_struct *vma,
			  unsigned int *first, unsigned int *end)
{
	unsigned long from = max(vma->vm_start, lane->arena);
	unsigned long to = min(vma->vm_end, lane->arena + MF_ARENA);

	if (from >= to)
		return false;
	*first = (from - lane->arena) >> PAGE_SHIFT;
	*end = (to - lane->arena) >> PAGE_SHIFT;
	return true;
}

static void mf_vm_open(struct vm_area_struct *vma)
{
	struct mf_map *map = vma->vm_private_data;

	/* A split: the same pages, now under two VMAs. */
	kref_get(&map->ref);
}

static void mf_vm_close(struct vm_area_struct *vma)
{
	struct mf_map *map = vma->vm_private_data;
	struct mf_lane *lane = map->lane;
	unsigned int i, first, end;

	/* The VMA never held a reference: there is nothing to give back. */
	if (map->refused) {
		vt_race(lane->space->run, MF_CLOSE_ORDER, lane->space->mm,
			vma->vm_start, vma->vm_end, lane->generation,
			"->close() of a mapping that ->mmap() refused");
		return;
	}
	if (mf_arena_part(lane, vma, &first, &end)) {
		if (vt_busted(lane->space->run, MF_CLOSE_ORDER))
			bitmap_set(lane->put_off, first, end - first);
		else
			for (i = first; i < end; i++)
				lane->cover[i]--;
	}
	kref_put(&map->ref, mf_map_free);
}

static int mf_vm_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	struct mf_map *map = vma->vm_private_data;
	struct mf_lane *lane = map->lane;

	if (!lane->whole)
		return 0;
	lane->refused = true;
	return lane->refuse;
}

static vm_fault_t mf_vm_fault(struct vm_fault *vmf)
{
	struct mf_map *map = vmf->vma->vm_private_data;

	get_page(map->page);
	vmf->page = map->page;
	return 0;
}

static const struct vm_operations_struct mf_vm_ops = {
	.open = mf_vm_open,
	.close = mf_vm_close,
	.may_split = mf_vm_may_split,
	.fault = mf_vm_fault,
};

/**
 * mf_was_covered() - is any VMA of the module's file open over a range?
 * @lane: the lane
 * @first: first page, in the arena
 * @end: first page behind it
 *
 * Context: the lane's writer.
 * Return: true if so.
 */
bool mf_was_covered(const struct mf_lane *lane, unsigned int first,
		    unsigned int end)
{
	return memchr_inv(&lane->cover[first], 0, end - first);
}

/**
 * mf_judge_closed() - judge whether all VMAs of the module's file are closed
 * @lane: the lane
 * @first: first page, in the arena
 * @end: first page behind it
 * @when: for the race's detail: when that has to be so
 *
 * Context: the lane's writer.
 */
void mf_judge_closed(struct mf_lane *lane, unsigned int first,
		     unsigned int end, const char *when)
{
	unsigned int i;

	for (i = first; i < end; i++) {
		if (!lane->cover[i])
			continue;
		vt_race(lane->space->run, MF_CLOSE_ORDER, lane->space->mm,
			lane->arena + i * PAGE_SIZE, lane->cover[i],
			lane->generation,
			"%s: %u VMA of the old mapping not closed, generation %llu",
			when, lane->cover[i], lane->generation);
		break;
	}
}

static int mf_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mf_lane *lane = file->private_data;
	unsigned int i, first, end;

	if (lane->refuse) {
		lane->refused = true;
		if (lane->late) {
			vma->vm_private_data = lane->trap;
			vma->vm_ops = &mf_vm_ops;
		}
		return lane->refuse;
	}

	if (mf_arena_part(lane, vma, &first, &end)) {
		mf_judge_closed(lane, first, end, "in ->mmap()");
		for (i = first; i < end; i++)
			lane->cover[i]++;
	}
	kref_get(&lane->next->ref);
	/*
	 * Each mapping shows a page of its own, so it must not become part of
	 * a neighbour that happens to end where it begins in the file.
	 */
	vt_vm_flags_set(vma, VM_DONTEXPAND | (lane->seal ? VT_VM_SEALED : 0));
	vma->vm_private_data = lane->next;
	vma->vm_ops = &mf_vm_ops;

	return 0;
}

const struct file_operations mf_fops = {
	.mmap = mf_file_mmap,
};

static int mf_shy(struct file *file)
{
	struct mf_lane *lane = file->private_data;

	lane->refused = true;
	return lane->refuse ? lane->refuse : -ENODEV;
}

VT_DEFINE_REFUSING_FOPS(mf_shy_fops, mf_shy);
