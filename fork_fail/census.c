// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the files of a parent know of their mappings: trees of their own, by which
 * truncation, reclaim and uprobes come to parents and children.
 *
 * Judges: "after_failure", by what those have of a child that failed or is gone. That
 * they have all of a parent, and of a child that lives, is for compare.c.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "compat_rmap.h"
#include "fork_fail.h"

/* All files of the module are of one inode, so there are the VMAs of other parents. */
static bool ff_file_count(struct address_space *mapping, const struct mm_struct *mm,
			  unsigned int *n)
{
	struct vm_area_struct *vma;
	unsigned int all = 0;

	i_mmap_lock_read(mapping);
	vt_rmap_for_each(vma, mapping) {
		*n += READ_ONCE(vma->vm_mm) == mm;
		if (++all == FF_FILE_VMAS)
			break;
	}
	i_mmap_unlock_read(mapping);
	return all < FF_FILE_VMAS;
}

/**
 * ff_files_have() - how many VMAs of an mm the parent's files have in their trees
 * @p: parent
 * @mm: its mm, or a child's, with a reference on the struct
 * @n: set to their number
 *
 * Context: may sleep; takes i_mmap_rwsem of the files. For the number to stay, @mm's
 * mmap_lock is held.
 * Return: false if they cannot be told here, or a tree has no end.
 */
bool ff_files_have(const struct ff_parent *p, const struct mm_struct *mm,
		   unsigned int *n)
{
	*n = 0;
	return vt_rmap_known() && ff_file_count(p->shmem->f_mapping, mm, n) &&
	       ff_file_count(p->file->f_mapping, mm, n);
}

/**
 * ff_census() - judge that the parent's files know nothing of a child
 * @p: parent
 * @mm: the child's mm, with a reference on the struct, so that no other can be it
 * @whose: what it is, for the record
 *
 * Context: may sleep; takes i_mmap_rwsem of the files.
 */
void ff_census(struct ff_parent *p, struct mm_struct *mm, const char *whose)
{
	struct vt_run *run = p->st->run;
	unsigned int n;

	if (!ff_files_have(p, mm, &n))
		return;
	vt_look(run, FF_REMAINS, true);
	if (n)
		vt_race(run, FF_REMAINS, mm, 0, n, 0,
			"files have %u VMAs of %s in their trees", n, whose);
}
