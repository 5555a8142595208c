// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exclusion, seen from the writer's side: whoever has a VMA for himself finds no
 * reader inside.
 *
 * A reader says it is inside after it locked, and that it no longer is before it
 * releases, so the lock's own ordering makes the latter visible to whoever has
 * excluded it.
 */
#include <linux/compiler.h>
#include <linux/mm.h>
#include <linux/mm_types.h>

#include "vma_lock.h"

/**
 * vl_busy() - is some reader inside a VMA? A glance, for the exposure
 * @test: test
 * @vma: VMA
 *
 * Context: any; nothing keeps readers from coming and going.
 * Return: true if one was seen inside.
 */
bool vl_busy(struct vl_test *test, struct vm_area_struct *vma)
{
	unsigned int i;

	for (i = 0; i < test->nr_readers; i++)
		if (READ_ONCE(test->readers[i].inside) == vma)
			return true;
	return false;
}

/**
 * vl_close_by() - is some reader at work in the mm of a VMA?
 * @test: test
 * @vma: VMA
 *
 * Context: any; nothing keeps readers from coming and going.
 * Return: true if one was seen inside any VMA of that mm.
 */
bool vl_close_by(struct vl_test *test, struct vm_area_struct *vma)
{
	unsigned int i;

	for (i = 0; i < test->nr_readers; i++)
		if (READ_ONCE(test->readers[i].mm) == vma->vm_mm &&
		    READ_ONCE(test->readers[i].inside))
			return true;
	return false;
}

/**
 * vl_exclusive() - judge whether a writer has a VMA for itself
 * @test: test
 * @vma: VMA which no reader may be inside of now
 * @exposed: readers were inside when the writer came, or are close by
 * @what: what the writer does
 *
 * Context: the caller has excluded the readers of @vma, or @vma is in no tree.
 */
void vl_exclusive(struct vl_test *test, struct vm_area_struct *vma,
		  bool exposed, const char *what)
{
	unsigned int i;

	/*
	 * Full barrier, for the writer's last read of the lock word need not be an
	 * acquire: orders it before the reads of ->inside, and pairs with the
	 * smp_store_release() in vl_leave(). It also orders what ->close() wrote to
	 * the object before these reads, for vl_judge().
	 */
	smp_mb();
	/* A reader that is inside meets the change that this is part of. */
	vt_look(test->run, VL_OVERLAP, exposed);
	for (i = 0; i < test->nr_readers; i++)
		if (READ_ONCE(test->readers[i].inside) == vma)
			vt_race(test->run, VL_OVERLAP, vma->vm_mm, vma->vm_start,
				(unsigned long)vma, i,
				"%s with reader %u inside, vma=%p count=0x%x",
				what, i, vma, vt_vma_count(vma));
}
