// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a test: start, the ticks in between, stop, and the verdict.
 *
 * All of it runs on one ordered workqueue, which is what serializes it: whoever
 * wants something of the session queues a command and waits for it. So there is
 * no lock, a test can end itself, and everything that scenarios set up and free
 * is done by a kernel thread.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include <linux/workqueue.h>

#include "canary.h"
#include "change.h"
#include "delay.h"
#include "engine.h"
#include "others.h"
#include "race.h"
#include "session.h"
#include "space.h"
#include "thread.h"

#define VT_TICK_MS	100

struct vt_run vt_runs[VT_MAX_SCENARIOS];
unsigned int vt_nr_runs;

static struct workqueue_struct *vt_wq;
static const char *vt_echo;

static void vt_tick(struct work_struct *work);
static DECLARE_DELAYED_WORK(vt_tick_work, vt_tick);

/* The session's own, touched on vt_wq only. */
static struct {
	bool active;
	u64 start_ms;
	u64 tick_ms;
	u64 stat_ms;		/* when these are due next */
	u64 stutter_ms;
	u64 shuffle_ms;
	unsigned int spare_cpu;
	enum vt_verdict verdict;	/* as those that wait know it */
} vt_session;

#define vt_for_all_runs(run) \
	for ((run) = vt_runs; (run) < vt_runs + vt_nr_runs; (run)++)

/* @run, or the next one, that a test starts and stops. */
static struct vt_run *vt_test_run(struct vt_run *run)
{
	while (run < vt_runs + vt_nr_runs && run->sc->by_itself)
		run++;
	return run;
}

#define vt_for_each_run(run) \
	for ((run) = vt_test_run(vt_runs); (run) < vt_runs + vt_nr_runs; \
	     (run) = vt_test_run((run) + 1))

static u64 vt_now_ms(void)
{
	return ktime_get_boottime_ns() / NSEC_PER_MSEC;
}

/**
 * vt_session_verdict() - the verdict over the test as it stands
 *
 * Context: any that may be preempted; racy while a test starts or stops, as any
 * look from outside is.
 */
enum vt_verdict vt_session_verdict(void)
{
	struct vt_facts facts[VT_MAX_SCENARIOS];
	unsigned int i;

	for (i = 0; i < vt_nr_runs; i++)
		vt_run_facts(&vt_runs[i], &facts[i]);
	return vt_judge(facts, i);
}

/* Wake those that wait for another verdict: if it is one, or @anyway. */
static void vt_verdict_tell(bool anyway)
{
	enum vt_verdict verdict = vt_session_verdict();

	if (verdict == vt_session.verdict && !anyway)
		return;
	vt_session.verdict = verdict;
	vt_changed();
}

/*
 * Start and stop.
 */

static void vt_clear(void)
{
	struct vt_run *run;

	vt_for_all_runs(run)
		vt_run_clear(run);
	vt_races_reset();
}

/* The broken promise behind "stall": a thread that never comes around again. */
static int vt_stuck(struct vt_thread *t)
{
	if (vt_go(t) && vt_go(t))
		vt_wait_stop();
	return 0;
}

static int vt_run_setup(struct vt_run *run)
{
	struct vt_thread *t;
	int ret = run->sc->start(run);

	if (ret || !vt_busted(run, vt_stall_kind(run->sc)))
		return ret;
	t = vt_spawn(run, "hung", 0, vt_stuck, NULL);
	return PTR_ERR_OR_ZERO(t);
}

static void vt_run_teardown(struct vt_run *run)
{
	bool kept = vt_rest_kept();

	run->sc->stop(run);
	/* Whatever the scenario's own oracles made of it. */
	if (vt_rest_kept() && !kept && vt_rest_sure() && !vt_run_races(run))
		vt_race(run, vt_stall_kind(run->sc), NULL, 0, 0, 0,
			"a file did not come back when all its mms had gone");
	vt_threads_free(run);
}

/* With verbose=1: how hard each oracle looked. */
static void vt_end_details(const struct vt_run *run)
{
	unsigned int kind;

	for (kind = 0; kind < run->sc->nr_kinds; kind++)
		vt_info("%s/%s: looks=%llu exposure=%llu met=%llu races=%llu\n",
			run->sc->name, run->sc->kinds[kind].name,
			vt_kind_sum(run, kind, VT_KIND_LOOKS),
			vt_kind_sum(run, kind, VT_KIND_EXPOSED),
			vt_kind_sum(run, kind, VT_KIND_MET),
			vt_kind_sum(run, kind, VT_KIND_RACES));
}

static void vt_end_report(void)
{
	char line[512];
	struct vt_run *run;
	size_t n = 0;

	line[0] = '\0';
	vt_for_each_run(run) {
		if (!run->chosen)
			continue;
		if (vt_params.verbose && run->state == VT_DONE)
			vt_end_details(run);
		if (run->state == VT_SKIPPED)
			n += scnprintf(line + n, sizeof(line) - n, " %s=skipped",
				       run->sc->name);
		else
			n += scnprintf(line + n, sizeof(line) - n,
				       " %s: races=%llu exposure=%llu ops=%llu",
				       run->sc->name, vt_run_races(run),
				       vt_run_exposure(run), vt_run_ops(run));
	}
	pr_alert("vma_torture: --- End of test: %s%s\n",
		 vt_verdict_name(vt_session_verdict()), line);
	vt_info("%s\n", vt_echo);
}

static void vt_do_stop(void)
{
	struct vt_run *run;

	if (!vt_session.active)
		return;

	vt_onoff_stop();
	vt_delay_stop();
	vt_pace_set(VT_STOPPING);
	vt_for_each_run(run) {
		if (run->state != VT_ACTIVE)
			continue;
		vt_threads_stop(run);
		WRITE_ONCE(run->stop_ns, ktime_get_boottime_ns());
	}
	vt_rest_begin(true);
	vt_for_each_run(run) {
		if (run->state != VT_ACTIVE)
			continue;
		vt_rest_begin(false);
		if (run->sc->rest)
			run->sc->rest(run);
		vt_run_teardown(run);
		WRITE_ONCE(run->state, VT_DONE);
	}
	vt_canary_stop();
	vt_rest_unpin();
	vt_session.active = false;
	vt_end_report();
}

/*
 * Set up all that can run; the threads of each begin at once, and do not wait
 * for the others. On failure nothing of it is left but why.
 */
static int vt_setup_all(void)
{
	struct vt_run *run, *failed = NULL;
	int ret = 0;

	vt_for_each_run(run) {
		if (!run->chosen || run->state == VT_SKIPPED)
			continue;
		ret = run->state == VT_BROKEN ? -ENOMEM : vt_run_setup(run);
		if (ret) {
			failed = run;
			vt_err("%s could not be set up: %d\n", run->sc->name, ret);
			break;
		}
		WRITE_ONCE(run->start_ns, ktime_get_boottime_ns());
		WRITE_ONCE(run->state, VT_ACTIVE);
		vt_threads_wake(run);
	}
	if (!ret) {
		ret = vt_onoff_start();
		if (ret)
			vt_err("no thread for CPU hotplug: %d\n", ret);
	}
	if (!ret) {
		ret = vt_delay_start();
		if (ret) {
			vt_err("no timers for delays: %d\n", ret);
			vt_onoff_stop();
		}
	}
	if (!ret) {
		ret = vt_canary_start();
		if (ret) {
			vt_err("no threads to see what time the CPUs have: %d\n", ret);
			vt_delay_stop();
			vt_onoff_stop();
		}
	}
	if (!ret)
		return 0;

	vt_canary_stop();
	vt_pace_set(VT_STOPPING);
	vt_rest_begin(true);
	vt_for_each_run(run) {
		/* One that could not be asked has nothing to free. */
		if (run->state == VT_ACTIVE ||
		    (run == failed && run->state != VT_BROKEN)) {
			vt_threads_stop(run);
			vt_run_teardown(run);
		}
		if (run == failed)
			run->state = VT_BROKEN;
		else if (run->state != VT_SKIPPED)
			run->state = VT_STOPPED;
	}
	vt_for_each_run(run)
		run->chosen = run == failed;
	return ret;
}

static u64 vt_due(u64 secs)
{
	return vt_session.start_ms + secs * MSEC_PER_SEC;
}

static int vt_do_start(u32 mask)
{
	struct vt_run *run;
	int ret;

	if (vt_session.active)
		return -EBUSY;

	pr_alert("vma_torture: --- Start of test: %s kernel=%s\n", vt_echo,
		 init_utsname()->release);
	vt_clear();
	vt_pace_set(VT_GO);
	vt_for_all_runs(run)
		if (!run->sc->by_itself || run->state != VT_ACTIVE)
			vt_run_forget(run, mask & BIT(run - vt_runs));
	ret = vt_setup_all();
	if (ret) {
		vt_end_report();
		return ret;
	}

	vt_session.start_ms = vt_now_ms();
	vt_session.tick_ms = vt_session.start_ms;
	vt_session.stat_ms = vt_due(vt_params.stat_interval);
	vt_session.stutter_ms = vt_due(vt_params.stutter);
	vt_session.shuffle_ms = vt_due(vt_params.shuffle_interval);
	vt_for_each_run(run) {
		if (run->state != VT_ACTIVE)
			continue;
		vt_session.active = true;
		break;
	}
	if (vt_session.active) {
		queue_delayed_work(vt_wq, &vt_tick_work,
				   msecs_to_jiffies(VT_TICK_MS));
	} else {
		vt_onoff_stop();
		vt_delay_stop();
		vt_canary_stop();
		vt_end_report();
	}

	return 0;
}

static void vt_do_reset(void)
{
	struct vt_run *run;

	vt_clear();
	vt_for_all_runs(run) {
		if (run->state == VT_ACTIVE) {
			WRITE_ONCE(run->start_ns, ktime_get_boottime_ns());
			continue;
		}
		vt_run_forget(run, false);
	}
}

/*
 * What happens in between.
 */

static void vt_stat_print(void)
{
	struct vt_run *run;

	vt_for_each_run(run)
		if (run->state == VT_ACTIVE)
			vt_info("%s: %llu s ops=%llu exposure=%llu races=%llu\n",
				run->sc->name, vt_run_ms(run) / MSEC_PER_SEC,
				vt_run_ops(run), vt_run_exposure(run),
				vt_run_races(run));
}

/*
 * Leave one CPU to others, another one each time, as torture_shuffle() does.
 *
 * A kernel thread may be sent to a CPU that is on its way down, and would then
 * be on it when it is dead: not while CPUs come or go, which can take long.
 *
 * Return: was it done?
 */
static bool vt_shuffle(void)
{
	static struct cpumask mask;
	struct vt_run *run;

	if (!cpus_read_trylock())
		return false;
	vt_session.spare_cpu = cpumask_next(vt_session.spare_cpu, cpu_online_mask);
	if (vt_session.spare_cpu >= nr_cpu_ids)
		vt_session.spare_cpu = cpumask_first(cpu_online_mask);
	cpumask_copy(&mask, cpu_online_mask);
	if (cpumask_weight(&mask) > 1)
		cpumask_clear_cpu(vt_session.spare_cpu, &mask);
	vt_for_each_run(run)
		if (run->state == VT_ACTIVE)
			vt_threads_affine(run, &mask);
	cpus_read_unlock();

	return true;
}

static void vt_tick(struct work_struct *work)
{
	u64 now = vt_now_ms();
	bool suspects = false;
	struct vt_run *run;
	u64 ms;

	if (!vt_session.active)
		return;

	if ((vt_params.duration &&
	     now - vt_session.start_ms >= vt_params.duration * 1000) ||
	    vt_race_wants_stop()) {
		vt_do_stop();
		vt_verdict_tell(true);
		return;
	}

	/*
	 * A machine that was suspended, or a clock that jumped, is no stall: no
	 * tick counts for more than ten.
	 */
	ms = min_t(u64, now - vt_session.tick_ms, 10 * VT_TICK_MS);
	vt_session.tick_ms = now;
	vt_for_each_run(run)
		if (run->state == VT_ACTIVE)
			suspects |= vt_threads_watch(run, ms);
	vt_canary_want(suspects);

	if (vt_params.stat_interval && now >= vt_session.stat_ms) {
		vt_session.stat_ms = now + vt_params.stat_interval * 1000;
		vt_stat_print();
	}
	if (vt_params.stutter && now >= vt_session.stutter_ms) {
		vt_session.stutter_ms = now + vt_params.stutter * 1000;
		vt_pace_set(vt_pause == VT_GO ? VT_PAUSED : VT_GO);
	}
	if (vt_params.shuffle_interval && now >= vt_session.shuffle_ms &&
	    vt_shuffle())
		vt_session.shuffle_ms = now + vt_params.shuffle_interval * 1000;

	vt_verdict_tell(false);
	queue_delayed_work(vt_wq, &vt_tick_work, msecs_to_jiffies(VT_TICK_MS));
}

/*
 * Commands, from wherever.
 */

enum vt_cmd_op { VT_CMD_START, VT_CMD_STOP, VT_CMD_RESET, VT_CMD_BEGIN, VT_CMD_END };

struct vt_cmd {
	struct work_struct work;
	enum vt_cmd_op op;
	u32 mask;
	struct vt_run *run;
	int ret;
};

static void vt_cmd_work(struct work_struct *work)
{
	struct vt_cmd *cmd = container_of(work, struct vt_cmd, work);

	switch (cmd->op) {
	case VT_CMD_START:
		cmd->ret = vt_do_start(cmd->mask);
		break;
	case VT_CMD_STOP:
		vt_do_stop();
		break;
	case VT_CMD_RESET:
		vt_do_reset();
		break;
	case VT_CMD_BEGIN:
		vt_run_begin(cmd->run);
		break;
	case VT_CMD_END:
		vt_run_end(cmd->run);
		break;
	}
	vt_verdict_tell(true);
}

static int vt_command(enum vt_cmd_op op, u32 mask, struct vt_run *run)
{
	struct vt_cmd cmd = { .op = op, .mask = mask, .run = run };

	INIT_WORK_ONSTACK(&cmd.work, vt_cmd_work);
	queue_work(vt_wq, &cmd.work);
	flush_work(&cmd.work);
	destroy_work_on_stack(&cmd.work);

	return cmd.ret;
}

/**
 * vt_session_start() - start a test
 * @mask: bit set of scenarios
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if one is running; or why it could not be set up, in which
 * case nothing of it is left. Scenarios that cannot run here are no error.
 */
int vt_session_start(u32 mask)
{
	return vt_command(VT_CMD_START, mask, NULL);
}

/**
 * vt_session_stop() - end the test, if there is one, and judge it
 *
 * Context: may sleep.
 */
void vt_session_stop(void)
{
	vt_command(VT_CMD_STOP, 0, NULL);
}

/**
 * vt_session_reset() - clear all counters and races, in a running test too
 *
 * Context: may sleep.
 */
void vt_session_reset(void)
{
	vt_command(VT_CMD_RESET, 0, NULL);
}

/**
 * vt_session_begin() - a run that no test starts begins, or goes on
 * @run: run, at rest
 *
 * What it counts is added to what it has counted since load or "reset".
 *
 * Context: may sleep; after vt_session_init().
 */
void vt_session_begin(struct vt_run *run)
{
	vt_command(VT_CMD_BEGIN, 0, run);
}

/**
 * vt_session_end() - a run that no test stops has ended, and is judged
 * @run: run
 *
 * Context: may sleep; before vt_session_exit().
 */
void vt_session_end(struct vt_run *run)
{
	vt_command(VT_CMD_END, 0, run);
}

/**
 * vt_session_init() - make the scenarios known
 * @scenarios: what there is
 * @nr: how many, at most VT_MAX_SCENARIOS
 * @busted: per scenario, the bit set of kinds to break
 * @echo: all parameters in one line, for the log; kept by reference
 *
 * Context: may sleep; once, at load.
 * Return: 0 or an errno.
 */
int vt_session_init(const struct vt_scenario *const *scenarios, unsigned int nr,
		    const u32 *busted, const char *echo)
{
	unsigned int i;

	vt_echo = echo;
	vt_wq = alloc_ordered_workqueue("vma_torture", 0);
	if (!vt_wq)
		return -ENOMEM;

	for (i = 0; i < nr; i++) {
		struct vt_run *run = &vt_runs[i];

		vt_nr_runs++;
		if (vt_run_init(run, scenarios[i], busted[i]) ||
		    vt_run_probe(run)) {
			vt_session_exit();
			return -ENOMEM;
		}
	}

	return 0;
}

/**
 * vt_session_exit() - end a test that runs, and free all of it
 *
 * Context: may sleep; nobody else uses the session any more.
 */
void vt_session_exit(void)
{
	struct vt_run *run;

	vt_session_stop();
	cancel_delayed_work_sync(&vt_tick_work);
	destroy_workqueue(vt_wq);
	vt_for_all_runs(run)
		vt_run_exit(run);
	vt_nr_runs = 0;
	vt_others_wait();
}
