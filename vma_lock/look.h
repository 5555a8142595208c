/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The look of a reader at a VMA that it has locked, from aiming at an address to
 * counting the look. All of it is inline, for it costs time beside the bare lock.
 */
#ifndef VL_LOOK_H
#define VL_LOOK_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/types.h>

#include "trace.h"
#include "vma_lock.h"

/* What a look needs now and then only: look.c */
extern const char *const vl_fields[];
void vl_race(struct vt_run *run, enum vl_kind kind, struct vl_held *h,
	     unsigned long w0, unsigned long w1, const char *what);
bool vl_judge_lock(struct vt_run *run, struct vl_held *h, struct mm_struct *mm,
		   bool isolated, bool locked);
bool vl_moved(struct vt_run *run, struct vl_reader *r);
void vl_unstable(struct vt_run *run, struct vl_held *h, unsigned int first,
		 unsigned int end, unsigned long diff);
void vl_held_begin(struct vl_held *h);
void vl_held_end(struct vt_run *run, struct vl_held *h);

/**
 * vl_pick_addr() - draw where to read
 * @t: thread
 * @r: reader, r->space is where it reads
 *
 * Return: an address, every other time in the region where a writer is at work.
 */
static inline unsigned long vl_pick_addr(struct vt_thread *t, struct vl_reader *r)
{
	u64 bits = vt_rnd_next(&t->rnd);
	unsigned int region = (u32)bits % (VL_REGIONS + 1);

	if (bits & BIT_ULL(63))
		region = READ_ONCE(r->space->hot);
	return vl_region_base(region) +
	       ((bits >> 32) % VL_PAGES) * PAGE_SIZE;
}

/**
 * vl_aim() - begin a read
 * @r: reader, r->space is where it reads
 * @addr: address it is about to lock a VMA at
 *
 * Before the VMA is locked: changes that are in flight from here on expose the
 * read.
 */
static __always_inline void vl_aim(struct vl_reader *r, unsigned long addr)
{
	struct vl_held *h = &r->held;

	h->mm = r->mm;
	h->addr = addr;
	h->hold = VL_NO_HOLD;
	h->bad = false;
	r->turn++;
	vt_flight_look(&r->space->regions[vl_region_of(addr)], &r->look);
}

/*
 * Are these the operations of the module's own VMAs? Here and below conditions are
 * joined by | where both sides cost nothing: in QEMU each jump costs.
 */
static __always_inline bool vl_own(unsigned long ops)
{
	return (ops == (unsigned long)&vl_vm_ops) |
	       (ops == (unsigned long)&vl_slow_vm_ops);
}

/* Field @field of a VMA with these operations, as of now. */
static __always_inline unsigned long vl_field(struct vm_area_struct *vma,
					      unsigned long ops,
					      enum vl_field field)
{
	switch (field) {
	case VL_VM_START:
		return READ_ONCE(vma->vm_start);
	case VL_VM_END:
		return READ_ONCE(vma->vm_end);
	case VL_VM_FLAGS:
		return READ_ONCE(vma->vm_flags) & ~VT_VM_ATOMIC_FLAGS;
	case VL_VM_PGOFF:
		return READ_ONCE(vma->vm_pgoff);
	case VL_VM_FILE:
		return (unsigned long)READ_ONCE(vma->vm_file);
	case VL_VM_OPS:
		return (unsigned long)READ_ONCE(vma->vm_ops);
	case VL_VM_PRIVATE_DATA:
		/* Others' drivers may do with theirs what they like. */
		return -(unsigned long)vl_own(ops) &
		       (unsigned long)READ_ONCE(vma->vm_private_data);
	case VL_VM_POLICY:
		return (unsigned long)vt_vma_policy(vma);
	case VL_VM_PAGE_PROT:
		return pgprot_val(READ_ONCE(vma->vm_page_prot));
	case VL_ANON_NAME:
		return vt_vma_anon_name(vma);
	default:
		return 0;
	}
}

/* Do @what with each field; spelt out, as compilers do not unroll this. */
#define vl_each_field(what, ...)					\
do {									\
	what(VL_VM_START, ##__VA_ARGS__);				\
	what(VL_VM_END, ##__VA_ARGS__);					\
	what(VL_VM_FLAGS, ##__VA_ARGS__);				\
	what(VL_VM_PGOFF, ##__VA_ARGS__);				\
	what(VL_VM_FILE, ##__VA_ARGS__);				\
	what(VL_VM_OPS, ##__VA_ARGS__);					\
	what(VL_VM_PRIVATE_DATA, ##__VA_ARGS__);			\
	what(VL_VM_POLICY, ##__VA_ARGS__);				\
} while (0)

static __always_inline void vl_snap(enum vl_field field, struct vl_held *h)
{
	h->snap[field] = vl_field(h->vma, h->snap[VL_VM_OPS], field);
}

/* The bits in which a field differs now go to @diff, so that one test does for all. */
static __always_inline void vl_again(enum vl_field field, struct vl_held *h,
				     unsigned long *diff)
{
	*diff |= vl_field(h->vma, h->snap[VL_VM_OPS], field) ^ h->snap[field];
}

/* What has to hold all the time a VMA is locked for read. */
static __always_inline void vl_judge(struct vt_run *run, struct vl_held *h)
{
	struct vm_area_struct *vma = h->vma;
	struct mm_struct *mm = READ_ONCE(vma->vm_mm);
	bool isolated = !vt_vma_attached(vma);
	/*
	 * The numbers are equal only between vma_start_write() and the release
	 * of mmap_lock, in which no reader can be. The mm's wraps around after
	 * 2^31 writers: no mm of ours lives to see that.
	 */
	bool locked = vt_vma_write_locked(vma, h->mm);

	if (unlikely((mm != h->mm) | isolated | locked) &&
	    !vl_judge_lock(run, h, mm, isolated, locked))
		return;
	if (unlikely(h->obj && READ_ONCE(h->obj->vma) != vma))
		vl_race(run, VL_OVERLAP, h, (unsigned long)vma,
			(unsigned long)h->obj->vma,
			"closed under a reader");
}

/**
 * vl_enter() - look at a VMA that was just locked
 * @t: thread
 * @r: reader, r->held is what it holds
 */
static __always_inline void vl_enter(struct vt_thread *t, struct vl_reader *r)
{
	struct vl_held *h = &r->held;

	/*
	 * Not before the lock was taken, which is an acquire. A writer who comes
	 * before the store is seen overlooks this reader: that costs a look.
	 */
	WRITE_ONCE(r->inside, h->vma);

	vl_each_field(vl_snap, h);
	h->obj = (struct vl_obj *)h->snap[VL_VM_PRIVATE_DATA];
	/* Unless it is looked at again at once. */
	if (h->hold != VL_NO_HOLD)
		vl_judge(t->run, h);
	if (unlikely((h->addr < h->snap[VL_VM_START]) |
		     (h->addr >= h->snap[VL_VM_END])))
		vl_race(t->run, VL_WRONG_RANGE, h, h->snap[VL_VM_START],
			h->snap[VL_VM_END], "range that does not contain it");
}

/**
 * vl_leave() - look at a VMA again before it is released
 * @t: thread
 * @r: reader, r->held is what it holds
 */
static __always_inline void vl_leave(struct vt_thread *t, struct vl_reader *r)
{
	struct vl_held *h = &r->held;
	unsigned long diff = 0;

	vl_judge(t->run, h);
	vl_each_field(vl_again, h, &diff);
	if (unlikely(diff))
		vl_unstable(t->run, h, 0, VL_HELD_FIELDS, diff);
	/*
	 * Not isolated means found in the tree. The tree may be changing beside
	 * it, so this goes by what a lockless lookup returns, which is how
	 * lock_vma_under_rcu() found it. Not every time, as it costs a walk.
	 */
	if (!(r->turn % 16) && likely(!h->bad) &&
	    unlikely(mtree_load(&h->mm->mm_mt, h->addr) != h->vma))
		vl_race(t->run, VL_DETACHED, h, (unsigned long)h->vma, 0,
			"not in the tree under a reader");

	/*
	 * Before the release of the lock, which pairs with the writer's taking
	 * of it: who excludes readers then does not see this one.
	 */
	smp_store_release(&r->inside, NULL);
}

/* What is looked for in every read, beside VL_WRONG_MM. */
#define VL_READ_KINDS	(BIT(VL_WRONG_RANGE) | BIT(VL_DETACHED) |	\
			 BIT(VL_UNSTABLE) | BIT(VL_OVERLAP))

/**
 * vl_count_read() - count a read
 * @t: thread
 * @r: reader, r->held is what it held
 *
 * It was exposed if a change was in flight in its region.
 */
static __always_inline void vl_count_read(struct vt_thread *t,
					  struct vl_reader *r)
{
	struct vt_flight *region = &r->space->regions[vl_region_of(r->held.addr)];
	u32 kinds = VL_READ_KINDS;
	bool again;

	r->reads++;
	again = r->met == region &&
		vt_flight_exposed_again(region, &r->look, r->met_begun);
	if (!again && !vt_flight_exposed(region, &r->look))
		return;
	r->exposed++;
	/* An object that never moved cannot be of a wrong mm. */
	if (vl_moved(t->run, r)) {
		r->moved++;
		kinds |= BIT(VL_WRONG_MM);
	}
	/* What was met before by these kinds need not be looked for. */
	if (again && !(kinds & ~r->met_kinds))
		return;
	if (again)
		vt_flight_exposed(region, &r->look);
	vt_met(t->run, kinds, region, &r->look);
	r->met = region;
	r->met_begun = r->look.begun;
	r->met_kinds = kinds;
}

/**
 * vl_glance() - lock a VMA, look at it twice, and release it
 * @t: thread
 * @r: reader, r->space is where it reads
 * @addr: address
 *
 * Context: the reader's thread, which holds nothing.
 * Return: false if nothing could be locked.
 */
static __always_inline bool vl_glance(struct vt_thread *t, struct vl_reader *r,
				      unsigned long addr)
{
	struct vl_held *h = &r->held;
	u64 begin = 0;

	vl_aim(r, addr);
	h->vma = vt_call(lock_vma_under_rcu)(h->mm, h->addr);
	trace_vma_lock_acquire(h->mm, h->addr, h->vma, h->vma);
	if (!h->vma) {
		r->misses++;
		return false;
	}
	if (trace_vma_lock_release_enabled())
		begin = ktime_get_mono_fast_ns();
	vl_enter(t, r);
	vl_leave(t, r);
	vl_count_read(t, r);
	if (begin)
		trace_vma_lock_release(h->mm, h->addr, h->vma,
				       ktime_get_mono_fast_ns() - begin);
	vt_vma_end_read(h->vma);
	return true;
}

#endif /* VL_LOOK_H */
