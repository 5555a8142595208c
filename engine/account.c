// SPDX-License-Identifier: GPL-2.0-only
/*
 * The accounts that the kernel keeps of mappings: the sums of an mm, which have
 * to be those of its VMAs whenever the mmap lock is held, and the committed
 * memory of the machine, which has to be what it was before after an operation
 * that was undone or refused (Documentation/mm/overcommit-accounting.rst). And
 * what is left when all is unmapped: the pages and page tables of an mm, and the
 * mappings of a file.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>

#include "account.h"
#include "compat_fork.h"
#include "engine.h"
#include "space.h"

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
 * try again later. On a kernel that leaks, about VT_BURST_ROUNDS * VT_BURST_OPS
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

		for (j = 0; j < vt_burst_ops(i); j++) {
			if (burst->once(arg))
				return VT_BURST_UNSURE;
			/* One at a time makes a burst. */
			WRITE_ONCE(run->bursts, run->bursts + 1);
		}
		after = vm_memory_committed();
		grown[i] = after - before;
		vt_burst_idle(ktime_get_ns() - begun);
		idle[i] = (long)vm_memory_committed() - after;
		/* What was disturbed cannot become sure any more. */
		if (!vt_burst_fits(grown, idle, i))
			break;
	}
	result = i < VT_BURST_ROUNDS ? VT_BURST_UNSURE :
		vt_burst_judge(grown, idle);
	vt_look(run, kind, result != VT_BURST_UNSURE);
	if (result == VT_BURST_GROWS)
		vt_race(run, kind, mm, 0, grown[0], VT_BURST_OPS,
			"%u times %s left %ld pages committed", VT_BURST_OPS,
			burst->name, grown[0]);
	return result;
}

#define VT_RISK_PAGES	(SZ_16M / PAGE_SIZE)

/**
 * vt_may_leak() - may something be done of which no burst has shown yet that it
 * leaves committed memory as it was?
 * @leaks: what bursts have shown
 * @what: the operation
 * @pages: how many pages it charges, and may keep
 *
 * What a test can lose on a kernel that leaks is bounded so.
 *
 * Context: any.
 * Return: false if it leaks, or was done for VT_RISK_PAGES without being judged.
 */
bool vt_may_leak(struct vt_leaks *leaks, unsigned int what, unsigned long pages)
{
	if (vt_leaky(leaks, what))
		return false;
	return test_bit(what, &leaks->even) ||
		atomic_long_add_return(pages, &leaks->risked) <= VT_RISK_PAGES;
}

/**
 * vt_burst_due() - shall a burst of an operation be made?
 * @leaks: what bursts have shown
 * @what: the operation
 *
 * Those of what may leak cost memory, and tell nothing when others disturb them:
 * the more were disturbed, the longer they are apart.
 *
 * Context: any.
 */
bool vt_burst_due(const struct vt_leaks *leaks, unsigned int what)
{
	return vt_judged(leaks, what) || !atomic_read(&leaks->unsure) ||
		time_after_eq(jiffies, READ_ONCE(leaks->next));
}

/* Four of them, then twice as far apart. */
static void vt_burst_unsure(struct vt_leaks *leaks)
{
	unsigned int n = atomic_inc_return(&leaks->unsure);

	WRITE_ONCE(leaks->next, jiffies + (max(HZ / 32, 1) << min(n / 4, 16U)));
}

/**
 * vt_leaks_burst() - vt_burst(), and remember what it has shown
 * @run: run
 * @kind: the oracle
 * @mm: mm it is done in
 * @leaks: where that is remembered; what leaks is not done again
 * @what: the operation's bit there
 * @burst: the operation
 * @arg: its argument
 *
 * Context: may sleep, as the operation may.
 * Return: what vt_burst() returns.
 */
enum vt_burst_result vt_leaks_burst(struct vt_run *run, unsigned int kind,
				    struct mm_struct *mm, struct vt_leaks *leaks,
				    unsigned int what,
				    const struct vt_burst *burst, void *arg)
{
	enum vt_burst_result result;

	if (vt_leaky(leaks, what))
		return VT_BURST_GROWS;
	result = vt_burst(run, kind, mm, burst, arg);
	if (result == VT_BURST_EVEN)
		set_bit(what, &leaks->even);
	else if (result == VT_BURST_GROWS && !test_and_set_bit(what, &leaks->leaky))
		vt_left_out(run, burst->name);
	else if (result == VT_BURST_UNSURE && !vt_judged(leaks, what))
		vt_burst_unsure(leaks);
	return result;
}

/**
 * vt_end_judge() - judge the pages and page tables of an mm that has ended
 * @run: run
 * @kind: the oracle
 * @mm: the mm, with a reference on the struct
 * @exposed: something was done in it that could have left some
 * @whose: what it was, for the record
 *
 * What check_mm() asks when the last reference goes. exit_mmap() empties the tree
 * last, with the lock held for write.
 *
 * Context: may sleep; takes the mm's lock.
 * Return: false if its end may not be over yet, or its tree was left as it was;
 * then nothing was judged.
 */
bool vt_end_judge(struct vt_run *run, unsigned int kind, struct mm_struct *mm,
		  bool exposed, const char *whose)
{
	long pages = 0, tables;
	unsigned int sort;
	bool over;

	mmap_read_lock(mm);
	over = !atomic_read(&mm->mm_users) && mtree_empty(&mm->mm_mt);
	mmap_read_unlock(mm);
	if (!over)
		return false;

	vt_look(run, kind, exposed);
	tables = mm_pgtables_bytes(mm);
	if (tables)
		vt_race(run, kind, mm, 0, tables, 0,
			"%s is gone, %ld bytes of its page tables are not",
			whose, tables);
	for (sort = 0; sort < NR_MM_COUNTERS; sort++)
		pages += abs(vt_mm_rss(mm, sort));
	if (pages)
		vt_race(run, kind, mm, 0, pages, 0,
			"%s is gone, %ld of its pages are not", whose, pages);
	return true;
}

/**
 * vt_mm_end() - drop a reference on an mm; if it was the last, judge what is left
 * @run: run
 * @kind: the oracle
 * @mm: the mm
 * @exposed: something was done in it that could leave pages or page tables
 * @whose: what it is, for the record
 *
 * Context: as vt_mm_put().
 */
void vt_mm_end(struct vt_run *run, unsigned int kind, struct mm_struct *mm,
	       bool exposed, const char *whose)
{
	mmgrab(mm);
	vt_mm_put(mm);
	/* The broken promise is a page table that nobody has. */
	if (unlikely(vt_busted(run, kind)))
		mm_inc_nr_ptes(mm);
	vt_end_judge(run, kind, mm, exposed, whose);
	if (unlikely(vt_busted(run, kind)))
		mm_dec_nr_ptes(mm);
	mmdrop(mm);
}

/**
 * vt_unmapped_judge() - judge what a file that nothing maps says about its mappings
 * @run: run
 * @kind: the oracle
 * @file: a file of an inode of its own, such as vt_shmem_file() returns
 * @refs: how many references it has without those of VMAs
 * @whose: what it is, for the record
 *
 * If there are more references, it is mapped still, and nothing is judged.
 *
 * Context: nobody maps or unmaps it.
 */
void vt_unmapped_judge(struct vt_run *run, unsigned int kind, struct file *file,
		       long refs, const char *whose)
{
	struct address_space *mapping = file->f_mapping;
	int writable = atomic_read(&mapping->i_mmap_writable);

	if (file_count(file) != refs)
		return;
	vt_look(run, kind, true);
	if (mapping_mapped(mapping))
		vt_race(run, kind, NULL, 0, refs, writable,
			"nothing maps %s, and there are VMAs in its tree", whose);
	if (writable)
		vt_race(run, kind, NULL, 0, writable, 0,
			"nothing maps %s, and %d writable mappings of it are counted",
			whose, writable);
}
