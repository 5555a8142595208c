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

VT_SYMBOLS(VT_DEFINE_SYMBOL)
static VT_SYMBOL_TABLE(vt_engine_symbols, VT_SYMBOLS);

typedef unsigned long vt_fn_kallsyms_lookup_name(const char *name);
DEFINE_STATIC_CALL_NULL(vt_sc_lookup, vt_fn_kallsyms_lookup_name);

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
 * vt_symbols_usable() - can anything be looked up on this kernel?
 *
 * Context: any, after vt_symbols_init().
 */
bool vt_symbols_usable(void)
{
	return static_call_query(vt_sc_lookup);
}

/**
 * vt_symbols_find() - look up a table of symbols
 * @table: array that ends with NULL
 *
 * What is missing stays missing: the scenarios that need it are skipped.
 *
 * Context: may sleep; at load, after vt_symbols_init() and before any vt_call()
 * of what is in the table.
 */
void vt_symbols_find(struct vt_symbol *const *table)
{
	for (; *table; table++) {
		unsigned long addr = vt_lookup_symbol((*table)->name);

		if (!addr)
			continue;
		(*table)->bind(addr);
		(*table)->found = true;
	}
}

/**
 * vt_symbols_init() - find out how to look up symbols, and look up the engine's
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
	vt_symbols_find(vt_engine_symbols);

	return 0;
}
