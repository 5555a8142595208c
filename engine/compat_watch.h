/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift around who has changed an mm, and when.
 */
#ifndef VT_COMPAT_WATCH_H
#define VT_COMPAT_WATCH_H

#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/rwsem.h>

#include "compat_vma_lock.h"

/* Bit 0 of rwsem->count since 5.3; in the header since 6.10 only. */
#ifndef RWSEM_WRITER_LOCKED
#define RWSEM_WRITER_LOCKED	(1UL << 0)
#endif

/**
 * vt_mm_write_locked() - is the mmap lock held for write, by anybody?
 * @mm: mm
 *
 * Context: any; racy, for statistics.
 */
static inline bool vt_mm_write_locked(struct mm_struct *mm)
{
#ifdef CONFIG_PREEMPT_RT
	return false;
#else
	return atomic_long_read(&mm->mmap_lock.count) & RWSEM_WRITER_LOCKED;
#endif
}

/**
 * vt_mm_writes() - a number that changes with each writer of the mmap lock
 * @mm: mm
 *
 * Context: any; racy, for statistics. Without per-VMA locks it stands still.
 */
static inline unsigned int vt_mm_writes(struct mm_struct *mm)
{
#if defined(VT_HAVE_MM_LOCK_SEQCOUNT)
	return READ_ONCE(mm->mm_lock_seq.sequence);
#elif defined(CONFIG_PER_VMA_LOCK)
	return READ_ONCE(mm->mm_lock_seq);
#else
	return 0;
#endif
}

/**
 * vt_vma_in_tree() - does a VMA's lock say that it is in the tree of an mm?
 * @vma: VMA found in the tree
 *
 * Context: mmap_lock held, which keeps it attached.
 */
static inline bool vt_vma_in_tree(struct vm_area_struct *vma)
{
#if defined(VT_HAVE_VM_REFCNT)
	return refcount_read(&vma->vm_refcnt);
#elif defined(CONFIG_PER_VMA_LOCK)
	return !READ_ONCE(vma->detached);
#else
	return true;
#endif
}

/**
 * vt_vma_pretend() - have a VMA's lock say that it is in no tree, or that it is
 * @vma: VMA of an mm that only the caller knows, nobody in its lock
 * @in_tree: what to say
 */
static inline void vt_vma_pretend(struct vm_area_struct *vma, bool in_tree)
{
#if defined(VT_HAVE_VM_REFCNT)
	refcount_set(&vma->vm_refcnt, in_tree);
#elif defined(CONFIG_PER_VMA_LOCK)
	WRITE_ONCE(vma->detached, !in_tree);
#endif
}

#endif /* VT_COMPAT_WATCH_H */
