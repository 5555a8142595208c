// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking up and calling what the kernel does not export.
 */
#include <linux/errno.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/static_call.h>
#include <linux/string.h>

#include "engine.h"

#define X(name, ret, params, args)					\
	typedef ret vt_fn_##name params;				\
	DEFINE_STATIC_CALL_NULL(vt_sc_##name, vt_fn_##name);		\
	ret vt_call_##name params					\
	{								\
		return static_call(vt_sc_##name)args;			\
	}
VT_SYMBOLS(X)
#undef X

typedef unsigned long vt_fn_kallsyms_lookup_name(const char *name);
DEFINE_STATIC_CALL_NULL(vt_sc_lookup, vt_fn_kallsyms_lookup_name);

/* Bit set over enum vt_symbol, constant after vt_symbols_init(). */
u64 vt_symbols_found;

/* In the order of enum vt_symbol. */
static const char *const vt_symbol_names[] = {
#define X(name, ret, params, args) #name,
	VT_SYMBOLS(X)
#undef X
};

/**
 * vt_symbol_name() - the name of a symbol
 * @sym: out of enum vt_symbol
 */
const char *vt_symbol_name(unsigned int sym)
{
	return vt_symbol_names[sym];
}

/* sys_* stands for the entry of a system call, which has a prefix. */
static unsigned long vt_lookup_symbol(const char *name)
{
	char full[64];

	if (strncmp(name, "sys_", 4))
		return vt_lookup(name);
	scnprintf(full, sizeof(full), VT_SYSCALL_PREFIX "%s", name);
	return vt_lookup(full);
}

/*
 * A kprobe knows the address of any function by its name, and need not be armed
 * for that. On kernels built for indirect branch tracking it lies behind the
 * ENDBR instruction the function begins with: step back by what the symbol's
 * own name says.
 */
static int vt_find_lookup_name(unsigned long *found)
{
	struct kprobe kp = {
		.symbol_name = "kallsyms_lookup_name",
		.flags = KPROBE_FLAG_DISABLED,
	};
	unsigned long addr, offset = 0;
	char name[KSYM_SYMBOL_LEN];
	char *plus;
	int ret = register_kprobe(&kp);

	if (ret)
		return ret;
	addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);

	sprint_symbol(name, addr);
	plus = strchr(name, '+');
	if (!plus || sscanf(plus, "+0x%lx", &offset) != 1)
		return -EOPNOTSUPP;

	*found = addr - offset;
	return 0;
}

/**
 * vt_lookup() - the address of a symbol of the kernel
 * @name: its exact name
 *
 * Context: may sleep; after vt_symbols_init() succeeded.
 * Return: the address, or 0 if there is no such symbol or no way to look.
 */
unsigned long vt_lookup(const char *name)
{
	if (!static_call_query(vt_sc_lookup))
		return 0;
	return static_call(vt_sc_lookup)(name);
}

/**
 * vt_symbols_init() - look up all of VT_SYMBOLS
 *
 * What is missing stays missing: the scenarios that need it are skipped.
 *
 * Context: may sleep; at load, before any vt_call().
 * Return: 0; -ENOMEM; or another errno if nothing can be looked up on this
 * kernel.
 */
int vt_symbols_init(void)
{
	unsigned long addr;
	int ret = vt_find_lookup_name(&addr);

	if (ret)
		return ret;
	static_call_update(vt_sc_lookup, (vt_fn_kallsyms_lookup_name *)addr);

#define X(name, ret, params, args)					\
	addr = vt_lookup_symbol(#name);					\
	if (addr) {							\
		static_call_update(vt_sc_##name, (vt_fn_##name *)addr);	\
		vt_symbols_found |= VT_NEED(name);			\
	}
	VT_SYMBOLS(X)
#undef X

	return 0;
}
