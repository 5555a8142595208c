// SPDX-License-Identifier: GPL-2.0-only
/*
 * What stands still while mmap_lock is held for read: which VMAs there are, and what
 * is in them. Changes of an mm are made with that lock held for write.
 */
#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>

#include "look.h"

/* Numbered behind the fields that are judged under a VMA's lock. */
enum { VL_ITSELF = VL_FIELDS };

/* From @first on, as many as there is room for. Context: mmap_lock held. */
static unsigned int vl_note(struct vl_reader *r, unsigned long first)
{
	VMA_ITERATOR(vmi, r->mm, first);
	struct vm_area_struct *vma;
	unsigned int n = 0, field;

	for_each_vma(vmi, vma) {
		struct vl_stood *is = &r->stood[n];

		is->vma = vma;
		/* In their order: ->vm_ops comes before what depends on it. */
		for (field = 0; field < VL_FIELDS; field++)
			is->fields[field] = vl_field(vma, is->fields[VL_VM_OPS], field);
		if (++n == VL_STOOD)
			break;
	}
	return n;
}

/* The first that has changed; @now and @field say how. Context: as vl_note(). */
static const struct vl_stood *vl_changed(struct vl_reader *r, unsigned int n,
					 unsigned long first, unsigned int *field,
					 unsigned long *now)
{
	VMA_ITERATOR(vmi, r->mm, first);
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct vm_area_struct *vma = vma_next(&vmi);
		struct vl_stood *was = &r->stood[i];

		*field = VL_ITSELF;
		*now = (unsigned long)vma;
		if (vma != was->vma)
			return was;
		for (*field = 0; *field < VL_FIELDS; (*field)++) {
			*now = vl_field(vma, was->fields[VL_VM_OPS], *field);
			if (*now != was->fields[*field])
				return was;
		}
	}
	return NULL;
}

#define VL_STILL_PATIENCE	(2 * NSEC_PER_MSEC)

/*
 * As soon as a writer who is at work lets readers in, which munmap() does before it is
 * done: who sleeps until then comes too late to see what it still changes.
 */
static void vl_read_lock(struct mm_struct *mm, struct vt_flight *region,
			 const struct vt_flight_look *look)
{
	u64 begin = ktime_get_mono_fast_ns();

	while (!mmap_read_trylock(mm)) {
		if (vt_flight_over(region, look->begun) || need_resched() ||
		    ktime_get_mono_fast_ns() - begin > VL_STILL_PATIENCE) {
			mmap_read_lock(mm);
			return;
		}
		cpu_relax();
	}
}

/**
 * vl_still() - judge whether VMAs stand still while mmap_lock is held for read
 * @t: thread
 * @r: reader, r->space is where it looks
 *
 * Where a writer is at work: some VMAs are noted, the lock is held, and they are looked
 * at again. The next writer waits meanwhile.
 *
 * Context: a kernel thread; may sleep; takes mmap_lock of the mm for read.
 */
void vl_still(struct vt_thread *t, struct vl_reader *r)
{
	unsigned int hot = READ_ONCE(r->space->hot);
	struct vt_flight *region = &r->space->regions[hot];
	unsigned long first = vl_region_base(hot), now = 0;
	const struct vl_stood *was;
	unsigned int n, field = 0;
	struct vt_flight_look look;

	vt_flight_look(region, &look);
	if (!look.open)
		return;
	vl_read_lock(r->mm, region, &look);
	n = vl_note(r, first);
	/* The broken promise: something has become longer. */
	if (unlikely(n && vt_busted(t->run, VL_STILL)))
		r->stood[n - 1].fields[VL_VM_END] -= PAGE_SIZE;
	vl_hold(t, vt_draw(&t->rnd, &vl_tables[VL_T_HOLD]));
	was = vl_changed(r, n, first, &field, &now);
	if (unlikely(was))
		vt_see(t->run);
	mmap_read_unlock(r->mm);

	vt_look_into(t->run, VL_STILL, vt_flight_exposed(region, &look), region, &look);
	if (likely(!was))
		return;
	vt_race(t->run, VL_STILL, r->mm, was->fields[VL_VM_START],
		(unsigned long)was->vma, now, "under mmap_lock %s of a VMA changed, vma=%p: 0x%lx",
		field == VL_ITSELF ? "the place" : vl_fields[field], was->vma, now);
}
