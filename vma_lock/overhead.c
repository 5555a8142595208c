// SPDX-License-Identifier: GPL-2.0-only
/*
 * Only in the module that scripts/bench builds.
 *
 * What the oracles cost: a burst of locked reads as in reader.c without the
 * holding, and a burst of what the kernel does alone, at the same addresses.
 * Where one of them took VL_BURST_SPOILT times as long as the shortest one that
 * any reader made, the CPU did something else meanwhile, and both are left out.
 */
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "look.h"

#define VL_BURST	64
#define VL_BURST_SPOILT	8
#define VL_OVERHEAD_TURNS	4	/* of a reader, from one time to the next */

static u64 vl_best_checked = U64_MAX, vl_best_bare = U64_MAX;

/*
 * QEMU's jumps from one page of code to another are slow ones: a loop that lies
 * across pages, for what was added elsewhere, takes a tenth longer.
 */
#define VL_IN_A_PAGE	noinline __aligned(PAGE_SIZE)

static VL_IN_A_PAGE u64 vl_burst_checked(struct vt_thread *t, struct vl_reader *r,
			    const unsigned long *addrs)
{
	u64 begin = ktime_get_mono_fast_ns();
	unsigned int i;

	for (i = 0; i < VL_BURST; i++)
		vl_glance(t, r, addrs[i]);
	return ktime_get_mono_fast_ns() - begin;
}

static VL_IN_A_PAGE u64 vl_burst_bare(struct vl_reader *r, const unsigned long *addrs)
{
	u64 begin = ktime_get_mono_fast_ns();
	unsigned int i;

	for (i = 0; i < VL_BURST; i++) {
		struct vm_area_struct *vma;

		vma = vt_call(lock_vma_under_rcu)(r->mm, addrs[i]);
		if (vma)
			vt_vma_end_read(vma);
	}
	return ktime_get_mono_fast_ns() - begin;
}

/**
 * vl_overhead() - now and then measure one burst of each kind
 * @t: thread
 * @r: reader, r->space is where it reads
 *
 * Context: the reader's thread, which holds nothing.
 */
void vl_overhead(struct vt_thread *t, struct vl_reader *r)
{
	unsigned long addrs[VL_BURST];
	bool bare_first = vt_rnd_one_in(&t->rnd, 2);
	u64 checked, bare = 0;
	unsigned int i;

	if (!vt_rnd_one_in(&t->rnd, VL_OVERHEAD_TURNS))
		return;
	for (i = 0; i < VL_BURST; i++)
		addrs[i] = vl_pick_addr(t, r);

	/* Either finds warm caches as often as the other. */
	if (bare_first)
		bare = vl_burst_bare(r, addrs);
	checked = vl_burst_checked(t, r, addrs);
	if (!bare_first)
		bare = vl_burst_bare(r, addrs);

	/* Of several readers that come at once one may be lost: no matter. */
	if (checked < READ_ONCE(vl_best_checked))
		WRITE_ONCE(vl_best_checked, checked);
	if (bare < READ_ONCE(vl_best_bare))
		WRITE_ONCE(vl_best_bare, bare);
	if (checked > VL_BURST_SPOILT * READ_ONCE(vl_best_checked) ||
	    bare > VL_BURST_SPOILT * READ_ONCE(vl_best_bare))
		return;
	vt_count(t->run, VL_CHECKED, VL_BURST);
	vt_count(t->run, VL_CHECKED_NS, checked);
	vt_count(t->run, VL_BARE, VL_BURST);
	vt_count(t->run, VL_BARE_NS, bare);
}
