// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the scenarios: their birth and end, pauses, CPU hotplug, and the
 * watch over those that stop making progress.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "canary.h"
#include "engine.h"
#include "others.h"
#include "thread.h"

/*
 * VT_GO, VT_PAUSED or VT_STOPPING. Every thread reads it each time around its
 * loop, and it hardly ever changes.
 */
unsigned int vt_pause __read_mostly;
static DECLARE_WAIT_QUEUE_HEAD(vt_pause_wait);

/**
 * vt_pace_set() - let the threads go, pause, or go home
 * @pause: VT_GO, VT_PAUSED or VT_STOPPING
 */
void vt_pace_set(unsigned int pause)
{
	WRITE_ONCE(vt_pause, pause);
	wake_up_all(&vt_pause_wait);
}

/**
 * vt_go_slow() - vt_go() for when there is a pause or the end
 * @t: the calling thread
 *
 * Context: may sleep.
 * Return: false when the thread has to return.
 */
bool vt_go_slow(struct vt_thread *t)
{
	WRITE_ONCE(t->paused, true);
	wait_event_idle(vt_pause_wait, READ_ONCE(vt_pause) != VT_PAUSED ||
				       kthread_should_stop());
	WRITE_ONCE(t->paused, false);
	return READ_ONCE(vt_pause) != VT_STOPPING && !kthread_should_stop();
}

static u32 vt_hold_draw(struct vt_thread *t)
{
	u32 us = vt_params.hold_us;

	return us ? vt_rnd_below(&t->rnd, us + 1) : 0;
}

static void vt_hold_note(struct vt_thread *t, u64 begun_ns)
{
	unsigned long flags;

	local_irq_save(flags);
	vt_did_note(&t->stops, "hold", begun_ns);
	local_irq_restore(flags);
}

/**
 * vt_hold() - hold what one holds for a random time, up to hold_us
 * @t: the calling thread
 *
 * Context: any; spins.
 */
void vt_hold(struct vt_thread *t)
{
	u64 begun = ktime_get_boottime_ns();
	u32 us = vt_hold_draw(t);

	if (us >= 1000)
		mdelay(us / 1000);
	udelay(us % 1000);
	if (us)
		vt_hold_note(t, begun);
}

/**
 * vt_hold_irqs_off() - vt_hold() with interrupts off: no longer than
 *	VT_IRQS_OFF_US
 * @t: the calling thread
 *
 * The same number is drawn from the thread's stream.
 *
 * Context: any; spins.
 */
void vt_hold_irqs_off(struct vt_thread *t)
{
	u64 begun = ktime_get_boottime_ns();
	u32 us = vt_hold_draw(t);

	udelay(min(us, VT_IRQS_OFF_US));
	if (us)
		vt_hold_note(t, begun);
}

/**
 * vt_wait_stop() - do nothing until kthread_stop()
 */
void vt_wait_stop(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int vt_thread_main(void *arg)
{
	struct vt_thread *t = arg;
	int ret;

	vt_others_warm(t->run);
	ret = t->fn(t);

	/* The text of the module must outlive the thread. */
	WRITE_ONCE(t->paused, true);
	vt_wait_stop();
	return ret;
}

/**
 * vt_thread_of() - the thread of a run that a task is
 * @task: task, which does not go away
 *
 * Context: any.
 * Return: the thread, or NULL if it is none.
 */
struct vt_thread *vt_thread_of(struct task_struct *task)
{
	return kthread_func(task) == vt_thread_main ? kthread_data(task) : NULL;
}

/**
 * vt_spawn() - create a thread of a run
 * @run: run
 * @role: what it does, at most 7 letters, the first of which no other role of
 *	the scenario has; with @idx it is unique in the run
 * @idx: its number within its role
 * @fn: loops while vt_go() holds, then returns
 * @arg: for @fn, as t->arg
 *
 * The thread begins when the whole scenario is set up.
 *
 * Context: ->start of a scenario; may sleep.
 * Return: the thread, or an ERR_PTR.
 */
struct vt_thread *vt_spawn(struct vt_run *run, const char *role,
			   unsigned int idx, int (*fn)(struct vt_thread *t),
			   void *arg)
{
	struct vt_thread *t = kzalloc(sizeof(*t), GFP_KERNEL);
	struct task_struct *task;
	u64 id = idx + 1;
	char end[12];
	const char *c;
	int len;

	if (!t)
		return ERR_PTR(-ENOMEM);

	t->run = run;
	t->idx = idx;
	t->fn = fn;
	t->arg = arg;
	strscpy(t->role, role, sizeof(t->role));
	/* A stream depends on seed, scenario, role and number, nothing else. */
	for (c = run->sc->name; *c; c++)
		id = id * 31 + *c;
	for (c = role; *c; c++)
		id = id * 31 + *c;
	vt_rnd_fork(&t->rnd, vt_params.seed, id);

	/* A name that tells threads apart fits into a comm: its end is never cut. */
	len = scnprintf(end, sizeof(end), "_%c%u", *role, idx);
	task = kthread_create(vt_thread_main, t, "%.*s%s",
			      TASK_COMM_LEN - 1 - len, run->sc->name, end);
	if (IS_ERR(task)) {
		kfree(t);
		return ERR_CAST(task);
	}
	/* Keep the task for as long as the watcher may look at it. */
	t->task = get_task_struct(task);
	list_add_tail(&t->node, &run->threads);
	run->nr_threads++;

	return t;
}

/**
 * vt_spawn_all() - create threads of a run that do the same
 * @run: run
 * @role: what they do, as in vt_spawn()
 * @nr: how many; they are numbered from 0
 * @fn: as in vt_spawn()
 * @arg: for @fn, the same for all
 *
 * Context: ->start of a scenario; may sleep.
 * Return: 0 or an errno; those that were created are the run's either way.
 */
int vt_spawn_all(struct vt_run *run, const char *role, unsigned int nr,
		 int (*fn)(struct vt_thread *t), void *arg)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct vt_thread *t = vt_spawn(run, role, i, fn, arg);

		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	return 0;
}

/**
 * vt_threads_wake() - let the threads of a run begin
 * @run: run
 */
void vt_threads_wake(struct vt_run *run)
{
	struct vt_thread *t;

	list_for_each_entry(t, &run->threads, node)
		wake_up_process(t->task);
}

/**
 * vt_threads_stop() - end the threads of a run, and wait for it
 * @run: run
 *
 * The threads stay listed, for what they leave behind. Also counts those that
 * never got around their loop once.
 *
 * Context: may sleep. vt_pace_set(VT_STOPPING) lets all threads end at once.
 */
void vt_threads_stop(struct vt_run *run)
{
	struct vt_thread *t;

	run->idle_threads = 0;
	list_for_each_entry(t, &run->threads, node) {
		kthread_stop(t->task);
		/* The first vt_go() is the entry, the second the way around. */
		if (t->progress < 2)
			run->idle_threads++;
	}
}

/**
 * vt_threads_free() - forget the threads of a run
 * @run: run, its threads stopped
 */
void vt_threads_free(struct vt_run *run)
{
	struct vt_thread *t, *next;

	list_for_each_entry_safe(t, next, &run->threads, node) {
		list_del(&t->node);
		put_task_struct(t->task);
		kfree(t);
	}
	run->nr_threads = 0;
}

/**
 * vt_threads_watch() - report threads that do not get on
 * @run: run
 * @ms: time that has passed since the last watch, in which they could have
 *
 * Context: may sleep.
 * Return: is there a thread of which one has to know whether it has had time?
 */
bool vt_threads_watch(struct vt_run *run, u64 ms)
{
	unsigned int kind = vt_stall_kind(run->sc);
	u64 limit = vt_params.stall_secs * MSEC_PER_SEC;
	bool suspects = false;
	struct vt_thread *t;

	list_for_each_entry(t, &run->threads, node) {
		u64 progress = READ_ONCE(t->progress);
		struct vt_chance had = {
			.laps = vt_canary_laps(),
			.beats = READ_ONCE(t->beats),
		};

		vt_look(run, kind, true);
		if (READ_ONCE(t->paused))
			progress = ~0ULL;
		else if (READ_ONCE(t->quiet))
			progress += READ_ONCE(run->bursts);
		switch (vt_patience_wait(&t->patience, progress, ms, limit, &had)) {
		case VT_GETS_ON:
		case VT_JUDGED:
			break;
		case VT_STARVED:
			vt_info("%s_%s/%u pid %d made no progress for %llu ms, but had too little of a CPU to say that it stalled\n",
				run->sc->name, t->role, t->idx, t->task->pid,
				t->patience.still_ms);
			fallthrough;
		case VT_SUSPECT:
			suspects = true;
			break;
		case VT_STALLED:
			vt_race(run, kind, NULL, 0, t->task->pid,
				t->patience.still_ms,
				"%s_%s/%u pid %d made no progress for %llu ms",
				run->sc->name, t->role, t->idx, t->task->pid,
				t->patience.still_ms);
			sched_show_task(t->task);
			break;
		}
	}
	return suspects;
}

/**
 * vt_threads_affine() - let the threads of a run use these CPUs only
 * @run: run
 * @mask: CPUs
 *
 * Context: may sleep; between cpus_read_lock() and cpus_read_unlock().
 */
void vt_threads_affine(struct vt_run *run, const struct cpumask *mask)
{
	struct vt_thread *t;

	list_for_each_entry(t, &run->threads, node)
		set_cpus_allowed_ptr(t->task, mask);
}

/*
 * CPU hotplug has a thread of its own: taking a CPU down takes its time.
 */
static struct task_struct *vt_onoff_task;

static int vt_onoff_main(void *unused)
{
	struct vt_rnd rnd;
	unsigned int down = 0, ups = 0, downs = 0;

	vt_rnd_fork(&rnd, vt_params.seed, vt_rnd_id("onoff", 0));
	while (!kthread_should_stop()) {
		unsigned int cpu;

		schedule_timeout_idle(vt_params.onoff_interval * HZ);
		if (kthread_should_stop())
			break;
		/* CPU 0 stays: on many machines it has to. */
		cpu = nr_cpu_ids > 1 ? 1 + vt_rnd_below(&rnd, nr_cpu_ids - 1) : 0;
		if (down) {
			if (!add_cpu(down))
				ups++;
			down = 0;
		} else if (cpu && cpu_online(cpu) && cpu_is_hotpluggable(cpu) &&
			   !remove_cpu(cpu)) {
			down = cpu;
			downs++;
		}
	}
	if (down && !add_cpu(down))
		ups++;
	vt_info("onoff: CPUs taken down %u times, up %u times\n", downs, ups);

	return 0;
}

/**
 * vt_onoff_start() - begin to take CPUs down and up, if onoff_interval says so
 *
 * Return: 0 or an errno.
 */
int vt_onoff_start(void)
{
	struct task_struct *task;

	if (!vt_params.onoff_interval)
		return 0;
	task = kthread_run(vt_onoff_main, NULL, "vma_torture_cpu");
	if (IS_ERR(task))
		return PTR_ERR(task);
	vt_onoff_task = task;

	return 0;
}

/**
 * vt_onoff_stop() - end it, all CPUs up again
 */
void vt_onoff_stop(void)
{
	if (vt_onoff_task)
		kthread_stop(vt_onoff_task);
	vt_onoff_task = NULL;
}
