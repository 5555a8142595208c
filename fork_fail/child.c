// SPDX-License-Identifier: GPL-2.0-only
/*
 * The child in the making: what the module's file is told of a child's VMAs, and
 * how the child's mm is handed to walkers and taken from them again.
 *
 * dup_mmap() calls ->open() for each VMA of the module's file that it copies.
 * The first such call shows the child's mm and starts a record of it, in which
 * each ->open() and each ->close() is counted.
 *
 * Judges: "unready".
 */
#include <linux/fs.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "compat_rmap.h"
#include "fork_fail.h"

/**
 * ff_record() - the record of a child
 * @p: parent
 * @mm: the child's mm; NULL: any record that is free
 *
 * Context: @p->lock is held.
 * Return: the record, or NULL if there is none.
 */
struct ff_record *ff_record(struct ff_parent *p, struct mm_struct *mm)
{
	unsigned int i;

	lockdep_assert_held(&p->lock);
	for (i = 0; i < FF_RECORDS; i++)
		if (p->rec[i].mm == mm)
			return &p->rec[i];
	return NULL;
}

/**
 * ff_publish() - show a child to the walkers
 * @p: parent
 * @mm: the child's mm, which has a user
 * @early: the references for that are there already
 *
 * The forker saw to it that a record is free.
 *
 * Context: @p->lock is held; does not sleep.
 * Return: the child's record.
 */
struct ff_record *ff_publish(struct ff_parent *p, struct mm_struct *mm,
			     bool early)
{
	struct ff_record *rec = ff_record(p, NULL);

	if (!early)
		mmgrab(mm);
	*rec = (struct ff_record){ .mm = mm };
	p->flight_nr = vt_flight_begin_in(&p->flight, (unsigned long)mm,
					  (unsigned long)mm + 1);
	WRITE_ONCE(p->child, mm);
	atomic_inc(&p->st->shows);
	if (p->keep) {
		mmget(mm);
		p->st->kept[p->st->nr_kept++] = mm;
	}
	if (p->hand) {
		/* dup_mmap() is not through: its own reference is there. */
		if (!early)
			mmget(mm);
		p->handed = mm;
	}
	return rec;
}

/**
 * ff_adopt() - show the child that the probe at the begin of dup_mmap() met
 * @p: parent
 *
 * The probe's handler may not take @p->lock, so that who takes it next does this.
 *
 * Context: @p->lock is held; does not sleep.
 */
void ff_adopt(struct ff_parent *p)
{
	/* Pairs with ff_begin_handler(). */
	struct mm_struct *mm = smp_load_acquire(&p->early_mm);

	if (!mm)
		return;
	ff_publish(p, mm, true);
	/* It is the child before it is no longer early: pairs with ff_dup_handler(). */
	smp_store_release(&p->early_mm, NULL);
}

/**
 * ff_unpublish() - take the child from the walkers
 * @p: parent
 * @failed: its fork failed
 *
 * Context: may sleep: it may put the last user's reference of the child's mm.
 * Return: the child's mm, if it was there, without a reference for the caller.
 */
struct mm_struct *ff_unpublish(struct ff_parent *p, bool failed)
{
	struct mm_struct *child, *handed;
	struct ff_record *rec;

	raw_spin_lock(&p->lock);
	ff_adopt(p);
	child = p->child;
	handed = p->handed;
	p->handed = NULL;
	WRITE_ONCE(p->child, NULL);
	if (child)
		vt_flight_end(&p->flight, p->flight_nr);
	rec = child ? ff_record(p, child) : NULL;
	if (rec)
		rec->failed = failed;
	raw_spin_unlock(&p->lock);
	if (handed)
		mmput(handed);
	return child;
}

/**
 * ff_grab_child() - the child that is shown right now
 * @p: parent
 *
 * Context: any in which @p->lock can be taken; does not sleep.
 * Return: its mm with a reference for mmdrop(), or NULL.
 */
struct mm_struct *ff_grab_child(struct ff_parent *p)
{
	struct mm_struct *mm;

	raw_spin_lock(&p->lock);
	ff_adopt(p);
	mm = p->child;
	if (mm)
		mmgrab(mm);
	raw_spin_unlock(&p->lock);
	return mm;
}

static void ff_vm_close(struct vm_area_struct *vma)
{
	struct ff_parent *p = vma->vm_file->private_data;
	struct ff_record *rec;

	raw_spin_lock(&p->lock);
	p->closed++;
	rec = ff_record(p, vma->vm_mm);
	if (rec)
		rec->closed++;
	raw_spin_unlock(&p->lock);
}

/* What the VMAs of a child get that is to leak (busted). */
static const struct vm_operations_struct ff_deaf_vm_ops = {
};

/*
 * dup_mmap() waits in ->open(): can the VMA be found through its file already?
 * Whoever did find it there would use what ->open() has yet to set up.
 */
static void ff_judge_ready(struct ff_parent *p, struct vm_area_struct *vma)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	struct vt_run *run = p->st->run;
	struct vm_area_struct *found;
	unsigned int n = 0;

	if (!vt_rmap_known())
		return;
	i_mmap_lock_read(mapping);
	/* All files of this sort share the tree, those of others too. */
	vt_rmap_for_each(found, mapping)
		if (found == vma || (vt_busted(run, FF_UNREADY) &&
				     found->vm_file == vma->vm_file) ||
		    ++n == FF_READY_VMAS)
			break;
	i_mmap_unlock_read(mapping);
	vt_look_own(run, FF_UNREADY, n < FF_READY_VMAS);
	if (found && n < FF_READY_VMAS)
		vt_race(run, FF_UNREADY, vma->vm_mm, vma->vm_start, n, 0,
			"a VMA that is still in its ->open() is in the tree of its file");
}

static void ff_vm_open(struct vm_area_struct *vma)
{
	struct ff_parent *p = vma->vm_file->private_data;
	struct mm_struct *mm = vma->vm_mm;
	bool forks = READ_ONCE(p->forker) == current && mm != p->mm;
	struct ff_record *rec;
	bool fresh, asked;

	raw_spin_lock(&p->lock);
	ff_adopt(p);
	asked = !(p->opened++ % FF_ASK_READY);
	rec = ff_record(p, mm);
	if (!rec && forks)
		rec = ff_publish(p, mm, false);
	if (rec)
		rec->opened++;
	/* A child that was shown early has woken nobody yet. */
	fresh = rec && rec->opened == 1;
	raw_spin_unlock(&p->lock);
	if (!forks)
		return;

	/* Written under the child's mmap_lock, and so it is read. */
	WRITE_ONCE(p->copied, mm);
	if (p->deaf)
		vma->vm_ops = &ff_deaf_vm_ops;
	if (fresh)
		wake_up_all(&p->st->wq);
	if (asked)
		ff_judge_ready(p, vma);
	if (p->kill_at == vma->vm_start)
		send_sig(SIGKILL, current, 1);
}

static const struct vm_operations_struct ff_vm_ops = {
	.open = ff_vm_open,
	.close = ff_vm_close,
};

static int ff_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ff_parent *p = file->private_data;

	raw_spin_lock(&p->lock);
	p->opened++;
	raw_spin_unlock(&p->lock);
	vma->vm_ops = &ff_vm_ops;

	return 0;
}

/* The module's file; its ->private_data is the parent. */
const struct file_operations ff_fops = {
	.mmap = ff_file_mmap,
};
