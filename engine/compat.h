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

/* What mseal(2) sets. Where a kernel has not got it, nothing can be sealed. */
#ifdef VM_SEALED
#define VT_VM_SEALED	VM_SEALED
#else
#define VT_VM_SEALED	0UL
#endif

/**
 * vt_vm_flags_clear() - clear flags of a VMA
 * @vma: VMA; the caller holds the mmap lock for write
 * @flags: flags
 */
static inline void vt_vm_flags_clear(struct vm_area_struct *vma,
				     unsigned long flags)
{
#ifdef VT_HAVE_VM_FLAGS_SET
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
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

#endif /* VT_COMPAT_H */
