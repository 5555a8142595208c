// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges: "leak", by the balance of the whole system. When all threads are gone,
 * bursts of failed forks must leave no committed memory, no VMAs and no mms.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "fork_fail.h"

/*
 * KASAN keeps what was freed in a quarantine, where it counts as in use. All
 * of a cache leaves that when the cache is shrunk.
 */
static void ff_slab_unquarantine(const char *cache)
{
	struct file *file;
	char buf[64];
	loff_t pos = 0;

	snprintf(buf, sizeof(buf), "/sys/kernel/slab/%s/shrink", cache);
	file = filp_open(buf, O_WRONLY, 0);
	if (IS_ERR(file))
		return;
	kernel_write(file, "1", 1, &pos);
	filp_close(file, NULL);
}

/* How many objects a slab cache has in use, or 0 if that cannot be read. */
static unsigned long ff_slab_objects(const char *cache)
{
	unsigned long objects = 0;
	struct file *file;
	char buf[64] = {};
	loff_t pos = 0;

	if (IS_ENABLED(CONFIG_KASAN_GENERIC))
		ff_slab_unquarantine(cache);
	snprintf(buf, sizeof(buf), "/sys/kernel/slab/%s/objects", cache);
	file = filp_open(buf, O_RDONLY, 0);
	if (IS_ERR(file))
		return 0;
	if (kernel_read(file, buf, sizeof(buf) - 1, &pos) <= 0 ||
	    sscanf(buf, "%lu", &objects) != 1)
		objects = 0;
	filp_close(file, NULL);

	return objects;
}

/* What has to come back to where it was. */
enum ff_account { FF_A_COMMITTED, FF_A_VMAS, FF_A_MMS, FF_NR_ACCOUNTS };

static const char *const ff_account_names[] = {
	[FF_A_COMMITTED] = "pages committed",
	[FF_A_VMAS] = "VMAs",
	[FF_A_MMS] = "mms",
};

static void ff_accounts(long *accounts)
{
	/* VMAs and mms are freed by RCU. */
	rcu_barrier();
	accounts[FF_A_COMMITTED] = vm_memory_committed();
	accounts[FF_A_VMAS] = ff_slab_objects("vm_area_struct");
	accounts[FF_A_MMS] = ff_slab_objects("mm_struct");
}

/*
 * The accounts are the whole system's, and others are at work too. What looks
 * like a leak is what grows in each burst by at least what one thing less for
 * every other fork makes, and by about the same in all of them.
 */
static bool ff_grows(long grown[FF_BURSTS][FF_NR_ACCOUNTS], unsigned int a,
		     long unit)
{
	long least = LONG_MAX, most = LONG_MIN;
	unsigned int b;

	for (b = 0; b < FF_BURSTS; b++) {
		least = min(least, grown[b][a]);
		most = max(most, grown[b][a]);
	}
	return least >= FF_BURST / 2 * unit && most / 2 <= least;
}

/*
 * And it does not grow when nothing is forked. Wait for as long as the bursts
 * took to see that, if there is something to be seen.
 */
static void ff_judge_bursts(struct ff_state *st,
			    long grown[FF_BURSTS][FF_NR_ACCOUNTS],
			    const long *before, long charge, unsigned long took)
{
	const long units[FF_NR_ACCOUNTS] = { charge, 1, 1 };
	long after[FF_NR_ACCOUNTS];
	unsigned int a, b, suspects = 0;

	for (a = 0; a < FF_NR_ACCOUNTS; a++) {
		vt_look(st->run, FF_LEAK, true);
		if (ff_grows(grown, a, units[a]))
			suspects |= BIT(a);
	}
	if (!suspects)
		return;

	schedule_timeout_uninterruptible(min_t(unsigned long, took, 10 * HZ));
	ff_accounts(after);
	for (a = 0; a < FF_NR_ACCOUNTS; a++) {
		long sum = 0;

		for (b = 0; b < FF_BURSTS; b++)
			sum += grown[b][a];
		if (!(suspects & BIT(a)) || after[a] - before[a] > sum / 4)
			continue;
		vt_race(st->run, FF_LEAK, NULL, 0, sum, FF_BURST * FF_BURSTS,
			"%u failed forks left %ld %s, nothing else did",
			FF_BURST * FF_BURSTS, sum, ff_account_names[a]);
	}
}

/* Fork, as the balance goes, nobody else being at it. */
static bool ff_burst_once(struct ff_parent *p)
{
	struct mm_struct *child;
	struct ff_record *rec;
	int err;

	err = ff_fork(p);
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
	long before[FF_NR_ACCOUNTS], after[FF_NR_ACCOUNTS];
	long grown[FF_BURSTS][FF_NR_ACCOUNTS], charge;
	struct ff_parent *p = st->parents;
	unsigned long took;
	unsigned int a, b, i;
	struct ff_plan plan;
	struct sysinfo info;
	struct vt_rnd rnd;

	vt_rnd_fork(&rnd, vt_params.seed, 0);
	if (ff_raise(p, &rnd, FF_BURST_VMAS, BIT(FF_LAST)))
		return;
	/* Much to account to each child, to tell it from all else. */
	si_meminfo(&info);
	charge = min_t(unsigned long, SZ_64K, info.totalram / 8);
	if (IS_ERR_VALUE(ff_map_anon(FF_BASE / 2, charge * PAGE_SIZE)))
		goto out;
	ff_snapshot(p);
	if (!ff_plan_burst(p, &plan))
		goto out;

	p->keep = vt_busted(st->run, FF_LEAK);
	took = jiffies;
	ff_accounts(before);
	for (b = 0; b < FF_BURSTS; b++) {
		for (i = 0; i < FF_BURST; i++) {
			if (!ff_burst_once(p))
				goto out_end;
			cond_resched();
		}
		ff_accounts(after);
		for (a = 0; a < FF_NR_ACCOUNTS; a++) {
			grown[b][a] = after[a] - before[a];
			before[a] = after[a];
		}
		vt_count(st->run, FF_C_BURSTS, 1);
	}
	ff_judge_bursts(st, grown, before, charge, jiffies - took);
out_end:
	p->keep = false;
	ff_plan_end(p, &plan);
out:
	ff_drop(p);
}
