// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is watched: the list of watches, and the thread of each.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "change.h"
#include "engine.h"
#include "session.h"
#include "space.h"
#include "watches.h"

#define WT_MAX_WATCHES	64
#define WT_POINTS	64	/* looks in a burst */
#define WT_LOCKS	16
#define WT_TREE_PAUSE	4	/* times as long as a look at the whole tree took */

DEFINE_MUTEX(wt_lock);		/* the list, and who begins and ends */
LIST_HEAD(wt_watches);
static unsigned int wt_nr_watches;
static u64 wt_begun;

static DEFINE_MUTEX(wt_state_lock);	/* wt_active, and when the run begins and ends */
static unsigned int wt_active;

/* A burst of looks at the process. Its mm is held meanwhile. */
static void wt_burst(struct wt_watch *w)
{
	struct wt_target *t = &w->process;
	u64 now = ktime_get_ns();
	unsigned int i;

	vt_op(wt_run);
	/*
	 * Never wait for it: whoever has it may be stuck. And leave it to the
	 * process most of the time: it may have tens of thousands of VMAs.
	 */
	if (now >= w->tree_after && mmap_read_trylock(t->mm)) {
		wt_look_tree(w, t);
		mmap_read_unlock(t->mm);
		w->tree_after = ktime_get_ns();
		w->tree_after += WT_TREE_PAUSE * (w->tree_after - now);
	}
	/* Trees are in RCU mode once others can find them. */
	if (!mt_in_rcu(&t->mm->mm_mt))
		return;
	for (i = 0; t->end && i < WT_POINTS; i++)
		wt_look_gap(w, t);
	for (i = 0; vt_has(lock_vma_under_rcu) && i < WT_LOCKS; i++)
		wt_look_lock(w, t, false);
}

/* The mm has no users any more: has the process exited, or another one now? */
static enum wt_state wt_end_of(struct wt_watch *w)
{
	struct task_struct *task = get_pid_task(w->pid, PIDTYPE_TGID);
	enum wt_state state = WT_EXITED;

	if (!task)
		return state;
	if (!(READ_ONCE(task->flags) & PF_EXITING) && !READ_ONCE(task->exit_state))
		state = WT_EXEC;
	put_task_struct(task);
	return state;
}

/* Who waits for another verdict is told of the first race since load or reset. */
static void wt_tell(struct wt_watch *w)
{
	u64 first = READ_ONCE(wt_run->first_race_ns);

	if (first == w->told_ns)
		return;
	w->told_ns = first;
	vt_changed();
}

/* The last that is done for a watch, by whoever ends it. */
static void wt_over(struct wt_watch *w, enum wt_state state)
{
	mmdrop(w->process.mm);
	mutex_lock(&wt_state_lock);
	WRITE_ONCE(w->state, state);
	if (!--wt_active)
		vt_session_end(wt_run);
	mutex_unlock(&wt_state_lock);
}

static int wt_thread(void *arg)
{
	struct wt_watch *w = arg;
	enum wt_state state = WT_STOPPED;

	wt_decoy_new(w);
	while (!kthread_should_stop()) {
		if (!mmget_not_zero(w->process.mm)) {
			state = wt_end_of(w);
			break;
		}
		wt_burst(w);
		mmput(w->process.mm);
		if (w->decoy.mm)
			wt_burst_broken(w);
		wt_tell(w);
		cond_resched();
	}
	vt_mm_put(w->decoy.mm);
	wt_over(w, state);

	return 0;
}

/*
 * End a watch, or reap the thread of one that has ended. A thread that is
 * stopped before it began never runs its function.
 */
static void wt_stop(struct wt_watch *w)
{
	int ret;

	if (!w->thread)
		return;
	ret = kthread_stop(w->thread);
	put_task_struct(w->thread);
	w->thread = NULL;
	if (ret == -EINTR)
		wt_over(w, WT_STOPPED);
}

static void wt_forget(struct wt_watch *w)
{
	wt_stop(w);
	list_del(&w->node);
	wt_nr_watches--;
	put_pid(w->pid);
	kfree(w);
}

/* Room for one more, at the cost of the oldest that has ended. */
static int wt_make_room(void)
{
	struct wt_watch *w;

	if (wt_nr_watches < WT_MAX_WATCHES)
		return 0;
	list_for_each_entry(w, &wt_watches, node) {
		if (READ_ONCE(w->state) == WT_WATCHING)
			continue;
		wt_forget(w);
		return 0;
	}
	vt_err("watch: no more than %u processes at once\n", WT_MAX_WATCHES);
	return -ENOSPC;
}

/* From here on it counts. What it is of is pinned by @w. */
static void wt_activate(struct wt_watch *w)
{
	list_add_tail(&w->node, &wt_watches);
	wt_nr_watches++;
	mutex_lock(&wt_state_lock);
	if (!wt_active++)
		vt_session_begin(wt_run);
	if (w->process.end)
		wt_run->absent &= ~BIT(WT_GAP);
	mutex_unlock(&wt_state_lock);
	wake_up_process(w->thread);
}

/* The task's mm, for as long as the watch goes on; and what it is called. */
static int wt_take(struct wt_watch *w, pid_t nr)
{
	struct task_struct *task = NULL;
	struct mm_struct *mm = NULL;
	int ret = -ESRCH;

	w->nr = nr;
	w->pid = find_get_pid(nr);
	if (w->pid)
		task = get_pid_task(w->pid, PIDTYPE_TGID);
	if (!task) {
		vt_err("watch: there is no process %d\n", nr);
		goto out;
	}
	get_task_comm(w->comm, task);
	mm = get_task_mm(task);
	if (task->flags & PF_KTHREAD) {
		vt_err("watch: %d is a kernel thread\n", nr);
		ret = -EINVAL;
	} else if (!mm) {
		vt_err("watch: process %d has ended\n", nr);
	} else if (w->process.end > mm->task_size) {
		vt_err("watch: 0x%lx-0x%lx is no range of process %d\n",
		       w->process.start, w->process.end, nr);
		ret = -EINVAL;
	} else {
		mmgrab(mm);
		w->process.mm = mm;
		ret = 0;
	}
	if (mm)
		mmput(mm);
	put_task_struct(task);
out:
	if (ret)
		put_pid(w->pid);
	return ret;
}

/**
 * wt_begin() - watch a process
 * @nr: its pid
 * @start: first address of a range it never unmaps
 * @end: end of that range; 0: there is none
 *
 * Context: wt_lock is held; may sleep.
 * Return: 0 or an errno; why is in the log.
 */
int wt_begin(pid_t nr, unsigned long start, unsigned long end)
{
	struct wt_watch *w = kzalloc(sizeof(*w), GFP_KERNEL), *old;
	struct task_struct *thread;
	int ret;

	if (!w)
		return -ENOMEM;
	w->process.start = start;
	w->process.end = end;
	vt_rnd_fork(&w->rnd, vt_params.seed, vt_rnd_id("watch", ++wt_begun));
	ret = wt_take(w, nr);
	if (ret)
		goto free;
	ret = wt_make_room();
	if (ret)
		goto drop;
	thread = kthread_create(wt_thread, w, "watch/%d", nr);
	ret = PTR_ERR_OR_ZERO(thread);
	if (ret)
		goto drop;
	w->thread = get_task_struct(thread);

	/* Once more, and so with another range: the old watch makes way. */
	list_for_each_entry(old, &wt_watches, node)
		if (old->pid == w->pid)
			wt_stop(old);
	wt_activate(w);
	return 0;

drop:
	mmdrop(w->process.mm);
	put_pid(w->pid);
free:
	kfree(w);
	return ret;
}

/**
 * wt_end() - end the watch of a process
 * @nr: its pid, or 0 for all; the lines of those that ended stay
 *
 * Context: wt_lock is held; may sleep.
 * Return: 0, or -ESRCH if it is not watched.
 */
int wt_end(pid_t nr)
{
	struct wt_watch *w;
	bool found = !nr;

	list_for_each_entry(w, &wt_watches, node) {
		if (nr && w->nr != nr)
			continue;
		found = true;
		wt_stop(w);
	}
	if (found)
		return 0;
	vt_err("watch: process %d is not watched\n", nr);
	return -ESRCH;
}

/**
 * wt_forget_all() - end all watches and free them
 *
 * Context: may sleep; nobody else can reach the list any more.
 */
void wt_forget_all(void)
{
	struct wt_watch *w, *next;

	list_for_each_entry_safe(w, next, &wt_watches, node)
		wt_forget(w);
}
