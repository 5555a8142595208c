// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, the books of reservations (reserve).
 *
 * Two books are judged. A mount keeps its own, and nobody else moves those of ours:
 * after each step they are what our mappings and files make of them. The mount has as
 * many huge pages at least as at most, so that the machine keeps them for it from the
 * start, and what others do to the pool, nr_hugepages included, does not reach it: it
 * never runs short, which some kernels lose pages by (docs/findings.md).
 *
 * By the same token the machine's books (resv_huge_pages) do not move for such a
 * mount. So some of it is done in a file of a mount without a least number, and here
 * others are at work too. Operations that have to leave it as it was are therefore
 * done at a few instants among many, drawn at random: only if the count moved by the
 * same amount at each of these, and stood still at all others, did they move it. Who
 * moves it at our pace would have to know the draw, which is one of 10626.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "reserve.h"

#define HW_TRIAL_DONE	4	/* times an operation is done in a trial */
#define HW_TRIAL_LEN	24	/* instants of a trial */
#define HW_TRIAL_FREE	(HW_TRIAL_DONE + 1)	/* huge pages it may take or lose */
#define HW_IDLE_NS	20000	/* an instant at which nothing is done, at least */
#define HW_IDLE_MOST	500000	/* and at most, for it spins */

/* What is done without a page that is touched, so that the books alone are moved. */
#define HW_TRIAL_OPS	(BIT(HW_RESERVE_PRIVATE) | BIT(HW_RESERVE_SPLIT) |	\
			 BIT(HW_RESERVE_MOVE) | BIT(HW_RESERVE_FORK) |		\
			 BIT(HW_RESERVE_SHARED))

/**
 * hw_books_judge() - judge the books of the mount
 * @u: a round
 * @used: huge pages of it that are to be used or reserved by now
 * @when: what was done last, for the record
 *
 * A huge page that was freed need not be free yet: whoever looks through all pages of
 * the machine, as compaction does, may hold it for a while. As many more as were held
 * before this round, or freed in it, may be in use.
 *
 * What comes next in this round is not judged if this was wrong.
 *
 * Context: may sleep.
 */
void hw_books_judge(struct hw_turn *u, long used, const char *when)
{
	struct vt_run *run = u->st->run;
	struct vt_huge_books books;

	if (!u->judged || u->wrong)
		return;
	vt_huge_books(hw_reserve_sb(u->st), &books);
	vt_look_own(run, HW_RESERVE, true);
	if (books.used >= used && books.used <= used + u->held + u->freed &&
	    hw_books_are(&books, books.used))
		return;
	u->wrong = true;
	vt_race(run, HW_RESERVE, u->st->reserve.race.splitter, HW_BASE, books.used, used,
		"%s, %s: %ld huge pages taken or reserved, not %ld, %ld kept for the mount, not %ld",
		vt_draw_name(&hw_tables[HW_T_RESERVE], u->op), when, books.used, used,
		books.kept, books.least - used);
}

/* Return: 0, or it could not be done, or not undone. */
static long hw_trial_once(struct hw_turn *u, unsigned int left)
{
	if (u->busted)
		return hw_reserve_map(u, HW_KEPT + left * PMD_SIZE, 1, MAP_PRIVATE);
	return hw_reserve_once(u) ?: u->wrong;
}

/*
 * Do an operation at some of the instants of a trial.
 *
 * Return: false if the machine's books did not stand still at the others, or it could
 * not be done; else by how much each of these moved them, in @each.
 */
static bool hw_trial(struct hw_turn *u, long *each)
{
	struct super_block *sb = u->st->mnt->mnt_sb;
	long before = vt_huge_reserved(sb), now;
	unsigned int i, left = HW_TRIAL_DONE;
	u64 begun, ns = HW_IDLE_NS;
	bool does;

	for (i = HW_TRIAL_LEN; i; i--, before = now) {
		does = vt_rnd_below(&u->t->rnd, i) < left;
		begun = ktime_get_ns();
		if (does && hw_trial_once(u, left))
			return false;
		if (does)
			ns = clamp_t(u64, ktime_get_ns() - begun, HW_IDLE_NS, HW_IDLE_MOST);
		else
			hw_reserve_spin(ns);
		now = vt_huge_reserved(sb);
		if (does && left-- == HW_TRIAL_DONE)
			*each = now - before;
		else if (now - before != (does ? *each : 0))
			return false;
		cond_resched();
	}
	return true;
}

/**
 * hw_reserve_trial() - judge the machine's books
 * @t: thread
 * @st: all of it
 *
 * Context: no mm is in use, and no round is on its way; may sleep.
 */
void hw_reserve_trial(struct vt_thread *t, struct hw_state *st)
{
	struct hw_turn u = {
		.t = t, .st = st, .file = st->reserve.other.file,
		.op = hw_reserve_draw(&t->rnd, HW_TRIAL_OPS & ~st->reserve.leaky),
		.nr = 1, .busted = hw_busted_turn(t, BIT(HW_RESERVE)),
	};
	struct vt_huge_pool pool;
	bool sure = false;
	long each = 0;

	if (u.op == HW_RESERVE_NR_OPS)
		return;
	/* What one piece of two leaves is a page, too. */
	if (u.op == HW_RESERVE_SPLIT)
		u.nr++;
	vt_huge_pool(st->mnt->mnt_sb, &pool);
	if (pool.free >= HW_TRIAL_FREE) {
		kthread_use_mm(st->reserve.race.splitter);
		hw_reserve_did(&u);
		sure = hw_trial(&u, &each);
		vt_did_end(&t->did, sure ? 0 : -EAGAIN);
		if (u.busted)
			vm_munmap(HW_KEPT, (HW_TRIAL_DONE + 1) * PMD_SIZE);
		kthread_unuse_mm(st->reserve.race.splitter);
	}
	vt_look_own(st->run, HW_RESERVE, sure);
	if (!sure || !each) {
		vt_count(st->run, sure ? HW_C_RESERVES_EVEN : HW_C_RESERVES_UNSURE, 1);
		return;
	}
	if (!u.busted)
		st->reserve.leaky |= BIT(u.op);
	vt_race(st->run, HW_RESERVE, st->reserve.race.splitter, HW_BASE, each,
		HW_TRIAL_DONE,
		"%s: each of %d left %ld more huge pages reserved on the machine, and nothing else did",
		vt_draw_name(&hw_tables[HW_T_RESERVE], u.op), HW_TRIAL_DONE, each);
}

