// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading memory that may be gone: freed and no longer mapped, or never there
 * because a pointer to it is wild. On a kernel that keeps its promises it always is
 * there; on one that does not, an oracle is to say so, and not to oops.
 */
#include <linux/uaccess.h>

#include <asm/page.h>
#include <asm/processor.h>

#include "nofault.h"

/**
 * vt_read_nofault() - read a word of the kernel's memory, if it is there
 * @p: where
 * @word: set to what was read
 *
 * Reads once, and does not tell KASAN. What is no address of the kernel's is not
 * read. A function of its own: gcc 12 crashes where this becomes part of others.
 *
 * Context: any.
 * Return: false if there is no memory.
 */
noinline bool vt_read_nofault(const void *p, unsigned long *word)
{
	unsigned long addr = (unsigned long)p, val = 0;

	if ((long)addr >= 0 ||
	    !__is_canonical_address(addr, boot_cpu_data.x86_virt_bits))
		return false;
	__get_kernel_nofault(&val, p, unsigned long, gone);
	*word = val;
	return true;
gone:
	return false;
}
