// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers: each takes a space out of a slot, makes some changes in it, hands VMA
 * objects over to other spaces, and puts a child's mm or a new one into the slot.
 */
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mmu_context.h>
#include <linux/rwsem.h>
#include <linux/sched.h>

#include "space.h"
#include "vma_lock.h"

static long (*const vl_makes[VL_D_NR])(struct vt_thread *t,
				       struct vl_change *c) = {
	[VL_D_MUNMAP]	= vl_do_munmap,
	[VL_D_MAP_FIXED] = vl_do_map_fixed,
	[VL_D_MPROTECT]	= vl_do_mprotect,
	[VL_D_MREMAP]	= vl_do_mremap,
	[VL_D_MADVISE]	= vl_do_madvise,
	[VL_D_LOCK]	= vl_do_lock,
	[VL_D_GROW]	= vl_do_grow,
	[VL_D_MLOCK]	= vl_do_mlock,
	[VL_D_MBIND]	= vl_do_mbind,
	[VL_D_NAME]	= vl_do_name,
	[VL_D_FORK]	= vl_do_fork,
};

/* Some changes are to more than the range that was drawn. */
static void vl_did_begin(struct vt_thread *t, const struct vl_change *c,
			 enum vl_make make)
{
	unsigned long start = c->start, end = start + c->pages * PAGE_SIZE;

	switch (make) {
	case VL_D_GROW:
		start = VL_STACK_BASE;
		end = start + VL_SIZE;
		break;
	case VL_D_MUNMAP:
	case VL_D_MAP_FIXED:
	case VL_D_MREMAP:
		/* Of the region, or of what is in it. */
		start = vl_region_base(c->region);
		end = max(end, start + VL_SIZE);
		break;
	case VL_D_FORK:
		start = end = 0;
		break;
	default:
		break;
	}
	vt_did_begin(&t->did, vt_draw_name(&vl_tables[VL_T_CHANGE], make), start, end);
}

static void vl_write(struct vt_thread *t, struct vl_change *c)
{
	struct vt_flight *region;
	enum vl_make make;
	unsigned int first;
	long ret;
	u32 nr;

	c->region = vt_rnd_below(&t->rnd, VL_REGIONS + 1);
	/* Stay where the readers are who break a promise. */
	if (unlikely(t->run->busted) && !vt_rnd_one_in(&t->rnd, 4))
		c->region = c->space->hot;
	first = vt_rnd_below(&t->rnd, VL_PAGES);
	c->start = vl_region_base(c->region) + first * PAGE_SIZE;
	c->pages = 1 + vt_rnd_below(&t->rnd, VL_PAGES - first);
	/* Now and then into the next region. */
	if (c->region < VL_REGIONS - 1 && vt_rnd_one_in(&t->rnd, 4))
		c->pages = VL_PAGES - first + 1 + vt_rnd_below(&t->rnd, 8);

	make = vt_draw(&t->rnd, &vl_tables[VL_T_CHANGE]);
	if (make == VL_D_NR)
		return;

	region = &c->space->regions[c->region];
	WRITE_ONCE(c->space->hot, c->region);
	nr = vt_flight_begin(region);
	if (vt_rnd_one_in(&t->rnd, 4))
		vl_stop_reader(t, c);
	vl_did_begin(t, c, make);
	ret = vl_makes[make](t, c);
	vt_did_end(&t->did, ret);
	vt_tried(t->run, VL_V_CHANGE, make, !ret);
	vt_flight_end(region, nr);
	WRITE_ONCE(c->w->changes, c->w->changes + 1);

	vt_op(t->run);
	vt_count(t->run, VL_WRITES, 1);
	/* Ranges with holes in them, advice that does not fit: no matter. */
	if (ret)
		vt_count(t->run, VL_WRITE_ERRORS, 1);
}

#define VL_ROUND	8	/* changes in a space before the next one */
#define VL_EXIT		6	/* rounds, in one of which a new mm takes another's place */
#define VL_ALL_LOCKS	16	/* rounds, in one of which all locks of the mm are taken */
#define VL_LIMIT_EVERY	32	/* of those, one is brought to the limit first */

/**
 * vl_writer_main() - what a writer thread does
 * @t: thread
 *
 * Return: 0, when the test ends.
 */
int vl_writer_main(struct vt_thread *t)
{
	struct vl_test *test = t->run->priv;
	struct vl_writer *w = &test->writers[t->idx];
	unsigned int round;

	w->task = current;
	for (round = 0; vt_go(t); round++) {
		struct vl_slot *slot = &test->slots[vt_rnd_below(&t->rnd,
								 test->nr_slots)];
		struct vl_change c = { .test = test, .w = w };
		struct vl_space *space;
		unsigned int i;

		vl_account_turn(t, &c);
		WRITE_ONCE(w->slot, slot);
		c.space = vl_space_get(slot);
		kthread_use_mm(c.space->mm);
		for (i = 0; i < VL_ROUND && vt_go(t); i++) {
			vt_quiet_read(t, &test->quiet);
			vl_write(t, &c);
			up_read(&test->quiet);
		}
		kthread_unuse_mm(c.space->mm);
		for (i = 0; i < vl_turns(VL_R_CONTEND) && vt_go(t); i++) {
			vt_quiet_read(t, &test->quiet);
			vt_tried(t->run, VL_V_TURN, VL_R_CONTEND, vl_contend(t, &c));
			up_read(&test->quiet);
		}
		for (i = 0; i < vl_turns(VL_R_HAND_OVER) && vt_go(t); i++) {
			vt_quiet_read(t, &test->quiet);
			vl_hand_over(t, &c);
			vt_tried(t->run, VL_V_TURN, VL_R_HAND_OVER, true);
			up_read(&test->quiet);
		}
		vt_quiet_read(t, &test->quiet);
		if (round % VL_ALL_LOCKS < vl_turns(VL_R_ALL_LOCKS))
			vt_tried(t->run, VL_V_TURN, VL_R_ALL_LOCKS,
				 !vl_do_all_locks(t, &c));
		vl_space_put(test, c.space);

		/* A child's mm takes the place of another one. */
		if (w->child) {
			space = vl_space_wrap(test, w->child);
			if (space)
				vl_slot_put(test, slot, space);
			else
				vt_mm_put(w->child);
			w->child = NULL;
		}
		/* So does a new one. */
		space = round % VL_EXIT < vl_turns(VL_R_EXCHANGE) ?
			vl_space_new(test) : NULL;
		if (space) {
			vt_tried(t->run, VL_V_TURN, VL_R_EXCHANGE, true);
			if (atomic_inc_return(&test->limits) % VL_LIMIT_EVERY == 1)
				vl_limit(test, space->mm);
			vl_slot_put(test, slot, space);
		}
		up_read(&test->quiet);
	}
	/*
	 * vl_stop_here() may still spin on another CPU and use *w, for at most
	 * ->patience ns. Pairs with the release there.
	 */
	while (smp_load_acquire(&w->stopped))
		cond_resched();
	return 0;
}
