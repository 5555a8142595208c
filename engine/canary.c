// SPDX-License-Identifier: GPL-2.0-only
/*
 * Canaries: has each CPU had time for a thread like those of a run?
 *
 * A thread that makes no progress is stalled only if it could have made some. On
 * a host with fewer CPUs than the guest has, or among many others, it may just
 * not have been given one. So there is a thread on each CPU, of the priority of
 * the threads of a run, that sleeps a millisecond and comes around, and counts
 * how often. A thread of a run may wait for one that stands on another CPU:
 * therefore all CPUs have to have had time. One set of canaries serves all runs:
 * their threads share the CPUs and the priority. (The few that run with a higher
 * one are given more time than the canary, never less.)
 *
 * The timer that wakes a canary also sees whom it interrupts. A thread that runs
 * in circles on a kernel that does not preempt it keeps the canary away, but not
 * the timer, and is found to have the CPU each time.
 *
 * Canaries sleep for good until the first thread is suspect.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/wait.h>

#include "canary.h"
#include "compat_timer.h"
#include "engine.h"
#include "space.h"
#include "thread.h"

#define VT_CANARY_SLEEP_NS	NSEC_PER_MSEC

/**
 * struct vt_canary - the canary of one CPU
 * @task: its thread, or NULL
 * @timer: wakes it, pinned to the CPU
 * @cpu: the CPU
 * @rounds: how often it came around there
 * @lap_rounds: of these, when the last lap ended (the session's)
 */
struct vt_canary {
	struct task_struct *task;
	struct hrtimer timer;
	unsigned int cpu;
	u64 rounds;
	u64 lap_rounds;
};

static DEFINE_PER_CPU(struct vt_canary, vt_canaries);
static DECLARE_WAIT_QUEUE_HEAD(vt_canary_wait);
static bool vt_canary_on;
static u64 vt_canary_nr_laps;	/* the session's */

/* Hard interrupt context, on PREEMPT_RT too. */
static enum hrtimer_restart vt_canary_beat(struct hrtimer *timer)
{
	struct vt_canary *c = container_of(timer, struct vt_canary, timer);
	struct vt_thread *t = vt_thread_of(current);
	bool home = smp_processor_id() == c->cpu;

	if (home && t)
		WRITE_ONCE(t->beats, t->beats + 1);
	wake_up_process(c->task);
	/* Where the CPU has gone down its timer fires on another one. */
	if (!home || !READ_ONCE(vt_canary_on))
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(VT_CANARY_SLEEP_NS));
	return HRTIMER_RESTART;
}

/* Back to its own CPU, if that is there. */
static void vt_canary_return(struct vt_canary *c)
{
	/* A thread must not be sent to a CPU that is on its way down. */
	if (cpus_read_trylock()) {
		if (cpu_online(c->cpu))
			set_cpus_allowed_ptr(current, cpumask_of(c->cpu));
		cpus_read_unlock();
	}
	if (raw_smp_processor_id() != c->cpu)
		schedule_timeout_idle(HZ / 10);
}

static void vt_canary_sleep(struct vt_canary *c)
{
	set_current_state(TASK_IDLE);
	/*
	 * The timer is started on its own CPU only, so its handler is not just
	 * about to let it end.
	 */
	preempt_disable();
	if (smp_processor_id() == c->cpu && !hrtimer_active(&c->timer))
		hrtimer_start(&c->timer, ns_to_ktime(VT_CANARY_SLEEP_NS),
			      HRTIMER_MODE_REL_PINNED_HARD);
	preempt_enable();
	if (hrtimer_active(&c->timer) && !kthread_should_stop())
		schedule();
	__set_current_state(TASK_RUNNING);
}

static int vt_canary_main(void *arg)
{
	struct vt_canary *c = arg;

	for (;;) {
		wait_event_idle(vt_canary_wait, READ_ONCE(vt_canary_on) ||
						kthread_should_stop());
		if (kthread_should_stop())
			break;
		if (raw_smp_processor_id() != c->cpu) {
			vt_canary_return(c);
			continue;
		}
		vt_canary_sleep(c);
		if (raw_smp_processor_id() == c->cpu)
			WRITE_ONCE(c->rounds, c->rounds + 1);
		cond_resched();
	}
	hrtimer_cancel(&c->timer);

	return 0;
}

/**
 * vt_canary_start() - a canary for each CPU that is online
 *
 * Context: may sleep; the session only.
 * Return: 0 or an errno; vt_canary_stop() is right in both cases.
 */
int vt_canary_start(void)
{
	unsigned int cpu;
	int ret = 0;

	vt_canary_nr_laps = 0;
	WRITE_ONCE(vt_canary_on, false);
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		struct vt_canary *c = per_cpu_ptr(&vt_canaries, cpu);
		struct task_struct *task;

		c->cpu = cpu;
		c->rounds = 0;
		c->lap_rounds = 0;
		vt_hrtimer_setup(&c->timer, vt_canary_beat, CLOCK_MONOTONIC,
				 HRTIMER_MODE_REL_PINNED_HARD);
		task = kthread_create(vt_canary_main, c, "vma_torture_c%u", cpu);
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			break;
		}
		/* For the timer, which may wake it when it has just returned. */
		c->task = get_task_struct(task);
		wake_up_process(task);
	}
	cpus_read_unlock();

	return ret;
}

/**
 * vt_canary_stop() - end all canaries
 *
 * Context: may sleep; the session only.
 */
void vt_canary_stop(void)
{
	unsigned int cpu;

	WRITE_ONCE(vt_canary_on, false);
	for_each_possible_cpu(cpu) {
		struct vt_canary *c = per_cpu_ptr(&vt_canaries, cpu);

		if (!c->task)
			continue;
		kthread_stop(c->task);
		put_task_struct(c->task);
		c->task = NULL;
	}
}

/* Where the last lap ended, or the first begins. */
static void vt_canary_line(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct vt_canary *c = per_cpu_ptr(&vt_canaries, cpu);

		c->lap_rounds = READ_ONCE(c->rounds);
	}
}

static bool vt_canary_lap_over(void)
{
	unsigned int cpu, there = 0;

	for_each_possible_cpu(cpu) {
		struct vt_canary *c = per_cpu_ptr(&vt_canaries, cpu);

		if (!c->task || !cpu_online(cpu))
			continue;
		there++;
		if (READ_ONCE(c->rounds) - c->lap_rounds < VT_LAP_ROUNDS)
			return false;
	}
	return there;
}

/**
 * vt_canary_want() - let the canaries run, or sleep
 * @wanted: there is a thread of which one has to know whether it had time
 *
 * To be called now and then while they run: laps are seen to end here only.
 *
 * Context: may sleep; the session only.
 */
void vt_canary_want(bool wanted)
{
	if (wanted && !vt_canary_on)
		vt_canary_line();
	else if (wanted && vt_canary_lap_over()) {
		vt_canary_nr_laps++;
		vt_canary_line();
	}
	if (wanted == vt_canary_on)
		return;
	WRITE_ONCE(vt_canary_on, wanted);
	wake_up_all(&vt_canary_wait);
}

/**
 * vt_canary_laps() - how often all CPUs have had time, VT_LAP_ROUNDS times each
 *
 * Context: the session only.
 */
u64 vt_canary_laps(void)
{
	return vt_canary_nr_laps;
}

/**
 * vt_outlasts() - does something stay, though everybody has had time to let it go?
 * @left: how much of it is there; may sleep
 * @arg: for @left
 *
 * It has to stay as it is for the time that the end of a test waits for what comes
 * back, and each CPU has to have had time meanwhile, so that a host that is busy
 * is no reason to find something left. Where the end of the test does not wait that
 * long any more, or for lack of a CPU it cannot be known, nothing is.
 *
 * Context: ->rest of a scenario.
 * Return: what is left for good, or 0.
 */
long vt_outlasts(long (*left)(void *arg), void *arg)
{
	unsigned long since = jiffies, over = 0;
	u64 laps = vt_canary_laps();
	long now, before = 0;

	while ((now = left(arg))) {
		if (now != before) {
			before = now;
			since = jiffies;
			laps = vt_canary_laps();
		}
		if (time_after(jiffies, since + VT_REST_SECS * HZ) &&
		    vt_canary_laps() - laps >= VT_LAPS_WAITED)
			break;
		if (!over && vt_rest_over())
			over = jiffies | 1;
		if (over && time_after(jiffies, over + VT_REST_GRACE * HZ)) {
			vt_info("%ld of something are left, and the CPUs had too little time to say that it is for good\n",
				now);
			return 0;
		}
		schedule_timeout_idle(HZ / 20);
	}
	return now;
}
