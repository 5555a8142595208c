// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges: "leak", by the balance of the whole system. When all threads are gone,
 * bursts of failed forks must leave no VMAs and no mms.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat_file.h"
#include "fork_fail.h"
#include "space.h"

static struct file *ff_slab_open(const char *cache, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/%s", cache, name);
	return vt_open(path, flags);
}

static bool ff_slab_has(const char *cache, const char *name, int flags)
{
	struct file *file = ff_slab_open(cache, name, flags);

	if (IS_ERR(file))
		return false;
	filp_close(file, NULL);
	return true;
}

/*
 * Objects that were freed count as in use while a CPU keeps them (in sheaves, since
 * 6.18), or KASAN in its quarantine. All of a cache leave that when it is shrunk.
 */
static bool ff_slab_shrink(const char *cache)
{
	struct file *file = ff_slab_open(cache, "shrink", O_WRONLY);
	loff_t pos = 0;
	bool shrunk;

	if (IS_ERR(file))
		return false;
	shrunk = kernel_write(file, "1", 1, &pos) == 1;
	filp_close(file, NULL);
	return shrunk;
}

/* How many objects a slab cache has in use, or 0 if that cannot be read. */
static unsigned long ff_slab_objects(const char *cache)
{
	unsigned long objects = 0;
	struct file *file;
	char buf[64] = {};
	loff_t pos = 0;

	if (!ff_slab_shrink(cache))
		return 0;
	file = ff_slab_open(cache, "objects", O_RDONLY);
	if (IS_ERR(file))
		return 0;
	if (kernel_read(file, buf, sizeof(buf) - 1, &pos) <= 0 ||
	    sscanf(buf, "%lu", &objects) != 1)
		objects = 0;
	filp_close(file, NULL);

	return objects;
}

#define FF_CPU_KEEPS	64		/* objects of a cache */

static const char *const ff_balance_names[FF_NR_BALANCES] = {
	[FF_B_VMAS] = "VMAs",
	[FF_B_MMS] = "mms",
};

/* What has to come back to where it was. */
static void ff_balances(long *objects)
{
	unsigned int b;

	/* VMAs and mms are freed by RCU. */
	rcu_barrier();
	for (b = 0; b < FF_NR_BALANCES; b++)
		objects[b] = ff_slab_objects(ff_caches[b]);
}

/**
 * ff_balance_probe() - ask which balances can be drawn here, and say which cannot
 * @run: run of the scenario
 *
 * Shrinks nothing: that interrupts all CPUs, and the module is being loaded.
 *
 * Context: may sleep.
 */
void ff_balance_probe(struct vt_run *run)
{
	unsigned int b;

	for (b = 0; b < FF_NR_BALANCES; b++)
		if (!ff_slab_has(ff_caches[b], "shrink", O_WRONLY) ||
		    !ff_slab_has(ff_caches[b], "objects", O_RDONLY))
			vt_trial_absent(run, FF_V_BALANCE, b,
					"/sys/kernel/slab does not tell how many there are");
}

/*
 * The balances are the whole system's, and others are at work too. What looks
 * like a leak is what grows in each burst by at least what one thing less for
 * every other fork makes (ff_bursts() sees to that), by about the same in all of
 * them, and in all of them by what CPUs may have kept since the caches were shrunk
 * besides.
 */
static bool ff_grows(const struct ff_state *st,
		     long grown[FF_BURSTS][FF_NR_BALANCES], unsigned int a)
{
	long least = LONG_MAX, most = LONG_MIN, sum = 0;
	unsigned int b;

	for (b = 0; b < FF_BURSTS; b++) {
		least = min(least, grown[b][a]);
		most = max(most, grown[b][a]);
		sum += grown[b][a];
	}
	return most / 2 <= least &&
	       sum >= FF_BURSTS * st->per_burst / 2 +
		      num_online_cpus() * FF_CPU_KEEPS;
}

/*
 * And it does not grow when nothing is forked. Wait for as long as the bursts
 * took to see that.
 */
static void ff_judge_bursts(struct ff_state *st,
			    long grown[FF_BURSTS][FF_NR_BALANCES],
			    const long *before, unsigned long took,
			    unsigned long suspects)
{
	long after[FF_NR_BALANCES];
	unsigned int a, b;

	for (a = 0; a < FF_NR_BALANCES; a++)
		if (!ff_grows(st, grown, a))
			suspects &= ~BIT(a);
	if (!suspects)
		return;

	schedule_timeout_idle(min_t(unsigned long, took, 2 * HZ));
	ff_balances(after);
	for (a = 0; a < FF_NR_BALANCES; a++) {
		long sum = 0;

		for (b = 0; b < FF_BURSTS; b++)
			sum += grown[b][a];
		if (!(suspects & BIT(a)) || after[a] - before[a] > sum / 4)
			continue;
		vt_race(st->run, FF_LEAK, NULL, 0, sum, st->per_burst * FF_BURSTS,
			"%u failed forks left %ld %s, nothing else did",
			st->per_burst * FF_BURSTS, sum, ff_balance_names[a]);
	}
}

/* Fork, as the balance goes, nobody else being at it. */
static bool ff_burst_once(struct ff_parent *p)
{
	struct mm_struct *child;
	struct ff_record *rec;
	int err;

	err = ff_fork(p, NULL);
	child = ff_unpublish(p, err);
	if (p->keep && child) {
		raw_spin_lock(&p->lock);
		rec = ff_record(p, child);
		rec->mm = NULL;
		raw_spin_unlock(&p->lock);
		mmdrop(child);
	}
	return err && !ff_settle_all(p);
}

/**
 * ff_bursts() - judge the balance of bursts of failed forks
 * @st: the scenario
 *
 * Context: all threads are gone; sleeps.
 */
void ff_bursts(struct ff_state *st)
{
	long before[FF_NR_BALANCES], after[FF_NR_BALANCES];
	long grown[FF_BURSTS][FF_NR_BALANCES];
	struct ff_parent *p = st->parents;
	unsigned long suspects = GENMASK(FF_NR_BALANCES - 1, 0);
	unsigned long took;
	unsigned int a, b, i;
	struct ff_plan plan;
	struct vt_rnd rnd;

	vt_rnd_fork(&rnd, vt_params.seed, vt_rnd_id("fork_fail balance", 0));
	if (ff_raise(p, &rnd, FF_BURST_VMAS, BIT(FF_LAST)))
		return;
	ff_snapshot(p);
	if (!ff_plan_burst(p, &plan))
		goto out;

	st->per_burst = FF_CPU_KEEPS * num_online_cpus();
	if (vt_busted(st->run, FF_LEAK))
		st->kept = kvcalloc(st->per_burst * FF_BURSTS,
				    sizeof(*st->kept), GFP_KERNEL);
	p->keep = st->kept;
	took = jiffies;
	ff_balances(before);
	/* What one burst does not let grow is no leak, whatever the next ones do. */
	for (b = 0; b < FF_BURSTS && suspects; b++) {
		for (i = 0; i < st->per_burst; i++) {
			if (vt_rest_over() || !ff_burst_once(p))
				goto out_end;
			cond_resched();
		}
		ff_balances(after);
		for (a = 0; a < FF_NR_BALANCES; a++) {
			grown[b][a] = after[a] - before[a];
			before[a] = after[a];
			if (grown[b][a] < st->per_burst / 2)
				suspects &= ~BIT(a);
		}
		vt_count(st->run, FF_C_BURSTS, 1);
	}
	/* What cannot be read is not judged. */
	for (a = 0; a < FF_NR_BALANCES; a++) {
		vt_look(st->run, FF_LEAK, before[a]);
		if (before[a])
			vt_worked(st->run, FF_V_BALANCE, a);
	}
	if (suspects)
		ff_judge_bursts(st, grown, before, jiffies - took, suspects);
out_end:
	p->keep = false;
	ff_plan_end(p, &plan);
out:
	ff_drop(p);
}
