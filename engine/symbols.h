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

/**
 * struct vt_symbol - a function of the kernel that is called by its name
 * @name: its name; sys_NAME stands for the entry of a system call
 * @bind: patches the call site, once the address is known
 * @found: the kernel has it, and the call site is patched; constant after
 *	vt_symbols_init()
 */
struct vt_symbol {
	const char *name;
	void (*bind)(unsigned long addr);
	bool found;
};

/*
 * Lists of symbols: X(name, return type, parameters, arguments). The functions
 * behind system calls take the registers a system call came with, see
 * vt_syscall(). These are what the engine itself or more than one scenario
 * calls; a scenario lists what only it calls in a symbols.h of its own, hands
 * the list to VT_DECLARE_SYMBOL there and to VT_DEFINE_SYMBOL and
 * VT_SYMBOL_TABLE in one of its objects, and the table to the engine as
 * ->symbols of its struct vt_scenario.
 */
#define VT_SYMBOLS(X)							\
	X(mm_alloc, struct mm_struct *, (void), ())			\
	X(arch_pick_mmap_layout, void,					\
	  (struct mm_struct *mm, const struct rlimit *rlim), (mm, rlim)) \
	X(lock_vma_under_rcu, struct vm_area_struct *,			\
	  (struct mm_struct *mm, unsigned long addr), (mm, addr))	\
	X(kernel_clone, pid_t, (struct kernel_clone_args *args), (args)) \
	X(do_exit, void, (long code), (code))				\
	X(kernel_wait, int, (pid_t pid, int *stat), (pid, stat))	\
	X(stack_trace_save_tsk, unsigned int,				\
	  (struct task_struct *task, unsigned long *store,		\
	   unsigned int size, unsigned int skip),			\
	  (task, store, size, skip))					\
	X(sys_mprotect, long, (const struct pt_regs *regs), (regs))	\
	X(sys_mremap, long, (const struct pt_regs *regs), (regs))	\
	X(sys_madvise, long, (const struct pt_regs *regs), (regs))

/* The prototype: each function has one call site, which is patched at load. */
#define VT_DECLARE_SYMBOL(sym, ret, params, args)			\
	extern struct vt_symbol vt_symbol_##sym;			\
	ret vt_call_##sym params;

VT_SYMBOLS(VT_DECLARE_SYMBOL)

/* The call site, and what patches it. For objects that include <linux/static_call.h>. */
#define VT_DEFINE_SYMBOL(sym, ret, params, args)			\
	typedef ret vt_fn_##sym params;					\
	DEFINE_STATIC_CALL_NULL(vt_sc_##sym, vt_fn_##sym);		\
	ret vt_call_##sym params					\
	{								\
		return static_call(vt_sc_##sym)args;			\
	}								\
	static void vt_bind_##sym(unsigned long addr)			\
	{								\
		static_call_update(vt_sc_##sym, (vt_fn_##sym *)addr);	\
	}								\
	struct vt_symbol vt_symbol_##sym = {				\
		.name = #sym, .bind = vt_bind_##sym,			\
	};

/* A list of symbols as an array that ends with NULL. */
#define VT_SYMBOL_ENTRY(sym, ret, params, args) &vt_symbol_##sym,
#define VT_SYMBOL_TABLE(table, LIST)					\
	struct vt_symbol *const table[] = { LIST(VT_SYMBOL_ENTRY) NULL }

/* For ->needs of struct vt_scenario: VT_NEEDS(VT_NEED(a), VT_NEED(b)). */
#define VT_NEED(sym)	&vt_symbol_##sym
#define VT_NEEDS(...)	((struct vt_symbol *const []){ __VA_ARGS__, NULL })

/* May be called only where vt_has(name). */
#define vt_call(sym)	vt_call_##sym
#define vt_has(sym)	(vt_symbol_##sym.found)

/**
 * vt_syscall() - call a system call of the kernel by its own entry
 * @name: sys_mprotect and the like, out of a list of symbols
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
void vt_symbols_find(struct vt_symbol *const *table);
bool vt_symbols_usable(void);
unsigned long vt_lookup(const char *name);

#endif /* VT_SYMBOLS_H */
