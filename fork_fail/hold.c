// SPDX-License-Identifier: GPL-2.0-only
/*
 * A directed race: where dup_mmap() heeds a fatal signal only while it waits for a
 * reader of a VMA, a mixer holds the VMA that the fork comes to next.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "compat_vma_lock.h"
#include "fork_fail.h"

/**
 * ff_have_held() - have the mixer hold a VMA, so that a fork has to wait for it
 * @p: parent
 * @addr: address of the VMA
 *
 * Context: the forker's; sleeps, for two ticks at most: the mixer may not come.
 */
void ff_have_held(struct ff_parent *p, unsigned long addr)
{
	WRITE_ONCE(p->hold, addr);
	wake_up_all(&p->wq);
	/* Pairs with the release in ff_mix_hold(). */
	wait_event_idle_timeout(p->wq, smp_load_acquire(&p->held) ||
				kthread_should_stop(), 2);
}

/*
 * SIGKILL for the forker while it waits for the reader of @vma that the caller is:
 * it then has to take back that it turns other readers away.
 */
static void ff_kill_asleep(struct ff_parent *p, struct vm_area_struct *vma,
			   unsigned long addr)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(10) + 1;
	struct task_struct *forker;

	while (!vt_vma_excludes(vma)) {
		if (READ_ONCE(p->hold) != addr || time_after(jiffies, deadline))
			return;
		usleep_range(20, 50);
	}
	/* From announcing itself to being asleep. */
	usleep_range(50, 200);
	mutex_lock(&p->kill_lock);
	forker = READ_ONCE(p->forker);
	if (READ_ONCE(p->hold) == addr && forker) {
		send_sig(SIGKILL, forker, 1);
		vt_count(p->st->run, FF_C_KILLED_ASLEEP, 1);
	}
	mutex_unlock(&p->kill_lock);
}

/**
 * ff_mix_hold() - hold a VMA as a fault would, if the forker asks for that
 * @p: parent
 * @mm: its mm
 *
 * Until the fork that has to wait for it is over.
 *
 * Context: a mixer's, which uses @mm; sleeps.
 */
void ff_mix_hold(struct ff_parent *p, struct mm_struct *mm)
{
	unsigned long addr = READ_ONCE(p->hold);
	struct vm_area_struct *vma;

	vma = addr ? vt_call(lock_vma_under_rcu)(mm, addr) : NULL;
	if (!vma)
		return;
	/* Pairs with the acquire in ff_have_held(). */
	smp_store_release(&p->held, true);
	wake_up_all(&p->wq);
	if (READ_ONCE(p->kill_asleep))
		ff_kill_asleep(p, vma, addr);
	wait_event_idle_timeout(p->wq, !READ_ONCE(p->hold) ||
				kthread_should_stop(),
				msecs_to_jiffies(10));
	WRITE_ONCE(p->held, false);
	vt_vma_end_read(vma);
}
