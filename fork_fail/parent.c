// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parents: private mms with VMAs of all types, how they are filled, replaced, and
 * shown to mixers.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "fork_fail.h"
#include "space.h"

/**
 * ff_map() - map a file or anonymous memory at a fixed address
 * @file: the file, or NULL
 * @addr: address
 * @len: length in bytes
 * @flags: MAP_SHARED and the like; MAP_FIXED is added
 *
 * Context: the calling thread uses the mm.
 * Return: 0 or an errno.
 */
long ff_map(struct file *file, unsigned long addr, unsigned long len,
	    unsigned long flags)
{
	return vt_map(file, addr, len, PROT_READ | PROT_WRITE, flags, 0);
}

/**
 * ff_map_anon() - map private anonymous memory at a fixed address
 * @addr: address
 * @len: length in bytes
 *
 * Context: the calling thread uses the mm.
 * Return: 0 or an errno.
 */
long ff_map_anon(unsigned long addr, unsigned long len)
{
	return ff_map(NULL, addr, len, MAP_PRIVATE | MAP_ANONYMOUS);
}

/* One VMA that no fork can account, and forks leave alone for now. */
static bool ff_map_big(struct ff_parent *p, unsigned long addr,
		       enum ff_pos pos)
{
	unsigned long half = p->st->big;

	if (ff_map_anon(addr, half))
		return false;
	if (ff_map_anon(addr + half, half) ||
	    vt_syscall(sys_madvise, addr, 2 * half, MADV_DONTFORK)) {
		vm_munmap(addr, 2 * half);
		return false;
	}
	p->big[pos] = addr;
	return true;
}

/**
 * ff_map_one() - map one VMA
 * @p: parent
 * @type: its type
 * @addr: its address
 * @pages: its length
 * @shared: a file is mapped shared, not private
 *
 * Context: the calling thread uses the mm.
 * Return: 0 or an errno.
 */
long ff_map_one(struct ff_parent *p, enum ff_type type,
		unsigned long addr, unsigned long pages, bool shared)
{
	unsigned long len = pages * PAGE_SIZE;
	int advice = 0;
	long ret;

	switch (type) {
	case FF_FILE:
		ret = ff_map(p->file, addr, len,
			     shared ? MAP_SHARED : MAP_PRIVATE);
		break;
	case FF_SHMEM:
		ret = ff_map(p->shmem, addr, len,
			     shared ? MAP_SHARED : MAP_PRIVATE);
		break;
	case FF_DONTCOPY:
		advice = MADV_DONTFORK;
		ret = ff_map_anon(addr, len);
		break;
	case FF_WIPE:
		advice = MADV_WIPEONFORK;
		ret = ff_map_anon(addr, len);
		break;
	default:
		ret = ff_map_anon(addr, len);
		break;
	}
	if (ret)
		return ret;
	return advice ? vt_syscall(sys_madvise, addr, len, advice) : 0;
}

/* A private hugetlb mapping, if there is a huge page for it. */
static bool ff_map_hugetlb(unsigned long addr)
{
	return vt_has(sys_mmap) &&
	       !IS_ERR_VALUE((unsigned long)
			     vt_syscall(sys_mmap, addr, PMD_SIZE,
					PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
					MAP_HUGETLB, -1, 0));
}

/* One VMA with pages in two page tables, if it can be had. */
static bool ff_map_wide(struct ff_parent *p, unsigned long addr)
{
	unsigned long half = FF_WIDE_PAGES / 2 * PAGE_SIZE;

	if (ff_map_anon(addr, 2 * half))
		return false;
	/* A page that is not there is not copied: what needs it says so. */
	if (!put_user(1, (u32 __user *)addr) &&
	    !put_user(1, (u32 __user *)(addr + half - PAGE_SIZE)) &&
	    !put_user(1, (u32 __user *)(addr + half)))
		p->wide = addr;
	return true;
}

/**
 * ff_draw_size() - how many VMAs a parent has: often few, sometimes hundreds
 * @rnd: random stream
 *
 * Return: the number.
 */
unsigned int ff_draw_size(struct vt_rnd *rnd)
{
	static const unsigned short sizes[] = { 1, 2, 3, 5, 8, 16, 40, 120, 350 };
	unsigned int i = vt_rnd_below(rnd, ARRAY_SIZE(sizes) - 1);

	return sizes[i] + vt_rnd_below(rnd, sizes[i + 1] - sizes[i]);
}

/**
 * ff_build() - fill a parent's mm, which the caller uses
 * @p: parent
 * @rnd: random stream
 * @n: number of VMAs, without those of the churn
 * @bigs: bit set of positions for VMAs too large to account
 *
 * Return: 0 or an errno.
 */
static int ff_build(struct ff_parent *p, struct vt_rnd *rnd, unsigned int n,
		    unsigned int bigs)
{
	unsigned long addr = FF_BASE + vt_rnd_below(rnd, SZ_1G) * PAGE_SIZE;
	unsigned int i, middle = n / 2, churn = n >= 4 ? 1 + n / 3 : n;
	bool huge = vt_rnd_one_in(rnd, 2), has_huge = false;
	unsigned int wide = n > 5 ? middle + 1 : n;
	unsigned long len = FF_WIDE_PAGES / 2 * PAGE_SIZE;

	p->churn = 0;
	p->wide = 0;
	p->armed = 0;
	memset(p->big, 0, sizeof(p->big));

	for (i = 0; i < n; i++) {
		unsigned long pages = 1 + vt_rnd_below(rnd, 8);
		enum ff_type type = vt_rnd_below(rnd, FF_NR_TYPES);
		enum ff_pos pos = !i ? FF_FIRST : i == n - 1 ? FF_LAST : FF_MIDDLE;
		long ret = 0;

		/* Always a gap between: neighbours must not merge. */
		addr += PAGE_SIZE * (1 + vt_rnd_below(rnd, 4));
		if (i == churn) {
			p->churn = addr;
			addr += (FF_CHURN_PAGES + 1) * PAGE_SIZE;
		}
		if ((!i || i == middle || i == n - 1) && bigs & BIT(pos) &&
		    p->st->ways & BIT(FF_ACCOUNT) && !p->big[pos] &&
		    ff_map_big(p, addr, pos)) {
			addr += 2 * p->st->big;
			continue;
		}
		if (huge && i > 1) {
			unsigned long at = ALIGN(addr, PMD_SIZE);

			huge = false;
			has_huge = ff_map_hugetlb(at);
			if (has_huge) {
				addr = at + PMD_SIZE;
				continue;
			}
		}
		if (i == wide) {
			unsigned long at = ALIGN(addr + len, PMD_SIZE) - len;

			if (ff_map_wide(p, at)) {
				addr = at + 2 * len;
				continue;
			}
		}
		/*
		 * At both ends rather the module's file: its ->open() publishes
		 * the child to the walkers, and is where SIGKILL is sent.
		 */
		if (i <= 1 || i + 2 >= n)
			type = vt_rnd_one_in(rnd, 4) ? type : FF_FILE;
		ret = ff_map_one(p, type, addr, pages, vt_rnd_one_in(rnd, 2));
		if (ret)
			return ret;
		addr += pages * PAGE_SIZE;
	}

	ff_snapshot(p);
	vt_count(p->st->run, FF_C_PARENTS, 1);
	if (has_huge)
		vt_count(p->st->run, FF_C_HUGETLB, 1);
	return p->nr ? 0 : -ENOMEM;
}

/**
 * ff_get_parent() - the mm that is there for mixers
 * @p: parent
 * @churn: set to the start of what they replace in it; 0: nothing
 *
 * Context: does not sleep.
 * Return: the mm with a reference for mmput(), or NULL.
 */
struct mm_struct *ff_get_parent(struct ff_parent *p,
				unsigned long *churn)
{
	struct mm_struct *mm;

	raw_spin_lock(&p->lock);
	mm = p->shown;
	if (mm)
		mmget(mm);
	*churn = p->churn;
	raw_spin_unlock(&p->lock);
	return mm;
}

/**
 * ff_show_parent() - set the mm that is there for mixers
 * @p: parent
 * @mm: the mm, or NULL
 *
 * Context: the forker's; does not sleep.
 */
void ff_show_parent(struct ff_parent *p, struct mm_struct *mm)
{
	raw_spin_lock(&p->lock);
	p->shown = mm;
	raw_spin_unlock(&p->lock);
}

/**
 * ff_raise() - make a new mm the parent
 * @p: parent
 * @rnd: random stream
 * @n: number of VMAs, without those of the churn
 * @bigs: bit set of positions for VMAs too large to account
 *
 * Context: the forker's, which uses no mm; it uses the new one when this returns
 * 0.
 * Return: 0 or an errno.
 */
int ff_raise(struct ff_parent *p, struct vt_rnd *rnd, unsigned int n,
	     unsigned int bigs)
{
	struct mm_struct *mm = vt_mm_new();
	int ret;

	if (!mm)
		return -ENOMEM;
	kthread_use_mm(mm);
	p->mm = mm;
	ret = ff_build(p, rnd, n, bigs);
	if (!ret)
		return 0;
	p->mm = NULL;
	kthread_unuse_mm(mm);
	vt_mm_put(mm);
	return ret;
}

/**
 * ff_drop() - leave the parent, which ends it, unless a mixer is still at it
 * @p: parent
 *
 * Context: the forker's, which uses the parent's mm, and none when this returns.
 */
void ff_drop(struct ff_parent *p)
{
	struct mm_struct *mm = p->mm;

	if (!mm)
		return;
	ff_show_parent(p, NULL);
	p->mm = NULL;
	kthread_unuse_mm(mm);
	vt_mm_put(mm);
}

/**
 * ff_drop_unused() - leave a parent, if there is one, that the caller does not use
 * @p: parent
 *
 * Context: the forker's, or nobody else at work; uses no mm.
 */
void ff_drop_unused(struct ff_parent *p)
{
	if (!p->mm)
		return;
	kthread_use_mm(p->mm);
	ff_drop(p);
}
