// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch: walkers on the address spaces of live processes.
 *
 * No scenario, for it hammers nothing and no test starts it: a process that
 * somebody else runs does the changing. What holds for every mm is looked at,
 * and the gap where its owner promises a range that it never unmaps. A thread
 * for each process; it has the mm by mm_count, and by mm_users only during a
 * burst of looks: the end of the process waits for no more than that, and no
 * tree is looked at that exit_mmap() has begun with.
 */
#include <linux/atomic.h>
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kstrtox.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat_watch.h"
#include "debugfs.h"
#include "engine.h"
#include "session.h"
#include "space.h"
#include "watch.h"

#define WT_MAX_WATCHES	64
#define WT_PLACES	64	/* remembered addresses of each mm */
#define WT_POINTS	64	/* looks in a burst */
#define WT_LOCKS	16
#define WT_TREE_PAUSE	4	/* times as long as a look at the whole tree took */

enum wt_kind {
	WT_GAP, WT_ORDER, WT_RANGE, WT_FOREIGN, WT_XA_ZERO, WT_MAP_COUNT,
	WT_REFCOUNT, WT_VMA_LOCK,
};

static const struct vt_kind wt_kinds[] = {
	[WT_GAP] = { "gap",
		"MAP_FIXED overwrites the tree in one store, readers under RCU see old or new (mm/vma.c, since 6.12)" },
	[WT_ORDER] = { "order",
		"under mmap_lock the VMAs of a tree are sorted and do not overlap" },
	[WT_RANGE] = { "range",
		"under mmap_lock a VMA is as long as its range in the tree (validate_mm())" },
	[WT_FOREIGN] = { "foreign_vma",
		"the VMAs in the tree of an mm are its own" },
	[WT_XA_ZERO] = { "xa_zero",
		"under mmap_lock the tree of a live mm holds VMAs or nothing" },
	[WT_MAP_COUNT] = { "map_count",
		"under mmap_lock mm->map_count is the number of VMAs (validate_mm())" },
	[WT_REFCOUNT] = { "refcount",
		"under mmap_lock a VMA in the tree is attached (vma_assert_attached())" },
	[WT_VMA_LOCK] = { "vma_lock",
		"what lock_vma_under_rcu() hands out is this mm's, covers the address, and stands still (include/linux/mmap_lock.h)" },
};

/* A line of its own in the race log and the summary, and a name for "busted". */
const struct vt_scenario watch_torture = {
	.name = "watch",
	.kinds = wt_kinds,
	.nr_kinds = ARRAY_SIZE(wt_kinds),
};

/**
 * struct wt_target - an mm to look at
 * @mm: mm
 * @start: first address of the range that is never unmapped
 * @end: end of it; 0: there is none
 * @print: a sum over all of the tree when it was last looked at
 * @nr_places: how many of @places are known
 * @places: addresses that were mapped then
 */
struct wt_target {
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	unsigned long print;
	unsigned int nr_places;
	unsigned long places[WT_PLACES];
};

/* How a watch ended. */
enum wt_state { WT_WATCHING, WT_EXITED, WT_EXEC, WT_STOPPED };

static const char *const wt_state_names[] = {
	[WT_WATCHING] = "watching",
	[WT_EXITED] = "exited",
	[WT_EXEC] = "exec",
	[WT_STOPPED] = "stopped",
};

/**
 * struct wt_watch - a process that is watched, or was
 * @node: in wt_watches
 * @thread: who looks; NULL when it has been stopped
 * @pid: the process, by its struct pid
 * @nr: and by the number it was called
 * @comm: its name
 * @process: its mm
 * @decoy: an mm of the module's own to break promises in, if that is asked for
 * @rnd: random stream of the thread
 * @tree_after: when to look at the whole tree again, ktime_get_ns()
 * @state: see wt_state_names
 * @looks: how often; only the thread counts, anybody may read, as the next two
 * @exposure: how many of them could have caught a race
 * @races: promises seen broken
 */
struct wt_watch {
	struct list_head node;
	struct task_struct *thread;
	struct pid *pid;
	pid_t nr;
	char comm[TASK_COMM_LEN];
	struct wt_target process;
	struct wt_target decoy;
	struct vt_rnd rnd;
	u64 tree_after;
	enum wt_state state;
	u64 looks;
	u64 exposure;
	u64 races;
};

static struct vt_run wt_run;

static DEFINE_MUTEX(wt_lock);		/* the list, and who begins and ends */
static LIST_HEAD(wt_watches);
static unsigned int wt_nr_watches;
static u64 wt_begun;

static DEFINE_SPINLOCK(wt_state_lock);	/* wt_active and wt_run.state */
static unsigned int wt_active;

#define wt_race(w, kind, mm, addr, w0, w1, fmt, ...) do {		\
	WRITE_ONCE((w)->races, (w)->races + 1);				\
	vt_race(&wt_run, kind, mm, addr, w0, w1, "pid %d: " fmt,	\
		(w)->nr, ##__VA_ARGS__);				\
} while (0)

static void wt_look(struct wt_watch *w, bool exposed)
{
	WRITE_ONCE(w->looks, w->looks + 1);
	if (exposed)
		WRITE_ONCE(w->exposure, w->exposure + 1);
}

/*
 * Looks without the mmap lock are exposed if somebody held it for write before
 * or after, or in between.
 */
struct wt_before {
	unsigned int writes;
	bool locked;
};

static struct wt_before wt_before(struct mm_struct *mm)
{
	return (struct wt_before) {
		.writes = vt_mm_writes(mm),
		.locked = vt_mm_write_locked(mm),
	};
}

static bool wt_exposed(struct mm_struct *mm, struct wt_before before)
{
	return before.locked || vt_mm_write_locked(mm) ||
	       before.writes != vt_mm_writes(mm);
}

static void wt_look_gap(struct wt_watch *w, struct wt_target *t)
{
	MA_STATE(mas, &t->mm->mm_mt, 0, 0);
	u64 pages = (t->end - t->start) >> PAGE_SHIFT;
	unsigned long addr = t->start +
			     (((vt_rnd_next(&w->rnd) >> 32) * pages) >> 32) * PAGE_SIZE;
	struct wt_before before = wt_before(t->mm);
	bool exposed;
	void *entry;

	mas_set(&mas, addr);
	rcu_read_lock();
	entry = mas_walk(&mas);
	rcu_read_unlock();

	exposed = wt_exposed(t->mm, before);
	wt_look(w, exposed);
	vt_look(&wt_run, WT_GAP, exposed);
	if (unlikely(!entry))
		wt_race(w, WT_GAP, t->mm, addr, mas.index, mas.last,
			"nothing at 0x%lx-0x%lx, in 0x%lx-0x%lx", mas.index,
			mas.last, t->start, t->end - 1);
}

/* What has to stand still in a VMA that is locked for read. */
struct wt_still {
	struct mm_struct *mm;
	unsigned long start, end, pgoff;
	struct file *file;
};

static struct wt_still wt_still(struct vm_area_struct *vma)
{
	return (struct wt_still) {
		.mm = READ_ONCE(vma->vm_mm),
		.start = READ_ONCE(vma->vm_start),
		.end = READ_ONCE(vma->vm_end),
		.pgoff = READ_ONCE(vma->vm_pgoff),
		.file = READ_ONCE(vma->vm_file),
	};
}

static bool wt_moved(const struct wt_still *a, const struct wt_still *b)
{
	return a->mm != b->mm || a->start != b->start || a->end != b->end ||
	       a->pgoff != b->pgoff || a->file != b->file;
}

/* @breaks: change the VMA while it is locked, which is the module's own. */
static void wt_look_lock(struct wt_watch *w, struct wt_target *t, bool breaks)
{
	struct vm_area_struct *vma;
	struct wt_still first, then;
	struct wt_before before;
	unsigned long addr;
	unsigned int i;
	bool exposed;

	if (!t->nr_places)
		return;
	addr = t->places[vt_rnd_below(&w->rnd, t->nr_places)];
	before = wt_before(t->mm);
	vma = vt_call(lock_vma_under_rcu)(t->mm, addr);
	if (!vma)
		return;
	first = wt_still(vma);
	if (breaks)
		WRITE_ONCE(vma->vm_pgoff, first.pgoff + 1);
	for (i = vt_rnd_below(&w->rnd, 64); i; i--)
		cpu_relax();
	then = wt_still(vma);
	if (breaks)
		WRITE_ONCE(vma->vm_pgoff, first.pgoff);
	exposed = wt_exposed(t->mm, before);
	if (unlikely(!vt_vma_attached(vma)))
		wt_race(w, WT_VMA_LOCK, t->mm, addr, (unsigned long)vma, 0,
			"locked VMA 0x%lx-0x%lx is detached", first.start,
			first.end);
	vt_vma_end_read(vma);

	wt_look(w, exposed);
	vt_look(&wt_run, WT_VMA_LOCK, exposed);
	if (unlikely(first.mm != t->mm || addr < first.start ||
		     addr >= first.end))
		wt_race(w, WT_VMA_LOCK, t->mm, addr, first.start, first.end,
			"locked for 0x%lx was 0x%lx-0x%lx of %s mm", addr,
			first.start, first.end,
			first.mm == t->mm ? "this" : "another");
	else if (unlikely(wt_moved(&first, &then)))
		wt_race(w, WT_VMA_LOCK, t->mm, addr, first.start, then.start,
			"locked 0x%lx-0x%lx at page %lu became 0x%lx-0x%lx at page %lu",
			first.start, first.end, first.pgoff, then.start,
			then.end, then.pgoff);
}

/**
 * struct wt_walk - a walk over a whole tree
 * @nr: VMAs seen so far
 * @end: end of the last of them
 * @print: a sum over them
 */
struct wt_walk {
	unsigned int nr;
	unsigned long end;
	unsigned long print;
};

static void wt_look_vma(struct wt_watch *w, struct wt_target *t,
			const struct ma_state *mas, struct vm_area_struct *vma,
			struct wt_walk *walk)
{
	unsigned long start = READ_ONCE(vma->vm_start), end = vma->vm_end;

	if (unlikely(start < walk->end))
		wt_race(w, WT_ORDER, t->mm, start, start, walk->end,
			"a VMA ends at 0x%lx, the next one begins at 0x%lx",
			walk->end, start);
	walk->end = end;
	/* Before 6.5 a stack grew with the mmap lock held for read. */
	if (!(vma->vm_flags & VM_GROWSDOWN) &&
	    unlikely(start != mas->index || end - 1 != mas->last))
		wt_race(w, WT_RANGE, t->mm, mas->index, start, end,
			"VMA 0x%lx-0x%lx in the tree at 0x%lx-0x%lx", start,
			end - 1, mas->index, mas->last);
	if (unlikely(!vt_vma_in_tree(vma)))
		wt_race(w, WT_REFCOUNT, t->mm, start, (unsigned long)vma, 0,
			"VMA 0x%lx-0x%lx is in the tree and says it is not",
			start, end - 1);

	walk->print = walk->print * 31 + ((unsigned long)vma ^ start ^ end);
	if (t->nr_places < WT_PLACES)
		t->places[t->nr_places++] = start;
	else if (vt_rnd_one_in(&w->rnd, 4))
		t->places[vt_rnd_below(&w->rnd, WT_PLACES)] = end - PAGE_SIZE;
}

/*
 * All of a tree, its mmap lock held. RCU as well: before 6.5 stacks grew, and
 * changed the tree, under no more than the lock for read.
 */
static void wt_look_tree(struct wt_watch *w, struct wt_target *t)
{
	static const enum wt_kind kinds[] = {
		WT_ORDER, WT_RANGE, WT_FOREIGN, WT_XA_ZERO, WT_MAP_COUNT,
		WT_REFCOUNT,
	};
	MA_STATE(mas, &t->mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;
	struct wt_walk walk = {};
	unsigned int i;
	bool exposed;
	void *entry;

	if (vt_rnd_one_in(&w->rnd, 8))
		t->nr_places = 0;
	rcu_read_lock();
	mas_for_each(&mas, entry, ULONG_MAX) {
		if (unlikely(xa_is_zero(entry))) {
			wt_race(w, WT_XA_ZERO, t->mm, mas.index, mas.index,
				mas.last, "XA_ZERO_ENTRY at 0x%lx-0x%lx",
				mas.index, mas.last);
			continue;
		}
		vma = entry;
		walk.nr++;
		if (unlikely(vma->vm_mm != t->mm)) {
			wt_race(w, WT_FOREIGN, t->mm, mas.index,
				(unsigned long)vma, (unsigned long)vma->vm_mm,
				"VMA of another mm at 0x%lx-0x%lx", mas.index,
				mas.last);
			continue;
		}
		wt_look_vma(w, t, &mas, vma, &walk);
	}
	rcu_read_unlock();
	if (unlikely(walk.nr != t->mm->map_count))
		wt_race(w, WT_MAP_COUNT, t->mm, 0, walk.nr, t->mm->map_count,
			"map_count is %d, the tree has %u VMAs",
			t->mm->map_count, walk.nr);

	/* Under the lock nothing changes: something must have since last time. */
	exposed = t->print && walk.print != t->print;
	t->print = walk.print;
	wt_look(w, exposed);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		vt_look(&wt_run, kinds[i], exposed);
}

/*
 * Broken promises, in an mm of the module's own that looks like this:
 *
 *	| first | second |  hole  |
 */
#define WT_DECOY	0x10000000UL
#define WT_DECOY_PART	(16 * PAGE_SIZE)
#define WT_DECOY_HOLE	(WT_DECOY + 2 * WT_DECOY_PART)

static int wt_decoy_map(struct mm_struct *mm)
{
	unsigned long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	unsigned long ret;

	kthread_use_mm(mm);
	ret = vm_mmap(NULL, WT_DECOY, WT_DECOY_PART, PROT_READ, flags, 0);
	if (!IS_ERR_VALUE(ret))
		ret = vm_mmap(NULL, WT_DECOY + WT_DECOY_PART, WT_DECOY_PART,
			      PROT_READ | PROT_WRITE, flags, 0);
	kthread_unuse_mm(mm);
	return IS_ERR_VALUE(ret) ? (int)ret : 0;
}

static void wt_decoy_new(struct wt_watch *w)
{
	struct wt_target *t = &w->decoy;

	if (!wt_run.busted || !vt_has_space())
		return;
	t->mm = vt_mm_new();
	if (!t->mm)
		return;
	t->start = WT_DECOY_HOLE;
	t->end = WT_DECOY_HOLE + WT_DECOY_PART;
	t->places[t->nr_places++] = WT_DECOY;
	if (wt_decoy_map(t->mm)) {
		vt_mm_put(t->mm);
		t->mm = NULL;
	}
}

/* Break something, look, mend it, as no writer under the lock ever does. */
static void wt_look_broken(struct wt_watch *w, enum wt_kind kind)
{
	MA_STATE(mas, &w->decoy.mm->mm_mt, WT_DECOY_HOLE, WT_DECOY_HOLE);
	struct wt_target *t = &w->decoy;
	struct vm_area_struct *vma = find_vma(t->mm, WT_DECOY);

	if (!vma || (kind == WT_XA_ZERO &&
		     mas_store_gfp(&mas, XA_ZERO_ENTRY, GFP_KERNEL)))
		return;
	if (kind == WT_ORDER)
		vma->vm_end += PAGE_SIZE;
	else if (kind == WT_RANGE)
		vma->vm_end -= PAGE_SIZE;
	else if (kind == WT_FOREIGN)
		vma->vm_mm = w->process.mm;
	else if (kind == WT_MAP_COUNT)
		t->mm->map_count++;
	else if (kind == WT_REFCOUNT)
		vt_vma_pretend(vma, false);

	wt_look_tree(w, t);

	if (kind == WT_ORDER)
		vma->vm_end -= PAGE_SIZE;
	else if (kind == WT_RANGE)
		vma->vm_end += PAGE_SIZE;
	else if (kind == WT_FOREIGN)
		vma->vm_mm = t->mm;
	else if (kind == WT_MAP_COUNT)
		t->mm->map_count--;
	else if (kind == WT_REFCOUNT)
		vt_vma_pretend(vma, true);
	mas_set(&mas, WT_DECOY_HOLE);
	if (kind == WT_XA_ZERO)
		mas_store_gfp(&mas, NULL, GFP_KERNEL | __GFP_NOFAIL);
}

static void wt_burst_broken(struct wt_watch *w)
{
	unsigned int kind;

	if (vt_busted(&wt_run, WT_GAP))
		wt_look_gap(w, &w->decoy);
	if (vt_busted(&wt_run, WT_VMA_LOCK) && vt_has(lock_vma_under_rcu))
		wt_look_lock(w, &w->decoy, true);
	mmap_write_lock(w->decoy.mm);
	for (kind = WT_ORDER; kind < WT_VMA_LOCK; kind++)
		if (vt_busted(&wt_run, kind) && vt_kind_present(&wt_run, kind))
			wt_look_broken(w, kind);
	mmap_write_unlock(w->decoy.mm);
}

/* A burst of looks at the process. Its mm is held meanwhile. */
static void wt_burst(struct wt_watch *w)
{
	struct wt_target *t = &w->process;
	u64 now = ktime_get_ns();
	unsigned int i;

	vt_op(&wt_run);
	/*
	 * Never wait for it: whoever has it may be stuck. And leave it to the
	 * process most of the time: it may have tens of thousands of VMAs.
	 */
	if (now >= w->tree_after && mmap_read_trylock(t->mm)) {
		wt_look_tree(w, t);
		mmap_read_unlock(t->mm);
		w->tree_after = ktime_get_ns();
		w->tree_after += WT_TREE_PAUSE * (w->tree_after - now);
	}
	/* Trees are in RCU mode once others can find them. */
	if (!mt_in_rcu(&t->mm->mm_mt))
		return;
	for (i = 0; t->end && i < WT_POINTS; i++)
		wt_look_gap(w, t);
	for (i = 0; vt_has(lock_vma_under_rcu) && i < WT_LOCKS; i++)
		wt_look_lock(w, t, false);
}

/* The mm has no users any more: has the process exited, or another one now? */
static enum wt_state wt_end_of(struct wt_watch *w)
{
	struct task_struct *task = get_pid_task(w->pid, PIDTYPE_TGID);
	enum wt_state state = WT_EXITED;

	if (!task)
		return state;
	if (!(READ_ONCE(task->flags) & PF_EXITING) && !READ_ONCE(task->exit_state))
		state = WT_EXEC;
	put_task_struct(task);
	return state;
}

/* The last that is done for a watch, by whoever ends it. */
static void wt_over(struct wt_watch *w, enum wt_state state)
{
	mmdrop(w->process.mm);
	spin_lock(&wt_state_lock);
	WRITE_ONCE(w->state, state);
	if (!--wt_active) {
		WRITE_ONCE(wt_run.stop_ns, ktime_get_boottime_ns());
		WRITE_ONCE(wt_run.state, VT_DONE);
	}
	spin_unlock(&wt_state_lock);
}

static int wt_thread(void *arg)
{
	struct wt_watch *w = arg;
	enum wt_state state = WT_STOPPED;

	wt_decoy_new(w);
	while (!kthread_should_stop()) {
		if (!mmget_not_zero(w->process.mm)) {
			state = wt_end_of(w);
			break;
		}
		wt_burst(w);
		mmput(w->process.mm);
		if (w->decoy.mm)
			wt_burst_broken(w);
		cond_resched();
	}
	vt_mm_put(w->decoy.mm);
	wt_over(w, state);

	return 0;
}

/*
 * End a watch, or reap the thread of one that has ended. A thread that is
 * stopped before it began never runs its function.
 */
static void wt_stop(struct wt_watch *w)
{
	int ret;

	if (!w->thread)
		return;
	ret = kthread_stop(w->thread);
	put_task_struct(w->thread);
	w->thread = NULL;
	if (ret == -EINTR)
		wt_over(w, WT_STOPPED);
}

static void wt_forget(struct wt_watch *w)
{
	wt_stop(w);
	list_del(&w->node);
	wt_nr_watches--;
	put_pid(w->pid);
	kfree(w);
}

/* Room for one more, at the cost of the oldest that has ended. */
static int wt_make_room(void)
{
	struct wt_watch *w;

	if (wt_nr_watches < WT_MAX_WATCHES)
		return 0;
	list_for_each_entry(w, &wt_watches, node) {
		if (READ_ONCE(w->state) == WT_WATCHING)
			continue;
		wt_forget(w);
		return 0;
	}
	vt_err("watch: no more than %u processes at once\n", WT_MAX_WATCHES);
	return -ENOSPC;
}

/* From here on it counts. What it is of is pinned by @w. */
static void wt_activate(struct wt_watch *w)
{
	list_add_tail(&w->node, &wt_watches);
	wt_nr_watches++;
	spin_lock(&wt_state_lock);
	if (!wt_active++) {
		if (!wt_run.chosen)
			WRITE_ONCE(wt_run.start_ns, ktime_get_boottime_ns());
		WRITE_ONCE(wt_run.stop_ns, 0);
		WRITE_ONCE(wt_run.chosen, true);
		WRITE_ONCE(wt_run.state, VT_ACTIVE);
	}
	if (w->process.end || vt_busted(&wt_run, WT_GAP))
		wt_run.absent &= ~BIT(WT_GAP);
	spin_unlock(&wt_state_lock);
	wake_up_process(w->thread);
}

/* The task's mm, for as long as the watch goes on; and what it is called. */
static int wt_take(struct wt_watch *w, pid_t nr)
{
	struct task_struct *task = NULL;
	struct mm_struct *mm = NULL;
	int ret = -ESRCH;

	w->nr = nr;
	w->pid = find_get_pid(nr);
	if (w->pid)
		task = get_pid_task(w->pid, PIDTYPE_TGID);
	if (!task) {
		vt_err("watch: there is no process %d\n", nr);
		goto out;
	}
	get_task_comm(w->comm, task);
	mm = get_task_mm(task);
	if (task->flags & PF_KTHREAD) {
		vt_err("watch: %d is a kernel thread\n", nr);
		ret = -EINVAL;
	} else if (!mm) {
		vt_err("watch: process %d has ended\n", nr);
	} else if (w->process.end > mm->task_size) {
		vt_err("watch: 0x%lx-0x%lx is no range of process %d\n",
		       w->process.start, w->process.end, nr);
		ret = -EINVAL;
	} else {
		mmgrab(mm);
		w->process.mm = mm;
		ret = 0;
	}
	if (mm)
		mmput(mm);
	put_task_struct(task);
out:
	if (ret)
		put_pid(w->pid);
	return ret;
}

static int wt_begin(pid_t nr, unsigned long start, unsigned long end)
{
	struct wt_watch *w = kzalloc(sizeof(*w), GFP_KERNEL), *old;
	struct task_struct *thread;
	int ret;

	if (!w)
		return -ENOMEM;
	w->process.start = start;
	w->process.end = end;
	vt_rnd_fork(&w->rnd, vt_params.seed, ++wt_begun);
	ret = wt_take(w, nr);
	if (ret)
		goto free;
	ret = wt_make_room();
	if (ret)
		goto drop;
	thread = kthread_create(wt_thread, w, "vma_torture/%d", nr);
	ret = PTR_ERR_OR_ZERO(thread);
	if (ret)
		goto drop;
	w->thread = get_task_struct(thread);

	/* Once more, and so with another range: the old watch makes way. */
	list_for_each_entry(old, &wt_watches, node)
		if (old->pid == w->pid)
			wt_stop(old);
	wt_activate(w);
	return 0;

drop:
	mmdrop(w->process.mm);
	put_pid(w->pid);
free:
	kfree(w);
	return ret;
}

/* One process, or with 0 all; the lines of those that ended stay. */
static int wt_end(pid_t nr)
{
	struct wt_watch *w;
	bool found = !nr;

	list_for_each_entry(w, &wt_watches, node) {
		if (nr && w->nr != nr)
			continue;
		found = true;
		wt_stop(w);
	}
	if (found)
		return 0;
	vt_err("watch: process %d is not watched\n", nr);
	return -ESRCH;
}

/*
 * The file.
 */

static int wt_bad(const char *words)
{
	vt_err("watch: bad '" VT_WORDS "': allowed are PID [START-END], stop [PID]; START and END hexadecimal, of whole pages\n",
	       VT_WORDS_ARGS(words, strlen(words)));
	return -EINVAL;
}

static bool wt_parse_pid(const char *text, pid_t *nr)
{
	return isdigit(*text) && !kstrtoint(text, 10, nr) && *nr > 0;
}

static bool wt_parse_range(char *text, unsigned long *start, unsigned long *end)
{
	char *from = strsep(&text, "-");

	return text && isxdigit(*from) && isxdigit(*text) &&
	       !kstrtoul(from, 16, start) && !kstrtoul(text, 16, end) &&
	       *start < *end && PAGE_ALIGNED(*start) && PAGE_ALIGNED(*end);
}

static int wt_command(const char *words, char *line)
{
	unsigned long start = 0, end = 0;
	char *verb = strim(line);
	char *rest = verb + strcspn(verb, " \t");
	bool stop;
	pid_t nr = 0;
	int ret;

	if (*rest)
		*rest++ = '\0';
	rest = skip_spaces(rest);
	stop = !strcmp(verb, "stop");
	if (stop ? *rest && !wt_parse_pid(rest, &nr) :
		   !wt_parse_pid(verb, &nr) ||
		   (*rest && !wt_parse_range(rest, &start, &end)))
		return wt_bad(words);

	mutex_lock(&wt_lock);
	ret = stop ? wt_end(nr) : wt_begin(nr, start, end);
	mutex_unlock(&wt_lock);
	return ret;
}

static ssize_t wt_write(struct file *file, const char __user *buf, size_t size,
			loff_t *ppos)
{
	char line[128], words[128];
	int ret;

	if (size >= sizeof(line))
		return wt_bad("more than a line");
	if (copy_from_user(line, buf, size))
		return -EFAULT;
	line[size] = '\0';
	/* A NUL inside would hide what is behind it. */
	if (strlen(line) != size)
		return wt_bad(line);
	strscpy(words, line, sizeof(words));
	ret = wt_command(strim(words), line);
	return ret ? ret : size;
}

static int wt_show(struct seq_file *m, void *unused)
{
	struct wt_watch *w;

	mutex_lock(&wt_lock);
	list_for_each_entry(w, &wt_watches, node) {
		seq_printf(m, "pid=%d comm=", w->nr);
		/* Processes may be called anything. */
		seq_escape(m, w->comm, " \t\n\\");
		seq_printf(m, " state=%s ", wt_state_names[READ_ONCE(w->state)]);
		if (w->process.end)
			seq_printf(m, "range=0x%lx-0x%lx ", w->process.start,
				   w->process.end);
		else
			seq_puts(m, "range=none ");
		seq_printf(m, "looks=%llu exposure=%llu races=%llu\n",
			   READ_ONCE(w->looks), READ_ONCE(w->exposure),
			   READ_ONCE(w->races));
	}
	mutex_unlock(&wt_lock);
	return 0;
}

static int wt_open(struct inode *inode, struct file *file)
{
	return single_open(file, wt_show, NULL);
}

static const struct file_operations wt_fops = {
	.owner = THIS_MODULE,
	.open = wt_open,
	.read = seq_read,
	.write = wt_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * vt_watch_files() - create the file "watch"
 *
 * Context: may sleep; after vt_debugfs_init(), and gone with vt_debugfs_exit().
 */
void vt_watch_files(void)
{
	vt_debugfs_file("watch", 0600, &wt_fops);
}

/**
 * vt_watch_init() - be ready to watch
 * @busted: bit set of the kinds whose promise is broken in an mm of our own
 *
 * Context: may sleep; once, at load, after vt_session_init().
 * Return: 0 or -ENOMEM.
 */
int vt_watch_init(u32 busted)
{
	int ret = vt_run_init(&wt_run, &watch_torture, busted);

	if (ret)
		return ret;
	vt_absent(&wt_run, WT_GAP, "no range is promised to stay mapped");
	if (!vt_has(lock_vma_under_rcu)) {
		vt_absent(&wt_run, WT_VMA_LOCK, "this kernel has no per-VMA locks");
		vt_absent(&wt_run, WT_REFCOUNT, "this kernel has no per-VMA locks");
	}
	if (busted && !vt_has_space())
		vt_err("watch: no way to make a private address space to break\n");
	vt_session_adopt(&wt_run);
	return 0;
}

/**
 * vt_watch_exit() - end all watches and forget them
 *
 * Context: may sleep; the file is gone, the session is not.
 */
void vt_watch_exit(void)
{
	struct wt_watch *w, *next;

	list_for_each_entry_safe(w, next, &wt_watches, node)
		wt_forget(w);
	vt_session_adopt(NULL);
	vt_run_exit(&wt_run);
}
