// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, writers: which change is next, and to whom; and what this kernel
 * cannot have.
 */
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat_hugetlb.h"
#include "hugetlb_walk.h"
#include "symbols.h"

/**
 * hw_op_possible() - can a writer do this on this kernel?
 * @op: operation
 *
 * Context: any.
 */
bool hw_op_possible(enum hw_op op)
{
	switch (op) {
	case HW_MPROTECT_PART:
	case HW_MPROTECT:
	case HW_WIDE_PROTECT:
		return vt_has(sys_mprotect);
	case HW_MREMAP:
	case HW_MOVE:
		return vt_has(sys_mremap);
	case HW_MADVISE:
	case HW_DONTNEED:
		return vt_has(sys_madvise);
	case HW_FORK:
		return vt_has(kernel_clone) && vt_has(do_exit) && vt_has(kernel_wait);
	default:
		return true;
	}
}

/**
 * hw_some_op() - is there an operation for writers?
 *
 * Context: any.
 * Return: false if "ops" leaves none that this kernel has.
 */
bool hw_some_op(void)
{
	enum hw_op op;

	for (op = 0; op < HW_NR_OPS; op++)
		if (vt_drawn(&hw_tables[HW_T_OP], op) && hw_op_possible(op))
			return true;
	return false;
}

/**
 * hw_probe_trials() - what of the coverage list this kernel cannot have
 * @run: run
 * @free: huge pages that are free on this machine
 *
 * Context: as ->probe.
 */
void hw_probe_trials(struct vt_run *run, long free)
{
	unsigned int op;

	for (op = 0; op < HW_NR_OPS; op++)
		if (!hw_op_possible(op))
			vt_trial_absent(run, HW_V_OP, op,
					"its system call cannot be found");
		else if (hw_wide_op(op) && free < HW_WIDE_LEAST)
			vt_trial_absent(run, HW_V_OP, op, "too few free huge pages");
	if (!vt_has(lock_vma_under_rcu))
		vt_trial_absent(run, HW_V_WAY, HW_BY_PER_VMA,
				"this kernel has no function lock_vma_under_rcu");
	if (!vt_rmap_known()) {
		vt_trial_absent(run, HW_V_WAY, HW_BY_I_MMAP,
				"the file's VMAs cannot be told");
		vt_trial_absent(run, HW_V_DIRECTED, 0, "the file's VMAs cannot be told");
	}
	if (!vt_has(sys_mincore))
		vt_trial_absent(run, HW_V_WAY, HW_BY_MINCORE,
				"its system call cannot be found");
	if (!vt_has(walk_page_range))
		vt_trial_absent(run, HW_V_WAY, HW_BY_PAGEWALK,
				"this kernel has no function walk_page_range");
	if (!hw_some_directed_op())
		vt_trial_absent(run, HW_V_DIRECTED, 0,
				"ops= leaves no operation that this kernel has");
	/* One CPU runs one of the two at a time. */
	if (num_online_cpus() == 1)
		vt_trial_absent(run, HW_V_DIRECTED, 0, "there is one CPU");
}

/* HW_NR_OPS if there is none. */
static enum hw_op hw_draw(struct hw_writer *w)
{
	const struct vt_draw *ops = &hw_tables[HW_T_OP];
	struct vt_rnd *rnd = &w->t->rnd;
	enum hw_op op;

	/* Busted: mostly make the changes that the unlocked walkers wait for. */
	if (w->t->run->busted & (HW_UNLOCKED_KINDS | BIT(HW_STALE_TLB)) &&
	    vt_drawn(ops, HW_PUNCH) && vt_drawn(ops, HW_PURGE) &&
	    !vt_rnd_one_in(rnd, 4))
		return vt_rnd_one_in(rnd, 2) ? HW_PUNCH : HW_PURGE;
	if (!hw_some_op())
		return HW_NR_OPS;
	do {
		op = vt_draw(rnd, ops);
	} while (!hw_op_possible(op));
	if (hw_wide_op(op) && !w->st->wide.mm)
		return HW_NR_OPS;
	return op;
}

static void hw_did_begin(struct hw_writer *w, enum hw_op op)
{
	vt_did_begin(&w->t->did, vt_draw_name(&hw_tables[HW_T_OP], op), HW_BASE,
		     HW_BASE + HW_PAGES * PMD_SIZE);
}

static void hw_write_once(struct hw_writer *w)
{
	struct hw_state *st = w->st;
	struct hw_slot *slot = &st->slots[vt_rnd_below(&w->t->rnd,
						       st->nr_slots)];
	enum hw_op op = hw_draw(w);

	/* The race alone is to be at work. */
	if (op == HW_NR_OPS) {
		schedule_timeout_idle(1);
		return;
	}
	vt_count(st->run, HW_C_OPS + op, 1);
	vt_try(st->run, HW_V_OP, op);
	vt_op(st->run);
	if (op == HW_PURGE) {
		hw_did_begin(w, op);
		hw_purge(w);
		vt_did_end(&w->t->did, VT_DID_STEPS);
		return;
	}
	if (hw_wide_op(op)) {
		hw_did_begin(w, op);
		hw_wide(w, op);
		vt_did_end(&w->t->did, VT_DID_STEPS);
		return;
	}
	mutex_lock(&slot->lock);
	hw_did_begin(w, op);
	if (op == HW_PUNCH || op == HW_TRUNCATE)
		hw_shrink(w, op);
	if (op == HW_MOVE)
		hw_move_offset(st, slot);
	else if (op == HW_FORK)
		hw_fork(w, slot);
	else
		hw_change(w, slot, op);
	vt_did_end(&w->t->did, VT_DID_STEPS);
	mutex_unlock(&slot->lock);
}

/**
 * hw_writer() - main function of a writer
 * @t: thread; its argument is the struct hw_state
 *
 * Context: kthread.
 * Return: 0 or an errno.
 */
int hw_writer(struct vt_thread *t)
{
	struct hw_writer *w = kzalloc(sizeof(*w), GFP_KERNEL);
	unsigned int i;

	if (!w)
		return -ENOMEM;
	w->t = t;
	w->st = t->arg;
	while (vt_go(t)) {
		hw_write_once(w);
		if (hw_busted_turn(t, BIT(HW_SHARE_COUNT) | BIT(HW_SPLIT_SHARED) |
				      BIT(HW_WRITABLE) | BIT(HW_LOCK_OWNER)))
			hw_plant(w->st);
	}
	for (i = 0; i < HW_RING; i++)
		if (w->ring[i])
			__free_page(w->ring[i]);
	kfree(w);
	return 0;
}
