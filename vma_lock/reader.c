// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers: each takes a space out of a slot and reads in it until a writer has put
 * another one there. A read locks a VMA, looks at it, holds it, looks again, and
 * may fault under the lock.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/rwsem.h>
#include <linux/smp.h>
#include <linux/types.h>

#include "look.h"
#include "trace.h"

/* Locks a VMA while mmap_lock is held for read, as userfaultfd does. */
static void vl_lock_under_mmap_lock(struct vt_run *run, struct vl_held *h)
{
	mmap_read_lock(h->mm);
	h->vma = vma_lookup(h->mm, h->addr);
	if (h->vma && !vt_vma_start_read_locked(h->vma))
		h->vma = NULL;
	mmap_read_unlock(h->mm);
	vt_tried(run, VL_V_LOCK, VL_LOCK_UNDER_MMAP, h->vma);
	if (h->vma)
		vt_count(run, VL_LOCK_MMAP, 1);
}

static void vl_lock_under_rcu(struct vt_run *run, struct vl_held *h)
{
	h->vma = vt_call(lock_vma_under_rcu)(h->mm, h->addr);
	vt_tried(run, VL_V_LOCK, VL_LOCK_RCU, h->vma);
}

/**
 * vl_hold() - hold what is held
 * @t: thread
 * @hold: how long
 *
 * Context: may sleep.
 */
void vl_hold(struct vt_thread *t, enum vl_hold hold)
{
	if (hold == VL_SPIN)
		vt_hold(t);
	else if (hold == VL_SLEEP && vt_params.hold_us)
		usleep_range(1, vt_params.hold_us);
}

/**
 * vl_read() - one read of the hammer
 * @t: thread
 * @test: test
 * @r: reader
 * @how: what is wrong with it: VL_SOUND, or in the busted flavour a lock of the
 *	wrong VMA
 */
static void vl_read(struct vt_thread *t, struct vl_test *test,
		    struct vl_reader *r, enum vl_break how)
{
	u64 dice = vt_rnd_next(&t->rnd), begin = 0, held = 0;
	unsigned int flags = FAULT_FLAG_DEFAULT | FAULT_FLAG_USER;
	bool fault = !(dice & 3), timed;
	struct vl_held *h = &r->held;

	if (dice & 4)
		flags |= FAULT_FLAG_WRITE;
	vl_aim(r, vl_pick_addr(t, r));
	h->hold = vt_draw(&t->rnd, &vl_tables[VL_T_HOLD]);
	timed = !(r->turn % 16) || trace_vma_lock_release_enabled();

	if (unlikely(how != VL_SOUND))
		vl_lock_elsewhere(test, h, how);
	else if (!(dice & 0xf0))
		vl_lock_under_mmap_lock(t->run, h);
	else
		vl_lock_under_rcu(t->run, h);
	trace_vma_lock_acquire(h->mm, h->addr, h->vma, h->vma);
	if (!h->vma) {
		r->misses++;
		if (fault)
			vl_fault_under_mmap_lock(t->run, h->mm, h->addr, flags);
		return;
	}

	if (timed)
		begin = ktime_get_mono_fast_ns();
	vl_enter(t, r);
	if (h->hold != VL_NO_HOLD) {
		vl_held_begin(h);
		vl_hold(t, h->hold);
		vl_held_end(t->run, h);
	}
	vt_tried(t->run, VL_V_HOLD, h->hold, true);
	vl_leave(t, r);
	vl_count_read(t, r);
	if (timed) {
		held = ktime_get_mono_fast_ns() - begin;
		vt_hist(t->run, VL_HOLD, held);
		trace_vma_lock_release(h->mm, h->addr, h->vma, held);
	}

	if (fault && likely(!h->bad))
		vl_fault(t->run, h, flags);
	else
		vt_vma_end_read(h->vma);
}

/* Counts of a reader go to the common ones now and then. */
static void vl_flush(struct vt_run *run, struct vl_reader *r)
{
	static const enum vl_kind kinds[] = {
		VL_WRONG_MM, VL_WRONG_RANGE, VL_DETACHED, VL_UNSTABLE,
		VL_OVERLAP,
	};
	unsigned int i, cell;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		/* Those of the exposed whose object had moved. */
		u32 exposed = kinds[i] == VL_WRONG_MM ? r->moved : r->exposed;

		cell = vt_kind_cell(kinds[i], VT_KIND_LOOKS);
		this_cpu_add(run->cells[cell], r->reads);
		cell = vt_kind_cell(kinds[i], VT_KIND_EXPOSED);
		this_cpu_add(run->cells[cell], exposed);
	}
	this_cpu_add(run->cells[VT_CELL_OPS], r->reads + r->misses);
	vt_count(run, VL_LOCK_HIT, r->reads);
	vt_count(run, VL_LOCK_MISS, r->misses);
	r->reads = 0;
	r->exposed = 0;
	r->moved = 0;
	r->misses = 0;
}

#define VL_STAY		256	/* reads at most in a space before the next one */
#define VL_ASTRAY	8	/* of so many, one goes where no writer may be */

/* Where to read: mostly where a writer is. */
static struct vl_slot *vl_follow(struct vt_thread *t, struct vl_test *test)
{
	struct vl_writer *w = &test->writers[vt_rnd_below(&t->rnd, test->nr_writers)];
	struct vl_slot *slot = READ_ONCE(w->slot);

	if (slot && !vt_rnd_one_in(&t->rnd, VL_ASTRAY))
		return slot;
	return &test->slots[vt_rnd_below(&t->rnd, test->nr_slots)];
}

/**
 * vl_reader_main() - what a reader thread does
 * @t: thread
 *
 * Return: 0, when the test ends.
 */
int vl_reader_main(struct vt_thread *t)
{
	struct vl_test *test = t->run->priv;
	struct vl_reader *r = &test->readers[t->idx];

	while (vt_go(t)) {
		struct vl_slot *slot = vl_follow(t, test);
		unsigned int i;

		r->space = vl_space_get(slot);
		r->met = NULL;
		WRITE_ONCE(r->mm, r->space->mm);
		for (i = 0; i < VL_STAY && vt_go(t); i++) {
			enum vl_break how = VL_SOUND;

			WRITE_ONCE(r->cpu, raw_smp_processor_id());
			/*
			 * This space was taken out of its slot: no writer will
			 * change it again. Go and get the one that is there now.
			 */
			if (READ_ONCE(slot->space) != r->space)
				break;
			if (unlikely(t->run->busted))
				how = vl_break(t);
			if (unlikely(how == VL_RELEASED))
				vl_read_released(t, r);
			else
				vl_read(t, test, r, how);
			vl_contend_read(t, r);
			/* Writers wait for these for as long as they last. */
			if (vt_rnd_one_in(&t->rnd,
					  READ_ONCE(r->space->hot) == VL_KEPT ? 4 : 32))
				vl_page_stays(t, test, r);
			if (vt_rnd_one_in(&t->rnd, 32))
				vl_still(t, r);
		}
		vl_overhead(t, r);
		vl_flush(t->run, r);
		WRITE_ONCE(r->mm, NULL);
		vt_quiet_read(t, &test->quiet);
		vl_space_put(test, r->space);
		up_read(&test->quiet);
	}
	return 0;
}
