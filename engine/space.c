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
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

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
 * vt_child_wait() - wait for the end of a process that the caller has forked
 * @pid: its pid
 *
 * Kernel threads ignore SIGCHLD, so that children reap themselves; this returns
 * when it is gone, and needs none of the module's text any more. A signal makes
 * the wait return early: it is nobody's. So does kthread_stop(), again and again
 * until its flag is cleared, and the child may need the CPU that is spun on.
 *
 * Context: a kernel thread; may sleep. The scenario needs VT_NEED(kernel_wait).
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

/**
 * vt_file_put() - give back a file of the module
 * @file: file, or NULL
 *
 * Waits until nobody else holds it and frees it here and now: fput() would
 * leave it to a work item, which may come after the module has gone.
 *
 * Context: may sleep; all mms that mapped it have been put.
 */
void vt_file_put(struct file *file)
{
	if (!file)
		return;
	/* There is no event for this; a child that still exits may hold it. */
	while (file_count(file) > 1)
		schedule_timeout_uninterruptible(1);
	__fput_sync(file);
}
