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

#include <linux/kconfig.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
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
 * vt_mm_unstable() - does an mm carry the mark of one that must not be used?
 * @mm: mm
 */
static inline bool vt_mm_unstable(struct mm_struct *mm)
{
#ifdef VT_HAVE_MM_FLAGS
	return mm_flags_test(MMF_UNSTABLE, mm);
#else
	return test_bit(MMF_UNSTABLE, &mm->flags);
#endif
}

/**
 * vt_mm_set_unstable() - put that mark on an mm
 * @mm: mm of the module's own
 */
static inline void vt_mm_set_unstable(struct mm_struct *mm)
{
#ifdef VT_HAVE_MM_FLAGS
	mm_flags_set(MMF_UNSTABLE, mm);
#else
	set_bit(MMF_UNSTABLE, &mm->flags);
#endif
}

/**
 * vt_mm_oom_skip() - does the OOM reaper leave an mm alone?
 * @mm: mm
 *
 * Context: mmap_lock held for read, which orders it against exit_mmap().
 */
static inline bool vt_mm_oom_skip(struct mm_struct *mm)
{
#ifdef VT_HAVE_MM_FLAGS
	return mm_flags_test(MMF_OOM_SKIP, mm);
#else
	return test_bit(MMF_OOM_SKIP, &mm->flags);
#endif
}

/**
 * enum vt_promise - does the kernel promise something?
 * @VT_NO: never
 * @VT_MAYBE: stable kernels differ, and no header tells which
 * @VT_YES: always
 */
enum vt_promise { VT_NO, VT_MAYBE, VT_YES };

/**
 * vt_fork_marks() - is what a failed fork leaves marked MMF_UNSTABLE?
 *
 * Not before dup_mmap() began to copy the whole tree at once; and then some
 * time later, in stable kernels too.
 */
static inline enum vt_promise vt_fork_marks(void)
{
#if defined(VT_HAVE_MM_FLAGS)
	return VT_YES;
#elif defined(VT_HAVE_MT_DUP)
	return VT_MAYBE;
#else
	return VT_NO;
#endif
}

/**
 * vt_fork_kill_needs_reader() - when does dup_mmap() heed a fatal signal?
 *
 * Return: true if only where it has to wait for a reader of a VMA, false if at
 * every VMA.
 */
static inline bool vt_fork_kill_needs_reader(void)
{
	return IS_ENABLED(VT_HAVE_VMA_WRITE_KILLABLE);
}

/**
 * vt_fail_nth() - have the kernel's fault injection fail an allocation
 * @nth: which one the calling thread makes from now on; 0: none
 *
 * Works where failslab and its like are configured to (see
 * Documentation/fault-injection).
 *
 * Return: false if the kernel has no fault injection.
 */
static inline bool vt_fail_nth(unsigned int nth)
{
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = nth;
	return true;
#else
	return false;
#endif
}

#endif /* VT_COMPAT_H */
