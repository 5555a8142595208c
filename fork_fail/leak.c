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
#include "space.h"

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
	vt_look_own(p->st->run, FF_LEAK, rec->failed && rec->opened);
	ff_account_end(p, rec);
	/* The VMA may have a reference on the file that never comes back. */
	if (rec->opened != rec->closed && !vt_busted(p->st->run, FF_LEAK))
		vt_rest_pin();
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
 * Context: the forker's; sleeps, for FF_SETTLE_SECS at most.
 * Return: how many have not come to their end.
 */
unsigned int ff_settle_all(struct ff_parent *p)
{
	unsigned long deadline = jiffies + FF_SETTLE_SECS * HZ;
	unsigned int left;

	while ((left = ff_settle(p)) && time_before(jiffies, deadline))
		schedule_timeout_idle(1);
	return left;
}

/* What of a parent has not come back. */
static bool ff_left(struct ff_parent *p, long *left)
{
	left[FF_REST_CHILDREN] = ff_settle(p);
	left[FF_REST_FILE] = file_count(p->file) - 1;
	left[FF_REST_SHMEM] = file_count(p->shmem) - 1;
	return left[FF_REST_CHILDREN] || left[FF_REST_FILE] ||
	       left[FF_REST_SHMEM];
}

/**
 * ff_rest_wait() - wait until children and files of all parents have come back
 * @st: the scenario
 *
 * There is no event for this. What is missing at first is remembered.
 *
 * Context: all threads are gone; sleeps, until vt_rest_over() at most.
 * Return: did they?
 */
bool ff_rest_wait(struct ff_state *st)
{
	struct ff_parent *p;
	long left[FF_NR_RESTS];
	bool missing = false;

	st->rest_since = jiffies;
	ff_for_each_parent(p, st)
		missing |= ff_left(p, p->rest);
	while (missing && !vt_rest_over()) {
		schedule_timeout_idle(1);
		missing = false;
		ff_for_each_parent(p, st)
			missing |= ff_left(p, left);
	}
	return !missing;
}

static void ff_rest_file(struct ff_parent *p, long left, const char *what)
{
	vt_race(p->st->run, FF_LEAK, NULL, 0, left, 0,
		"%ld references on a %s file whose mms are all gone, as many as %u s before",
		left, what, VT_REST_SECS);
}

/* Judge what is left of a parent's children; @sure: none has ended for long. */
static void ff_rest_children(struct ff_parent *p, bool sure)
{
	struct vt_run *run = p->st->run;
	unsigned int i;

	for (i = 0; i < FF_RECORDS; i++) {
		struct ff_record *rec = &p->rec[i];

		if (!rec->mm)
			continue;
		/* No thread is left that could be at its end still. */
		if (!atomic_read(&rec->mm->mm_users))
			ff_judge_end(p, rec);
		else if (sure)
			vt_race(run, FF_LEAK, rec->mm, 0,
				atomic_read(&rec->mm->mm_users), 0,
				"child never came to its end: %d users",
				atomic_read(&rec->mm->mm_users));
		mmdrop(rec->mm);
		rec->mm = NULL;
	}
}

/**
 * ff_rest_judge() - judge what of children and files has not come back
 * @st: the scenario, ff_rest_wait() is over
 *
 * Nobody promises when the last reference goes. What counts is what has not
 * changed for as long as was waited.
 *
 * Context: all threads are gone; may sleep.
 */
void ff_rest_judge(struct ff_state *st)
{
	/* A jiffy at each end; and nobody was kept from it by a busy host. */
	bool waited = vt_rest_sure() &&
		      time_after_eq(jiffies, st->rest_since +
					     VT_REST_SECS * HZ - 2);
	struct vt_run *run = st->run;
	struct ff_parent *p;

	ff_for_each_parent(p, st) {
		long left[FF_NR_RESTS];
		bool missing = ff_left(p, left);

		vt_look(run, FF_LEAK, !missing || waited);
		/* That of the module's file is the inode of all without one. */
		vt_unmapped_judge(run, FF_BOOKS, p->shmem, 1, "the shmem file");
		ff_rest_children(p, waited && left[FF_REST_CHILDREN] ==
					      p->rest[FF_REST_CHILDREN]);
		if (waited && left[FF_REST_FILE] &&
		    left[FF_REST_FILE] == p->rest[FF_REST_FILE])
			ff_rest_file(p, left[FF_REST_FILE], "module's");
		if (waited && left[FF_REST_SHMEM] &&
		    left[FF_REST_SHMEM] == p->rest[FF_REST_SHMEM])
			ff_rest_file(p, left[FF_REST_SHMEM], "shmem");
		if (!missing && p->opened != p->closed)
			vt_race(run, FF_LEAK, NULL, 0, p->opened, p->closed,
				"%lu VMAs of a file were opened, %lu closed",
				p->opened, p->closed);
	}
}
