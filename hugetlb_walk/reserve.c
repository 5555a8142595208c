// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, reservations: what is mapped, touched and given back, so that the
 * books of it (books.c) have to balance (reserve).
 */
#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "canary.h"
#include "reserve.h"
#include "symbols.h"
#include "table.h"

#define HW_TRIAL_OFTEN	8	/* rounds to one trial */
#define HW_LEAD_NS	200000	/* longest that one waits for the other */
#define HW_SHARE	3	/* how long it rests, in what it took */

static int hw_reserve_child(void *arg)
{
	return vt_child_end();
}

/* What could not be given back is not judged, but at the end of the test. */
static void hw_reserve_kept(struct hw_turn *u, long failed)
{
	if (!failed)
		return;
	u->wrong = true;
	vt_count(u->st->run, HW_C_RESERVES_UNSURE, 1);
}

static void hw_reserve_unmap(struct hw_turn *u, unsigned long addr)
{
	hw_reserve_kept(u, vm_munmap(addr, u->nr * PMD_SIZE));
}

/* Private mappings hold their reservations themselves, and so do their pieces. */
static long hw_reserve_private(struct hw_turn *u)
{
	unsigned long at = HW_BASE, part = PMD_SIZE * (u->nr - 1);
	long left = u->nr, ret;
	pid_t pid;

	ret = hw_reserve_map(u, at, u->nr, MAP_PRIVATE);
	if (ret)
		return ret;
	hw_books_judge(u, left, "mapped");
	if (u->touch)
		ret = put_user(1, (u8 __user *)(at + part));
	if (!ret)
		hw_books_judge(u, left, "touched");
	u->freed = u->touch;

	switch (u->op) {
	case HW_RESERVE_DONTNEED:
		/* 6.1 gives the reservation away here, and later ones do not. */
		ret = ret ?: vt_syscall(sys_madvise, at, u->nr * PMD_SIZE,
					MADV_DONTNEED);
		break;
	case HW_RESERVE_SPLIT:
		ret = ret ?: vm_munmap(at + part, PMD_SIZE);
		if (!ret)
			hw_books_judge(u, --left, "unmapped in part");
		break;
	case HW_RESERVE_MOVE:
		if (!ret && vt_syscall(sys_mremap, at, u->nr * PMD_SIZE,
				       u->nr * PMD_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				       HW_OTHER) != HW_OTHER)
			ret = -ENOMEM;
		if (!ret) {
			at = HW_OTHER;
			hw_books_judge(u, left, "moved");
		}
		break;
	case HW_RESERVE_FORK:
		pid = ret ? -EAGAIN : vt_fork(hw_reserve_child, NULL);
		if (pid < 0) {
			ret = pid;
			break;
		}
		vt_child_wait(pid);
		hw_books_judge(u, left, "when a child has come and gone");
		break;
	default:
		break;
	}
	hw_reserve_unmap(u, at);
	return ret;
}

static int hw_reserve_truncate(const struct hw_turn *u, loff_t len)
{
	return vfs_truncate(&u->file->f_path, len);
}

/*
 * A hole takes the reservations of the pages that were there, and of no others. It
 * begins with the first, or the map of what is reserved might have to be split, for
 * which there may be no memory.
 */
static int hw_reserve_punch(const struct hw_turn *u, unsigned int nr)
{
	return vfs_fallocate(u->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			     nr * PMD_SIZE);
}

/* Give back what the file holds, and have it as long as before. */
static long hw_reserve_empty(struct hw_turn *u)
{
	long ret = hw_reserve_truncate(u, 0);

	if (!ret)
		ret = hw_reserve_truncate(u, HW_RESERVED * PMD_SIZE);
	hw_reserve_kept(u, ret);
	return ret;
}

/* Of shared mappings the file holds them, whoever maps it, and how often. */
static long hw_reserve_shared(struct hw_turn *u)
{
	long ret = hw_reserve_map(u, HW_BASE, u->nr, MAP_SHARED);

	if (ret)
		return ret;
	hw_books_judge(u, u->nr, "mapped");
	ret = hw_reserve_map(u, HW_OTHER, u->nr, MAP_SHARED);
	if (!ret)
		hw_books_judge(u, u->nr, "mapped twice");
	if (u->touch)
		ret = ret ?: put_user(1, (u8 __user *)HW_BASE);
	if (!ret)
		hw_books_judge(u, u->nr, "touched");
	hw_reserve_unmap(u, HW_BASE);
	hw_reserve_unmap(u, HW_OTHER);
	hw_books_judge(u, u->nr, "unmapped");
	u->freed = u->touch;
	if (!ret && !hw_reserve_punch(u, 1))
		hw_books_judge(u, u->nr - u->touch, "with a hole");
	return hw_reserve_empty(u) ?: ret;
}

/**
 * hw_reserve_spin() - let time pass on this CPU
 * @ns: how much; none if it is negative
 *
 * Context: any.
 */
void hw_reserve_spin(s64 ns)
{
	u64 begun = ktime_get_ns();

	while ((s64)(ktime_get_ns() - begun) < ns)
		cpu_relax();
}

/* What somebody else's turn on one of the CPUs made early or late tells nothing. */
static void hw_reserve_aim(struct hw_reserve *r, s64 apart, int early)
{
	s32 step = r->race.took_ns / 8;

	if (abs(apart) < 2 * HW_LEAD_NS)
		WRITE_ONCE(r->lead, clamp(r->lead + early * step, -HW_LEAD_NS, HW_LEAD_NS));
}

/*
 * One reserves a page by mmap() while the other one, which has the file mapped
 * without, touches it. Whoever comes second has counted it for nothing.
 *
 * A page that is touched is zeroed, which takes long, and it is allocated in a moment:
 * when that was too early or too late, the other one waits longer or not so long.
 */
static long hw_reserve_race(struct hw_turn *u)
{
	struct hw_reserve *r = &u->st->reserve;
	struct hw_directed *race = &r->race;
	struct super_block *sb = hw_reserve_sb(u->st);
	long reserved = vt_huge_reserved(sb), ret;
	bool early, late;
	u64 from;

	WRITE_ONCE(r->at, vt_rnd_below(&u->t->rnd, u->nr));
	if (!hw_directed_call(race))
		return -EAGAIN;
	hw_reserve_spin(-r->lead);
	early = vt_huge_reserved(sb) != reserved;
	from = ktime_get_ns();
	ret = hw_reserve_map(u, HW_BASE, u->nr, MAP_SHARED);
	race->took_ns = min_t(u64, ktime_get_ns() - from, HW_LEAD_NS);
	late = !early && vt_huge_reserved(sb) == reserved;
	wait_event_idle(race->wait,
			atomic_read_acquire(&race->step) == HW_DIRECTED_DONE);
	hw_reserve_aim(r, race->from_ns - from, (int)early - (int)late);
	if (!ret) {
		vt_count(u->st->run, HW_C_RESERVES_MET, !early && !late);
		/* No page has been freed since the books were right. */
		hw_books_judge(u, u->nr, "mapped while one was touched");
		hw_reserve_unmap(u, HW_BASE);
	}
	u->freed = 1;
	if (vt_rnd_one_in(&u->t->rnd, 2))
		hw_reserve_punch(u, HW_RESERVED);
	return hw_reserve_empty(u) ?: ret;
}

/**
 * hw_reserve_once() - do an operation with reservations, and give all back
 * @u: what
 *
 * Context: the mm is in use; may sleep.
 * Return: 0 or an errno.
 */
long hw_reserve_once(struct hw_turn *u)
{
	switch (u->op) {
	case HW_RESERVE_SHARED:
		return hw_reserve_shared(u);
	case HW_RESERVE_RACE:
		return hw_reserve_race(u);
	default:
		return hw_reserve_private(u);
	}
}

static bool hw_reserve_possible(enum hw_reserve_op op)
{
	switch (op) {
	case HW_RESERVE_DONTNEED:
		return vt_has(sys_madvise);
	case HW_RESERVE_MOVE:
		return vt_has(sys_mremap);
	case HW_RESERVE_FORK:
		return vt_has(kernel_clone) && vt_has(do_exit) && vt_has(kernel_wait);
	default:
		return true;
	}
}

/**
 * hw_reserve_draw() - what is done next
 * @rnd: random stream
 * @ops: bit set of what may be
 *
 * Return: one of @ops, or HW_RESERVE_NR_OPS if nothing is left of them.
 */
enum hw_reserve_op hw_reserve_draw(struct vt_rnd *rnd, unsigned long ops)
{
	const struct vt_draw *draw = &hw_tables[HW_T_RESERVE];
	enum hw_reserve_op op;

	for (op = 0; op < HW_RESERVE_NR_OPS; op++)
		if (!vt_drawn(draw, op) || !hw_reserve_possible(op))
			ops &= ~BIT(op);
	if (!ops)
		return HW_RESERVE_NR_OPS;
	do {
		op = vt_draw(rnd, draw);
	} while (!(ops & BIT(op)));
	return op;
}

/**
 * hw_reserve_did() - remember that a round begins
 * @u: the round
 */
void hw_reserve_did(struct hw_turn *u)
{
	vt_did_begin(&u->t->did, vt_draw_name(&hw_tables[HW_T_RESERVE], u->op), HW_BASE,
		     HW_BASE + u->nr * PMD_SIZE);
}

/* By the mount's books, step by step. */
static void hw_reserve_round(struct vt_thread *t, struct hw_state *st, unsigned long ops)
{
	struct hw_turn u = {
		.t = t, .st = st, .file = st->reserve.race.file.file, .judged = true,
		.op = hw_reserve_draw(&t->rnd, ops), .held = st->reserve.held,
		.touch = vt_rnd_one_in(&t->rnd, 4),
		.busted = hw_busted_turn(t, BIT(HW_RESERVE)),
	};
	struct vt_huge_books books;
	long ret;

	if (u.held) {
		/* With so few left there is nothing to be done until some are back. */
		vt_count(st->run, HW_C_RESERVES_UNSURE, 1);
		vt_huge_books(hw_reserve_sb(st), &books);
		st->reserve.held = u.held = clamp(books.used, 0L, (long)u.held);
	}
	if (u.op == HW_RESERVE_NR_OPS || u.held + 1 >= HW_RESERVED)
		return;
	u.nr = 1 + vt_rnd_below(&t->rnd, HW_RESERVED - 1 - u.held);
	kthread_use_mm(st->reserve.race.splitter);
	if (u.busted)
		hw_reserve_map(&u, HW_KEPT, 1, MAP_PRIVATE);
	vt_try(st->run, HW_V_RESERVE, u.op);
	hw_reserve_did(&u);
	ret = hw_reserve_once(&u);
	vt_did_end(&t->did, ret);
	if (!ret)
		vt_worked(st->run, HW_V_RESERVE, u.op);
	else if (u.op != HW_RESERVE_RACE)
		vt_count(st->run, HW_C_FAILED, 1);
	hw_books_judge(&u, 0, "given back");
	if (u.busted)
		vm_munmap(HW_KEPT, PMD_SIZE);
	kthread_unuse_mm(st->reserve.race.splitter);
	vt_count(st->run, HW_C_RESERVES, 1);
	vt_op(st->run);
	vt_huge_books(hw_reserve_sb(st), &books);
	if (u.wrong)
		st->reserve.wrong = !hw_books_are(&books, 0);
	else
		st->reserve.held = clamp(books.used, 0L, (long)u.held + u.freed);
}

/* Who reserves. Both of them rest, and do not queue for a CPU, so that they meet. */
static int hw_reserver(struct vt_thread *t)
{
	struct hw_state *st = t->arg;
	unsigned int first = 0;

	sched_set_fifo_low(current);
	while (vt_go(t)) {
		unsigned long begun = jiffies;

		/* Each once, so that a host that is slow gets round to all of them. */
		if (first >= HW_RESERVE_NR_OPS &&
		    vt_rnd_one_in(&t->rnd, HW_TRIAL_OFTEN))
			hw_reserve_trial(t, st);
		else if (!st->reserve.wrong)
			hw_reserve_round(t, st, first < HW_RESERVE_NR_OPS ?
						BIT(first++) : ~0UL);
		/* A page that is zeroed takes its time, of which others want most. */
		schedule_timeout_idle(1 + min(HW_SHARE * (jiffies - begun), HZ / 20UL));
	}
	return 0;
}

/* Who faults meanwhile. */
static int hw_faulter(struct vt_thread *t)
{
	struct hw_state *st = t->arg;
	struct hw_directed *race = &st->reserve.race;

	sched_set_fifo_low(current);
	while (vt_go(t)) {
		wait_event_idle_timeout(race->wait,
					kthread_should_stop() ||
					atomic_read(&race->step) == HW_DIRECTED_POSTED,
					HZ / 10);
		if (atomic_cmpxchg(&race->step, HW_DIRECTED_POSTED, HW_DIRECTED_TAKEN) !=
		    HW_DIRECTED_POSTED)
			continue;
		wake_up_all(&race->wait);
		hw_directed_past(race, HW_DIRECTED_TAKEN);
		/* The lead may be negative, and is to stay so in this sum. */
		hw_reserve_spin((s64)READ_ONCE(st->reserve.lead) +
				vt_rnd_below(&t->rnd, READ_ONCE(race->took_ns) + 1));
		race->from_ns = ktime_get_ns();
		if (!hw_fault(race->joiner, hw_addr(READ_ONCE(st->reserve.at))))
			vt_count(t->run, HW_C_FAILED, 1);
		race->to_ns = ktime_get_ns();
		vt_op(t->run);
		atomic_set_release(&race->step, HW_DIRECTED_DONE);
		wake_up_all(&race->wait);
	}
	return 0;
}

/**
 * hw_reserve_probe() - say what cannot be had of it
 * @run: run
 * @free: huge pages that are free, and reserved by nobody
 *
 * Context: ->probe.
 */
void hw_reserve_probe(struct vt_run *run, long free)
{
	bool few = free < HW_LEAST + HW_RESERVED;
	enum hw_reserve_op op;

	if (few)
		vt_absent(run, HW_RESERVE, "there are too few free huge pages for its mount");
	for (op = 0; op < HW_RESERVE_NR_OPS; op++)
		if (few || !hw_reserve_possible(op))
			vt_trial_absent(run, HW_V_RESERVE, op,
					few ? "there are too few free huge pages" :
					"a function of the kernel cannot be found");
}

/**
 * hw_reserve_open() - mount, files and mms of its own
 * @st: all of it, with nothing allocated yet
 *
 * Context: may sleep.
 * Return: 0 or an errno.
 */
int hw_reserve_open(struct hw_state *st)
{
	struct hw_reserve *r = &st->reserve;
	struct vt_huge_pool pool;
	struct vfsmount *mnt;
	int ret;

	init_waitqueue_head(&r->race.wait);
	vt_huge_pool(st->mnt->mnt_sb, &pool);
	if (pool.free < HW_LEAST + HW_RESERVED || !hw_tables[HW_T_RESERVE].sum)
		return 0;
	mnt = hw_mount(HW_RESERVED, HW_RESERVED);
	if (IS_ERR(mnt))
		return PTR_ERR(mnt);
	r->mnt = mnt;
	ret = hw_file_open(mnt, &r->race.file, 4);
	if (!ret)
		ret = hw_file_open(st->mnt, &r->other, 5);
	if (ret)
		return ret;
	/* To be reserved and given back, and to be touched without that. */
	r->race.splitter = vt_mm_new();
	r->race.joiner = hw_mm_new(&r->race.file, HW_BASE, HW_RESERVED * PMD_SIZE,
				   MAP_NORESERVE);
	return r->race.splitter && r->race.joiner ? 0 : -ENOMEM;
}

/**
 * hw_reserve_spawn() - let it begin
 * @run: run
 * @st: all of it
 *
 * Context: ->start.
 * Return: 0 or an errno.
 */
int hw_reserve_spawn(struct vt_run *run, struct hw_state *st)
{
	int ret;

	if (!st->reserve.mnt)
		return 0;
	ret = vt_spawn_all(run, "book", 1, hw_reserver, st);
	return ret ?: vt_spawn_all(run, "touch", 1, hw_faulter, st);
}

/**
 * hw_reserve_close() - unmap all and close the files
 * @st: all of it
 *
 * Context: the threads are gone; may sleep.
 */
void hw_reserve_close(struct hw_state *st)
{
	struct hw_reserve *r = &st->reserve;

	vt_mm_put(r->race.splitter);
	vt_mm_put(r->race.joiner);
	r->race.splitter = NULL;
	r->race.joiner = NULL;
	hw_file_close(&r->race.file);
	hw_file_close(&r->other);
}

static long hw_reserve_left(void *arg)
{
	struct vt_huge_books books;

	vt_huge_books(hw_reserve_sb(arg), &books);
	return abs(books.used) + abs(books.least - books.kept);
}

/**
 * hw_reserve_rest() - judge the mount's books when there are no files any more
 * @st: all of it
 *
 * Context: ->rest, after hw_reserve_close().
 */
void hw_reserve_rest(struct hw_state *st)
{
	struct vt_huge_books books;

	if (!st->reserve.mnt)
		return;
	/* What a round has reported is not to be waited for. */
	if (st->reserve.wrong && vt_kind_sum(st->run, HW_RESERVE, VT_KIND_RACES))
		return;
	vt_look_own(st->run, HW_RESERVE, vt_counter_sum(st->run, HW_C_RESERVES));
	if (!vt_outlasts(hw_reserve_left, st))
		return;
	vt_huge_books(hw_reserve_sb(st), &books);
	vt_race(st->run, HW_RESERVE, NULL, 0, books.used, 0,
		"%ld huge pages taken or reserved when all files are gone, %ld kept for the mount, not %ld",
		books.used, books.kept, books.least);
}
