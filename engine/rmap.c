// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mappings of a file. The file has them in a tree of its own (i_mmap), by
 * which truncation, reclaim, migration and uprobes find them; the mm has them in
 * its tree. Bounds of a VMA that a file has change under i_mmap_rwsem, held for
 * write. The two trees change within one section of mmap_lock, held for write, but for
 * munmap(), which may have downgraded it: a census wants that nobody unmaps meanwhile.
 */
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>

#include "compat_rmap.h"
#include "rmap.h"

/* A file's tree that is broken may have a loop. */
#define VT_RMAP_MOST	65536

/**
 * vt_rmap_census() - count the mappings of a file on both sides
 * @mm: the only mm that maps the file
 * @mapping: the file's mapping
 * @first: first address at which it is mapped
 * @last: last address
 * @census: where to
 *
 * Context: nobody unmaps the file meanwhile; may sleep; takes mmap_lock of @mm and
 * then i_mmap_rwsem, both for read.
 */
void vt_rmap_census(struct mm_struct *mm, struct address_space *mapping,
		    unsigned long first, unsigned long last,
		    struct vt_census *census)
{
	MA_STATE(mas, &mm->mm_mt, first, first);
	struct vm_area_struct *vma;

	*census = (struct vt_census){};
	mmap_read_lock(mm);
	mas_for_each(&mas, vma, last)
		census->in_mm += vma->vm_file && vma->vm_file->f_mapping == mapping;
	i_mmap_lock_read(mapping);
	vt_rmap_for_each(vma, mapping) {
		if (++census->in_file > VT_RMAP_MOST)
			break;
		mas_set(&mas, vma->vm_start);
		if (mas_walk(&mas) != vma || mas.index != vma->vm_start ||
		    mas.last != vma->vm_end - 1)
			census->stray = vma->vm_start;
	}
	i_mmap_unlock_read(mapping);
	mmap_read_unlock(mm);
	census->complete = vt_rmap_known();
}

/**
 * vt_rmap_note() - note mappings of a file
 * @mapping: the file's mapping
 * @skip: how many to pass over
 * @seen: where to
 * @most: how many at most
 *
 * Context: i_mmap_rwsem held for read.
 * Return: how many.
 */
unsigned int vt_rmap_note(struct address_space *mapping, unsigned int skip,
			  struct vt_rmap_seen *seen, unsigned int most)
{
	struct vm_area_struct *vma;
	unsigned int n = 0;

	vt_rmap_for_each(vma, mapping) {
		if (skip) {
			skip--;
			continue;
		}
		seen[n++] = (struct vt_rmap_seen){
			.vma = vma,
			.mm = READ_ONCE(vma->vm_mm),
			.start = READ_ONCE(vma->vm_start),
			.end = READ_ONCE(vma->vm_end),
			.pgoff = READ_ONCE(vma->vm_pgoff),
		};
		if (n == most)
			break;
	}
	return n;
}

/**
 * vt_rmap_moved() - is any of the mappings another one than it was?
 * @seen: as vt_rmap_note() had them
 * @n: how many
 * @now: where to put what it is now
 *
 * Context: i_mmap_rwsem held for read, since before vt_rmap_note().
 * Return: which one was, or NULL: none is.
 */
const struct vt_rmap_seen *vt_rmap_moved(const struct vt_rmap_seen *seen,
					 unsigned int n, struct vt_rmap_seen *now)
{
	for (; n; seen++, n--) {
		struct vm_area_struct *vma = seen->vma;

		now->vma = vma;
		now->mm = READ_ONCE(vma->vm_mm);
		now->start = READ_ONCE(vma->vm_start);
		now->end = READ_ONCE(vma->vm_end);
		now->pgoff = READ_ONCE(vma->vm_pgoff);
		if (now->mm != seen->mm || now->start != seen->start ||
		    now->end != seen->end || now->pgoff != seen->pgoff)
			return seen;
	}
	return NULL;
}
