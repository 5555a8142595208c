// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private address spaces, and files of the module to map into them.
 *
 * No process of the host is ever touched: all mappings that are tortured live in
 * mms that the module allocates and that only its own threads use.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "canary.h"
#include "engine.h"
#include "space.h"

/**
 * vt_mm_new() - an empty address space nobody else has
 *
 * Context: may sleep. The scenario needs VT_NEED_SPACE.
 * Return: the mm, to be given back with vt_mm_put(), or NULL without memory.
 */
struct mm_struct *vt_mm_new(void)
{
	struct mm_struct *mm = vt_call(mm_alloc)();

	if (!mm)
		return NULL;
	/* The thread that allocates it may end long before the mm does. */
	vt_mm_disown(mm);
	/* What exec does for a process; without a layout 6.1 cannot map. */
	mm->task_size = TASK_SIZE;
	vt_call(arch_pick_mmap_layout)(mm, &current->signal->rlim[RLIMIT_STACK]);

	return mm;
}

/**
 * vt_mm_put() - drop a reference on an address space
 * @mm: mm, or NULL
 *
 * Context: a kernel thread; may sleep. The last reference unmaps all.
 */
void vt_mm_put(struct mm_struct *mm)
{
	if (mm)
		mmput(mm);
}

/**
 * vt_map() - map in place of what is there
 * @file: what is mapped, or NULL for anonymous memory
 * @addr: where
 * @len: how long, in bytes
 * @prot: PROT_ flags
 * @flags: MAP_ flags; MAP_FIXED is added
 * @off: where in @file, in bytes
 *
 * Context: a thread that uses the mm, without its lock; may sleep.
 * Return: 0 or the errno of mmap().
 */
long vt_map(struct file *file, unsigned long addr, unsigned long len,
	    unsigned long prot, unsigned long flags, unsigned long off)
{
	unsigned long ret = vm_mmap(file, addr, len, prot, flags | MAP_FIXED, off);

	return IS_ERR_VALUE(ret) ? (long)ret : 0;
}

/**
 * vt_fork() - fork a child, with a copy of the mm that the caller uses
 * @fn: what it does, in the kernel; ends with vt_child_end()
 * @arg: for @fn
 *
 * Not with CLONE_VFORK, which would wait for the child as well: in a cgroup that is
 * being frozen it marks the waiter as frozen until it returns to user space, which
 * no kernel thread does.
 *
 * Context: a kernel thread; may sleep. The scenario needs VT_NEED_FORK.
 * Return: the child's pid, for vt_child_wait(), or an errno.
 */
pid_t vt_fork(int (*fn)(void *arg), void *arg)
{
	struct kernel_clone_args args = {
		.flags = CLONE_FS | CLONE_FILES | CLONE_UNTRACED,
		.exit_signal = SIGCHLD,
		.fn = fn,
		.fn_arg = arg,
	};

	return vt_call(kernel_clone)(&args);
}

/**
 * vt_child_end() - the end of a child
 *
 * There is no user space for it to return to.
 *
 * Context: the child's.
 * Return: does not.
 */
int vt_child_end(void)
{
	vt_call(do_exit)(0);
	return 0;
}

/**
 * vt_child_wait() - wait for the end of a process that the caller has forked
 * @pid: its pid
 *
 * Kernel threads ignore SIGCHLD, so that children reap themselves; this returns
 * when it is gone, and needs none of the module's text any more.
 *
 * kernel_wait() returns -ERESTARTSYS for a signal, of which none is meant for us,
 * and, again and again, while a kthread_stop() is pending (TIF_NOTIFY_SIGNAL). Both
 * are cleared, or this loop would spin on the CPU that the child needs to exit.
 *
 * Context: a kernel thread; may sleep. The scenario needs VT_NEED_FORK.
 */
void vt_child_wait(pid_t pid)
{
	int stat;

	while (vt_call(kernel_wait)(pid, &stat) == -ERESTARTSYS) {
		clear_notify_signal();
		flush_signals(current);
	}
}

/**
 * vt_file_new() - a file of the module, to be mapped into private mms
 * @fops: its operations; ->owner has to be NULL, for a mapped file must not
 *	hold the module, or rmmod could not end a test
 * @priv: for file->private_data
 *
 * The files share one inode, which takes no other part in anything.
 *
 * Context: may sleep.
 * Return: the file, to be given back with vt_file_put(), or an ERR_PTR.
 */
struct file *vt_file_new(const struct file_operations *fops, void *priv)
{
	return anon_inode_getfile("[vma_torture]", fops, priv, O_RDWR);
}

/* When the end of a test has waited long enough for all that is to come back. */
static unsigned long vt_rest_end;
static u64 vt_rest_laps;	/* of the canaries, when that began */
static bool vt_rest_short;
static bool vt_kept;
static unsigned int vt_pinned;

/**
 * vt_rest_begin() - from here on all waits for what is to come back are one wait
 * @first: a test ends; else one of its scenarios, or a part of that
 *
 * Each scenario has VT_REST_SECS, until one of them has used all of it: the others
 * then get a second, so that the end of a test comes whatever the kernel keeps. On a
 * machine that is so busy that its CPUs had no time, it is VT_REST_GRACE more.
 *
 * Context: the session's, or ->rest of a scenario.
 */
void vt_rest_begin(bool first)
{
	bool spent = !first && vt_rest_over();

	vt_rest_short = spent;
	vt_rest_end = jiffies + (spent ? 1 : VT_REST_SECS) * HZ;
	vt_canary_want(true);
	vt_rest_laps = vt_canary_laps();
	if (first)
		vt_kept = false;
}

/**
 * vt_rest_over() - has the end of this test waited long enough?
 *
 * Context: ->rest and ->stop of a scenario.
 */
bool vt_rest_over(void)
{
	vt_canary_want(true);
	if (!time_after_eq(jiffies, vt_rest_end))
		return false;
	return vt_rest_short || vt_rest_sure() ||
	       time_after_eq(jiffies, vt_rest_end + VT_REST_GRACE * HZ);
}

/**
 * vt_rest_sure() - have all CPUs had time for those who are to give something back?
 *
 * Where they had not, what is missing is no leak.
 *
 * Context: ->rest and ->stop of a scenario.
 */
bool vt_rest_sure(void)
{
	return vt_canary_laps() - vt_rest_laps >= VT_LAPS_WAITED;
}

/**
 * vt_rest_kept() - does the kernel keep something that this test has lent it?
 *
 * What may still be called or read from there must not be freed then.
 *
 * Context: the session's.
 */
bool vt_rest_kept(void)
{
	return vt_kept;
}

/**
 * vt_rest_pin() - the kernel seems to keep what is the module's: it may not go
 *
 * To be called at the first sign of that, for once rmmod has begun it cannot be
 * refused any more. Holds until the end of the test shows that all came back.
 *
 * Context: any that may be preempted.
 */
void vt_rest_pin(void)
{
	if (!xchg(&vt_pinned, 1) && !try_module_get(THIS_MODULE))
		WRITE_ONCE(vt_pinned, 0);
}

/**
 * vt_rest_unpin() - the test is over: if all came back, the module may go
 *
 * Context: the session's.
 */
void vt_rest_unpin(void)
{
	if (!vt_kept && xchg(&vt_pinned, 0))
		module_put(THIS_MODULE);
}

/*
 * A file does not come back. What maps it may call the module at any time, so
 * the module has to stay. Where it is on its way out or has not come in, nothing
 * holds it any more: wait on.
 */
static bool vt_file_keep(struct file *file)
{
	if (THIS_MODULE->state == MODULE_STATE_LIVE && try_module_get(THIS_MODULE)) {
		vt_kept = true;
		vt_err("the module stays: %ld references on a file of the test (%pD) did not come back in %u s\n",
		       (long)file_count(file) - 1, file, VT_REST_SECS);
		return true;
	}
	vt_err("waiting for %ld references on a file of the test (%pD) to come back\n",
	       (long)file_count(file) - 1, file);
	return false;
}

/**
 * vt_file_put() - give back a file of the module
 * @file: file, or NULL
 *
 * Waits until nobody else holds it and frees it here and now: fput() would
 * leave it to a work item, which may come after the module has gone.
 *
 * Context: ->stop of a scenario; may sleep; all mms that mapped it have been put.
 * Return: false if somebody still holds it, for good as far as can be known. What
 * its operations use has to be left as it is.
 */
bool vt_file_put(struct file *file)
{
	bool said = false;

	if (!file)
		return true;
	/* There is no event for this; a child that still exits may hold it. */
	while (file_count(file) > 1) {
		if (vt_rest_over() && !said) {
			if (vt_file_keep(file))
				return false;
			said = true;
		}
		/* Idle: a wait that does not end is no hung task of the kernel's. */
		schedule_timeout_idle(1);
	}
	__fput_sync(file);
	return true;
}
