// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges: "leak", child by child and file by file. Each ->open() has its
 * ->close(), every child comes to its end, and no reference on a file stays.
 *
 * What stays behind of many failed forks together is judged in balance.c.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/spinlock.h>

#include "fork_fail.h"

/* Is a child's end behind it, as far as it can be known? */
static bool ff_ended(const struct ff_record *rec)
{
	/* A reference of this module's being the last one: exit_mmap() is over. */
	if (atomic_read(&rec->mm->mm_count) == 1)
		return true;
	/*
	 * Others may keep the mm for long without using it: khugepaged, a CPU
	 * that idles in it.
	 */
	return !atomic_read(&rec->mm->mm_users) && rec->opened == rec->closed;
}

static void ff_judge_end(struct ff_parent *p, const struct ff_record *rec)
{
	vt_look(p->st->run, FF_LEAK, rec->failed && rec->opened);
	if (rec->opened != rec->closed)
		vt_race(p->st->run, FF_LEAK, rec->mm, 0, rec->opened,
			rec->closed,
			"child is gone, %u of its VMAs of a file were opened, %u closed",
			rec->opened, rec->closed);
}

/**
 * ff_settle() - judge the children that have come to their end
 * @p: parent
 *
 * Context: the forker's; may sleep.
 * Return: how many are still to come.
 */
unsigned int ff_settle(struct ff_parent *p)
{
	unsigned int i, left = 0;

	for (i = 0; i < FF_RECORDS; i++) {
		struct ff_record rec;

		raw_spin_lock(&p->lock);
		rec = p->rec[i];
		if (rec.mm && (rec.mm == p->child || !ff_ended(&rec))) {
			rec.mm = NULL;
			left++;
		}
		if (rec.mm)
			p->rec[i].mm = NULL;
		raw_spin_unlock(&p->lock);

		if (!rec.mm)
			continue;
		ff_judge_end(p, &rec);
		mmdrop(rec.mm);
	}
	return left;
}

/**
 * ff_settle_all() - wait for the last children, and judge them
 * @p: parent
 *
 * There is no event for the end of an mm.
 *
 * Context: the forker's; sleeps, for 10 s at most.
 * Return: how many have not come to their end.
 */
unsigned int ff_settle_all(struct ff_parent *p)
{
	unsigned long deadline = jiffies + 10 * HZ;
	unsigned int left;

	while ((left = ff_settle(p)) && time_before(jiffies, deadline))
		schedule_timeout_uninterruptible(1);
	return left;
}

/* Nobody may hold a file any more; a child's end may have to be waited for. */
static void ff_rest_file(struct ff_parent *p, struct file *file,
			 const char *what)
{
	unsigned long deadline = jiffies + 10 * HZ;

	while (file_count(file) > 1 && time_before(jiffies, deadline))
		schedule_timeout_uninterruptible(1);
	vt_look(p->st->run, FF_LEAK, true);
	if (file_count(file) > 1)
		vt_race(p->st->run, FF_LEAK, NULL, 0, file_count(file), 0,
			"%ld references on a %s file whose mms are all gone",
			(long)file_count(file) - 1, what);
}

/**
 * ff_rest_parent() - judge what is left of a parent's children and files
 * @p: parent
 *
 * Context: all threads are gone; sleeps.
 */
void ff_rest_parent(struct ff_parent *p)
{
	struct vt_run *run = p->st->run;
	unsigned int i, left = ff_settle_all(p);

	vt_look(run, FF_LEAK, true);
	for (i = 0; left && i < FF_RECORDS; i++) {
		struct ff_record *rec = &p->rec[i];

		if (!rec->mm)
			continue;
		/* No thread is left that could be at its end still. */
		ff_judge_end(p, rec);
		if (atomic_read(&rec->mm->mm_users))
			vt_race(run, FF_LEAK, rec->mm, 0,
				atomic_read(&rec->mm->mm_users), 0,
				"child never came to its end: %d users",
				atomic_read(&rec->mm->mm_users));
		mmdrop(rec->mm);
		rec->mm = NULL;
	}
	ff_rest_file(p, p->file, "module's");
	ff_rest_file(p, p->shmem, "shmem");
	vt_look(run, FF_LEAK, true);
	if (p->opened != p->closed)
		vt_race(run, FF_LEAK, NULL, 0, p->opened, p->closed,
			"%lu VMAs of a file were opened, %lu closed", p->opened,
			p->closed);
}
