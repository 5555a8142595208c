// SPDX-License-Identifier: GPL-2.0-only
/*
 * The busted flavour of a reader: it locks a VMA that it did not ask for, or looks
 * at one that it has released, so that its own oracles have to see a race.
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/timekeeping.h>

#include "look.h"

/**
 * vl_break() - draw whether a read shall be broken
 * @t: thread
 *
 * One read in four is broken, in the way of one of the kinds asked for.
 *
 * Return: in what way, or VL_SOUND.
 */
enum vl_break vl_break(struct vt_thread *t)
{
	static const enum vl_break how[] = {
		[VL_WRONG_MM] = VL_OTHER_MM,
		[VL_WRONG_RANGE] = VL_OTHER_ADDR,
		[VL_DETACHED] = VL_RELEASED,
		[VL_UNSTABLE] = VL_RELEASED,
		[VL_OVERLAP] = VL_RELEASED,
	};
	u32 kinds = t->run->busted & (BIT(ARRAY_SIZE(how)) - 1);
	unsigned int kind, skip;

	if (!kinds || !vt_rnd_one_in(&t->rnd, 4))
		return VL_SOUND;
	skip = vt_rnd_below(&t->rnd, hweight32(kinds));
	for (kind = 0; ; kind++)
		if ((kinds & BIT(kind)) && !skip--)
			return how[kind];
}

/**
 * vl_lock_elsewhere() - as lock_vma_under_rcu(), but not where it was asked to
 * @test: test
 * @h: what is asked for; its VMA is set, to one that is locked or to NULL
 * @how: VL_OTHER_MM or VL_OTHER_ADDR
 *
 * Context: the reader's thread.
 */
void vl_lock_elsewhere(struct vl_test *test, struct vl_held *h,
		       enum vl_break how)
{
	if (how == VL_OTHER_MM)
		h->vma = vt_call(lock_vma_under_rcu)(test->decoy->mm, h->addr);
	else
		h->vma = vt_call(lock_vma_under_rcu)(h->mm, h->addr ^ VL_SIZE);
}

#define VL_PATIENCE	(8 * NSEC_PER_MSEC)

/**
 * vl_read_released() - read by one who released the lock and believes to hold it
 * @t: thread
 * @r: reader
 *
 * Where a writer is at work, until a change has come to its end. RCU keeps the
 * memory a VMA, whoever frees it meanwhile.
 *
 * Context: the reader's thread, which holds nothing.
 */
void vl_read_released(struct vt_thread *t, struct vl_reader *r)
{
	unsigned int hot = READ_ONCE(r->space->hot);
	struct vt_flight *region = &r->space->regions[hot];
	struct vl_held *h = &r->held;
	u64 begin;

	vl_aim(r, vl_region_base(hot) +
		  vt_rnd_below(&t->rnd, VL_PAGES) * PAGE_SIZE);
	h->hold = VL_SPIN;

	rcu_read_lock();
	h->vma = vt_call(lock_vma_under_rcu)(h->mm, h->addr);
	if (h->vma) {
		vt_vma_end_read(h->vma);
		vl_enter(t, r);
		begin = ktime_get_mono_fast_ns();
		while ((u32)atomic_read(&region->ended) == r->look.ended &&
		       ktime_get_mono_fast_ns() - begin < VL_PATIENCE)
			cpu_relax();
		vl_leave(t, r);
		vl_count_read(t, r);
	} else {
		r->misses++;
	}
	rcu_read_unlock();
}
