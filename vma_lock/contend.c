// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contention: for a while a writer only takes and releases the write lock of one
 * VMA, and the readers of its space only lock that VMA, look, and release it. So
 * they wait for each other thousands of times a second, and what goes wrong in one
 * wait of thousands comes up: a wake-up, a count or a mark that is lost.
 *
 * Judges: "overlap", and "stall" is what a wait shows that does not end.
 */
#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/processor.h>

#include "look.h"

#define VL_CONTENDS	64	/* write locks in a turn */
#define VL_CONTEND_NS	(300 * NSEC_PER_USEC) /* for a reader to come */
#define VL_CONTEND_READS 64	/* reads before a reader looks what else there is */
#define VL_APART	128	/* longest pause between two write locks, in spins */

/* Wait for a reader. It is gone again at once, and its VMA may be, too: a glance. */
static bool vl_contender(struct vl_change *c, unsigned long addr)
{
	u64 begin = ktime_get_mono_fast_ns();
	struct vm_area_struct *vma;

	mmap_read_lock(c->space->mm);
	vma = vma_lookup(c->space->mm, addr);
	mmap_read_unlock(c->space->mm);
	while (vma && ktime_get_mono_fast_ns() - begin < VL_CONTEND_NS) {
		if (vl_busy(c->test, vma))
			return true;
		cpu_relax();
	}
	return false;
}

/**
 * vl_contend() - take and release the write lock of one VMA, again and again
 * @t: thread
 * @c: the writer, and the space
 *
 * Context: the writer's thread; may sleep.
 * Return: false if no reader came.
 */
bool vl_contend(struct vt_thread *t, struct vl_change *c)
{
	unsigned int region = vt_rnd_below(&t->rnd, VL_REGIONS), i, spins, met = 0;
	struct vt_flight *flight = &c->space->regions[region];
	struct mm_struct *mm = c->space->mm;
	struct vm_area_struct *vma;
	unsigned long addr;
	bool came;
	u32 nr;

	addr = vl_region_base(region) + vt_rnd_below(&t->rnd, VL_PAGES) * PAGE_SIZE;
	WRITE_ONCE(c->space->contended, addr);
	came = vl_contender(c, addr);
	nr = vt_flight_begin(flight);
	for (i = 0; came && i < VL_CONTENDS; i++) {
		bool busy;

		mmap_write_lock(mm);
		vma = vma_lookup(mm, addr);
		if (!vma) {
			mmap_write_unlock(mm);
			break;
		}
		busy = vl_busy(c->test, vma);
		vt_vma_start_write(vma);
		vl_exclusive(c->test, vma, busy, "write lock");
		mmap_write_unlock(mm);
		met += busy;
		for (spins = vt_rnd_below(&t->rnd, VL_APART); spins; spins--)
			cpu_relax();
	}
	vt_flight_end(flight, nr);
	WRITE_ONCE(c->space->contended, 0);
	vt_count(t->run, VL_CONTENDED, i);
	vt_count(t->run, VL_CONTENDED_MET, met);

	return i;
}

/**
 * vl_contend_read() - lock and release the VMA that a writer contends for
 * @t: thread
 * @r: reader, r->space is where it reads
 *
 * Does nothing if there is none.
 *
 * Context: the reader's thread, which holds nothing.
 */
void vl_contend_read(struct vt_thread *t, struct vl_reader *r)
{
	unsigned long addr = READ_ONCE(r->space->contended);
	unsigned int i;

	for (i = 0; addr && i < VL_CONTEND_READS; i++) {
		if (!vl_glance(t, r, addr))
			cpu_relax();
		addr = READ_ONCE(r->space->contended);
	}
}
