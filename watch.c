// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch: walkers on the address spaces of live processes.
 *
 * The watch is no scenario: it has no writers, and no test starts it. The process
 * itself, which somebody else runs, changes its mm. The oracles judge what holds
 * for every mm; "gap" only in a range that the user says is never unmapped.
 *
 * Each process has a thread. It holds mm_count all the time, and mm_users only
 * during a burst of looks, so that the exit of the process waits for a burst at
 * most, and no look ever meets a tree that exit_mmap() is taking down.
 */
#include <linux/kernel.h>

#include "debugfs.h"
#include "engine.h"
#include "session.h"
#include "space.h"
#include "watch.h"
#include "watch/watches.h"

static const struct vt_kind wt_kinds[] = {
	[WT_GAP] = { "gap",
		"MAP_FIXED overwrites the tree in one store, readers under RCU see old or new (mm/vma.c, since 6.12)" },
	[WT_ORDER] = { "order",
		"under mmap_lock the VMAs of a tree are sorted and do not overlap" },
	[WT_RANGE] = { "range",
		"under mmap_lock a VMA is as long as its range in the tree (validate_mm())" },
	[WT_FOREIGN] = { "foreign_vma",
		"the VMAs in the tree of an mm are its own" },
	[WT_XA_ZERO] = { "xa_zero",
		"under mmap_lock the tree of a live mm holds VMAs or nothing" },
	[WT_MAP_COUNT] = { "map_count",
		"under mmap_lock mm->map_count is the number of VMAs (validate_mm())" },
	[WT_REFCOUNT] = { "refcount",
		"under mmap_lock a VMA in the tree is attached (vma_assert_attached())" },
	[WT_VMA_LOCK] = { "vma_lock",
		"what lock_vma_under_rcu() hands out is this mm's, covers the address, and stands still (include/linux/mmap_lock.h)" },
};

struct vt_run *wt_run;

/* What is asked first for the one run there is. */
static int wt_probe(struct vt_run *run)
{
	wt_run = run;
	if (!vt_busted(run, WT_GAP))
		vt_absent(run, WT_GAP, "no range is promised to stay mapped");
	if (!vt_has(lock_vma_under_rcu)) {
		vt_absent(run, WT_VMA_LOCK, "this kernel has no per-VMA locks");
		vt_absent(run, WT_REFCOUNT, "this kernel has no per-VMA locks");
	}
	/* How fast a watch gets on is up to the process. */
	vt_absent(run, vt_stall_kind(run->sc), "nothing is promised");
	return 0;
}

/* "watch" is the file that takes commands, so the directory has another name. */
const struct vt_scenario watch_torture = {
	.name = "watch",
	.dir = "watched",
	.by_itself = true,
	.later = BIT(WT_GAP),
	.kinds = wt_kinds,
	.nr_kinds = ARRAY_SIZE(wt_kinds),
	.probe = wt_probe,
};

/**
 * vt_watch_files() - create the file "watch"
 *
 * Context: may sleep; after vt_debugfs_init(), and gone with vt_debugfs_exit().
 */
void vt_watch_files(void)
{
	if (wt_run->busted && !vt_has_space())
		vt_err("watch: no way to make a private address space to break\n");
	vt_debugfs_file("watch", 0600, &wt_fops);
}

/**
 * vt_watch_exit() - end all watches and forget them
 *
 * Context: may sleep; the file is gone, the session is not.
 */
void vt_watch_exit(void)
{
	wt_forget_all();
}
