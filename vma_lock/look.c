// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a look needs now and then only: the names of the fields, the record of a
 * race, and where a VMA object was seen before.
 */
#include <linux/hash.h>
#include <linux/mm_types.h>
#include <linux/types.h>

#include "look.h"

const char *const vl_fields[] = {
	[VL_VM_START] = "vm_start",
	[VL_VM_END] = "vm_end",
	[VL_VM_FLAGS] = "vm_flags",
	[VL_VM_PGOFF] = "vm_pgoff",
	[VL_VM_FILE] = "vm_file",
	[VL_VM_OPS] = "vm_ops",
	[VL_VM_PRIVATE_DATA] = "vm_private_data",
	[VL_VM_POLICY] = "vm_policy",
	[VL_VM_PAGE_PROT] = "vm_page_prot",
	[VL_ANON_NAME] = "anon_name",
};

/**
 * vl_race() - record a race that a reader saw
 * @run: run
 * @kind: kind of race
 * @h: what the reader holds; it is marked as bad
 * @w0: first word of the record
 * @w1: second word of the record
 * @what: what was seen, and what both words are
 *
 * Context: any.
 */
void vl_race(struct vt_run *run, enum vl_kind kind, struct vl_held *h,
	     unsigned long w0, unsigned long w1, const char *what)
{
	h->bad = true;
	vt_race(run, kind, h->mm, h->addr, w0, w1,
		"%s: 0x%lx, 0x%lx, vma=%p count=0x%x", what, w0, w1, h->vma,
		vt_vma_count(h->vma));
}

/**
 * vl_judge_lock() - record what is wrong with a VMA that is locked
 * @run: run
 * @h: what the reader holds
 * @mm: whose it is
 * @isolated: it is not attached
 * @locked: it reads as locked for write
 *
 * Context: any.
 * Return: false if it is of another mm, and nothing else can be said of it.
 */
bool vl_judge_lock(struct vt_run *run, struct vl_held *h, struct mm_struct *mm,
		   bool isolated, bool locked)
{
	if (mm != h->mm) {
		vl_race(run, VL_WRONG_MM, h, (unsigned long)mm,
			(unsigned long)h->mm, "mm found, asked for");
		return false;
	}
	if (isolated)
		vl_race(run, VL_DETACHED, h, (unsigned long)h->vma, 0,
			"detached under a reader");
	if (locked)
		vl_race(run, VL_OVERLAP, h, (unsigned long)h->vma, 0,
			"reads as locked for write under a reader");
	return true;
}

/**
 * vl_moved() - was the VMA object that a reader holds in another mm before?
 * @run: run
 * @r: reader, which remembers where it was seen
 *
 * Context: the reader's thread.
 * Return: true if this reader has seen it in another mm.
 */
bool vl_moved(struct vt_run *run, struct vl_reader *r)
{
	struct vm_area_struct *vma = r->held.vma;
	struct vl_seen *seen = &r->seen[hash_ptr(vma, VL_SEEN_BITS)];
	u64 id = r->space->id;

	if (seen->vma != vma) {
		seen->vma = vma;
		seen->id = id;
		seen->moved = false;
	} else if (seen->id != id) {
		seen->id = id;
		seen->moved = true;
		vt_count(run, VL_RECYCLED, 1);
	}
	return seen->moved;
}

/**
 * vl_unstable() - record which fields of a VMA have changed under a reader
 * @run: run
 * @h: what the reader holds
 * @first: the first that is judged
 * @end: behind the last that is
 * @diff: the bits that were seen to differ, of all of them together
 *
 * They are read again, which costs every other look less than to keep what was read.
 *
 * Context: any.
 */
void vl_unstable(struct vt_run *run, struct vl_held *h, unsigned int first,
		 unsigned int end, unsigned long diff)
{
	bool told = false;
	unsigned int i;

	for (i = first; i < end; i++) {
		unsigned long now = vl_field(h->vma, h->snap[VL_VM_OPS], i);

		if (now == h->snap[i])
			continue;
		vl_race(run, VL_UNSTABLE, h, h->snap[i], now, vl_fields[i]);
		told = true;
	}
	if (!told)
		vl_race(run, VL_UNSTABLE, h, diff, 0, "a field that came back, by these bits");
}

/**
 * vl_held_begin() - note what else of a VMA may not change while it is held
 * @h: what the reader holds
 *
 * Not in every read, as it costs, and as no writer comes between two looks that
 * follow each other at once.
 *
 * Context: any.
 */
void vl_held_begin(struct vl_held *h)
{
	vl_snap(VL_VM_PAGE_PROT, h);
	vl_snap(VL_ANON_NAME, h);
	h->anon_vma = READ_ONCE(h->vma->anon_vma);
}

/**
 * vl_held_end() - judge what vl_held_begin() has noted
 * @run: run
 * @h: what the reader holds
 *
 * Context: any.
 */
void vl_held_end(struct vt_run *run, struct vl_held *h)
{
	struct anon_vma *anon_vma = READ_ONCE(h->vma->anon_vma);
	unsigned long diff = 0;

	vl_again(VL_VM_PAGE_PROT, h, &diff);
	vl_again(VL_ANON_NAME, h, &diff);
	if (unlikely(diff))
		vl_unstable(run, h, VL_HELD_FIELDS, VL_FIELDS, diff);
	if (unlikely(h->anon_vma && anon_vma != h->anon_vma))
		vl_race(run, VL_UNSTABLE, h, (unsigned long)h->anon_vma,
			(unsigned long)anon_vma, "anon_vma, which was set");
}
