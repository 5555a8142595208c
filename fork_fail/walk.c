// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks: what swapoff and others do, and what they must not find.
 *
 * Judges: "xa_zero", "foreign_vma", "unmarked", and "after_failure" by what is left
 * in the tree. Walkers find a child where the
 * forker has shown it or through a file's tree of mappings, take a reference and
 * mmap_lock as swapoff, the OOM reaper and uprobes do, and look at every entry of
 * its tree.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/mm.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "compat_fork.h"
#include "compat_rmap.h"
#include "fork_fail.h"

/**
 * ff_scan() - look at every entry of an mm's tree
 * @mm: mm
 * @seen: what is found is added here
 *
 * Context: mmap_lock held.
 */
void ff_scan(struct mm_struct *mm, struct ff_seen *seen)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	mas_for_each(&mas, vma, ULONG_MAX) {
		struct mm_struct *owner = NULL;

		seen->entries++;
		if (xa_is_zero(vma)) {
			if (!seen->zero++)
				seen->zero_at = mas.index;
			continue;
		}
		/* A foreign VMA may be freed memory: read vm_mm so that it may fault. */
		if (copy_from_kernel_nofault(&owner, &vma->vm_mm, sizeof(owner)))
			owner = NULL;
		if (owner == mm)
			continue;
		if (!seen->foreign++) {
			seen->foreign_at = mas.index;
			seen->owner = owner;
		}
	}
}

/* The fork that this child comes from was met, by these kinds. */
static void ff_met(struct ff_parent *p, struct mm_struct *mm,
		   struct ff_seen *seen, u32 kinds)
{
	unsigned long key = (unsigned long)mm;

	if (seen->dead && vt_flight_exposed_in(&p->flight, &seen->look, key, key))
		vt_met(p->st->run, kinds, &p->flight, &seen->look);
}

/* Where the kernel takes down itself what a failed fork has copied. */
static void ff_judge_remains(struct ff_parent *p, struct mm_struct *mm,
			     const struct ff_seen *seen)
{
	struct vt_run *run = p->st->run;

	/* The decoys of busted flavours have VMAs, and lack other marks. */
	if (!p->st->empties || run->busted & FF_DECOYS)
		return;
	vt_look(run, FF_REMAINS, true);
	/* XA_ZERO_ENTRY and the VMAs of others have oracles of their own. */
	if (seen->entries > seen->zero + seen->foreign)
		vt_race(run, FF_REMAINS, mm, 0, seen->entries, seen->foreign,
			"fork failed, and %u entries are left in the tree",
			seen->entries);
	if (!seen->skip && seen->unstable)
		vt_race(run, FF_REMAINS, mm, 0, seen->entries, 0,
			"fork failed, and MMF_OOM_SKIP is not set");
}

static void ff_judge(struct ff_parent *p, struct mm_struct *mm,
		     struct ff_seen *seen, bool user)
{
	bool marked = user && seen->dead && seen->copied && p->st->marks;
	struct vt_run *run = p->st->run;

	ff_met(p, mm, seen, BIT(FF_XA_ZERO) | BIT(FF_FOREIGN) |
			    (marked ? BIT(FF_UNMARKED) : 0));

	vt_count(run, FF_C_WALKS, 1);
	if (seen->dead) {
		vt_count(run, FF_C_AFTER, 1);
		if (!seen->entries)
			vt_count(run, FF_C_EMPTY, 1);
	}
	if (seen->unstable)
		vt_count(run, FF_C_UNSTABLE, 1);

	vt_look(run, FF_XA_ZERO, seen->dead);
	if (seen->zero)
		vt_race(run, FF_XA_ZERO, mm, seen->zero_at, seen->zero,
			seen->entries,
			"%u of %u entries are XA_ZERO_ENTRY, mm %s unstable",
			seen->zero, seen->entries,
			seen->unstable ? "marked" : "not marked");

	vt_look(run, FF_FOREIGN, seen->dead);
	if (seen->foreign)
		vt_race(run, FF_FOREIGN, mm, seen->foreign_at,
			(unsigned long)seen->owner, seen->foreign,
			"%u of %u entries are VMAs of another mm, the first of %s",
			seen->foreign, seen->entries,
			seen->owner == p->mm ? "the parent" : "a third one");

	/*
	 * Without a user's reference it may be exit_mmap() that took the tree
	 * out of RCU mode.
	 */
	if (!user || !seen->dead || !seen->copied)
		return;
	ff_judge_remains(p, mm, seen);
	if (!marked)
		return;
	vt_look(run, FF_UNMARKED, true);
	if (!seen->unstable)
		vt_race(run, FF_UNMARKED, mm, 0, seen->entries, 0,
			"fork failed, %u entries are left, and MMF_UNSTABLE is not set",
			seen->entries);
}

/*
 * Look at a child. dup_mmap() holds its mmap_lock, so this waits until the fork
 * has failed or not.
 */
static void ff_look(struct ff_parent *p, struct mm_struct *mm, bool copied)
{
	struct ff_seen seen = {};

	vt_flight_look_in(&p->flight, &seen.look);
	mmap_read_lock(mm);
	/*
	 * dup_mmap() takes the tree out of RCU mode and puts it back when
	 * nothing in it can fail any more. Only exit_mmap() does so again, and
	 * that does not come while there is a user. A kernel may do without,
	 * as ff_calibrate() sees: so the forker says too what came of the fork.
	 */
	seen.dead = (p->st->rcu_tells && !mt_in_rcu(&mm->mm_mt)) ||
		    READ_ONCE(p->dead) == mm;
	seen.unstable = vt_mm_unstable(mm);
	seen.skip = vt_mm_oom_skip(mm);
	seen.copied = copied || READ_ONCE(p->copied) == mm;
	ff_scan(mm, &seen);
	mmap_read_unlock(mm);

	ff_judge(p, mm, &seen, true);
}

/* A walker has been at this child: its forker need not wait for one. */
static void ff_walked(struct ff_parent *p, struct mm_struct *mm)
{
	WRITE_ONCE(p->walked, mm);
	if (wq_has_sleeper(&p->wq))
		wake_up(&p->wq);
}

/*
 * The OOM reaper has no user's reference: it relies on MMF_OOM_SKIP, which says
 * under mmap_lock that exit_mmap() has been, or that there is nothing to reap.
 */
static void ff_look_as_reaper(struct ff_parent *p, struct mm_struct *mm)
{
	struct vt_run *run = p->st->run;
	struct ff_seen seen = {};
	bool skip;

	vt_flight_look_in(&p->flight, &seen.look);
	if (!mmap_read_trylock(mm))
		return;
	/* To be kept out by the flag is what it is for. */
	vt_worked(run, FF_V_REF, FF_REF_NONE);
	skip = vt_mm_oom_skip(mm);
	if (!skip) {
		seen.dead = p->st->rcu_tells && !mt_in_rcu(&mm->mm_mt) &&
			    READ_ONCE(p->copied) == mm;
		seen.unstable = vt_mm_unstable(mm);
		ff_scan(mm, &seen);
	}
	mmap_read_unlock(mm);

	if (skip)
		return;
	vt_count(run, FF_C_REAPER, 1);
	ff_judge(p, mm, &seen, false);
}

/**
 * ff_show() - look at a child that waits, and let walkers come to it
 * @p: parent
 * @mm: the child's mm, which has a user
 *
 * Context: the forker's; takes the child's mmap_lock and sleeps.
 */
void ff_show(struct ff_parent *p, struct mm_struct *mm)
{
	ff_look(p, mm, false);
	/* Of a child that was shown early, and never came to an ->open(), none was told. */
	if (READ_ONCE(p->walked) != mm)
		wake_up_all(&p->st->wq);
	wait_event_idle_timeout(p->wq, READ_ONCE(p->walked) == mm ||
				kthread_should_stop(), 1);
}

/*
 * As uprobes reach whoever maps a file: through the file's tree of mappings. A
 * VMA is in there only after its mm's tree was copied.
 */
static struct mm_struct *ff_rmap_child(struct ff_parent *p)
{
	struct address_space *mapping = p->shmem->f_mapping;
	struct mm_struct *mm, *found = NULL;
	struct vm_area_struct *vma;

	i_mmap_lock_read(mapping);
	vt_rmap_for_each(vma, mapping) {
		mm = vma->vm_mm;
		if (mm != READ_ONCE(p->mm) && mmget_not_zero(mm)) {
			found = mm;
			break;
		}
	}
	i_mmap_unlock_read(mapping);

	return found;
}

static void ff_walk_slot(struct vt_thread *t, struct ff_parent *p)
{
	struct mm_struct *mm = ff_grab_child(p);
	unsigned int looks;
	enum ff_ref ref;

	if (!mm)
		return;
	vt_worked(t->run, FF_V_FIND, FF_FIND_SLOT);
	ref = vt_draw(&t->rnd, &ff_tables[FF_T_REF]);
	vt_try(t->run, FF_V_REF, ref);
	if (ref == FF_REF_NONE) {
		ff_look_as_reaper(p, mm);
		/* Where that is kept out, the forker still waits for somebody. */
		if (!vt_drawn(&ff_tables[FF_T_REF], FF_REF_USER))
			goto out;
		vt_try(t->run, FF_V_REF, FF_REF_USER);
	}
	if (mmget_not_zero(mm)) {
		vt_worked(t->run, FF_V_REF, FF_REF_USER);
		ff_look(p, mm, false);
		ff_walked(p, mm);
		for (looks = vt_rnd_below(&t->rnd, FF_LOOKS); looks; looks--)
			ff_look(p, mm, false);
		ff_overhead(t, p, mm);
		/* The last one leaves the child to exit_mmap(). */
		mmput(mm);
	} else {
		vt_count(t->run, FF_C_NO_USERS, 1);
	}
out:
	mmdrop(mm);
}

/* Returns false if the file has no child. */
static bool ff_walk_rmap(struct vt_thread *t, struct ff_parent *p)
{
	struct mm_struct *mm = ff_rmap_child(p);

	if (!mm)
		return false;
	vt_count(t->run, FF_C_RMAP, 1);
	vt_worked(t->run, FF_V_FIND, FF_FIND_RMAP);
	ff_look(p, mm, true);
	ff_walked(p, mm);
	mmput(mm);
	return true;
}

/**
 * ff_walker() - a walker's thread
 * @t: thread
 *
 * Return: 0.
 */
int ff_walker(struct vt_thread *t)
{
	struct ff_state *st = t->run->priv;
	int seen = atomic_read(&st->shows);
	struct ff_parent *p;
	enum ff_find find;

	while (vt_go(t)) {
		wait_event_idle_timeout(st->wq,
					atomic_read(&st->shows) != seen ||
					kthread_should_stop(), HZ / 20);
		seen = atomic_read(&st->shows);
		ff_for_each_parent(p, st) {
			if (!READ_ONCE(p->child) && !READ_ONCE(p->early_mm))
				continue;
			find = vt_draw(&t->rnd, &ff_tables[FF_T_FIND]);
			vt_try(t->run, FF_V_FIND, find);
			if (find == FF_FIND_RMAP) {
				if (ff_walk_rmap(t, p) ||
				    !vt_drawn(&ff_tables[FF_T_FIND], FF_FIND_SLOT))
					continue;
				vt_try(t->run, FF_V_FIND, FF_FIND_SLOT);
			}
			ff_walk_slot(t, p);
		}
		vt_op(t->run);
	}
	return 0;
}
