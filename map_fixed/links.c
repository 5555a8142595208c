// SPDX-License-Identifier: GPL-2.0-only
/*
 * What links the lane's shmem file to the mm that maps it.
 *
 * Judges: "links". The file has the VMAs that the mm's tree has, with the same
 * bounds: the writer takes a census of both. And under i_mmap_rwsem, held for
 * read, they stay what they are: readers look twice.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "compat_rmap.h"
#include "map_fixed.h"
#include "rmap.h"
#include "view.h"

/**
 * mf_links_census() - judge whether the file and the mm agree
 * @lane: the lane
 *
 * Context: the lane's writer, without locks.
 */
void mf_links_census(struct mf_lane *lane)
{
	struct vt_run *run = lane->space->run;
	struct mm_struct *mm = lane->space->mm;
	struct vt_census census;

	vt_rmap_census(mm, lane->shmem->f_mapping, lane->arena,
		       lane->arena + MF_STRIDE - 1, &census);
	if (!census.complete)
		return;
	if (vt_busted(run, MF_LINKS))
		mf_links_break(&census);
	/* The lane's writer has replaced something since its last time. */
	vt_look_own(run, MF_LINKS, true);
	if (census.stray)
		vt_race(run, MF_LINKS, mm, census.stray, census.in_mm, census.in_file,
			"census: the file has a VMA at 0x%lx that the mm has not",
			census.stray);
	else if (census.in_mm != census.in_file)
		vt_race(run, MF_LINKS, mm, lane->arena, census.in_mm, census.in_file,
			"census: %u VMAs of the mm map the file, which has %u",
			census.in_mm, census.in_file);
}

#define MF_LINKS_MOST	8

/**
 * mf_look_links() - judge whether mappings stand still under i_mmap_rwsem
 * @t: the reader
 * @lane: the lane
 *
 * Context: may sleep.
 */
void mf_look_links(struct vt_thread *t, struct mf_lane *lane)
{
	struct address_space *mapping = lane->shmem->f_mapping;
	struct vt_rmap_seen seen[MF_LINKS_MOST], now;
	const struct vt_rmap_seen *was;
	struct mf_view v;
	unsigned int n;

	/* A failed replacement changes nothing about it. */
	mf_view_begin(lane, &v);
	i_mmap_lock_read(mapping);
	n = vt_rmap_note(mapping, vt_rnd_below(&t->rnd, MF_LINKS_MOST), seen,
			 MF_LINKS_MOST);
	if (v.look.start < v.look.end && vt_rnd_one_in(&t->rnd, 4))
		vt_hold(t);
	was = vt_rmap_moved(seen, n, &now);
	if (was)
		vt_see(t->run);
	i_mmap_unlock_read(mapping);
	if (!n)
		return;
	mf_view_end(t->run, MF_LINKS, lane, &v, lane->arena,
		    lane->arena + MF_ARENA - 1);
	vt_tried(t->run, MF_V_LOOK, MF_BY_I_MMAP, true);
	if (unlikely(was))
		vt_race(t->run, MF_LINKS, lane->space->mm, was->start, was->end,
			now.end,
			"under i_mmap_rwsem a VMA was 0x%lx-0x%lx page %lu, and became 0x%lx-0x%lx page %lu",
			was->start, was->end - 1, was->pgoff, now.start, now.end - 1,
			now.pgoff);
}
