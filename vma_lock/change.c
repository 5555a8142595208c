// SPDX-License-Identifier: GPL-2.0-only
/*
 * The changes that writers make. Each is made by the system call a process would
 * make, in the name of the mm (kthread_use_mm()).
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/nodemask.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "space.h"
#include "vma_lock.h"

/**
 * vl_do_munmap() - unmap a region, and map it again: for a while there is nothing
 * @t: thread
 * @c: change
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_munmap(struct vt_thread *t, struct vl_change *c)
{
	long ret = vt_syscall(sys_munmap, vl_region_base(c->region), VL_SIZE);

	return ret ? ret : vl_map_region(c->test, c->region);
}

/**
 * vl_do_map_fixed() - map over what is there
 * @t: thread
 * @c: change
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_map_fixed(struct vt_thread *t, struct vl_change *c)
{
	/* A stack that was mapped in pieces would grow into itself. */
	if (c->region == VL_STACK)
		return vl_do_munmap(t, c);
	return vl_map(c->test, c->region, c->start, c->pages * PAGE_SIZE);
}

/*
 * All of the VMA at the start of a change, so far as it is in its region: what is not
 * split first has no lock yet when the change begins.
 */
static void vl_whole(struct vl_change *c)
{
	unsigned long base = vl_region_base(c->region), start, end;
	struct vm_area_struct *vma;

	mmap_read_lock(c->space->mm);
	vma = vma_lookup(c->space->mm, c->start);
	if (vma) {
		start = max(vma->vm_start, base);
		end = min(vma->vm_end, base + VL_SIZE);
		c->start = start;
		c->pages = (end - start) / PAGE_SIZE;
	}
	mmap_read_unlock(c->space->mm);
}

/**
 * vl_do_mprotect() - change the protection of a range
 * @t: thread
 * @c: change
 *
 * Splits, and every other time merges again.
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_mprotect(struct vt_thread *t, struct vl_change *c)
{
	unsigned long prot = vt_rnd_one_in(&t->rnd, 8) ? PROT_NONE : PROT_READ;
	long ret;

	if (vt_leaky(&c->test->leaks, VL_B_PROTECT))
		return vl_do_munmap(t, c);
	if (vt_rnd_one_in(&t->rnd, 2))
		vl_whole(c);
	ret = vt_syscall(sys_mprotect, c->start, c->pages * PAGE_SIZE, prot);
	if (ret || vt_rnd_one_in(&t->rnd, 2))
		return ret;
	return vt_syscall(sys_mprotect, vl_region_base(c->region), VL_SIZE,
			  PROT_READ | PROT_WRITE);
}

/**
 * vl_do_mremap() - shrink a mapping and let it grow, or move it over another region
 * @t: thread
 * @c: change
 *
 * Some moves make it smaller, some leave the old VMA behind, and some are refused
 * by ->mremap() when the page tables have moved already.
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_mremap(struct vt_thread *t, struct vl_change *c)
{
	unsigned long to, len, less, end, flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	struct vt_leaks *leaks = &c->test->leaks;
	long ret;

	c->w->copy = NULL;
	if (vt_rnd_one_in(&t->rnd, 2))
		vl_whole(c);
	len = c->pages * PAGE_SIZE;
	less = (c->pages + 1) / 2 * PAGE_SIZE;
	end = len;
	if (vt_rnd_one_in(&t->rnd, 2) && !vt_leaky(leaks, VL_B_RESIZE)) {
		/* Shrink, and grow into what became free. */
		ret = vt_syscall(sys_mremap, c->start, len, less, 0);
		if (IS_ERR_VALUE(ret))
			return ret;
		ret = vt_syscall(sys_mremap, c->start, less, len, 0);
		return IS_ERR_VALUE(ret) ? ret : 0;
	}

	/* Move over another region, and fill the hole every other time. */
	to = VL_BASE + (c->region + 1 + vt_rnd_below(&t->rnd, VL_REGIONS - 1)) %
	     VL_REGIONS * VL_SIZE;
	if (c->region == VL_STACK || c->pages > VL_PAGES ||
	    c->start + len > vl_region_base(c->region) + VL_SIZE)
		return vl_do_munmap(t, c);
	if (vt_rnd_one_in(&t->rnd, 8) && !vt_leaky(leaks, VL_B_DONTUNMAP))
		flags |= MREMAP_DONTUNMAP;
	else if (vt_rnd_one_in(&t->rnd, 4) &&
		 vl_may_leak(c->test, VL_B_SHRINK_MOVE, c->pages))
		end = less;
	/* A move that grows keeps its charge on some kernels when refused. */
	c->w->refuses = vt_rnd_one_in(&t->rnd, 4) &&
			vl_may_leak(c->test, VL_B_MOVE_REFUSED, c->pages);
	ret = vt_syscall(sys_mremap, c->start, len, end, flags, to);
	c->w->refuses = false;
	if (IS_ERR_VALUE(ret))
		return ret;
	return vt_rnd_one_in(&t->rnd, 2) ? vl_do_map_fixed(t, c) : 0;
}

/* Is this advice followed with the VMA locked for read only, and are pages gone then? */
static bool vl_takes_pages(int advice)
{
	return advice == MADV_DONTNEED || advice == MADV_FREE ||
	       advice == MADV_GUARD_INSTALL;
}

/**
 * vl_do_madvise() - give one of the advices that change VMAs or page tables
 * @t: thread
 * @c: change
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_madvise(struct vt_thread *t, struct vl_change *c)
{
	unsigned int i = vt_rnd_below(&t->rnd, VL_NR_ADVICES);
	unsigned long end = c->start + c->pages * PAGE_SIZE;
	long ret;

	/* In one region pages stay while readers are there: see page.c. */
	while (vl_takes_pages(vl_advices[i].advice) &&
	       c->start < vl_region_base(VL_KEPT + 1) && end > vl_region_base(VL_KEPT))
		i = vt_rnd_below(&t->rnd, VL_NR_ADVICES);
	ret = vt_syscall(sys_madvise, c->start, end - c->start, vl_advices[i].advice);
	vt_tried(t->run, VL_V_ADVICE, i, !ret);
	return ret;
}

/**
 * vl_do_grow() - let a new stack grow
 * @t: thread
 * @c: change
 *
 * Page by page, as by faults, while readers are in it.
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_grow(struct vt_thread *t, struct vl_change *c)
{
	unsigned long addr = VL_STACK_START;
	struct vt_flight *stack = &c->space->regions[VL_STACK];
	long ret;
	u32 nr;

	WRITE_ONCE(c->space->hot, VL_STACK);
	nr = vt_flight_begin(stack);
	c->region = VL_STACK;
	ret = vl_do_munmap(t, c);
	while (!ret && addr > VL_STACK_BASE) {
		addr -= PAGE_SIZE;
		vl_fault_under_mmap_lock(t->run, c->space->mm, addr,
					 FAULT_FLAG_DEFAULT | FAULT_FLAG_USER |
					 FAULT_FLAG_WRITE);
	}
	vt_flight_end(stack, nr);
	return ret;
}

/**
 * vl_do_lock() - take the lock itself
 * @t: thread
 * @c: change
 *
 * Nobody gets in from vma_start_write() to the unlock.
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_lock(struct vt_thread *t, struct vl_change *c)
{
	VMA_ITERATOR(vmi, c->space->mm, c->start);
	VMA_ITERATOR(again, c->space->mm, c->start);
	unsigned long end = c->start + c->pages * PAGE_SIZE;
	struct mm_struct *mm = c->space->mm;
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		bool busy = vl_busy(c->test, vma);
		u64 begin = ktime_get_mono_fast_ns();

		vt_vma_start_write(vma);
		vt_hist(t->run, VL_WRITER_WAIT,
			ktime_get_mono_fast_ns() - begin);
		vl_exclusive(c->test, vma, busy, "write lock");
	}
	vt_hold(t);
	for_each_vma_range(again, vma, end)
		vl_exclusive(c->test, vma, vl_close_by(c->test, vma),
			     "write lock held");
	mmap_write_unlock(mm);

	return 0;
}

/**
 * vl_do_mlock() - lock the pages of a range, and now and then unlock a region
 * @t: thread
 * @c: change
 *
 * What is not unlocked here meets the other changes locked.
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_mlock(struct vt_thread *t, struct vl_change *c)
{
	unsigned long flags = vt_rnd_one_in(&t->rnd, 4) ? 0 : MLOCK_ONFAULT;
	long ret;

	if (!vt_has(sys_mlock2) || !vt_has(sys_munlock))
		return -EOPNOTSUPP;
	ret = vt_syscall(sys_mlock2, c->start, c->pages * PAGE_SIZE, flags);
	if (ret || vt_rnd_one_in(&t->rnd, 2))
		return ret;
	return vt_syscall(sys_munlock, vl_region_base(c->region), VL_SIZE);
}

/**
 * vl_do_mbind() - give a range a policy, change that, and now and then take it away
 * @t: thread
 * @c: change
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_mbind(struct vt_thread *t, struct vl_change *c)
{
	/* The mask of nodes is read from the top of the stack, which is mapped. */
	unsigned long mask = VL_STACK_BASE + VL_SIZE - sizeof(long);
	unsigned long node = first_online_node, len = c->pages * PAGE_SIZE;
	long ret;

	if (!vt_has(sys_mbind) || !vt_has(sys_set_mempolicy_home_node))
		return -EOPNOTSUPP;
	if (node >= BITS_PER_LONG ||
	    put_user(1UL << node, (unsigned long __user *)mask))
		return -EFAULT;
	ret = vt_syscall(sys_mbind, c->start, len, MPOL_BIND, mask,
			 BITS_PER_LONG);
	if (ret)
		return ret;
	/*
	 * mbind() has waited until no reader was left. Sleep as long as readers do,
	 * so that some are in these VMAs when the policy changes next.
	 */
	if (vt_params.hold_us)
		usleep_range(1, vt_params.hold_us);
	ret = vt_syscall(sys_set_mempolicy_home_node, c->start, len, node);
	if (ret || vt_rnd_one_in(&t->rnd, 2))
		return ret;
	return vt_syscall(sys_mbind, vl_region_base(c->region), VL_SIZE,
			  MPOL_DEFAULT);
}

/**
 * vl_do_name() - give a range a name, or take it away
 * @t: thread
 * @c: change
 *
 * Splits, and merges what has the same name.
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_name(struct vt_thread *t, struct vl_change *c)
{
	/* The name is read from the top of the stack, as is the mask of vl_do_mbind(). */
	unsigned long at = VL_STACK_BASE + VL_SIZE - sizeof(u32);
	u32 name = 'a' + vt_rnd_below(&t->rnd, 4);

	if (!vt_has(sys_prctl))
		return -EOPNOTSUPP;
	if (put_user(name, (u32 __user *)at))
		return -EFAULT;
	return vt_syscall(sys_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, c->start,
			  c->pages * PAGE_SIZE, name == 'a' ? 0 : at);
}

static const struct mmu_notifier_ops vl_notifier_ops;

/**
 * vl_do_all_locks() - have all locks of the mm taken, and judge those of its VMAs
 * @t: thread
 * @c: change
 *
 * mm_take_all_locks() locks each VMA for write, which ends with mmap_lock only.
 *
 * Context: the writer's thread; may sleep; waits for a grace period.
 * Return: 0 or an errno.
 */
long vl_do_all_locks(struct vt_thread *t, struct vl_change *c)
{
	struct mmu_notifier subscription = { .ops = &vl_notifier_ops };
	struct mm_struct *mm = c->space->mm;
	struct vm_area_struct *vma;
	struct vma_iterator vmi;
	long ret;

	vma_iter_init(&vmi, mm, 0);
	mmap_write_lock(mm);
	ret = vt_take_all_locks(&subscription, mm);
	if (!ret)
		for_each_vma(vmi, vma)
			vl_exclusive(c->test, vma, vl_close_by(c->test, vma), "all locks");
	mmap_write_unlock(mm);
	if (!ret)
		vt_all_locks_end(&subscription, mm);
	return ret;
}

/*
 * The child runs in the kernel only, and ends there. It keeps its mm alive for
 * the writer if it was asked to.
 */
static int vl_child(void *arg)
{
	struct vl_writer *w = arg;

	if (w->adopt) {
		mmget(current->mm);
		w->child = current->mm;
	}
	return vt_child_end();
}

/**
 * vl_do_fork() - fork a child, which write-locks every VMA
 * @t: thread
 * @c: change
 *
 * Context: the writer's thread, which uses the mm of @c; may sleep.
 * Return: 0 or an errno.
 */
long vl_do_fork(struct vt_thread *t, struct vl_change *c)
{
	u32 nrs[VL_REGIONS + 1];
	unsigned int i;
	pid_t pid;

	for (i = 0; i <= VL_STACK; i++)
		nrs[i] = vt_flight_begin(&c->space->regions[i]);
	c->w->adopt = !c->w->child && vt_rnd_one_in(&t->rnd, 2);
	pid = vt_fork(vl_child, c->w);
	for (i = 0; i <= VL_STACK; i++)
		vt_flight_end(&c->space->regions[i], nrs[i]);
	if (pid > 0)
		vt_child_wait(pid);

	vt_count(t->run, pid < 0 ? VL_FORK_ERRORS : VL_FORKS, 1);
	return pid < 0 ? pid : 0;
}
