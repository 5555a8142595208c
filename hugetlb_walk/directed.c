// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, the directed race: one mm alone has a table, and splits its VMA or
 * exits, at the moment at which another begins to share that table.
 */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "symbols.h"
#include "table.h"

static bool hw_directed_possible(enum hw_directed_op op)
{
	switch (op) {
	case HW_DIRECTED_MADVISE:
		return vt_has(sys_madvise);
	case HW_DIRECTED_MPROTECT:
		return vt_has(sys_mprotect);
	case HW_DIRECTED_MREMAP:
		return vt_has(sys_mremap);
	default:
		return true;
	}
}

/**
 * hw_some_directed_op() - is there something to do in the directed race?
 *
 * Context: any.
 * Return: false if "ops" leaves nothing that this kernel has.
 */
bool hw_some_directed_op(void)
{
	enum hw_directed_op op;

	for (op = 0; op < HW_DIRECTED_NR_OPS; op++)
		if (vt_drawn(&hw_tables[HW_T_DIRECTED], op) && hw_directed_possible(op))
			return true;
	return false;
}

/* HW_DIRECTED_NR_OPS if there is none. */
static enum hw_directed_op hw_directed_draw(struct vt_rnd *rnd)
{
	enum hw_directed_op op;

	if (vt_has(sys_madvise) &&
	    vt_draw(rnd, &hw_tables[HW_T_DIRECTED_FIRST]) == HW_DIRECTED_MADVISE)
		return HW_DIRECTED_MADVISE;
	if (!hw_some_directed_op())
		return HW_DIRECTED_NR_OPS;
	do {
		op = vt_draw(rnd, &hw_tables[HW_T_DIRECTED]);
	} while (!hw_directed_possible(op));
	return op;
}

static long hw_directed_alter(struct vt_run *run, struct hw_directed *race,
			      enum hw_directed_op op)
{
	unsigned long part = hw_addr(1);
	long ret = 0;

	switch (op) {
	case HW_DIRECTED_MADVISE:
		ret = vt_syscall(sys_madvise, part, PMD_SIZE, MADV_DONTDUMP);
		break;
	case HW_DIRECTED_PARTIAL:
		ret = vm_munmap(part, PMD_SIZE);
		break;
	case HW_DIRECTED_MAP_FIXED:
		ret = hw_map(&race->file, part, PMD_SIZE, MAP_NORESERVE);
		break;
	case HW_DIRECTED_MPROTECT:
		ret = vt_syscall(sys_mprotect, part, PMD_SIZE, PROT_READ);
		break;
	case HW_DIRECTED_MREMAP:
		ret = hw_move(run);
		break;
	case HW_DIRECTED_MUNMAP:
		ret = vm_munmap(HW_BASE, PUD_SIZE);
		break;
	default:
		break;
	}
	return ret;
}

/* Both mapped whole, and the splitter alone with a table. */
static bool hw_directed_fresh(struct hw_directed *race)
{
	int ret;

	if (!race->splitter)
		race->splitter = hw_mm_new(&race->file, HW_BASE, PUD_SIZE,
					  MAP_NORESERVE);
	if (!race->splitter)
		return false;
	kthread_use_mm(race->joiner);
	ret = hw_map(&race->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
	kthread_unuse_mm(race->joiner);
	if (ret)
		return false;
	kthread_use_mm(race->splitter);
	ret = hw_map(&race->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
	kthread_unuse_mm(race->splitter);
	return !ret && hw_fault(race->splitter, HW_BASE);
}

/**
 * hw_directed_past() - spin for as long as a directed race is at a step, but not
 *	for long
 * @race: the race
 * @step: the step
 *
 * Context: any.
 * Return: it is past it.
 */
bool hw_directed_past(struct hw_directed *race, enum hw_directed_step step)
{
	u64 end = ktime_get_ns() + NSEC_PER_MSEC;

	while (atomic_read_acquire(&race->step) == step) {
		if (ktime_get_ns() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/**
 * hw_directed_call() - call the other one of a directed race
 * @race: the race
 *
 * It goes at this moment, unless there is but one CPU, or the other CPUs have
 * better things to do.
 *
 * Context: may sleep.
 * Return: the other one goes.
 */
bool hw_directed_call(struct hw_directed *race)
{
	atomic_set_release(&race->step, HW_DIRECTED_POSTED);
	wake_up_all(&race->wait);
	if (!hw_directed_past(race, HW_DIRECTED_POSTED))
		wait_event_idle_timeout(race->wait, atomic_read(&race->step) !=
						   HW_DIRECTED_POSTED, HZ / 100 + 1);
	if (atomic_cmpxchg(&race->step, HW_DIRECTED_POSTED, HW_DIRECTED_IDLE) ==
	    HW_DIRECTED_POSTED)
		return false;
	atomic_cmpxchg(&race->step, HW_DIRECTED_TAKEN, HW_DIRECTED_GO);
	return true;
}

static void hw_directed_round(struct vt_thread *t, struct hw_state *st)
{
	enum hw_directed_op op = hw_directed_draw(&t->rnd);
	struct hw_directed *race = &st->race;
	struct mm_struct *mm;
	u64 from, to;
	u32 kinds;
	bool met;

	if (op == HW_DIRECTED_NR_OPS)
		return;
	if (!hw_directed_fresh(race)) {
		hw_no_page(t->run);
		return;
	}
	mm = race->splitter;
	if (op != HW_DIRECTED_EXIT)
		kthread_use_mm(mm);
	if (hw_directed_call(race)) {
		from = ktime_get_ns();
		if (op == HW_DIRECTED_EXIT) {
			race->splitter = NULL;
			hw_mm_put(t->run, mm);
		} else if (hw_directed_alter(t->run, race, op)) {
			vt_count(t->run, HW_C_FAILED, 1);
		}
		to = ktime_get_ns();
		wait_event_idle(race->wait,
				atomic_read_acquire(&race->step) == HW_DIRECTED_DONE);
		if (op == HW_DIRECTED_MADVISE)
			WRITE_ONCE(race->took_ns, min_t(u64, to - from, 200000));
		met = race->from_ns < to && race->to_ns > from;
		vt_count(t->run, HW_C_DIRECTED, 1);
		vt_count(t->run, HW_C_OVERLAPPED, met);
		vt_tried(t->run, HW_V_DIRECTED, 0, met);
		i_mmap_lock_write(race->file.mapping);
		kinds = hw_census(t->run, &race->file, 2, met);
		i_mmap_unlock_write(race->file.mapping);
		/* Each round is a change of its own, looked at once. */
		if (met)
			vt_met_first(t->run, kinds);
	}
	if (op != HW_DIRECTED_EXIT)
		kthread_unuse_mm(mm);
	vt_op(t->run);
}

/**
 * hw_splitter() - main function of who splits a VMA, or exits
 * @t: thread; its argument is the struct hw_state
 *
 * The two of them have to meet: they do not queue for a CPU, but rest instead.
 *
 * Context: kthread.
 * Return: 0.
 */
int hw_splitter(struct vt_thread *t)
{
	sched_set_fifo_low(current);
	while (vt_go(t)) {
		hw_directed_round(t, t->arg);
		schedule_timeout_idle(1);
	}
	return 0;
}

/**
 * hw_joiner() - main function of who begins to share meanwhile
 * @t: thread; its argument is the struct hw_state
 *
 * Context: kthread.
 * Return: 0.
 */
int hw_joiner(struct vt_thread *t)
{
	struct hw_state *st = t->arg;
	struct hw_directed *race = &st->race;

	sched_set_fifo_low(current);
	while (vt_go(t)) {
		u64 delay = vt_rnd_below(&t->rnd, READ_ONCE(race->took_ns) + 1);

		wait_event_idle_timeout(race->wait, kthread_should_stop() ||
			atomic_read(&race->step) == HW_DIRECTED_POSTED, HZ / 10);
		if (atomic_cmpxchg(&race->step, HW_DIRECTED_POSTED, HW_DIRECTED_TAKEN) !=
		    HW_DIRECTED_POSTED)
			continue;
		wake_up_all(&race->wait);
		/* Whoever posted goes on at once, if it can. */
		hw_directed_past(race, HW_DIRECTED_TAKEN);
		race->from_ns = ktime_get_ns();
		while (ktime_get_ns() - race->from_ns < delay)
			cpu_relax();
		if (!hw_fault(race->joiner, HW_BASE))
			hw_no_page(t->run);
		race->to_ns = ktime_get_ns();
		vt_op(t->run);
		atomic_set_release(&race->step, HW_DIRECTED_DONE);
		wake_up_all(&race->wait);
	}
	return 0;
}
