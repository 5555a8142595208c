// SPDX-License-Identifier: GPL-2.0-only
/*
 * What makes forks fail on this kernel, and does it mark what they leave? One fork
 * by each way that may be missing, before any thread is at work.
 */
#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>

#include "compat_fork.h"
#include "fork_fail.h"

/* What forks that failed have left. */
struct ff_left {
	bool marked;
	bool empty;
	bool harm;
};

/* Ways that refuse a function of the kernel, and the probes on those. */
static const struct {
	enum ff_way way;
	enum ff_probe_nr probe;
} ff_refusals[] = {
	{ FF_TREE, FF_P_TREE }, { FF_DUP, FF_P_DUP }, { FF_POLICY, FF_P_POLICY },
	{ FF_USERFAULT, FF_P_USERFAULT }, { FF_ANON_VMA, FF_P_ANON_VMA },
	{ FF_COPY, FF_P_COPY }, { FF_TABLE, FF_P_TABLE },
};

/* Fork once by one way; does it fail, and what does it leave? */
static bool ff_try(struct ff_parent *p, struct ff_left *left)
{
	struct ff_seen seen = {};
	bool failed;

	p->hand = true;
	failed = ff_fork(p, NULL) < 0;
	if (failed && p->handed && p->copied == p->handed) {
		mmap_read_lock(p->handed);
		left->marked = vt_mm_unstable(p->handed);
		ff_scan(p->handed, &seen);
		mmap_read_unlock(p->handed);
		/* One that is takes the tree down, whatever it does elsewhere. */
		left->empty |= !seen.entries;
	}
	ff_unpublish(p, failed);
	ff_settle_all(p);
	left->harm |= !ff_judge_parent(p, failed ? -ENOMEM : 0);
	return failed;
}

/**
 * ff_calibrate() - find out what makes forks fail here
 * @st: the scenario
 *
 * The kernel may account nothing (see vm.overcommit_memory), or have a function
 * inlined where fork calls it.
 *
 * Context: no thread is there yet; sleeps.
 * Return: 0 or an errno.
 */
int ff_calibrate(struct ff_state *st)
{
	struct ff_parent *p = st->parents;
	struct ff_plan plan = { .way = FF_ACCOUNT };
	const char *why[FF_NR_WAYS];
	struct ff_left left = {};
	unsigned int i, last, way, ways = 0;
	struct vt_rnd rnd;
	int ret;

	vt_rnd_fork(&rnd, vt_params.seed, vt_rnd_id("fork_fail calibrate", 0));
	st->ways = BIT(FF_ACCOUNT);
	ret = ff_raise(p, &rnd, 8, BIT(FF_LAST));
	if (ret)
		return ret;
	st->rcu_tells = mt_in_rcu(&p->mm->mm_mt);
	if (!st->rcu_tells)
		vt_info("fork_fail: trees of live mms are not in RCU mode here: only refused forks tell what is dead\n");

	for (way = 0; way < FF_NR_WAYS; way++)
		why[way] = "no fork failed by it when that was tried at the start";
	ff_plan_clear(p);
	if (p->big[FF_LAST] && ff_arm(p, FF_LAST, true)) {
		if (ff_try(p, &left))
			ways |= BIT(FF_ACCOUNT);
		p->armed = BIT(FF_LAST);
		ff_plan_end(p, &plan);
	}
	for (last = p->nr - 1; last; last--)
		if (ff_copied(&p->snap[last]) &&
		    !(p->snap[last].flags & VM_WIPEONFORK))
			break;
	/* Another fork would break more of what is broken. */
	for (i = 0; i < ARRAY_SIZE(ff_refusals) && !left.harm; i++) {
		way = ff_refusals[i].way;
		ff_plan_clear(p);
		p->refused = false;
		p->refuse = way;
		p->refuse_at = way == FF_TABLE ? p->wide : p->snap[last].start;
		if (!st->probe[ff_refusals[i].probe].on)
			why[way] = "its function cannot be probed";
		else
			ff_try(p, &left);
		/* A fork that does not fail then is for "after_failure" to judge. */
		if (p->refused)
			ways |= BIT(way);
	}
	ff_plan_clear(p);
	ff_drop(p);

	ways |= BIT(FF_SIGNAL);
	if (!vt_fail_nth(0))
		why[FF_INJECT] = "no fault injection in this kernel";
	else if (vt_fails_nth())
		ways |= BIT(FF_INJECT);
	else
		why[FF_INJECT] = "fault injection spares what may sleep (failslab/ignore-gfp-wait)";
	st->ways = ways;
	for (way = 0; way < FF_NR_WAYS; way++)
		if (!(ways & BIT(way))) {
			vt_info("fork_fail: forks cannot be made to fail by %s here: %s\n",
				ff_ways[way].name, why[way]);
			vt_trial_absent(st->run, FF_V_WAY, way, why[way]);
		}
	/* Bursts are made by the ways there are, too. */
	for (way = 0; way < FF_NR_WAYS; way++)
		if (!vt_drawn(&ff_tables[FF_T_WAY], way))
			st->ways &= ~BIT(way);
	st->marks = vt_fork_marks() == VT_YES ||
		    (vt_fork_marks() == VT_MAYBE && left.marked);
	/* By no header, but not before the mark was there for good. */
	st->empties = vt_fork_marks() == VT_YES && left.empty;
	if (vt_fork_marks() == VT_MAYBE && !left.marked)
		vt_absent(st->run, FF_UNMARKED,
			  "this kernel does not mark what a failed fork leaves");
	return 0;
}
