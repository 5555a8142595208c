/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The accounts that the kernel keeps of mappings: of an mm, and of the machine.
 */
#ifndef VT_ACCOUNT_H
#define VT_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/mm_types.h>

#include "burst.h"

struct file;
struct vt_run;

/**
 * struct vt_books - the sums an mm keeps of its VMAs, in pages but for the first
 * @map_count: number of VMAs
 * @total_vm: all that is mapped
 * @locked_vm: what is locked
 * @data_vm: what is private and writable, and no stack
 * @exec_vm: what is executable and not writable
 * @stack_vm: stacks
 */
struct vt_books {
	long map_count;
	long total_vm;
	long locked_vm;
	long data_vm;
	long exec_vm;
	long stack_vm;
};

void vt_books_kept(const struct mm_struct *mm, struct vt_books *kept);
void vt_books_sum(struct mm_struct *mm, struct vt_books *sum);
unsigned int vt_books_judge(struct vt_run *run, unsigned int kind,
			    struct mm_struct *mm, const struct vt_books *kept,
			    const struct vt_books *want, const char *when);

/**
 * struct vt_burst - an operation that has to leave committed memory as it was
 * @name: what it does, for the record and the log
 * @once: does it once and puts back whatever it changes; returns 0, or an errno
 *	if it cannot be had, which is no race
 */
struct vt_burst {
	const char *name;
	int (*once)(void *arg);
};

enum vt_burst_result vt_burst(struct vt_run *run, unsigned int kind,
			      struct mm_struct *mm, const struct vt_burst *burst,
			      void *arg);

/**
 * struct vt_leaks - what bursts have shown of the operations of a test
 * @even: bit set of those that leave committed memory as it was
 * @leaky: of those that do not: they are left out
 * @risked: pages that were charged by what is in neither of them
 * @unsure: bursts of such that others disturbed
 * @next: when the next is due, in jiffies, if there were any
 */
struct vt_leaks {
	unsigned long even;
	unsigned long leaky;
	atomic_long_t risked;
	atomic_t unsure;
	unsigned long next;
};

/**
 * vt_leaky() - was an operation seen to leak?
 * @leaks: what bursts have shown
 * @what: the operation
 */
static inline bool vt_leaky(const struct vt_leaks *leaks, unsigned int what)
{
	return test_bit(what, &leaks->leaky);
}

/**
 * vt_judged() - was an operation judged by a burst?
 * @leaks: what bursts have shown
 * @what: the operation
 */
static inline bool vt_judged(const struct vt_leaks *leaks, unsigned int what)
{
	return test_bit(what, &leaks->even) || test_bit(what, &leaks->leaky);
}

bool vt_burst_due(const struct vt_leaks *leaks, unsigned int what);
bool vt_may_leak(struct vt_leaks *leaks, unsigned int what, unsigned long pages);
enum vt_burst_result vt_leaks_burst(struct vt_run *run, unsigned int kind,
				    struct mm_struct *mm, struct vt_leaks *leaks,
				    unsigned int what,
				    const struct vt_burst *burst, void *arg);

bool vt_end_judge(struct vt_run *run, unsigned int kind, struct mm_struct *mm,
		  bool exposed, const char *whose);
void vt_mm_end(struct vt_run *run, unsigned int kind, struct mm_struct *mm,
	       bool exposed, const char *whose);
void vt_unmapped_judge(struct vt_run *run, unsigned int kind, struct file *file,
		       long refs, const char *whose);

#endif /* VT_ACCOUNT_H */
