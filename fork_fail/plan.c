// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plans: by what the next fork shall fail, at which VMA, and how that is undone
 * when the fork is over.
 */
#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "compat_fork.h"
#include "fork_fail.h"

/**
 * ff_nth() - the n-th VMA that fork copies
 * @p: parent
 * @i: entry from which on they are counted
 * @n: which, from 0
 *
 * Return: its entry, or @p->nr.
 */
unsigned int ff_nth(const struct ff_parent *p, unsigned int i, unsigned int n)
{
	for (; i < p->nr; i++)
		if (ff_copied(&p->snap[i]) && !n--)
			break;
	return i;
}

/* Where an entry comes in a fork. */
static enum ff_pos ff_position(const struct ff_parent *p, unsigned int i)
{
	if (i == ff_nth(p, 0, 0))
		return FF_FIRST;
	return ff_nth(p, i + 1, 0) == p->nr ? FF_LAST : FF_MIDDLE;
}

/* An entry that fork copies: the first, the last or any other; or p->nr. */
static unsigned int ff_draw_entry(const struct ff_parent *p, struct vt_rnd *rnd)
{
	unsigned int i, n = 0;

	for (i = 0; i < p->nr; i++)
		n += ff_copied(&p->snap[i]);
	switch (n ? vt_rnd_below(rnd, 3) : 3) {
	case 0:
		return ff_nth(p, 0, 0);
	case 1:
		return ff_nth(p, 0, n - 1);
	case 2:
		return ff_nth(p, 0, vt_rnd_below(rnd, n));
	default:
		return p->nr;
	}
}

/**
 * ff_arm() - let forks come upon a VMA that is too large to account, or not
 * @p: parent
 * @pos: which
 * @armed: they shall come upon it
 *
 * Context: the forker's, which uses the parent's mm.
 * Return: false if that failed.
 */
bool ff_arm(struct ff_parent *p, enum ff_pos pos, bool armed)
{
	unsigned int i;

	if (vt_syscall(sys_madvise, p->big[pos], 2 * p->st->big,
		       armed ? MADV_DOFORK : MADV_DONTFORK))
		return false;
	for (i = 0; i < p->nr; i++)
		if (p->snap[i].start == p->big[pos])
			break;
	if (i == p->nr)
		return false;
	if (armed)
		p->snap[i].flags &= ~VM_DONTCOPY;
	else
		p->snap[i].flags |= VM_DONTCOPY;
	return true;
}

static bool ff_plan_account(struct ff_parent *p, struct vt_rnd *rnd,
			    struct ff_plan *plan)
{
	unsigned int i, pos = vt_rnd_below(rnd, FF_LAST + 1);

	for (i = 0; i <= FF_LAST; i++, pos = (pos + 1) % (FF_LAST + 1))
		if (p->big[pos])
			break;
	if (!p->big[pos] || !ff_arm(p, pos, true))
		return false;
	for (i = 0; p->snap[i].start != p->big[pos]; i++)
		;
	p->armed = BIT(pos);
	plan->pos = ff_position(p, i);
	plan->addr = p->big[pos];
	return true;
}

static bool ff_plan_signal(struct ff_parent *p, struct vt_rnd *rnd,
			   struct ff_plan *plan)
{
	unsigned int i, n, next;

	if (p->st->probe[FF_P_BEGIN].on && vt_rnd_one_in(rnd, 4)) {
		next = ff_nth(p, 0, 0);
		p->kill_early = true;
	} else {
		/* Any of the file's VMAs: the first behind a random place. */
		n = vt_rnd_below(rnd, p->nr);
		for (i = 0; i < p->nr; i++, n = (n + 1) % p->nr)
			if (p->snap[n].file == p->file && ff_copied(&p->snap[n]))
				break;
		if (i == p->nr)
			return false;
		p->kill_at = p->snap[n].start;
		next = ff_nth(p, n + 1, 0);
	}
	plan->addr = p->kill_at;
	plan->pos = next == p->nr ? FF_AFTER : ff_position(p, next);
	if (next < p->nr && vt_fork_kill_needs_reader() &&
	    vt_has(lock_vma_under_rcu)) {
		/* Killed before it waits, or by the mixer while it does. */
		p->kill_asleep = vt_rnd_one_in(rnd, 2);
		if (p->kill_asleep) {
			p->kill_early = false;
			p->kill_at = 0;
		}
		ff_have_held(p, p->snap[next].start);
	}
	return true;
}

/**
 * ff_refuse_at() - have the next fork refused a function, for one VMA
 * @p: parent
 * @way: whose function
 * @i: the VMA's entry
 *
 * Context: the forker's.
 * Return: false if fork does not call it for that VMA.
 */
bool ff_refuse_at(struct ff_parent *p, enum ff_way way, unsigned int i)
{
	if (BIT(way) & FF_NOT_WIPED && p->snap[i].flags & VM_WIPEONFORK)
		return false;
	if (way == FF_TABLE && p->snap[i].start != p->wide)
		return false;
	p->refuse = way;
	p->refuse_at = p->snap[i].start;
	return true;
}

/**
 * ff_wide_entry() - the VMA that has pages in two page tables
 * @p: parent
 *
 * Return: its entry, or @p->nr.
 */
unsigned int ff_wide_entry(const struct ff_parent *p)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++)
		if (p->wide && p->snap[i].start == p->wide)
			break;
	return i;
}

static bool ff_plan_refuse(struct ff_parent *p, struct vt_rnd *rnd,
			   struct ff_plan *plan)
{
	unsigned int i;

	if (plan->way == FF_COPY && p->st->probe[FF_P_ARCH].on &&
	    vt_rnd_one_in(rnd, 4)) {
		p->refuse_arch = true;
		plan->pos = FF_AFTER;
		return true;
	}
	if (plan->way == FF_TREE) {
		/* Before any VMA is. */
		p->refuse = FF_TREE;
		plan->pos = FF_FIRST;
		return true;
	}
	i = plan->way == FF_TABLE ? ff_wide_entry(p) : ff_draw_entry(p, rnd);
	if (i == p->nr)
		return false;
	plan->addr = p->snap[i].start;
	plan->pos = ff_position(p, i);
	return ff_refuse_at(p, plan->way, i);
}

/**
 * ff_plan_clear() - let the next fork be an ordinary one
 * @p: parent
 *
 * Context: the forker's.
 */
void ff_plan_clear(struct ff_parent *p)
{
	p->hand = false;
	p->early = false;
	p->deaf = false;
	p->kill_early = false;
	p->kill_at = 0;
	p->kill_asleep = false;
	p->refuse = FF_NR_WAYS;
	p->refuse_at = 0;
	p->copying = 0;
	p->refuse_arch = false;
}

/* Have the next fork fail by @plan->way. Returns false if that cannot be had here. */
static bool ff_plan_way(struct ff_parent *p, struct vt_rnd *rnd,
			struct ff_plan *plan)
{
	if (!(p->st->ways & BIT(plan->way)))
		return false;
	switch (plan->way) {
	case FF_ACCOUNT:
		return ff_plan_account(p, rnd, plan);
	case FF_SIGNAL:
		return ff_plan_signal(p, rnd, plan);
	case FF_INJECT:
		plan->pos = FF_MIDDLE;
		return vt_fail_nth(1 + vt_rnd_below(rnd, 20 + 8 * p->nr));
	default:
		return ff_plan_refuse(p, rnd, plan);
	}
}

/**
 * ff_plan() - choose what shall happen to the next fork, and see to it
 * @p: parent
 * @rnd: random stream
 * @plan: set to what was chosen
 *
 * A way that cannot be had, here or in this parent, is drawn again.
 *
 * Context: the forker's, which uses the parent's mm; may sleep.
 */
void ff_plan(struct ff_parent *p, struct vt_rnd *rnd,
	     struct ff_plan *plan)
{
	unsigned int draws;

	for (draws = 0; draws < FF_DRAWS; draws++) {
		ff_plan_clear(p);
		*plan = (struct ff_plan){
			.way = vt_draw(rnd, &ff_tables[FF_T_WAY]),
		};
		if (plan->way == FF_NR_WAYS || ff_plan_way(p, rnd, plan))
			break;
	}
	if (draws == FF_DRAWS) {
		ff_plan_clear(p);
		plan->way = FF_NR_WAYS;
	}
	p->hand = !vt_rnd_one_in(rnd, 4);
	p->early = p->st->probe[FF_P_BEGIN].on && vt_rnd_one_in(rnd, 2);
}

/**
 * ff_plan_burst() - have forks of a parent fail at its last VMA
 * @p: parent
 * @plan: set to how
 *
 * Context: the forker's, which uses the parent's mm.
 * Return: false if nothing makes them fail here.
 */
bool ff_plan_burst(struct ff_parent *p, struct ff_plan *plan)
{
	unsigned int i;

	ff_plan_clear(p);
	*plan = (struct ff_plan){ .way = FF_NR_WAYS, .pos = FF_LAST };
	if (p->st->ways & BIT(FF_ACCOUNT) && p->big[FF_LAST] &&
	    ff_arm(p, FF_LAST, true)) {
		plan->way = FF_ACCOUNT;
		plan->addr = p->big[FF_LAST];
		p->armed = BIT(FF_LAST);
		return true;
	}
	for (i = p->nr; i-- > 1;)
		if (ff_copied(&p->snap[i]) &&
		    !(p->snap[i].flags & VM_WIPEONFORK))
			break;
	plan->addr = p->snap[i].start;
	if (p->st->ways & BIT(FF_DUP))
		plan->way = FF_DUP;
	else if (p->st->ways & BIT(FF_COPY))
		plan->way = FF_COPY;
	if (plan->way < FF_NR_WAYS)
		ff_refuse_at(p, plan->way, i);
	return plan->way < FF_NR_WAYS;
}

/**
 * ff_plan_end() - take back what a plan left behind
 * @p: parent
 * @plan: the plan
 *
 * Context: the forker's, which uses the parent's mm; the fork is over.
 */
void ff_plan_end(struct ff_parent *p, const struct ff_plan *plan)
{
	unsigned int pos;

	if (plan->way == FF_INJECT)
		vt_fail_nth(0);
	if (p->hold) {
		/* No signal of the mixer's may come behind this. */
		mutex_lock(&p->kill_lock);
		WRITE_ONCE(p->hold, 0);
		mutex_unlock(&p->kill_lock);
		wake_up_all(&p->wq);
	}
	if (plan->way == FF_SIGNAL)
		flush_signals(current);
	for (pos = 0; pos <= FF_LAST; pos++)
		if (p->armed & BIT(pos))
			ff_arm(p, pos, false);
	p->armed = 0;
}
