// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forks: the forker's thread, which plans a fork, forks, shows what is left of the
 * child to walkers, and has parent and child judged.
 */
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "fork_fail.h"
#include "space.h"
#include "trace.h"

/* In the child: it has its own copy of the parent's VMAs? */
static int ff_child(void *arg)
{
	struct ff_parent *p = arg;

	p->child_wrong = ff_compare(p, current->mm, &p->child_addr);
	return vt_child_end();
}

/* What it is counted as if it fails so: how and where. */
static const char *ff_fork_name(const struct vt_run *run, const struct ff_plan *plan)
{
	if (!plan || plan->way >= FF_NR_WAYS)
		return "fork";
	return run->sc->counters[FF_C_BY_WAY + plan->way * FF_NR_POS + plan->pos];
}

/**
 * ff_fork() - fork the parent
 * @p: parent
 * @plan: how it shall fail, or NULL; that is told with a race
 *
 * What comes of a child that gets to run is in @p->child_wrong; it is gone.
 *
 * Context: the forker's, which uses the parent's mm; sleeps.
 * Return: 0 or an errno.
 */
int ff_fork(struct ff_parent *p, const struct ff_plan *plan)
{
	struct vt_thread *t = vt_thread_of(current);
	pid_t pid;

	raw_spin_lock(&p->lock);
	p->copied = NULL;
	raw_spin_unlock(&p->lock);
	p->refused = false;
	p->began = false;
	p->child_wrong = NULL;
	/* Who walks the child from now on is not waited for. */
	WRITE_ONCE(p->walked, NULL);
	WRITE_ONCE(p->turns, p->turns + 1);
	wake_up_all(&p->wq);

	WRITE_ONCE(p->forker, current);
	if (t)
		vt_did_begin(&t->did, ff_fork_name(p->st->run, plan),
			     plan ? plan->addr : 0, 0);
	pid = vt_fork(ff_child, p);
	if (t)
		vt_did_end(&t->did, pid < 0 ? pid : 0);
	irq_work_sync(&p->kill);
	WRITE_ONCE(p->forker, NULL);
	raw_spin_lock(&p->lock);
	ff_adopt(p);
	raw_spin_unlock(&p->lock);
	if (pid < 0)
		return pid;
	vt_child_wait(pid);
	return 0;
}

/* Did the fork fail by what it was to fail by, as far as that can be known? */
static bool ff_as_planned(const struct ff_parent *p, const struct ff_plan *plan)
{
	if (plan->way < FF_NR_WAYS && BIT(plan->way) & FF_REFUSED)
		return p->refused;
	switch (plan->way) {
	case FF_ACCOUNT:
		/* There may be no memory for the task, or too many of them. */
		return p->began || !p->st->probe[FF_P_BEGIN].on;
	default:
		return plan->way < FF_NR_WAYS;
	}
}

static void ff_count_fork(struct ff_parent *p, const struct ff_plan *plan,
			  int err, u64 ns)
{
	struct vt_run *run = p->st->run;
	enum ff_pos pos = plan->pos;

	vt_try(run, FF_V_WAY, plan->way);
	if (plan->way < FF_NR_WAYS)
		vt_try(run, FF_V_POS, pos);
	else if (!err)
		vt_worked(run, FF_V_WAY, plan->way);
	if (!err) {
		vt_count(run, FF_C_OK, 1);
		if (plan->way < FF_NR_WAYS)
			vt_count(run, FF_C_SURVIVED, 1);
		return;
	}
	vt_count(run, FF_C_FAILED, 1);
	vt_hist(run, FF_H_FORK, ns);
	if (!ff_as_planned(p, plan)) {
		vt_count(run, FF_C_UNPLANNED, 1);
		return;
	}
	/* dup_mmap() that fails becomes -ENOMEM; this was seen later. */
	if (plan->way == FF_SIGNAL && err != -ENOMEM)
		pos = FF_AFTER;
	vt_count(run, FF_C_BY_WAY + plan->way * FF_NR_POS + pos, 1);
	vt_worked(run, FF_V_WAY, plan->way);
	/* Where it came to fail may be behind where it was to. */
	if (pos != plan->pos)
		vt_try(run, FF_V_POS, pos);
	vt_worked(run, FF_V_POS, pos);
	trace_fork_fail(p->mm, ff_ways[plan->way].name, ff_pos_names[pos],
			plan->addr, err);
}

/**
 * ff_judge_parent() - judge what a fork has left of the parent
 * @p: parent
 * @err: what the fork returned
 *
 * Context: takes the parent's mmap_lock.
 * Return: false if the parent cannot be used any more.
 */
bool ff_judge_parent(struct ff_parent *p, int err)
{
	unsigned long addr;
	const char *wrong = ff_compare(p, p->mm, &addr);

	if (wrong)
		vt_race(p->st->run, FF_PARENT, p->mm, addr, -err, p->nr,
			"parent after a fork that returned %d: %s", err, wrong);
	return !wrong;
}

/*
 * Fork once and judge what came of it. Returns false if the parent cannot be
 * used any more.
 */
static bool ff_once(struct vt_thread *t, struct ff_parent *p)
{
	struct vt_rnd *rnd = &t->rnd;
	struct vt_run *run = p->st->run;
	struct mm_struct *child;
	struct ff_plan plan;
	bool whole;
	u64 t0;
	int err;

	/* Each child needs a record: wait for old ones to end. */
	if (ff_settle(p) == FF_RECORDS) {
		schedule_timeout_idle(1);
		return true;
	}

	ff_plan(p, rnd, &plan);
	/*
	 * Not of a child that is to run: a CPU may idle in its mm for longer than
	 * anyone waits, and without ->close() only the last reference tells its end.
	 */
	p->deaf = vt_busted(run, FF_LEAK) && plan.way < FF_NR_WAYS &&
		  vt_rnd_one_in(rnd, 2);
	t0 = ktime_get_ns();
	err = ff_fork(p, &plan);
	ff_count_fork(p, &plan, err, ktime_get_ns() - t0);
	ff_plan_end(p, &plan);

	/* Where dup_mmap() takes down itself what it has copied. */
	if (err && p->refused && plan.way != FF_TREE && p->st->empties && p->child)
		ff_census(p, p->child, "the child of a failed fork");
	if (err && p->handed) {
		/*
		 * Else it may have failed behind dup_mmap(), with a whole tree, or
		 * before there was anything in its tree.
		 */
		WRITE_ONCE(p->dead, p->refused && plan.way != FF_TREE ?
			   p->handed : NULL);
		ff_show(p, p->handed);
		WRITE_ONCE(p->dead, NULL);
	}
	child = ff_unpublish(p, err);
	if (err && child && READ_ONCE(p->walked) == child)
		vt_count(run, FF_C_FAILED_WALKED, 1);
	ff_settle(p);

	if (err && vt_busted(run, FF_PARENT) && vt_rnd_one_in(rnd, 2))
		vm_munmap(p->snap[0].start, p->snap[0].end - p->snap[0].start);
	vt_look_own(run, FF_PARENT, err);
	ff_account_bust(p, err);
	whole = ff_judge_parent(p, err);
	if (p->child_wrong)
		vt_race(run, FF_PARENT, p->mm, p->child_addr, 0, p->nr,
			"child of the parent: %s", p->child_wrong);
	ff_account_fork(p, err);
	return whole;
}

static void ff_turn(struct vt_thread *t, struct ff_parent *p)
{
	struct vt_rnd *rnd = &t->rnd;

	if (p->mm) {
		ff_decoy(p, rnd);
		kthread_use_mm(p->mm);
	} else {
		if (ff_raise(p, rnd, ff_draw_size(rnd),
			     1 + vt_rnd_below(rnd, 7)))
			return;
		/* Those that take long get fewer. */
		p->forks = vt_rnd_below(rnd, 2 * FF_FORKS) / (1 + p->nr / 32);
		ff_show_parent(p, p->mm);
	}
	if (!ff_once(t, p) || !p->forks--)
		ff_drop(p);
	else
		kthread_unuse_mm(p->mm);
}

/**
 * ff_forker() - a forker's thread
 * @t: thread
 *
 * Return: 0.
 */
int ff_forker(struct vt_thread *t)
{
	struct ff_state *st = t->run->priv;
	unsigned int i = t->idx;

	allow_signal(SIGKILL);
	while (vt_go(t)) {
		if (!t->idx && time_after_eq(jiffies, st->burst_next))
			ff_account_burst(t, st);
		vt_quiet_read(t, &st->busy);
		ff_turn(t, &st->parents[i]);
		up_read(&st->busy);
		i += st->nr_forkers;
		if (i >= st->nr_parents)
			i = t->idx;
		vt_op(t->run);
	}
	for (i = t->idx; i < st->nr_parents; i += st->nr_forkers)
		ff_drop_unused(&st->parents[i]);
	return 0;
}
