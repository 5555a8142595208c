/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift: the one place that knows that kernels differ.
 *
 * What differs at build time is found by engine/features.mk, which looks into
 * the headers (distributions backport, so version numbers lie). What differs at
 * run time is asked with vt_has().
 */
#ifndef VT_COMPAT_H
#define VT_COMPAT_H

#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>

/**
 * vt_vm_flags_set() - set flags of a VMA that ->mmap() is setting up
 * @vma: VMA, not visible to anybody else yet
 * @flags: flags
 */
static inline void vt_vm_flags_set(struct vm_area_struct *vma,
				   unsigned long flags)
{
#ifdef VT_HAVE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/**
 * vt_syscall_regs() - the registers with which a system call is entered
 * @regs: registers to fill in
 * @args: six arguments
 */
static inline void vt_syscall_regs(struct pt_regs *regs,
				   const unsigned long *args)
{
	memset(regs, 0, sizeof(*regs));
#ifdef CONFIG_X86_64
	regs->di = args[0];
	regs->si = args[1];
	regs->dx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
#else
#error "system call registers of this architecture are not known"
#endif
}

/* The name under which the kernel has the entry of a system call. */
#ifdef CONFIG_X86_64
#define VT_SYSCALL_PREFIX	"__x64_"
#endif

/**
 * vt_vma_end_read() - release what lock_vma_under_rcu() handed out
 * @vma: VMA
 */
static inline void vt_vma_end_read(struct vm_area_struct *vma)
{
#ifdef CONFIG_PER_VMA_LOCK
	vma_end_read(vma);
#endif
}

/**
 * vt_shmem_file() - an unlinked shmem file whose pages are accounted when used
 * @name: name, for /proc
 * @size: size in bytes
 *
 * Return: the file, or an ERR_PTR.
 */
static inline struct file *vt_shmem_file(const char *name, loff_t size)
{
#ifdef VT_HAVE_SHMEM_VMA_FLAGS
	return shmem_file_setup(name, size, mk_vma_flags(VMA_NORESERVE_BIT));
#else
	return shmem_file_setup(name, size, VM_NORESERVE);
#endif
}

/**
 * vt_mm_disown() - let no task own an mm
 * @mm: mm that no process has
 *
 * The owner tells whose memory control group pays for the mm's pages. The
 * thread that allocated the mm became its owner, and nobody would notice when
 * that thread ends. Without an owner the root group pays.
 */
static inline void vt_mm_disown(struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	WRITE_ONCE(mm->owner, NULL);
#endif
}

/*
 * Per-VMA locks. Before vm_refcnt (Linux 6.15) a lock was an rwsem beside a
 * flag "detached"; before seqcounts mm_lock_seq was a plain number.
 */
#ifdef CONFIG_PER_VMA_LOCK
#define VT_FAULT_VMA_LOCK	FAULT_FLAG_VMA_LOCK
#else
#define VT_FAULT_VMA_LOCK	0
#endif

/* The largest value readers may bring vm_refcnt to; 0: there is no such count. */
#if defined(VM_REFCNT_LIMIT)
#define VT_VMA_REF_LIMIT	VM_REFCNT_LIMIT
#elif defined(VMA_REF_LIMIT)
#define VT_VMA_REF_LIMIT	VMA_REF_LIMIT
#else
#define VT_VMA_REF_LIMIT	0
#endif

/* Flags that may be set in a VMA by those who hold its lock for read. */
#ifdef VM_ATOMIC_SET_ALLOWED
#define VT_VM_ATOMIC_FLAGS	VM_ATOMIC_SET_ALLOWED
#else
#define VT_VM_ATOMIC_FLAGS	0
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

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
 * vt_vma_count_set() - set vm_refcnt, where there is one
 * @vma: VMA of an mm that only the caller knows
 * @n: new value
 */
static inline void vt_vma_count_set(struct vm_area_struct *vma, unsigned int n)
{
#ifdef VT_HAVE_VM_REFCNT
	refcount_set(&vma->vm_refcnt, n);
#endif
}

/**
 * vt_vma_count_inc() - count a reader, whatever the limit
 * @vma: VMA of an mm that only the caller knows
 */
static inline void vt_vma_count_inc(struct vm_area_struct *vma)
{
#ifdef VT_HAVE_VM_REFCNT
	refcount_inc(&vma->vm_refcnt);
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

#endif /* VT_COMPAT_H */
