// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, readers: into which mm, and by which walk.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "compat_hugetlb.h"
#include "space.h"
#include "symbols.h"
#include "table.h"

static enum hw_way hw_way(struct vt_thread *t)
{
	enum hw_way way = vt_draw(&t->rnd, &hw_tables[HW_T_WAY]);

	if ((way == HW_BY_PER_VMA && !vt_has(lock_vma_under_rcu)) ||
	    (way == HW_BY_I_MMAP && !vt_rmap_known()) ||
	    (way == HW_BY_MINCORE && !vt_has(sys_mincore)) ||
	    (way == HW_BY_PAGEWALK && !vt_has(walk_page_range)))
		return HW_BY_VMA_LOCK;
	return way;
}

static void hw_walk_one(struct vt_thread *t, struct hw_state *st,
			const struct hw_visit *v)
{
	enum hw_way way = hw_way(t);

	vt_try(t->run, HW_V_WAY, way);
	switch (way) {
	case HW_BY_VMA_LOCK:
		hw_walk_vma_lock(t, st, v);
		break;
	case HW_BY_PER_VMA:
		hw_walk_per_vma(t, st, v);
		break;
	case HW_BY_I_MMAP:
		hw_walk_i_mmap(t, st, v);
		break;
	case HW_BY_IRQS_OFF:
		hw_walk_irqs_off(t, st, v);
		break;
	case HW_BY_FAULT:
		hw_walk_fault(t, v->mm);
		break;
	case HW_BY_PIN_FAST:
		hw_walk_pin(t, st, v, true);
		break;
	case HW_BY_PIN:
		hw_walk_pin(t, st, v, false);
		break;
	case HW_BY_MINCORE:
		hw_walk_mincore(t);
		break;
	case HW_BY_PAGEWALK:
		hw_walk_pagewalk(t, st, v);
		break;
	case HW_NR_WAYS:
		break;
	}
	vt_op(t->run);
}

static void hw_walk_batch(struct vt_thread *t, struct hw_state *st,
			  const struct hw_visit *v)
{
	unsigned long since = jiffies;
	unsigned int i;

	if (hw_busted_turn(t, HW_UNLOCKED_KINDS)) {
		hw_walk_unlocked(t, st, v);
		return;
	}
	if (hw_busted_turn(t, BIT(HW_STALE_TLB)) || vt_rnd_one_in(&t->rnd, 4)) {
		hw_walk_read(t, st, v);
		return;
	}
	if (hw_overhead(t, st, v))
		return;
	for (i = 0; i < HW_BATCH && !hw_enough(since); i++) {
		if (hw_forking(st) && vt_rmap_known())
			hw_watch_forks(t->run, st);
		hw_walk_one(t, st, v);
		cond_resched();
	}
	if (vt_rmap_known())
		hw_walk_census(t->run, st);
}

/* Return: false while the slot's mm is exchanged. */
static bool hw_visit(struct hw_visit *v, struct hw_slot *slot)
{
	v->slot = slot;
	v->mm = hw_slot_get(slot);
	if (!v->mm)
		return false;
	v->pudp = hw_pudp(v->mm, HW_BASE);
	kthread_use_mm(v->mm);
	return true;
}

/**
 * hw_reader() - main function of a reader
 * @t: thread; its argument is the struct hw_state
 *
 * Context: kthread.
 * Return: 0.
 */
int hw_reader(struct vt_thread *t)
{
	struct hw_state *st = t->arg;
	struct hw_visit v;

	while (vt_go(t)) {
		if (!hw_visit(&v, &st->slots[vt_rnd_below(&t->rnd,
							  st->nr_slots)]))
			continue;
		hw_walk_batch(t, st, &v);
		kthread_unuse_mm(v.mm);
		vt_mm_put(v.mm);
	}
	return 0;
}
