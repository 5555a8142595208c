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

/* A line of its own in the race log and the summary, and a name for "busted". */
const struct vt_scenario watch_torture = {
	.name = "watch",
	.kinds = wt_kinds,
	.nr_kinds = ARRAY_SIZE(wt_kinds),
};

struct vt_run wt_run;

/**
 * vt_watch_files() - create the file "watch"
 *
 * Context: may sleep; after vt_debugfs_init(), and gone with vt_debugfs_exit().
 */
void vt_watch_files(void)
{
	vt_debugfs_file("watch", 0600, &wt_fops);
}

/**
 * vt_watch_init() - be ready to watch
 * @busted: bit set of the kinds whose promise is broken in an mm of our own
 *
 * Context: may sleep; once, at load, after vt_session_init().
 * Return: 0 or -ENOMEM.
 */
int vt_watch_init(u32 busted)
{
	int ret = vt_run_init(&wt_run, &watch_torture, busted);

	if (ret)
		return ret;
	vt_absent(&wt_run, WT_GAP, "no range is promised to stay mapped");
	if (!vt_has(lock_vma_under_rcu)) {
		vt_absent(&wt_run, WT_VMA_LOCK, "this kernel has no per-VMA locks");
		vt_absent(&wt_run, WT_REFCOUNT, "this kernel has no per-VMA locks");
	}
	if (busted && !vt_has_space())
		vt_err("watch: no way to make a private address space to break\n");
	vt_session_adopt(&wt_run);
	return 0;
}

/**
 * vt_watch_exit() - end all watches and forget them
 *
 * Context: may sleep; the file is gone, the session is not.
 */
void vt_watch_exit(void)
{
	wt_forget_all();
	vt_session_adopt(NULL);
	vt_run_exit(&wt_run);
}
