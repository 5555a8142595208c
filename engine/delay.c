// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interruptions at random instants: a timer on every CPU.
 *
 * A race needs one thread to stand still between two instructions while another
 * one passes. A timer that fires at a random instant makes one stand still
 * there, whatever the code is, without patching any text. Two things follow
 * from it.
 *
 * In a guest that QEMU runs by counting instructions, vCPUs take turns, and a
 * turn ends with the next timer: the other vCPUs then run while this one stands
 * at a random instruction. The interruption alone is enough.
 *
 * Elsewhere all CPUs run at the same time. There the handler spins for a random
 * time, up to delay_us, if it interrupted a thread of a run.
 *
 * Narrow windows want interruptions at short intervals, wide windows want a
 * thread to stand in one for long, which in a guest of the first sort means few
 * interruptions. So time is cut into phases; each phase has a longest interval
 * of its own, the same on all CPUs: in half of them it is short, in the others
 * anything up to delay_interval_us.
 */
#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "compat_timer.h"
#include "delay.h"
#include "engine.h"
#include "thread.h"

#define VT_DELAY_PHASE_NS	(20 * NSEC_PER_MSEC)
#define VT_DELAY_LEAST_US	2U
#define VT_DELAY_SHORT_US	100U

/**
 * struct vt_delay - the timer of one CPU
 * @timer: pinned to the CPU
 * @rnd: its random stream; only the handler draws from it
 * @fired: how often it has interrupted the CPU
 * @held: how often it then held a thread of a run
 */
struct vt_delay {
	struct hrtimer timer;
	struct vt_rnd rnd;
	u64 fired;
	u64 held;
};

static DEFINE_PER_CPU(struct vt_delay, vt_delays);

/* The state of CPU hotplug that keeps a timer on each CPU; 0: none. */
static int vt_delay_state;
static u64 vt_delay_start_ns;

/* The longest interval in the phase that an instant belongs to, in us. */
static u32 vt_delay_limit_us(u64 now)
{
	u64 phase = div_u64(now - vt_delay_start_ns, VT_DELAY_PHASE_NS);
	u32 longest = vt_params.delay_interval_us, limit;
	struct vt_rnd rnd;

	if (longest <= VT_DELAY_SHORT_US)
		return longest;
	vt_rnd_fork(&rnd, vt_params.seed, phase);
	if (vt_rnd_one_in(&rnd, 2))
		return VT_DELAY_SHORT_US;
	/* Each power of two is as likely as any other. */
	limit = VT_DELAY_SHORT_US << (1 + vt_rnd_below(&rnd,
					1 + ilog2(longest / VT_DELAY_SHORT_US)));
	return min(limit, longest);
}

static u64 vt_delay_next_ns(struct vt_delay *delay)
{
	u32 limit = vt_delay_limit_us(ktime_get_mono_fast_ns());
	u32 span = max(limit, VT_DELAY_LEAST_US + 1) - VT_DELAY_LEAST_US;

	return VT_DELAY_LEAST_US * NSEC_PER_USEC +
	       vt_rnd_below(&delay->rnd, span * NSEC_PER_USEC);
}

/* Hard interrupt context, on PREEMPT_RT too. */
static enum hrtimer_restart vt_delay_fire(struct hrtimer *timer)
{
	struct vt_delay *delay = container_of(timer, struct vt_delay, timer);
	struct vt_thread *t = vt_thread_of(current);

	delay->fired++;
	if (vt_params.delay_us && t) {
		u64 begun = ktime_get_boottime_ns();
		u64 end = ktime_get_mono_fast_ns() +
			  vt_rnd_below(&delay->rnd, vt_params.delay_us * NSEC_PER_USEC);

		delay->held++;
		while (ktime_get_mono_fast_ns() < end)
			cpu_relax();
		vt_did_note(&t->stops, "delay", begun);
	}
	hrtimer_forward_now(timer, ns_to_ktime(vt_delay_next_ns(delay)));
	return HRTIMER_RESTART;
}

static int vt_delay_cpu_up(unsigned int cpu)
{
	struct vt_delay *delay = per_cpu_ptr(&vt_delays, cpu);

	vt_hrtimer_setup(&delay->timer, vt_delay_fire, CLOCK_MONOTONIC,
			 HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&delay->timer, ns_to_ktime(vt_delay_next_ns(delay)),
		      HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

static int vt_delay_cpu_down(unsigned int cpu)
{
	hrtimer_cancel(&per_cpu_ptr(&vt_delays, cpu)->timer);
	return 0;
}

/**
 * vt_delay_start() - begin to interrupt all CPUs, if delay_interval_us says so
 *
 * Context: may sleep; the session only.
 * Return: 0 or an errno.
 */
int vt_delay_start(void)
{
	unsigned int cpu;
	int ret;

	if (!vt_params.delay_interval_us)
		return 0;
	vt_delay_start_ns = ktime_get_mono_fast_ns();
	for_each_possible_cpu(cpu) {
		struct vt_delay *delay = per_cpu_ptr(&vt_delays, cpu);

		delay->fired = 0;
		delay->held = 0;
		/* Numbers that no thread's stream has: those are hashes of names. */
		vt_rnd_fork(&delay->rnd, vt_params.seed, ~(u64)cpu);
	}
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "vma_torture:delay",
				vt_delay_cpu_up, vt_delay_cpu_down);
	if (ret < 0)
		return ret;
	vt_delay_state = ret;

	return 0;
}

/**
 * vt_delay_stop() - end it, and say how often it was done
 *
 * Context: may sleep; the session only.
 */
void vt_delay_stop(void)
{
	u64 fired = 0, held = 0;
	unsigned int cpu;

	if (!vt_delay_state)
		return;
	cpuhp_remove_state(vt_delay_state);
	vt_delay_state = 0;
	for_each_possible_cpu(cpu) {
		fired += per_cpu(vt_delays, cpu).fired;
		held += per_cpu(vt_delays, cpu).held;
	}
	vt_info("delays: %llu interruptions, %llu of them held a thread\n", fired, held);
}
