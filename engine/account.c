// SPDX-License-Identifier: GPL-2.0-only
/*
 * The accounts that the kernel keeps of mappings: the sums of an mm, which have
 * to be those of its VMAs whenever the mmap lock is held, and the committed
 * memory of the machine, which has to be what it was before after an operation
 * that was undone or refused (Documentation/mm/overcommit-accounting.rst).
 */
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>

#include "account.h"
#include "engine.h"

/**
 * vt_books_kept() - the sums as an mm keeps them
 * @mm: mm
 * @kept: where to put them
 *
 * Context: the mmap lock is held.
 */
void vt_books_kept(const struct mm_struct *mm, struct vt_books *kept)
{
	*kept = (struct vt_books) {
		.map_count = mm->map_count,
		.total_vm = mm->total_vm,
		.locked_vm = mm->locked_vm,
		.data_vm = mm->data_vm,
		.exec_vm = mm->exec_vm,
		.stack_vm = mm->stack_vm,
	};
}

/**
 * vt_books_sum() - the sums as they follow from the VMAs
 * @mm: mm
 * @sum: where to put them
 *
 * What is data, code and stack is what vm_stat_account() has called so since
 * long before 6.1: code that is also writable is data, a stack is nothing else.
 *
 * Context: the mmap lock is held.
 */
void vt_books_sum(struct mm_struct *mm, struct vt_books *sum)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	*sum = (struct vt_books){};
	mas_for_each(&mas, vma, ULONG_MAX) {
		unsigned long flags = vma->vm_flags;
		long pages = vma_pages(vma);

		sum->map_count++;
		sum->total_vm += pages;
		if (flags & VM_LOCKED)
			sum->locked_vm += pages;
		if ((flags & (VM_EXEC | VM_WRITE | VM_STACK)) == VM_EXEC)
			sum->exec_vm += pages;
		else if ((flags & VM_STACK) == VM_STACK)
			sum->stack_vm += pages;
		else if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
			sum->data_vm += pages;
	}
}

/**
 * vt_books_judge() - a race for each sum that is not what it has to be
 * @run: run
 * @kind: the oracle
 * @mm: mm
 * @kept: the sums as the mm keeps them
 * @want: what they have to be
 * @when: what was done, for the record
 *
 * Return: how many sums were wrong.
 */
unsigned int vt_books_judge(struct vt_run *run, unsigned int kind,
			    struct mm_struct *mm, const struct vt_books *kept,
			    const struct vt_books *want, const char *when)
{
	const struct {
		const char *name, *of;
		long kept, want;
	} sums[] = {
#define SUM(field, of)	{ #field, of, kept->field, want->field }
		SUM(map_count, "VMAs"),
		SUM(total_vm, "pages mapped"),
		SUM(locked_vm, "pages locked"),
		SUM(data_vm, "pages of data"),
		SUM(exec_vm, "pages of code"),
		SUM(stack_vm, "pages of stack"),
#undef SUM
	};
	unsigned int i, wrong = 0;

	for (i = 0; i < ARRAY_SIZE(sums); i++) {
		if (sums[i].kept == sums[i].want)
			continue;
		wrong++;
		vt_race(run, kind, mm, 0, sums[i].kept, sums[i].want,
			"%s: %s %ld, %s %ld", when, sums[i].name, sums[i].kept,
			sums[i].of, sums[i].want);
	}
	return wrong;
}

/* Let as much time pass as a burst took, without doing anything. */
static void vt_burst_idle(u64 ns)
{
	u64 begun = ktime_get_ns();

	while (ktime_get_ns() - begun < ns) {
		cpu_relax();
		cond_resched();
	}
}

/**
 * vt_burst() - does an operation make committed memory grow?
 * @run: run
 * @kind: the oracle
 * @mm: mm it is done in
 * @burst: the operation
 * @arg: its argument
 *
 * A look that others disturbed tells nothing, and is not counted as exposed;
 * try again later. On a kernel that leaks, VT_BURST_ROUNDS * VT_BURST_OPS
 * operations are lost by a call: keep them small, and do not call again what
 * was seen to leak.
 *
 * Context: may sleep, as @burst may.
 * Return: out of enum vt_burst_result; VT_BURST_GROWS has been logged as a race.
 */
enum vt_burst_result vt_burst(struct vt_run *run, unsigned int kind,
			      struct mm_struct *mm, const struct vt_burst *burst,
			      void *arg)
{
	long grown[VT_BURST_ROUNDS], idle[VT_BURST_ROUNDS];
	enum vt_burst_result result;
	unsigned int i, j;

	for (i = 0; i < VT_BURST_ROUNDS; i++) {
		long before = vm_memory_committed(), after;
		u64 begun = ktime_get_ns();

		for (j = 0; j < VT_BURST_OPS; j++)
			if (burst->once(arg))
				return VT_BURST_UNSURE;
		after = vm_memory_committed();
		grown[i] = after - before;
		vt_burst_idle(ktime_get_ns() - begun);
		idle[i] = (long)vm_memory_committed() - after;
		/* What was disturbed cannot become sure any more. */
		if (idle[i] || grown[i] != grown[0])
			break;
	}
	result = i < VT_BURST_ROUNDS ? VT_BURST_UNSURE :
		vt_burst_judge(grown, idle, VT_BURST_ROUNDS, VT_BURST_OPS);
	vt_look(run, kind, result != VT_BURST_UNSURE);
	if (result == VT_BURST_GROWS)
		vt_race(run, kind, mm, 0, grown[0], VT_BURST_OPS,
			"%u times %s left %ld pages committed", VT_BURST_OPS,
			burst->name, grown[0]);
	return result;
}
