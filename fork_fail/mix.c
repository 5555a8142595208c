// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mixers: what else goes on in a parent.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "fork_fail.h"

static bool ff_mix_churn(struct vt_thread *t, struct ff_parent *p,
			 unsigned long churn)
{
	unsigned int first = vt_rnd_below(&t->rnd, FF_CHURN_PAGES);
	unsigned int pages = 1 + vt_rnd_below(&t->rnd, FF_CHURN_PAGES - first);
	unsigned long addr = churn + first * PAGE_SIZE;
	bool done;
	static const enum ff_type types[] = { FF_ANON, FF_FILE, FF_SHMEM };

	/* Not enough memory, or too many VMAs: another time. */
	done = !ff_map_one(p, types[vt_rnd_below(&t->rnd, ARRAY_SIZE(types))], addr,
		   pages, vt_rnd_one_in(&t->rnd, 2));
	vt_count(t->run, FF_C_CHURNED, 1);
	return done;
}

/* Write into some of the VMAs, so that there are pages for fork to share. */
static void ff_mix_touch(struct vt_thread *t, struct mm_struct *mm)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;
	unsigned long at[8];
	unsigned int i, n = 0, skip;

	mmap_read_lock(mm);
	skip = vt_rnd_below(&t->rnd, mm->map_count + 1);
	mas_for_each(&mas, vma, ULONG_MAX) {
		if (skip && skip--)
			continue;
		at[n++] = vma->vm_start;
		if (n == ARRAY_SIZE(at))
			break;
	}
	mmap_read_unlock(mm);

	/* Some of them cannot be written, and say so. */
	for (i = 0; i < n; i++)
		(void)put_user(i, (u32 __user *)at[i]);
}

/**
 * ff_mixer() - a mixer's thread
 * @t: thread; its argument is the parent
 *
 * Return: 0.
 */
int ff_mixer(struct vt_thread *t)
{
	struct ff_parent *p = t->arg;
	unsigned int turn = 0, ops = 0;

	while (vt_go(t)) {
		struct ff_seen seen = {};
		struct mm_struct *mm;
		unsigned long churn;
		enum ff_mix mix;
		bool done;

		/* Some for each fork, and not while nothing is forked. */
		if (ops++ == FF_MIX_OPS) {
			wait_event_idle_timeout(p->wq,
						READ_ONCE(p->turns) != turn ||
						READ_ONCE(p->hold) ||
						kthread_should_stop(), HZ / 20);
			turn = READ_ONCE(p->turns);
			ops = 0;
		}
		vt_quiet_read(t, &p->st->busy);
		mm = ff_get_parent(p, &churn);
		if (!mm) {
			up_read(&p->st->busy);
			continue;
		}
		kthread_use_mm(mm);
		ff_mix_hold(p, mm);
		mix = vt_draw(&t->rnd, &ff_tables[FF_T_MIX]);
		done = true;
		switch (mix) {
		case FF_MIX_CHURN:
			done = churn && ff_mix_churn(t, p, churn);
			break;
		case FF_MIX_ZAP:
			/* As truncation does, in children too. */
			unmap_mapping_range(p->shmem->f_mapping, 0, 0, 1);
			vt_count(t->run, FF_C_ZAPS, 1);
			break;
		case FF_MIX_SCAN:
			mmap_read_lock(mm);
			ff_scan(mm, &seen);
			mmap_read_unlock(mm);
			break;
		case FF_MIX_TOUCH:
			ff_mix_touch(t, mm);
			break;
		case FF_NR_MIXES:
			break;
		}
		vt_tried(t->run, FF_V_MIX, mix, done);
		kthread_unuse_mm(mm);
		mmput(mm);
		up_read(&p->st->busy);
		vt_op(t->run);
	}
	return 0;
}
