/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift of the tree in which a file has the VMAs that map it.
 */
#ifndef VT_COMPAT_RMAP_H
#define VT_COMPAT_RMAP_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/rbtree.h>

/**
 * vt_rmap_known() - can the VMAs that map a file be told?
 */
static inline bool vt_rmap_known(void)
{
#ifdef VT_HAVE_I_MMAP_RB
	return true;
#else
	return false;
#endif
}

/**
 * vt_rmap_first() - the first of the VMAs that map a file
 * @mapping: the file's
 *
 * The interval tree is walked as the plain tree that it is also: its iterator
 * is not exported.
 *
 * Context: i_mmap_rwsem held.
 */
static inline struct vm_area_struct *
vt_rmap_first(struct address_space *mapping)
{
#ifdef VT_HAVE_I_MMAP_RB
	struct rb_node *node = rb_first_cached(&mapping->i_mmap);

	if (node)
		return rb_entry(node, struct vm_area_struct, shared.rb);
#endif
	return NULL;
}

/**
 * vt_rmap_next() - the next of the VMAs that map a file
 * @vma: the one before
 *
 * Context: i_mmap_rwsem held.
 */
static inline struct vm_area_struct *vt_rmap_next(struct vm_area_struct *vma)
{
#ifdef VT_HAVE_I_MMAP_RB
	struct rb_node *node = rb_next(&vma->shared.rb);

	if (node)
		return rb_entry(node, struct vm_area_struct, shared.rb);
#endif
	return NULL;
}

/**
 * vt_rmap_for_each() - for each of the VMAs that map a file
 * @vma: the VMA; NULL behind the last one
 * @mapping: the file's
 *
 * Context: i_mmap_rwsem held.
 */
#define vt_rmap_for_each(vma, mapping)					\
	for ((vma) = vt_rmap_first(mapping); (vma); (vma) = vt_rmap_next(vma))

#endif /* VT_COMPAT_RMAP_H */
