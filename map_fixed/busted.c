// SPDX-License-Identifier: GPL-2.0-only
/*
 * The broken promises that take more than a line where they are broken: the module
 * does itself what the kernel must not do, and the oracles have to see it.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>

#include "map_fixed.h"
#include "rmap.h"

/**
 * mf_close_late() - busted: do what ->close() put off
 * @lane: the lane
 *
 * Does nothing unless ->close() has put something off.
 *
 * Context: the lane's writer, behind the replacement.
 */
void mf_close_late(struct mf_lane *lane)
{
	unsigned int i;

	for_each_set_bit(i, lane->put_off, MF_ARENA_PAGES)
		lane->cover[i]--;
	bitmap_zero(lane->put_off, MF_ARENA_PAGES);
}

/**
 * mf_abort_break() - busted: a failure that leaves half of the range
 * @lane: the lane
 *
 * Context: the lane's writer, behind a refused replacement.
 */
void mf_abort_break(struct mf_lane *lane)
{
	unsigned int half = (MF_ABORT_FROM + MF_ABORT_TO) / 2;

	if (mf_abort_map(lane, MF_ABORT_FROM, MF_ABORT_TO, NULL,
			 PROT_READ | PROT_WRITE))
		return;
	vm_munmap(mf_abort_addr(lane, MF_ABORT_FROM),
		  (half - MF_ABORT_FROM) * PAGE_SIZE);
}

/**
 * mf_links_break() - busted: a VMA that its file has lost
 * @census: what was counted
 */
void mf_links_break(struct vt_census *census)
{
	census->in_file--;
}

/**
 * mf_account_break() - busted: a page more than there are mapped, once
 * @lane: the lane
 *
 * Context: the lane's writer; takes the mm's lock.
 */
void mf_account_break(struct mf_lane *lane)
{
	struct mm_struct *mm = lane->space->mm;

	if (lane->bumped)
		return;
	mmap_write_lock(mm);
	mm->total_vm++;
	lane->bumped++;
	mmap_write_unlock(mm);
}
