/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of the kernel that it does not export.
 *
 * Each is called through a static call, which is a direct call patched in: it
 * is typed, may sleep, and needs no ENDBR at its target, so it is right on CPUs
 * with indirect branch tracking as well, where a function pointer is not.
 */
#ifndef VT_SYMBOLS_H
#define VT_SYMBOLS_H

#include <linux/bits.h>
#include <linux/mm_types.h>
#include <linux/sched/task.h>
#include <linux/types.h>

#include "compat.h"

struct pt_regs;

/*
 * X(name, return type, parameters, arguments). The functions behind system calls
 * take the registers a system call came with, see vt_syscall().
 */
#define VT_SYMBOLS(X)							\
	X(mm_alloc, struct mm_struct *, (void), ())			\
	X(arch_pick_mmap_layout, void,					\
	  (struct mm_struct *mm, const struct rlimit *rlim), (mm, rlim)) \
	X(lock_vma_under_rcu, struct vm_area_struct *,			\
	  (struct mm_struct *mm, unsigned long addr), (mm, addr))	\
	X(kernel_clone, pid_t, (struct kernel_clone_args *args), (args)) \
	X(sys_mprotect, long, (const struct pt_regs *regs), (regs))	\
	X(sys_mremap, long, (const struct pt_regs *regs), (regs))	\
	X(sys_madvise, long, (const struct pt_regs *regs), (regs))	\
	X(sys_munmap, long, (const struct pt_regs *regs), (regs))	\
	X(lock_mm_and_find_vma, struct vm_area_struct *,		\
	  (struct mm_struct *mm, unsigned long addr, struct pt_regs *regs), \
	  (mm, addr, regs))						\
	X(sys_mmap, long, (const struct pt_regs *regs), (regs))		\
	X(do_exit, void, (long code), (code))				\
	X(kernel_wait, int, (pid_t pid, int *stat), (pid, stat))	\
	X(vma_interval_tree_iter_first, struct vm_area_struct *,	\
	  (struct rb_root_cached *root, unsigned long first,		\
	   unsigned long last), (root, first, last))			\
	X(vma_interval_tree_iter_next, struct vm_area_struct *,		\
	  (struct vm_area_struct *vma, unsigned long first,		\
	   unsigned long last), (vma, first, last))			\
	X(sys_mincore, long, (const struct pt_regs *regs), (regs))

enum vt_symbol {
#define X(name, ret, params, args) VT_SYM_##name,
	VT_SYMBOLS(X)
#undef X
	VT_NR_SYMBOLS
};

/* One call site each: every one has to be patched at load. */
#define X(name, ret, params, args) ret vt_call_##name params;
VT_SYMBOLS(X)
#undef X

extern u64 vt_symbols_found;

/* The bit of a symbol, for struct vt_scenario.needs. */
#define VT_NEED(name)	BIT_ULL(VT_SYM_##name)

/* May be called only where vt_has(name). */
#define vt_call(name)	vt_call_##name
#define vt_has(name)	(!!(vt_symbols_found & VT_NEED(name)))

/**
 * vt_syscall() - call a system call of the kernel by its own entry
 * @name: sys_mprotect and the like, out of VT_SYMBOLS
 * @...: up to six arguments
 *
 * Context: a kernel thread that uses the mm the call is to act on
 * (kthread_use_mm()); may sleep.
 * Return: what the system call returns.
 */
#define vt_syscall(name, ...)						\
({									\
	unsigned long __args[6] = { __VA_ARGS__ };			\
	struct pt_regs __regs;						\
									\
	vt_syscall_regs(&__regs, __args);				\
	vt_call(name)(&__regs);						\
})

int vt_symbols_init(void);
const char *vt_symbol_name(unsigned int sym);
unsigned long vt_lookup(const char *name);

#endif /* VT_SYMBOLS_H */
