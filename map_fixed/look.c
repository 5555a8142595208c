// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers: what walkers of the tree, page faults and those who read through a
 * mapping do, and what they must not find. More often than not they look at what
 * a writer has in flight.
 *
 * Judges: "gap", "no_vma" and "stale". A walk under RCU sees the old mapping or
 * the new one, so does a fault that takes mmap_lock, and what is read is not what
 * was mapped before.
 */
#include <linux/kthread.h>
#include <linux/maple_tree.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "cover.h"
#include "map_fixed.h"
#include "view.h"

/**
 * mf_aim() - draw where to look
 * @t: the reader
 * @lane: the lane
 * @v: what is in flight
 *
 * Return: an address, more often than not in what is in flight.
 */
unsigned long mf_aim(struct vt_thread *t, const struct mf_lane *lane,
		     const struct mf_view *v)
{
	u64 draw = vt_rnd_next(&t->rnd);
	unsigned long from = lane->arena, pages = MF_ARENA_PAGES;

	if ((draw & 3) && v->look.start < v->look.end) {
		from = v->look.start;
		pages = (v->look.end - v->look.start) >> PAGE_SHIFT;
	} else if (lane->has_sparse && !(draw & 60)) {
		from = lane->arena + MF_SPARSE_OFF;
		pages = MF_SPARSE >> PAGE_SHIFT;
	}
	return from + (((draw >> 32) * pages) >> 32) * PAGE_SIZE;
}

/* The replacement in whose flight a gap was seen: a bit beside those of the kinds. */
#define MF_CAUGHT	(1U << 15)

/*
 * Has a look that ended with a gap overlapped one replacement and no other, and
 * is it the first to have seen a gap of that one? Each is to be counted once.
 * Only who has seen a gap writes to the flight.
 */
static bool mf_caught(struct mf_lane *lane, const struct mf_view *v)
{
	u32 nr = v->look.begun;

	/* The walk comes first. Pairs with the barrier in vt_flight_begin_in(). */
	smp_rmb();
	/* None in flight as the look began: then the one that began in it. */
	if (nr == v->look.ended)
		nr++;
	if ((u32)atomic_read(&lane->flight.begun) != nr)
		return false;
	return vt_flight_meet(&lane->flight, nr, MF_CAUGHT);
}

static void mf_gap(struct vt_run *run, struct mf_lane *lane,
		   const struct mf_view *v, unsigned long addr,
		   unsigned long first, unsigned long last, const char *how)
{
	bool first_seen = mf_caught(lane, v);

	if (mf_wait_failed(lane, v)) {
		vt_count(run, MF_C_GAP_AFTER_FAILURE, 1);
		return;
	}
	if (first_seen)
		vt_count(run, MF_C_REPLACEMENTS_CAUGHT, 1);
	vt_race(run, MF_GAP, lane->space->mm, addr, first, last,
		"%s: nothing at 0x%lx-0x%lx, last in flight 0x%lx-0x%lx", how,
		first, last, v->look.start, v->look.end - 1);
}

/**
 * mf_look_point() - walk to a page, and judge what is there
 * @t: the reader
 * @lane: the lane
 */
void mf_look_point(struct vt_thread *t, struct mf_lane *lane)
{
	MA_STATE(mas, &lane->space->mm->mm_mt, 0, 0);
	unsigned long addr;
	struct mf_view v;
	bool exposed;
	void *entry;

	if (!mf_view_begin(lane, &v))
		return;
	addr = mf_aim(t, lane, &v);
	mas_set(&mas, addr);
	rcu_read_lock();
	entry = mas_walk(&mas);
	rcu_read_unlock();

	exposed = mf_view_end(t->run, MF_GAP, lane, &v, addr, addr);
	vt_tried(t->run, MF_V_LOOK, MF_BY_POINT, true);
	if (unlikely(!entry))
		mf_gap(t->run, lane, &v, addr, mas.index, mas.last, "point walk");
	else if (exposed && mas.index == v.look.start &&
		 mas.last + 1 == v.look.end)
		vt_count(t->run, MF_C_SPLIT_SEEN, 1);
}

#define MF_FOLLOWED	4	/* addresses */
#define MF_SWEEPS	256	/* over them, until something else has its turn */

/*
 * Walk to a few addresses of what is in flight, over and over, until it is in
 * place. A replacement that takes its range out of the tree for a part of its
 * flight is seen then, however short that part is beside the flight as a whole.
 * One look, from the first walk to the last.
 */
static void mf_look_flight(struct vt_thread *t, struct mf_lane *lane)
{
	MA_STATE(mas, &lane->space->mm->mm_mt, 0, 0);
	unsigned long addrs[MF_FOLLOWED], pages;
	void *was[MF_FOLLOWED] = {}, *entry;
	bool over = false, changed = false;
	unsigned int i, sweep;
	struct mf_view v;

	if (!mf_view_begin(lane, &v))
		return;
	if (!v.look.open) {
		mf_look_point(t, lane);
		return;
	}
	pages = (v.look.end - v.look.start) >> PAGE_SHIFT;
	addrs[0] = v.look.start;
	addrs[1] = v.look.end - PAGE_SIZE;
	addrs[2] = v.look.start + pages / 2 * PAGE_SIZE;
	addrs[3] = mf_aim(t, lane, &v);
	for (sweep = 0; sweep < MF_SWEEPS && !over; sweep++) {
		/* Once more after its end, to see what it has left. */
		over = vt_flight_over(&lane->flight, v.look.begun);
		rcu_read_lock();
		for (i = 0; i < MF_FOLLOWED; i++) {
			mas_set(&mas, addrs[i]);
			entry = mas_walk(&mas);
			if (unlikely(!entry))
				break;
			changed |= was[i] && was[i] != entry;
			was[i] = entry;
		}
		rcu_read_unlock();
		/* Where the writer has no CPU, this one may be what it waits for. */
		if (unlikely(i < MF_FOLLOWED) || need_resched())
			break;
	}

	mf_view_end(t->run, MF_GAP, lane, &v, v.look.start, v.look.end - 1);
	vt_tried(t->run, MF_V_LOOK, MF_BY_POINT, true);
	if (unlikely(sweep < MF_SWEEPS && i < MF_FOLLOWED))
		mf_gap(t->run, lane, &v, addrs[i], mas.index, mas.last,
		       "point walk");
	else if (changed)
		vt_count(t->run, MF_C_TRANSITIONS, 1);
}

/*
 * A walk that goes on in a tree that changed below it may step over what has
 * become part of the entry it came from: the entry it returned ended here, the
 * one that is there now does not. Only if nothing is here now it is a gap.
 */
static bool mf_walk_at(struct mm_struct *mm, struct vt_cover *cover)
{
	MA_STATE(mas, &mm->mm_mt, cover->next, cover->next);

	return mas_walk(&mas) && vt_cover_add(cover, mas.index, mas.last);
}

/* All of the arena, or a bit more than what is in flight. */
static void mf_look_range(struct vt_thread *t, struct mf_lane *lane)
{
	MA_STATE(mas, &lane->space->mm->mm_mt, 0, 0);
	unsigned long first = lane->arena, last = first + MF_ARENA - 1;
	struct mm_struct *mm = lane->space->mm;
	bool hold = vt_rnd_one_in(&t->rnd, 16);
	unsigned long gap_end = 0;
	struct vt_cover cover;
	struct mf_view v;
	void *entry;

	if (!mf_view_begin(lane, &v))
		return;
	if (mf_in_arena(lane, v.look.start) && vt_rnd_one_in(&t->rnd, 2)) {
		first = max(first, v.look.start - 2 * PAGE_SIZE);
		last = min(last, v.look.end + 2 * PAGE_SIZE - 1);
	}
	vt_cover_init(&cover, first, last);
	mas_set(&mas, first);
	rcu_read_lock();
	mas_for_each(&mas, entry, last) {
		while (!vt_cover_add(&cover, mas.index, mas.last)) {
			if (mf_walk_at(mm, &cover))
				continue;
			gap_end = mas.index - 1;
			goto out;
		}
		if (hold) {
			vt_hold(t);
			hold = false;
		}
	}
	while (!cover.done && !gap_end)
		if (!mf_walk_at(mm, &cover))
			gap_end = last;
out:
	rcu_read_unlock();

	mf_view_end(t->run, MF_GAP, lane, &v, first, last);
	vt_tried(t->run, MF_V_LOOK, MF_BY_RANGE, true);
	if (unlikely(gap_end))
		mf_gap(t->run, lane, &v, cover.next, cover.next, gap_end,
		       "range walk");
}

/*
 * What a page fault does to find its VMA: the per-VMA lock if there is one,
 * and if that does not work the mmap lock.
 */
static void mf_look_fault(struct vt_thread *t, struct mf_lane *lane)
{
	struct mm_struct *mm = lane->space->mm;
	struct vm_area_struct *vma = NULL;
	unsigned long addr;
	struct mf_view v;
	bool found;

	if (!mf_view_begin(lane, &v))
		return;
	addr = mf_aim(t, lane, &v);
	if (vt_has(lock_vma_under_rcu))
		vma = vt_call(lock_vma_under_rcu)(mm, addr);
	if (vma) {
		if (vt_rnd_one_in(&t->rnd, 64))
			vt_hold(t);
		vt_vma_end_read(vma);
		found = true;
	} else {
		vt_count(t->run, MF_C_LOCK_MISS, 1);
		mmap_read_lock(mm);
		vma = find_vma(mm, addr);
		found = vma && vma->vm_start <= addr;
		mmap_read_unlock(mm);
	}
	mf_view_end(t->run, MF_NO_VMA, lane, &v, addr, addr);
	vt_tried(t->run, MF_V_LOOK, MF_BY_FAULT, found);
	if (found)
		return;
	if (mf_wait_failed(lane, &v))
		vt_count(t->run, MF_C_GAP_AFTER_FAILURE, 1);
	else
		vt_race(t->run, MF_NO_VMA, mm, addr, v.look.start, v.look.end,
			"no VMA under the mmap lock, last in flight 0x%lx-0x%lx",
			v.look.start, v.look.end - 1);
}

/* Read through the mapping: zeroes are fresh, an old generation is stale. */
static void mf_look_stale(struct vt_thread *t, struct mf_lane *lane)
{
	unsigned long addr;
	unsigned int page;
	struct mf_view v;
	u64 done, val;

	if (!mf_view_begin(lane, &v))
		return;
	addr = mf_aim(t, lane, &v);
	if (!mf_in_arena(lane, addr))
		return;
	page = mf_page_of(lane, addr);
	/* Before the read of the page. Pairs with mf_set_gen(). */
	done = smp_load_acquire(&lane->gen[page]);
	vt_try(t->run, MF_V_LOOK, MF_BY_READ);
	if (get_user(val, (u64 __user *)addr)) {
		/* No memory, or the gap another oracle sees for what it is. */
		vt_count(t->run, MF_C_EFAULT, 1);
		return;
	}
	mf_view_end(t->run, MF_STALE, lane, &v, addr, addr);
	vt_worked(t->run, MF_V_LOOK, MF_BY_READ);
	if (unlikely(val && val < done))
		vt_race(t->run, MF_STALE, lane->space->mm, addr, val, done,
			"generation %llu read after %llu was in place", val, done);
}

/* Everything that readers do, each a few times. */
static void mf_look_all(struct vt_thread *t, struct mf_lane *lane)
{
	unsigned int i;

	for (i = 0; i < 24; i++)
		mf_look_point(t, lane);
	mf_look_range(t, lane);
	/* It keeps the writer from the file: seldom, lest that only waits. */
	if (vt_rnd_one_in(&t->rnd, 4))
		mf_look_links(t, lane);
	for (i = 0; i < 4; i++) {
		mf_look_fault(t, lane);
		mf_look_stale(t, lane);
	}
	mf_overhead(t, lane);
}

#define MF_WALKS	32	/* looks of a walker, from one vt_go() to the next */
#define MF_WALK_TURNS	32	/* of who is walker and reader in turns */
#define MF_READ_TURNS	4

static struct mf_lane *mf_lane_of(struct vt_thread *t, struct mf_space *s)
{
	return s->lanes[vt_rnd_below(&t->rnd, s->nr_lanes)];
}

static void mf_walk(struct vt_thread *t, struct mf_lane *lane)
{
	unsigned int i;

	for (i = 0; i < MF_WALKS && !need_resched(); i++)
		mf_look_flight(t, lane);
}

/**
 * mf_walker() - the thread of a reader that only walks
 * @t: the thread; its argument is the mm
 *
 * It does not use the mm, so that flushes of TLBs leave its CPU alone, takes no
 * lock and no fault: nothing keeps it out while a writer is at work, and it keeps
 * no writer waiting.
 *
 * Return: 0
 */
int mf_walker(struct vt_thread *t)
{
	while (vt_go(t))
		mf_walk(t, mf_lane_of(t, t->arg));
	return 0;
}

/**
 * mf_reader() - the thread of a reader
 * @t: the thread; its argument is the mm
 *
 * Return: 0
 */
int mf_reader(struct vt_thread *t)
{
	struct mf_space *s = t->arg;

	kthread_use_mm(s->mm);
	while (vt_go(t))
		mf_look_all(t, mf_lane_of(t, s));
	kthread_unuse_mm(s->mm);
	return 0;
}

/**
 * mf_reader_in_turns() - the thread of the only reader: walks only, then reads
 * @t: the thread; its argument is the mm
 *
 * Return: 0
 */
int mf_reader_in_turns(struct vt_thread *t)
{
	struct mf_space *s = t->arg;
	unsigned int i;

	while (vt_go(t)) {
		for (i = 0; i < MF_WALK_TURNS && vt_go(t); i++)
			mf_walk(t, mf_lane_of(t, s));
		kthread_use_mm(s->mm);
		for (i = 0; i < MF_READ_TURNS && vt_go(t); i++)
			mf_look_all(t, mf_lane_of(t, s));
		kthread_unuse_mm(s->mm);
	}
	return 0;
}
