// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for another verdict: who changes something that the verdict rests on
 * says so here, and those that poll the file of it look again.
 */
#include <linux/atomic.h>
#include <linux/poll.h>
#include <linux/wait.h>

#include "change.h"

static DECLARE_WAIT_QUEUE_HEAD(vt_change_wait);
static atomic_t vt_changes = ATOMIC_INIT(1);	/* 0: who has not read yet */
static bool vt_change_over;

/**
 * vt_changed() - the verdict may be another one than before
 *
 * Context: any in which one may wake a task, so not from an oracle.
 */
void vt_changed(void)
{
	/*
	 * Orders what the caller has changed before the number. Pairs with
	 * vt_change_read(): who reads the new number sees the change.
	 */
	smp_mb__before_atomic();
	atomic_inc(&vt_changes);
	/*
	 * It takes the queue's lock after the number was changed, poll_wait()
	 * takes it before vt_change_poll() reads the number: so either this wakes
	 * the one that polls, or that one sees the new number.
	 */
	wake_up_all(&vt_change_wait);
}

/**
 * vt_change_end() - nothing changes any more: the module goes
 *
 * An open file keeps the module, so nobody polls then but where the module is
 * removed by force. All that poll are woken and told that it is over.
 *
 * Context: may sleep; before the files are removed.
 */
void vt_change_end(void)
{
	WRITE_ONCE(vt_change_over, true);
	vt_changed();
}

/**
 * vt_change_read() - number of changes so far
 *
 * Context: any; called before the verdict is read that goes with it.
 */
u32 vt_change_read(void)
{
	u32 changes = atomic_read(&vt_changes);

	/* Pairs with the barrier in vt_changed(). */
	smp_rmb();
	return changes;
}

/**
 * vt_change_poll() - wait for the next change
 * @file: file that is polled
 * @wait: as its ->poll was given it
 * @seen: vt_change_read() when the file was last read
 *
 * Return: EPOLLIN always, as from any regular file: a shell polls before each
 * letter that it reads. EPOLLPRI if there was a change since, as from files of
 * sysfs; EPOLLHUP too if it is the last.
 */
__poll_t vt_change_poll(struct file *file, poll_table *wait, u32 seen)
{
	poll_wait(file, &vt_change_wait, wait);
	if (READ_ONCE(vt_change_over))
		return EPOLLIN | EPOLLRDNORM | EPOLLPRI | EPOLLHUP;
	if (vt_change_read() != seen)
		return EPOLLIN | EPOLLRDNORM | EPOLLPRI;
	return EPOLLIN | EPOLLRDNORM;
}
