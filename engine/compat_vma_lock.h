/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift around the per-VMA lock.
 */
#ifndef VT_COMPAT_VMA_LOCK_H
#define VT_COMPAT_VMA_LOCK_H

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_notifier.h>

/*
 * Per-VMA locks. Before vm_refcnt (Linux 6.15) a lock was an rwsem beside a
 * flag "detached"; before seqcounts mm_lock_seq was a plain number.
 */
#ifdef CONFIG_PER_VMA_LOCK
#define VT_FAULT_VMA_LOCK	FAULT_FLAG_VMA_LOCK
#else
#define VT_FAULT_VMA_LOCK	0
#endif

/*
 * The largest value readers may bring vm_refcnt to; 0: there is no such count. A
 * kernel that has the count and a limit of another name is not known: a value
 * made up here would be judged by.
 */
#if defined(VM_REFCNT_LIMIT)
#define VT_VMA_REF_LIMIT	VM_REFCNT_LIMIT
#elif defined(VMA_REF_LIMIT)
#define VT_VMA_REF_LIMIT	VMA_REF_LIMIT
#elif defined(VT_HAVE_VM_REFCNT)
#error "vm_refcnt is there, and what limits it has a name that is not known"
#else
#define VT_VMA_REF_LIMIT	0
#endif

/*
 * Flags that may be set in a VMA by those who hold its lock for read. Before there
 * were guard regions in flags there were none.
 */
#if defined(VM_ATOMIC_SET_ALLOWED)
#define VT_VM_ATOMIC_FLAGS	VM_ATOMIC_SET_ALLOWED
#elif defined(VT_HAVE_MAYBE_GUARD)
#error "flags are set under the read lock, and which has a name that is not known"
#else
#define VT_VM_ATOMIC_FLAGS	0
#endif

/* vm_policy, which a kernel without NUMA does not have. */
static inline struct mempolicy *vt_vma_policy(const struct vm_area_struct *vma)
{
#ifdef CONFIG_NUMA
	return READ_ONCE(vma->vm_policy);
#else
	return NULL;
#endif
}

/* anon_name, which a kernel may be without. */
static inline unsigned long vt_vma_anon_name(const struct vm_area_struct *vma)
{
#ifdef CONFIG_ANON_VMA_NAME
	return (unsigned long)READ_ONCE(vma->anon_name);
#else
	return 0;
#endif
}

/**
 * vt_take_all_locks() - have the kernel take all the locks of an mm, and drop them
 * @subscription: what is registered, which is all this is for
 * @mm: mm, its mmap_lock held for write: write locks of VMAs end with that
 *
 * Return: 0, or an errno if nothing was registered.
 */
static inline int vt_take_all_locks(struct mmu_notifier *subscription,
				    struct mm_struct *mm)
{
#ifdef CONFIG_MMU_NOTIFIER
	return __mmu_notifier_register(subscription, mm);
#else
	return -EOPNOTSUPP;
#endif
}

/**
 * vt_all_locks_end() - take back what vt_take_all_locks() registered
 * @subscription: it
 * @mm: mm, which the caller keeps
 *
 * Context: may sleep; waits for a grace period.
 */
static inline void vt_all_locks_end(struct mmu_notifier *subscription,
				    struct mm_struct *mm)
{
#ifdef CONFIG_MMU_NOTIFIER
	mmu_notifier_unregister(subscription, mm);
#endif
}

#ifdef MADV_GUARD_INSTALL
#define VT_HAVE_MADV_GUARD	true
#else
#define VT_HAVE_MADV_GUARD	false
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

/**
 * vt_madvise_known() - does this kernel know an advice?
 * @advice: as for madvise()
 */
static inline bool vt_madvise_known(int advice)
{
	switch (advice) {
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
		return IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE);
	case MADV_GUARD_INSTALL:
	case MADV_GUARD_REMOVE:
		return VT_HAVE_MADV_GUARD;
	default:
		return true;
	}
}

/**
 * vt_vma_start_write() - exclude the readers of a VMA
 * @vma: VMA, its mmap_lock held for write, the release of which ends it
 */
static inline void vt_vma_start_write(struct vm_area_struct *vma)
{
#ifdef CONFIG_PER_VMA_LOCK
	vma_start_write(vma);
#endif
}

/**
 * vt_vma_start_read_locked() - lock a VMA for read
 * @vma: VMA, its mmap_lock held for read
 *
 * Return: false only if there are as many readers as can be counted.
 */
static inline bool vt_vma_start_read_locked(struct vm_area_struct *vma)
{
#if defined(VT_HAVE_VM_REFCNT)
	return vma_start_read_locked(vma);
#elif defined(CONFIG_PER_VMA_LOCK)
	/* As userfaultfd has it. */
	down_read(&vma->vm_lock->lock);
	return true;
#else
	return false;
#endif
}

/**
 * vt_vma_write_locked() - does a VMA read as locked for write?
 * @vma: VMA
 * @mm: its mm
 *
 * Context: the lock of @vma held for read, so that its own number stands still.
 */
static inline bool vt_vma_write_locked(struct vm_area_struct *vma,
				       struct mm_struct *mm)
{
#if defined(VT_HAVE_MM_LOCK_SEQCOUNT)
	return READ_ONCE(vma->vm_lock_seq) ==
	       READ_ONCE(mm->mm_lock_seq.sequence);
#elif defined(CONFIG_PER_VMA_LOCK)
	return READ_ONCE(vma->vm_lock_seq) == READ_ONCE(mm->mm_lock_seq);
#else
	return false;
#endif
}

/**
 * vt_vma_count() - the state of a VMA's lock, as a number
 * @vma: VMA
 *
 * Return: vm_refcnt; or, before it, 1 for attached, and 2 for held.
 */
static inline unsigned int vt_vma_count(struct vm_area_struct *vma)
{
#if defined(VT_HAVE_VM_REFCNT)
	return refcount_read(&vma->vm_refcnt);
#elif defined(CONFIG_PER_VMA_LOCK)
	return !READ_ONCE(vma->detached) +
	       2 * !!rwsem_is_locked(&vma->vm_lock->lock);
#else
	return 1;
#endif
}

/* What vt_vma_count() is of an attached VMA that nobody has locked. */
#define VT_VMA_AT_REST	1

/**
 * vt_vma_count_swap() - set vm_refcnt, where there is one, if it is what it should be
 * @vma: VMA of an mm that only the caller knows
 * @from: what it should be
 * @to: new value
 *
 * Return: true if it was @from.
 */
static inline bool vt_vma_count_swap(struct vm_area_struct *vma, int from, int to)
{
#ifdef VT_HAVE_VM_REFCNT
	return atomic_cmpxchg(&vma->vm_refcnt.refs, from, to) == from;
#else
	return false;
#endif
}

/**
 * vt_vma_count_add() - add to vm_refcnt, whatever the limit
 * @vma: VMA of an mm that only the caller knows
 * @n: how much, may be negative
 */
static inline void vt_vma_count_add(struct vm_area_struct *vma, int n)
{
#ifdef VT_HAVE_VM_REFCNT
	atomic_add(n, &vma->vm_refcnt.refs);
#endif
}

/**
 * vt_vma_excludes() - does a VMA turn its readers away?
 * @vma: VMA
 *
 * A writer that waits for them makes it so, and takes it back before it gives up
 * or goes on.
 *
 * Return: false on kernels that have no such state.
 */
static inline bool vt_vma_excludes(struct vm_area_struct *vma)
{
	return VT_VMA_REF_LIMIT && vt_vma_count(vma) > VT_VMA_REF_LIMIT;
}

/**
 * vt_vma_exclude() - have a VMA turn its readers away, or take that back
 * @vma: VMA of the module's own, its mmap_lock held for write
 * @on: which of the two
 */
static inline void vt_vma_exclude(struct vm_area_struct *vma, bool on)
{
#ifdef VT_HAVE_VM_REFCNT
	if (on)
		refcount_add(VT_VMA_REF_LIMIT + 1, &vma->vm_refcnt);
	else if (refcount_sub_and_test(VT_VMA_REF_LIMIT + 1, &vma->vm_refcnt))
		WARN_ON_ONCE(1);
#endif
}

/**
 * vt_vma_attached() - is a VMA attached to its mm?
 * @vma: VMA
 *
 * With vm_refcnt a VMA is attached as long as one more holds the count than
 * there are readers, and the caller is one. A writer that waits for readers
 * adds VT_VMA_REF_LIMIT + 1.
 *
 * Context: the lock of @vma held for read.
 */
static inline bool vt_vma_attached(struct vm_area_struct *vma)
{
#if defined(VT_HAVE_VM_REFCNT)
	return (vt_vma_count(vma) & VT_VMA_REF_LIMIT) >= 2;
#elif defined(CONFIG_PER_VMA_LOCK)
	return !READ_ONCE(vma->detached);
#else
	return true;
#endif
}

#endif /* VT_COMPAT_VMA_LOCK_H */
