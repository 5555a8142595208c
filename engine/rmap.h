/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mappings of a file: do the file and the mm agree on them, and do they stand
 * still while the file's lock is held?
 */
#ifndef VT_RMAP_H
#define VT_RMAP_H

#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/types.h>

/**
 * struct vt_census - the mappings of a file, as its mm has them and as the file has
 * @in_mm: how many VMAs of the mm map the file
 * @in_file: how many VMAs the file has
 * @stray: a VMA that the file has and the mm's tree has not, or with other bounds;
 *	or 0: its address
 * @complete: both were counted to their end
 */
struct vt_census {
	unsigned int in_mm;
	unsigned int in_file;
	unsigned long stray;
	bool complete;
};

/**
 * struct vt_rmap_seen - one mapping of a file as it was seen
 * @vma: the VMA
 * @mm: its mm
 * @start: its bounds
 * @end: its bounds
 * @pgoff: its offset
 */
struct vt_rmap_seen {
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	pgoff_t pgoff;
};

void vt_rmap_census(struct mm_struct *mm, struct address_space *mapping,
		    unsigned long first, unsigned long last,
		    struct vt_census *census);
unsigned int vt_rmap_note(struct address_space *mapping, unsigned int skip,
			  struct vt_rmap_seen *seen, unsigned int most);
const struct vt_rmap_seen *vt_rmap_moved(const struct vt_rmap_seen *seen,
					 unsigned int n, struct vt_rmap_seen *now);

#endif /* VT_RMAP_H */
