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

static bool hw_lab_possible(enum hw_lab_op op)
{
	switch (op) {
	case HW_LAB_MADVISE:
		return vt_has(sys_madvise);
	case HW_LAB_MPROTECT:
		return vt_has(sys_mprotect);
	case HW_LAB_MREMAP:
		return vt_has(sys_mremap);
	default:
		return true;
	}
}

/**
 * hw_some_lab_op() - is there something to do in the lab?
 *
 * Context: any.
 * Return: false if "ops" leaves nothing that this kernel has.
 */
bool hw_some_lab_op(void)
{
	enum hw_lab_op op;

	for (op = 0; op < HW_LAB_NR_OPS; op++)
		if (vt_drawn(&hw_tables[HW_T_LAB], op) && hw_lab_possible(op))
			return true;
	return false;
}

/* HW_LAB_NR_OPS if there is none. */
static enum hw_lab_op hw_lab_draw(struct vt_rnd *rnd)
{
	enum hw_lab_op op;

	if (vt_has(sys_madvise) &&
	    vt_draw(rnd, &hw_tables[HW_T_LAB_FIRST]) == HW_LAB_MADVISE)
		return HW_LAB_MADVISE;
	if (!hw_some_lab_op())
		return HW_LAB_NR_OPS;
	do {
		op = vt_draw(rnd, &hw_tables[HW_T_LAB]);
	} while (!hw_lab_possible(op));
	return op;
}

static long hw_lab_alter(struct hw_lab *lab, enum hw_lab_op op)
{
	unsigned long part = hw_addr(1);
	long ret = 0;

	switch (op) {
	case HW_LAB_MADVISE:
		ret = vt_syscall(sys_madvise, part, PMD_SIZE, MADV_DONTDUMP);
		break;
	case HW_LAB_PARTIAL:
		ret = vm_munmap(part, PMD_SIZE);
		break;
	case HW_LAB_MAP_FIXED:
		ret = hw_map(&lab->file, part, PMD_SIZE, MAP_NORESERVE);
		break;
	case HW_LAB_MPROTECT:
		ret = vt_syscall(sys_mprotect, part, PMD_SIZE, PROT_READ);
		break;
	case HW_LAB_MREMAP:
		ret = hw_move();
		break;
	case HW_LAB_MUNMAP:
		ret = vm_munmap(HW_BASE, PUD_SIZE);
		break;
	default:
		break;
	}
	return ret;
}

/* Both mapped whole, and the splitter alone with a table. */
static bool hw_lab_fresh(struct hw_lab *lab)
{
	int ret;

	if (!lab->splitter)
		lab->splitter = hw_mm_new(&lab->file, HW_BASE, PUD_SIZE,
					  MAP_NORESERVE);
	if (!lab->splitter)
		return false;
	kthread_use_mm(lab->joiner);
	ret = hw_map(&lab->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
	kthread_unuse_mm(lab->joiner);
	if (ret)
		return false;
	kthread_use_mm(lab->splitter);
	ret = hw_map(&lab->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
	kthread_unuse_mm(lab->splitter);
	return !ret && hw_fault(lab->splitter, HW_BASE);
}

/* Spin for as long as the directed race is at a step, but not for long. */
static bool hw_lab_past(struct hw_lab *lab, enum hw_lab_step step)
{
	u64 end = ktime_get_ns() + NSEC_PER_MSEC;

	while (atomic_read_acquire(&lab->step) == step) {
		if (ktime_get_ns() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/*
 * Return: the other one goes. It does so at this moment, unless there is but one
 * CPU, or the other CPUs have better things to do.
 */
static bool hw_lab_call(struct hw_lab *lab)
{
	atomic_set_release(&lab->step, HW_LAB_POSTED);
	wake_up_all(&lab->wait);
	if (!hw_lab_past(lab, HW_LAB_POSTED))
		wait_event_idle_timeout(lab->wait, atomic_read(&lab->step) !=
						   HW_LAB_POSTED, HZ / 100 + 1);
	if (atomic_cmpxchg(&lab->step, HW_LAB_POSTED, HW_LAB_IDLE) ==
	    HW_LAB_POSTED)
		return false;
	atomic_cmpxchg(&lab->step, HW_LAB_TAKEN, HW_LAB_GO);
	return true;
}

static void hw_lab_round(struct vt_thread *t, struct hw_state *st)
{
	enum hw_lab_op op = hw_lab_draw(&t->rnd);
	struct hw_lab *lab = &st->lab;
	struct mm_struct *mm;
	u64 from, to;
	u32 kinds;
	bool met;

	if (op == HW_LAB_NR_OPS)
		return;
	if (!hw_lab_fresh(lab)) {
		vt_count(t->run, HW_C_NO_PAGE, 1);
		return;
	}
	mm = lab->splitter;
	if (op != HW_LAB_EXIT)
		kthread_use_mm(mm);
	if (hw_lab_call(lab)) {
		from = ktime_get_ns();
		if (op == HW_LAB_EXIT) {
			lab->splitter = NULL;
			hw_mm_put(t->run, mm);
		} else if (hw_lab_alter(lab, op)) {
			vt_count(t->run, HW_C_FAILED, 1);
		}
		to = ktime_get_ns();
		wait_event_idle(lab->wait,
				atomic_read_acquire(&lab->step) == HW_LAB_DONE);
		if (op == HW_LAB_MADVISE)
			WRITE_ONCE(lab->took_ns, min_t(u64, to - from, 200000));
		met = lab->from_ns < to && lab->to_ns > from;
		vt_count(t->run, HW_C_DIRECTED, 1);
		vt_count(t->run, HW_C_OVERLAPPED, met);
		vt_tried(t->run, HW_V_LAB, 0, met);
		i_mmap_lock_write(lab->file.mapping);
		kinds = hw_census(t->run, &lab->file, 2, met);
		i_mmap_unlock_write(lab->file.mapping);
		/* Each round is a change of its own, looked at once. */
		if (met)
			vt_met_first(t->run, kinds);
	}
	if (op != HW_LAB_EXIT)
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
		hw_lab_round(t, t->arg);
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
	struct hw_lab *lab = &st->lab;

	sched_set_fifo_low(current);
	while (vt_go(t)) {
		u64 delay = vt_rnd_below(&t->rnd, READ_ONCE(lab->took_ns) + 1);

		wait_event_idle_timeout(lab->wait, kthread_should_stop() ||
			atomic_read(&lab->step) == HW_LAB_POSTED, HZ / 10);
		if (atomic_cmpxchg(&lab->step, HW_LAB_POSTED, HW_LAB_TAKEN) !=
		    HW_LAB_POSTED)
			continue;
		wake_up_all(&lab->wait);
		/* Whoever posted goes on at once, if it can. */
		hw_lab_past(lab, HW_LAB_TAKEN);
		lab->from_ns = ktime_get_ns();
		while (ktime_get_ns() - lab->from_ns < delay)
			cpu_relax();
		if (!hw_fault(lab->joiner, HW_BASE))
			vt_count(t->run, HW_C_NO_PAGE, 1);
		lab->to_ns = ktime_get_ns();
		vt_op(t->run);
		atomic_set_release(&lab->step, HW_LAB_DONE);
		wake_up_all(&lab->wait);
	}
	return 0;
}
