// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directed races: a writer stops a reader where it is, or hands a VMA object from
 * one mm straight over to another, so that a change falls between the lookup of a
 * VMA and its locking.
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/types.h>

#include "vma_lock.h"

#define VL_STOP_NS	(500 * NSEC_PER_USEC)
#define VL_SHORT_NS	(60 * NSEC_PER_USEC)

/*
 * Bit 0: a CPU of the machine is stopped, or about to be. Of all writers of all
 * tests only one may stop one at a time, as its interrupts are off.
 */
static unsigned long vl_stopping;

static void vl_stop_over(struct vl_writer *w)
{
	/* The next one may stop a CPU: pairs with test_and_set_bit_lock(). */
	clear_bit_unlock(0, &vl_stopping);
	/* The writer may stop another one: pairs with vl_stop_reader(). */
	smp_store_release(&w->stopped, false);
}

static void vl_stop_here(void *arg)
{
	u64 begin = ktime_get_mono_fast_ns();
	struct vl_writer *w = arg;

	/*
	 * The reader may have been preempted between its lookup and its locking
	 * and another task run here: holding that one keeps the reader there as
	 * well, and is how most of such windows are met on few CPUs.
	 */
	while ((int)(READ_ONCE(w->changes) - w->until) < 0 &&
	       ktime_get_mono_fast_ns() - begin < w->patience)
		cpu_relax();
	vl_stop_over(w);
}

/**
 * vl_stop_reader() - stop a reader where it is
 * @t: thread
 * @c: change about to be made
 *
 * By an interrupt, until the writer has made its change, or is at it: what a lock
 * is checked for once it is taken matters only if the VMA changed, or was locked,
 * between the lookup and the locking, which takes a few instructions. Does
 * nothing if the reader that it draws is not in the mm of @c, ran last on this
 * CPU or no longer runs where it ran last, or while some CPU is stopped already.
 *
 * Context: the writer's thread.
 */
void vl_stop_reader(struct vt_thread *t, struct vl_change *c)
{
	struct vl_test *test = c->test;
	struct vl_writer *w = c->w;
	struct vl_reader *r;

	/* Pairs with the release in vl_stop_here(). */
	if (smp_load_acquire(&w->stopped))
		return;
	r = &test->readers[vt_rnd_below(&t->rnd, test->nr_readers)];
	if (READ_ONCE(r->mm) != c->space->mm)
		return;
	if (test_and_set_bit_lock(0, &vl_stopping))
		return;
	w->until = w->changes + 1;
	w->patience = vt_rnd_one_in(&t->rnd, 2) ? VL_STOP_NS :
		      vt_rnd_below(&t->rnd, VL_SHORT_NS);
	w->stopped = true;
	if (READ_ONCE(r->cpu) == get_cpu() ||
	    smp_call_function_single(READ_ONCE(r->cpu), vl_stop_here, w, 0))
		vl_stop_over(w);
	put_cpu();
}

/**
 * vl_hand_over() - hand a VMA object over to another mm
 * @t: thread
 * @c: the writer, and the space that the object is taken from
 *
 * A VMA object goes from one mm straight into another, to the same address,
 * while a reader is about to lock it: the object that was freed last is the next
 * one to be given out.
 *
 * Context: the writer's thread, which uses no mm; may sleep.
 */
void vl_hand_over(struct vt_thread *t, struct vl_change *c)
{
	unsigned int region = vt_rnd_below(&t->rnd, VL_REGIONS);
	struct vl_test *test = c->test;
	u32 from_nr, to_nr;
	struct vl_space *to;

	to = vl_space_get(&test->slots[vt_rnd_below(&t->rnd, test->nr_slots)]);
	if (to == c->space)
		goto out;

	WRITE_ONCE(c->space->hot, region);
	from_nr = vt_flight_begin(&c->space->regions[region]);
	to_nr = vt_flight_begin(&to->regions[region]);
	kthread_use_mm(c->space->mm);
	vl_map_region(test, region);
	vl_stop_reader(t, c);
	vt_syscall(sys_munmap, vl_region_base(region), VL_SIZE);
	kthread_unuse_mm(c->space->mm);

	kthread_use_mm(to->mm);
	vl_map_region(test, region);
	kthread_unuse_mm(to->mm);
	/* Now it may go on. */
	WRITE_ONCE(c->w->changes, c->w->changes + 1);

	kthread_use_mm(c->space->mm);
	vl_map_region(test, region);
	kthread_unuse_mm(c->space->mm);
	vt_flight_end(&to->regions[region], to_nr);
	vt_flight_end(&c->space->regions[region], from_nr);
out:
	vl_space_put(test, to);
}
