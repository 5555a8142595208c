/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift around dup_mmap().
 */
#ifndef VT_COMPAT_FORK_H
#define VT_COMPAT_FORK_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/slab.h>

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
 * vt_mm_rss() - how many pages of one sort are mapped in an mm
 * @mm: mm that nobody uses any more
 * @sort: MM_FILEPAGES and the like
 */
static inline long vt_mm_rss(struct mm_struct *mm, unsigned int sort)
{
#ifdef VT_HAVE_PERCPU_RSS
	return percpu_counter_sum(&mm->rss_stat[sort]);
#else
	return atomic_long_read(&mm->rss_stat.count[sort]);
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
#ifdef VT_HAVE_VMA_WRITE_KILLABLE
	return true;
#else
	return false;
#endif
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

/**
 * vt_fails_nth() - is fault injection told to fail what fork allocates?
 *
 * By default it spares allocations that may sleep (ignore-gfp-wait).
 *
 * Context: may sleep.
 * Return: a slab object or a page could not be had, as vt_fail_nth() asked for.
 */
static inline bool vt_fails_nth(void)
{
	struct page *page = NULL;
	void *object = NULL;

	if (vt_fail_nth(1)) {
		object = kmalloc(sizeof(long), GFP_KERNEL | __GFP_NOWARN);
		vt_fail_nth(1);
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 1);
		vt_fail_nth(0);
	}
	kfree(object);
	if (page)
		__free_pages(page, 1);
	return !object || !page;
}

#endif /* VT_COMPAT_FORK_H */
