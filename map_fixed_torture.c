// SPDX-License-Identifier: GPL-2.0-only
/*
 * map_fixed: mmap(MAP_FIXED) replaces mappings while others walk the VMA tree
 * under RCU.
 *
 * Each writer owns a lane in one of a few private mms, and each lane has three
 * ranges:
 *
 *   arena    always mapped, replaced piece by piece in every shape there is
 *   abort    replacements that the new mapping's file refuses; gaps are legal
 *            here, so that nobody but the writer looks
 *   sparse   200 GB, always mapped, replaced as a whole
 *
 * A writer says in its lane which range it has in flight. Readers look at that
 * range more often than not, and an oracle's look is exposed if it overlapped
 * what was in flight.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "compat_vma_lock.h"
#include "cover.h"
#include "engine.h"
#include "scenarios.h"
#include "space.h"
#include "map_fixed/trace.h"

#define MF_BASE		(1UL << 40)
#define MF_STRIDE	(1UL << 39)	/* between lanes */
#define MF_ARENA_PAGES	256
#define MF_ARENA	(MF_ARENA_PAGES * PAGE_SIZE)
#define MF_ABORT_PAGES	16
#define MF_ABORT_OFF	SZ_1G
#define MF_SPARSE_OFF	(256UL * SZ_1G)
#define MF_SPARSE	(200UL * SZ_1G)
#define MF_MAX_LANES	128		/* of one mm: what fits below 128 TB */

enum mf_kind {
	MF_GAP, MF_NO_VMA, MF_STALE, MF_CLOSE_ORDER, MF_HALF_ABORT, MF_ACCOUNT,
};

static const struct vt_kind mf_kinds[] = {
	[MF_GAP] = { "gap",
		"MAP_FIXED overwrites the tree in one store, readers under RCU see old or new (mm/vma.c, since 6.12)" },
	[MF_NO_VMA] = { "no_vma",
		"a fault that finds no VMA to lock and takes mmap_lock finds the old or the new one (mmap(2), MAP_FIXED)" },
	[MF_STALE] = { "stale",
		"when mmap() has returned, nobody reads what was mapped before (mmap(2), MAP_FIXED)" },
	[MF_CLOSE_ORDER] = { "close_order",
		"->close() of what is replaced runs before ->mmap() of what replaces it (vms_clean_up_area())" },
	[MF_HALF_ABORT] = { "half_abort",
		"a replacement its file refused leaves the range whole or empty, and nothing else (vms_abort_munmap_vmas())" },
	[MF_ACCOUNT] = { "account",
		"map_count, total_vm, locked_vm and committed memory are those of the mappings there are" },
};

enum mf_counter {
	MF_C_EXACT, MF_C_INSIDE, MF_C_STRADDLE, MF_C_DOZENS, MF_C_MERGE,
	MF_C_SPARSE, MF_C_LIMIT, MF_C_ANON, MF_C_SHMEM, MF_C_FILE, MF_C_LOCKED,
	MF_C_REFUSED, MF_C_FAILED, MF_C_SPLIT_SEEN, MF_C_GAP_AFTER_FAILURE,
	MF_C_LOCK_MISS, MF_C_EFAULT, MF_C_CHECKED, MF_C_CHECKED_NS, MF_C_BARE,
	MF_C_BARE_NS, MF_C_BESIDE, MF_C_BESIDE_NS, MF_C_ALONE, MF_C_ALONE_NS,
};

static const char *const mf_counters[] = {
	[MF_C_EXACT] = "exact",		/* replacements by shape */
	[MF_C_INSIDE] = "inside",
	[MF_C_STRADDLE] = "straddle",
	[MF_C_DOZENS] = "dozens",
	[MF_C_MERGE] = "merge",
	[MF_C_SPARSE] = "sparse",
	[MF_C_LIMIT] = "limit",
	[MF_C_ANON] = "anon",		/* and by what is mapped */
	[MF_C_SHMEM] = "shmem",
	[MF_C_FILE] = "file",
	[MF_C_LOCKED] = "locked",
	[MF_C_REFUSED] = "refused",	/* by their file, as they should be */
	[MF_C_FAILED] = "failed",	/* for want of memory */
	[MF_C_SPLIT_SEEN] = "split_seen",
	[MF_C_GAP_AFTER_FAILURE] = "gap_after_failure",
	[MF_C_LOCK_MISS] = "lock_miss",
	[MF_C_EFAULT] = "efault",
	[MF_C_CHECKED] = "checked",	/* for the price of a look, in one run */
	[MF_C_CHECKED_NS] = "checked_ns",
	[MF_C_BARE] = "bare",
	[MF_C_BARE_NS] = "bare_ns",
	[MF_C_BESIDE] = "beside",	/* for the price of readers */
	[MF_C_BESIDE_NS] = "beside_ns",
	[MF_C_ALONE] = "alone",
	[MF_C_ALONE_NS] = "alone_ns",
};

enum mf_hist { MF_H_FLIGHT };

static const char *const mf_hists[] = {
	[MF_H_FLIGHT] = "in_flight_ns",
};

enum mf_backing { MF_ANON, MF_SHMEM, MF_FILE, MF_NR_BACKINGS };

static const char *const mf_backing_names[] = {
	[MF_ANON] = "anon", [MF_SHMEM] = "shmem", [MF_FILE] = "file",
};

struct mf_space;

/**
 * struct mf_map - what one mapping of the module's file shows
 * @ref: one of each VMA, and one of the writer while it maps
 * @lane: the lane it is for
 * @page: the only page of the file, with the generation in it
 */
struct mf_map {
	struct kref ref;
	struct mf_lane *lane;
	struct page *page;
};

/**
 * struct mf_lane - the ranges of one writer
 * @seq: odd while a replacement is in flight; written by the writer
 * @fails: odd while a failed replacement may have left a gap in the arena
 * @start: of what is in flight
 * @end: of what is in flight
 * @gen: per page of the arena the generation last completed there
 * @space: the mm
 * @arena: start of the arena; the other ranges are at fixed offsets from it
 * @has_sparse: the sparse range could be mapped
 * @generation: of the replacement at work; all below is the writer's own
 * @file: the module's file
 * @shmem: a shmem file of twice the arena's size
 * @next: what the next mapping of @file will show
 * @refuse: errno with which @file refuses to be mapped, or 0
 * @refused: it did
 * @cover: per page of the arena, how many VMAs of @file are open over it
 * @late: pages whose ->close() is put off (busted)
 * @bumped: how much was added to total_vm (busted)
 */
struct mf_lane {
	unsigned int seq ____cacheline_aligned_in_smp;
	unsigned int fails;
	unsigned long start;
	unsigned long end;

	u64 gen[MF_ARENA_PAGES] ____cacheline_aligned_in_smp;

	struct mf_space *space ____cacheline_aligned_in_smp;
	unsigned long arena;
	bool has_sparse;

	u64 generation ____cacheline_aligned_in_smp;
	struct file *file;
	struct file *shmem;
	struct mf_map *next;
	int refuse;
	bool refused;
	u8 cover[MF_ARENA_PAGES];
	DECLARE_BITMAP(late, MF_ARENA_PAGES);
	unsigned long bumped;
};

/**
 * struct mf_base - what an mm's accounts are at rest
 * @map_count: number of VMAs
 * @total_vm: pages mapped
 * @locked_vm: pages of them locked
 */
struct mf_base {
	long map_count;
	long total_vm;
	long locked_vm;
};

/**
 * struct mf_space - one private mm
 * @run: the run
 * @mm: the mm
 * @nr_lanes: lanes in it
 * @lanes: the lanes
 * @base: its accounts with every range mapped as one VMA
 */
struct mf_space {
	struct vt_run *run;
	struct mm_struct *mm;
	unsigned int nr_lanes;
	struct mf_lane **lanes;
	struct mf_base base;
};

struct mf_state {
	unsigned int nr_spaces;
	struct mf_space *spaces;
};

/*
 * The module's file: ->mmap() and ->close() tell the order in which the kernel
 * does things, a page with a generation in it tells what a mapping is.
 *
 * All of these but ->fault() are called with the mmap lock held for write, and
 * the lane's writer is who replaces: what they touch in the lane needs no other
 * lock. The last ->close() comes with the mm's end.
 */
static void mf_map_free(struct kref *ref)
{
	struct mf_map *map = container_of(ref, struct mf_map, ref);

	__free_page(map->page);
	kfree(map);
}

static struct mf_map *mf_map_new(struct mf_lane *lane)
{
	struct mf_map *map = kzalloc(sizeof(*map), GFP_KERNEL);
	u64 *stamp;

	if (!map)
		return NULL;
	map->page = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
	if (!map->page) {
		kfree(map);
		return NULL;
	}
	kref_init(&map->ref);
	map->lane = lane;
	stamp = kmap_local_page(map->page);
	*stamp = lane->generation;
	kunmap_local(stamp);

	return map;
}

/* The part of a VMA that lies in the arena, in pages; false if none does. */
static bool mf_arena_part(const struct mf_lane *lane,
			  const struct vm_area_struct *vma,
			  unsigned int *first, unsigned int *end)
{
	unsigned long from = max(vma->vm_start, lane->arena);
	unsigned long to = min(vma->vm_end, lane->arena + MF_ARENA);

	if (from >= to)
		return false;
	*first = (from - lane->arena) >> PAGE_SHIFT;
	*end = (to - lane->arena) >> PAGE_SHIFT;
	return true;
}

static void mf_vm_open(struct vm_area_struct *vma)
{
	struct mf_map *map = vma->vm_private_data;

	/* A split: the same pages, now under two VMAs. */
	kref_get(&map->ref);
}

static void mf_vm_close(struct vm_area_struct *vma)
{
	struct mf_map *map = vma->vm_private_data;
	struct mf_lane *lane = map->lane;
	unsigned int i, first, end;

	if (mf_arena_part(lane, vma, &first, &end)) {
		if (vt_busted(lane->space->run, MF_CLOSE_ORDER))
			bitmap_set(lane->late, first, end - first);
		else
			for (i = first; i < end; i++)
				lane->cover[i]--;
	}
	kref_put(&map->ref, mf_map_free);
}

static vm_fault_t mf_vm_fault(struct vm_fault *vmf)
{
	struct mf_map *map = vmf->vma->vm_private_data;

	get_page(map->page);
	vmf->page = map->page;
	return 0;
}

static const struct vm_operations_struct mf_vm_ops = {
	.open = mf_vm_open,
	.close = mf_vm_close,
	.fault = mf_vm_fault,
};

static void mf_judge_closed(struct mf_lane *lane, unsigned int first,
			    unsigned int end, const char *when)
{
	unsigned int i;

	for (i = first; i < end; i++) {
		if (!lane->cover[i])
			continue;
		vt_race(lane->space->run, MF_CLOSE_ORDER, lane->space->mm,
			lane->arena + i * PAGE_SIZE, lane->cover[i],
			lane->generation,
			"%s: %u VMA of the old mapping not closed, generation %llu",
			when, lane->cover[i], lane->generation);
		break;
	}
}

static int mf_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mf_lane *lane = file->private_data;
	unsigned int i, first, end;

	if (lane->refuse) {
		lane->refused = true;
		return lane->refuse;
	}

	if (mf_arena_part(lane, vma, &first, &end)) {
		mf_judge_closed(lane, first, end, "in ->mmap()");
		for (i = first; i < end; i++)
			lane->cover[i]++;
	}
	kref_get(&lane->next->ref);
	/*
	 * Each mapping shows a page of its own, so it must not become part of
	 * a neighbour that happens to end where it begins in the file.
	 */
	vt_vm_flags_set(vma, VM_DONTEXPAND);
	vma->vm_private_data = lane->next;
	vma->vm_ops = &mf_vm_ops;

	return 0;
}

static const struct file_operations mf_fops = {
	.mmap = mf_file_mmap,
};

/*
 * What readers know of a lane.
 */

/**
 * struct mf_view - a lane as a look began
 * @seq: odd: what follows is in flight
 * @fails: odd: do not look
 * @start: of what is or was in flight
 * @end: likewise
 */
struct mf_view {
	unsigned int seq;
	unsigned int fails;
	unsigned long start;
	unsigned long end;
};

static bool mf_view_begin(const struct mf_lane *lane, struct mf_view *v)
{
	/* Pairs with the releases in mf_flight_begin() and mf_flight_end(). */
	v->seq = smp_load_acquire(&lane->seq);
	v->fails = READ_ONCE(lane->fails);
	v->start = READ_ONCE(lane->start);
	v->end = READ_ONCE(lane->end);
	/* Start and end of one replacement? Pairs with mf_flight_begin(). */
	smp_rmb();
	if (READ_ONCE(lane->seq) != v->seq)
		v->start = v->end = lane->arena;
	return !(v->fails & 1);
}

/* Did a look at [@first, @last] overlap a replacement of any of it? */
static bool mf_view_exposed(const struct mf_lane *lane, const struct mf_view *v,
			    unsigned long first, unsigned long last)
{
	if ((v->seq & 1) && first < v->end && last >= v->start)
		return true;
	/* The look's loads come first. Pairs with mf_flight_begin(). */
	smp_rmb();
	if (READ_ONCE(lane->seq) == v->seq)
		return false;
	return first < READ_ONCE(lane->end) && last >= READ_ONCE(lane->start);
}

/*
 * A gap was seen. It is a race unless the replacement under way fails, for then
 * a gap may stay. So wait until it is over; that is what every writer comes to,
 * whether it is stopped or not.
 */
static bool mf_view_failed(const struct mf_lane *lane, const struct mf_view *v)
{
	unsigned int seq = READ_ONCE(lane->seq);

	/* Pairs with the release in mf_flight_end(). */
	while ((seq & 1) && smp_load_acquire(&lane->seq) == seq)
		cond_resched();
	return READ_ONCE(lane->fails) != v->fails;
}

static void mf_flight_begin(struct mf_lane *lane, unsigned long start,
			    unsigned long end)
{
	WRITE_ONCE(lane->seq, lane->seq + 1);
	/*
	 * Odd before anything changes, the range included: pairs with
	 * mf_view_begin() and mf_view_exposed().
	 */
	smp_wmb();
	WRITE_ONCE(lane->start, start);
	WRITE_ONCE(lane->end, end);
}

static void mf_flight_end(struct mf_lane *lane)
{
	/* Who sees it even sees how it ended. Pairs with mf_view_failed(). */
	smp_store_release(&lane->seq, lane->seq + 1);
}

/*
 * Replacements.
 */

/**
 * struct mf_op - one replacement
 * @start: of the range
 * @end: of the range
 * @backing: what is mapped
 * @flags: MAP_LOCKED and the like, besides MAP_FIXED
 * @shape: counter of its shape, whose name also says it in traces
 */
struct mf_op {
	unsigned long start;
	unsigned long end;
	enum mf_backing backing;
	unsigned long flags;
	enum mf_counter shape;
};

static bool mf_in_arena(const struct mf_lane *lane, unsigned long addr)
{
	return addr - lane->arena < MF_ARENA;
}

static unsigned int mf_page_of(const struct mf_lane *lane, unsigned long addr)
{
	return (addr - lane->arena) >> PAGE_SHIFT;
}

/* Put the generation into the pages of the file that are about to be mapped. */
static int mf_stamp_shmem(struct mf_lane *lane, pgoff_t first, pgoff_t end)
{
	struct address_space *mapping = lane->shmem->f_mapping;

	for (; first < end; first++) {
		struct page *page = shmem_read_mapping_page(mapping, first);
		u64 *stamp;

		if (IS_ERR(page))
			return PTR_ERR(page);
		stamp = kmap_local_page(page);
		WRITE_ONCE(*stamp, lane->generation);
		kunmap_local(stamp);
		set_page_dirty(page);
		put_page(page);
	}
	return 0;
}

static long mf_mmap(struct file *file, const struct mf_op *op,
		    unsigned long prot, unsigned long flags, pgoff_t pgoff)
{
	unsigned long ret = vm_mmap(file, op->start, op->end - op->start, prot,
				    flags | op->flags | MAP_FIXED,
				    pgoff << PAGE_SHIFT);

	return IS_ERR_VALUE(ret) ? (long)ret : 0;
}

/* The system call itself, with all that has to be ready for it. */
static long mf_map(struct mf_lane *lane, const struct mf_op *op, pgoff_t pgoff)
{
	switch (op->backing) {
	case MF_SHMEM:
		return mf_mmap(lane->shmem, op, PROT_READ | PROT_WRITE,
			       MAP_SHARED, pgoff);
	case MF_FILE:
		return mf_mmap(lane->file, op, PROT_READ, MAP_SHARED, 0);
	default:
		return mf_mmap(NULL, op, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	}
}

/* Write the generation into some pages of an anonymous mapping. */
static void mf_stamp_anon(struct vt_thread *t, const struct mf_lane *lane,
			  const struct mf_op *op)
{
	unsigned long pages = (op->end - op->start) >> PAGE_SHIFT;
	unsigned int n = 1 + vt_rnd_below(&t->rnd, min(pages, 8UL));

	while (n--) {
		unsigned long addr = op->start +
			(vt_rnd_next(&t->rnd) % pages) * PAGE_SIZE;

		/* Without memory the page stays as it is: that is legal. */
		if (put_user(lane->generation, (u64 __user *)addr))
			vt_count(t->run, MF_C_EFAULT, 1);
	}
}

static bool mf_was_covered(const struct mf_lane *lane, unsigned int first,
			   unsigned int end)
{
	return memchr_inv(&lane->cover[first], 0, end - first);
}

/* Busted: what ->close() put off. */
static void mf_close_late(struct mf_lane *lane)
{
	unsigned int i;

	for_each_set_bit(i, lane->late, MF_ARENA_PAGES)
		lane->cover[i]--;
	bitmap_zero(lane->late, MF_ARENA_PAGES);
}

static void mf_set_gen(struct mf_lane *lane, unsigned int first,
		       unsigned int end)
{
	for (; first < end; first++)
		/* After the replacement. Pairs with mf_look_stale(). */
		smp_store_release(&lane->gen[first], lane->generation);
}

/**
 * mf_replace() - one replacement, from its preparation to what it left
 * @t: the writer, which uses the mm
 * @lane: its lane
 * @op: what to do
 *
 * Return: 0, or the errno of mmap(), after which there may be a gap and readers
 * keep away until mf_repair().
 */
static long mf_replace(struct vt_thread *t, struct mf_lane *lane,
		       const struct mf_op *op)
{
	bool arena = mf_in_arena(lane, op->start), covered = false;
	struct mm_struct *mm = lane->space->mm;
	unsigned int first = 0, end = 0;
	struct vt_run *run = t->run;
	pgoff_t pgoff = 0;
	u64 begun;
	long ret;

	lane->generation++;
	if (arena) {
		first = mf_page_of(lane, op->start);
		end = first + ((op->end - op->start) >> PAGE_SHIFT);
		covered = mf_was_covered(lane, first, end);
	}
	if (op->backing == MF_SHMEM) {
		/* One half of the file or the other, so that offsets change. */
		pgoff = first + vt_rnd_below(&t->rnd, 2) * MF_ARENA_PAGES;
		ret = mf_stamp_shmem(lane, pgoff, pgoff + end - first);
		if (ret)
			return 0;	/* nothing was touched */
	}
	if (op->backing == MF_FILE) {
		lane->next = mf_map_new(lane);
		if (!lane->next)
			return 0;
	}

	trace_map_fixed_begin(mm, op->start, op->end, mf_counters[op->shape],
			      mf_backing_names[op->backing]);
	if (arena && vt_busted(run, MF_STALE))
		mf_set_gen(lane, first, end);	/* before it is true */
	mf_flight_begin(lane, op->start, op->end);
	begun = ktime_get_ns();
	if (vt_busted(run, MF_GAP) || vt_busted(run, MF_NO_VMA))
		vm_munmap(op->start, op->end - op->start);
	ret = mf_map(lane, op, pgoff);
	vt_hist(run, MF_H_FLIGHT, ktime_get_ns() - begun);
	if (ret)
		WRITE_ONCE(lane->fails, lane->fails + 1);
	mf_flight_end(lane);
	trace_map_fixed_end(mm, op->start, op->end, ret);

	if (lane->next) {
		kref_put(&lane->next->ref, mf_map_free);
		lane->next = NULL;
	}
	mf_close_late(lane);
	if (ret) {
		vt_count(run, MF_C_FAILED, 1);
		return ret;
	}

	if (arena) {
		mf_set_gen(lane, first, end);
		vt_look(run, MF_CLOSE_ORDER, covered);
		if (op->backing != MF_FILE)
			mf_judge_closed(lane, first, end, "after mmap()");
		if (op->backing == MF_ANON)
			mf_stamp_anon(t, lane, op);
	}
	vt_op(run);
	vt_count(run, op->shape, 1);
	vt_count(run, MF_C_ANON + op->backing, 1);
	if (op->flags & MAP_LOCKED)
		vt_count(run, MF_C_LOCKED, 1);
	return 0;
}

/* All of the arena is one anonymous mapping again. False without memory. */
static bool mf_repair(struct mf_lane *lane)
{
	struct mf_op op = {
		.start = lane->arena, .end = lane->arena + MF_ARENA,
	};
	bool broken = lane->fails & 1;

	lane->generation++;
	if (mf_map(lane, &op, 0))
		return false;
	mf_close_late(lane);
	mf_set_gen(lane, 0, MF_ARENA_PAGES);
	if (lane->has_sparse) {
		op.start = lane->arena + MF_SPARSE_OFF;
		op.end = op.start + MF_SPARSE;
		op.flags = MAP_NORESERVE;
		if (mf_map(lane, &op, 0))
			return false;
	}
	if (broken)
		/* All mapped again. Pairs with mf_view_begin(). */
		smp_store_release(&lane->fails, lane->fails + 1);
	return true;
}

/*
 * Shapes. Each looks at the tree as it is and picks a range.
 *
 *                 |--- A ---|--- B ---|-- C --|
 *  exact                    [         )
 *  inside           [     )
 *  straddle             [        )
 *  dozens         [                           )  after cutting it to pieces
 *  merge                [   )                    with what is mapped on its left
 */

/* The VMA at @addr, cut to the arena. False if there is none. */
static bool mf_vma_at(struct mf_lane *lane, unsigned long addr,
		      struct mf_op *op, bool *anon)
{
	struct mm_struct *mm = lane->space->mm;
	struct vm_area_struct *vma;
	bool found;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	found = vma && vma->vm_start <= addr;
	if (found) {
		op->start = max(vma->vm_start, lane->arena);
		op->end = min(vma->vm_end, lane->arena + MF_ARENA);
		*anon = !vma->vm_file;
	}
	mmap_read_unlock(mm);
	return found;
}

static unsigned long mf_random_page(struct vt_thread *t, struct mf_lane *lane)
{
	return lane->arena + vt_rnd_below(&t->rnd, MF_ARENA_PAGES) * PAGE_SIZE;
}

/* A random part of [start, end) that leaves something on both sides. */
static bool mf_shrink(struct vt_thread *t, struct mf_op *op)
{
	unsigned long pages = (op->end - op->start) >> PAGE_SHIFT;
	unsigned long from, n;

	if (pages < 3)
		return false;
	from = 1 + vt_rnd_below(&t->rnd, min(pages - 2, 64UL));
	n = 1 + vt_rnd_below(&t->rnd, min(pages - 1 - from, 64UL));
	op->start += from * PAGE_SIZE;
	op->end = op->start + n * PAGE_SIZE;
	return true;
}

static bool mf_pick_straddle(struct vt_thread *t, struct mf_lane *lane,
			     struct mf_op *op)
{
	struct mf_op left, right;
	bool anon;

	if (!mf_vma_at(lane, mf_random_page(t, lane), &left, &anon) ||
	    !mf_in_arena(lane, left.end) ||
	    !mf_vma_at(lane, left.end, &right, &anon))
		return false;
	/* The whole of a VMA of one page, else at most a part of each. */
	op->start = left.end - PAGE_SIZE *
		(1 + vt_rnd_below(&t->rnd, min((left.end - left.start) >> PAGE_SHIFT, 32UL)));
	op->end = right.start + PAGE_SIZE *
		(1 + vt_rnd_below(&t->rnd, min((right.end - right.start) >> PAGE_SHIFT, 32UL)));
	return true;
}

static long mf_do_dozens(struct vt_thread *t, struct mf_lane *lane,
			 struct mf_op *op)
{
	unsigned int i, n = 24 + vt_rnd_below(&t->rnd, 25);
	unsigned long start = lane->arena +
		vt_rnd_below(&t->rnd, MF_ARENA_PAGES - n) * PAGE_SIZE;
	long ret;

	/* Neighbours that cannot merge: each page another kind than the last. */
	for (i = 0; i < n; i++) {
		op->start = start + i * PAGE_SIZE;
		op->end = op->start + PAGE_SIZE;
		op->backing = i & 1 ? MF_FILE : vt_rnd_below(&t->rnd, 2);
		op->shape = MF_C_INSIDE;
		ret = mf_replace(t, lane, op);
		if (ret)
			return ret;
	}
	op->start = start;
	op->end = start + n * PAGE_SIZE;
	op->backing = vt_rnd_below(&t->rnd, MF_NR_BACKINGS);
	op->shape = MF_C_DOZENS;
	return mf_replace(t, lane, op);
}

/*
 * A process at its RLIMIT_AS may replace its own pages. The limit is this
 * thread's own, and the mm never has more than the base: a limit of just that
 * is reached whenever all is mapped.
 */
static long mf_do_limit(struct vt_thread *t, struct mf_lane *lane,
			struct mf_op *op)
{
	struct rlimit *rlim = &current->signal->rlim[RLIMIT_AS];
	unsigned long saved = rlim->rlim_cur;
	struct vt_run *run = t->run;
	long ret, again;

	op->shape = MF_C_LIMIT;
	WRITE_ONCE(rlim->rlim_cur, lane->space->base.total_vm << PAGE_SHIFT);
	ret = mf_replace(t, lane, op);
	WRITE_ONCE(rlim->rlim_cur, saved);
	vt_look(run, MF_ACCOUNT, true);
	if (ret != -ENOMEM || lane->bumped)
		return ret;

	/* Was it the limit, or is there no memory? */
	op->backing = MF_ANON;
	again = mf_map(lane, op, 0);
	if (!again)
		vt_race(run, MF_ACCOUNT, lane->space->mm, op->start,
			op->end - op->start, lane->space->base.total_vm,
			"replacing 0x%lx own bytes refused at RLIMIT_AS of %ld pages",
			op->end - op->start, lane->space->base.total_vm);
	return ret;
}

static long mf_do_sparse(struct vt_thread *t, struct mf_lane *lane,
			 struct mf_op *op)
{
	unsigned int i;

	op->start = lane->arena + MF_SPARSE_OFF;
	op->end = op->start + MF_SPARSE;
	op->backing = MF_ANON;
	op->flags = MAP_NORESERVE;
	op->shape = MF_C_SPARSE;
	/* Something to unmap, far apart. */
	for (i = 0; i < 3; i++) {
		unsigned long addr = op->start + (vt_rnd_next(&t->rnd) %
			(MF_SPARSE >> PAGE_SHIFT)) * PAGE_SIZE;

		if (put_user(1ULL, (u64 __user *)addr))
			vt_count(t->run, MF_C_EFAULT, 1);
	}
	return mf_replace(t, lane, op);
}

/*
 * The whole arena by one mapping, and again a few times: what the readers cost
 * is measured with, for mf_burst() does the same when they are gone.
 */
#define MF_BESIDE	8

static long mf_do_whole(struct vt_thread *t, struct mf_lane *lane,
			struct mf_op *op)
{
	unsigned int i;
	u64 begun;
	bool done;
	long ret;

	op->start = lane->arena;
	op->end = lane->arena + MF_ARENA;
	op->backing = MF_ANON;
	op->shape = MF_C_DOZENS;
	ret = mf_replace(t, lane, op);
	if (ret)
		return ret;
	for (i = 0; i < MF_BESIDE; i++) {
		mf_flight_begin(lane, op->start, op->end);
		begun = ktime_get_ns();
		done = mf_repair(lane);
		vt_count(t->run, MF_C_BESIDE_NS, ktime_get_ns() - begun);
		if (!done)
			WRITE_ONCE(lane->fails, lane->fails + 1);
		mf_flight_end(lane);
		if (!done)
			return -ENOMEM;
		vt_count(t->run, MF_C_BESIDE, 1);
	}
	return 0;
}

static long mf_write_one(struct vt_thread *t, struct mf_lane *lane)
{
	struct mf_op op = { .backing = vt_rnd_below(&t->rnd, MF_NR_BACKINGS) };
	unsigned int draw = vt_rnd_below(&t->rnd, 64);
	bool anon;

	if (draw < 1)
		return mf_do_dozens(t, lane, &op);
	if (draw < 2)
		return mf_do_whole(t, lane, &op);
	if (draw < 4 && lane->has_sparse)
		return mf_do_sparse(t, lane, &op);
	if (draw < 20 && mf_pick_straddle(t, lane, &op)) {
		op.shape = MF_C_STRADDLE;
		return mf_replace(t, lane, &op);
	}
	if (!mf_vma_at(lane, mf_random_page(t, lane), &op, &anon))
		return 0;
	if (draw < 24)
		return mf_do_limit(t, lane, &op);
	if (draw < 32 && op.end - op.start <= 8 * PAGE_SIZE)
		op.flags = MAP_LOCKED;
	if (draw < 48 && mf_shrink(t, &op)) {
		/* Anonymous into anonymous merges on both sides. */
		op.shape = anon && op.backing == MF_ANON ? MF_C_MERGE : MF_C_INSIDE;
		return mf_replace(t, lane, &op);
	}
	op.shape = MF_C_EXACT;
	return mf_replace(t, lane, &op);
}

/*
 * half_abort: a replacement that its file refuses.
 *
 *   pages   0      4               12     16
 *           | left |  to be        | right |
 *                  |  replaced     |
 *
 * Before: one VMA, or one per two pages of which every second may not be
 * written, so that the replacement has VMAs to split, or many to gather.
 */
#define MF_ABORT_FROM	4
#define MF_ABORT_TO	12

static unsigned long mf_abort_addr(const struct mf_lane *lane, unsigned int page)
{
	return lane->arena + MF_ABORT_OFF + page * PAGE_SIZE;
}

static long mf_abort_map(struct mf_lane *lane, unsigned int from,
			 unsigned int to, struct file *file, unsigned long prot)
{
	struct mf_op op = {
		.start = mf_abort_addr(lane, from), .end = mf_abort_addr(lane, to),
	};

	return mf_mmap(file, &op, prot,
		       file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, 0);
}

/*
 * Which pages of the range are mapped, and is any mapped by the file, or by a
 * VMA that is detached? Nobody else locks any of them.
 */
static void mf_abort_look(struct mf_lane *lane, unsigned long *mapped,
			  bool *by_file, bool *detached)
{
	MA_STATE(mas, &lane->space->mm->mm_mt, 0, 0);
	struct mm_struct *mm = lane->space->mm;
	unsigned int page;

	bitmap_zero(mapped, MF_ABORT_PAGES);
	*by_file = false;
	*detached = false;
	mmap_read_lock(mm);
	for (page = 0; page < MF_ABORT_PAGES; page++) {
		struct vm_area_struct *vma;

		/* What the tree says: a VMA may think itself larger. */
		mas_set(&mas, mf_abort_addr(lane, page));
		vma = mas_walk(&mas);
		if (!vma)
			continue;
		__set_bit(page, mapped);
		*by_file |= !!vma->vm_file;
		*detached |= !vt_vma_count(vma);
	}
	mmap_read_unlock(mm);
}

static void mf_abort_judge(struct vt_run *run, struct mf_lane *lane, long ret)
{
	DECLARE_BITMAP(mapped, MF_ABORT_PAGES);
	unsigned int page, inside = 0;
	bool by_file, detached;
	unsigned long word;

	mf_abort_look(lane, mapped, &by_file, &detached);
	bitmap_to_arr64((u64 *)&word, mapped, MF_ABORT_PAGES);
	vt_look(run, MF_HALF_ABORT, true);
	if (ret != lane->refuse)
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), ret, lane->refuse,
			"refused with %d, mmap() returned %ld", lane->refuse,
			ret);
	if (detached)
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), inside, word,
			"a detached VMA is left, mapped: 0x%lx", word);
	for (page = 0; page < MF_ABORT_PAGES; page++) {
		if (page >= MF_ABORT_FROM && page < MF_ABORT_TO)
			inside += test_bit(page, mapped);
		else if (!test_bit(page, mapped))
			vt_race(run, MF_HALF_ABORT, lane->space->mm,
				mf_abort_addr(lane, page), page, word,
				"neighbour's page %u is gone, mapped: 0x%lx",
				page, word);
	}
	if (by_file || (inside && inside != MF_ABORT_TO - MF_ABORT_FROM))
		vt_race(run, MF_HALF_ABORT, lane->space->mm,
			mf_abort_addr(lane, MF_ABORT_FROM), inside, word,
			"%u of %u pages left, mapped: 0x%lx, by the refusing file: %d",
			inside, MF_ABORT_TO - MF_ABORT_FROM, word, by_file);
}

/* Busted: a failure that leaves half of the range. */
static void mf_abort_break(struct mf_lane *lane)
{
	unsigned int half = (MF_ABORT_FROM + MF_ABORT_TO) / 2;

	if (mf_abort_map(lane, MF_ABORT_FROM, MF_ABORT_TO, NULL,
			 PROT_READ | PROT_WRITE))
		return;
	vm_munmap(mf_abort_addr(lane, MF_ABORT_FROM),
		  (half - MF_ABORT_FROM) * PAGE_SIZE);
}

/*
 * One that the kernel itself refuses, before anything is unmapped: an mm that is
 * above its RLIMIT_AS may not even replace what it has. The limit is this
 * thread's own.
 */
static void mf_abort_at_limit(struct vt_run *run, struct mf_lane *lane)
{
	struct rlimit *rlim = &current->signal->rlim[RLIMIT_AS];
	unsigned long saved = rlim->rlim_cur;
	long ret;

	lane->refuse = -ENOMEM;
	WRITE_ONCE(rlim->rlim_cur, PAGE_SIZE);
	ret = mf_abort_map(lane, MF_ABORT_FROM, MF_ABORT_TO, NULL, PROT_READ);
	WRITE_ONCE(rlim->rlim_cur, saved);
	vt_count(run, MF_C_REFUSED, 1);
	mf_abort_judge(run, lane, ret);
	lane->refuse = 0;
}

static void mf_abort_one(struct vt_thread *t, struct mf_lane *lane)
{
	static const int errnos[] = {
		-ENODEV, -EPERM, -EACCES, -ENOMEM, -EAGAIN, -EINVAL, -EIO,
	};
	unsigned int page;
	long ret;

	/* The replacement that must work after the last one that did not. */
	if (mf_abort_map(lane, 0, MF_ABORT_PAGES, NULL, PROT_READ | PROT_WRITE)) {
		vt_count(t->run, MF_C_FAILED, 1);
		return;
	}
	if (vt_rnd_one_in(&t->rnd, 2)) {
		for (page = 0; page < MF_ABORT_PAGES; page += 4)
			if (mf_abort_map(lane, page, page + 2, NULL, PROT_READ))
				return;
	}

	if (vt_rnd_one_in(&t->rnd, 4)) {
		mf_abort_at_limit(t->run, lane);
		return;
	}
	lane->refuse = errnos[vt_rnd_below(&t->rnd, ARRAY_SIZE(errnos))];
	lane->refused = false;
	ret = mf_abort_map(lane, MF_ABORT_FROM, MF_ABORT_TO, lane->file, PROT_READ);
	if (vt_busted(t->run, MF_HALF_ABORT))
		mf_abort_break(lane);
	/* If the file was not asked, mmap() had a reason of its own. */
	if (lane->refused) {
		vt_count(t->run, MF_C_REFUSED, 1);
		mf_abort_judge(t->run, lane, ret);
	}
	lane->refuse = 0;
}

/*
 * account: the sums the mm keeps against the mappings there are. With the mmap
 * lock held they have to agree at any time.
 */
static void mf_account_sum(struct mm_struct *mm, struct mf_base *sum)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	*sum = (struct mf_base){};
	mas_for_each(&mas, vma, ULONG_MAX) {
		sum->map_count++;
		sum->total_vm += vma_pages(vma);
		if (vma->vm_flags & VM_LOCKED)
			sum->locked_vm += vma_pages(vma);
	}
}

static void mf_account_kept(const struct mm_struct *mm, struct mf_base *kept)
{
	kept->map_count = mm->map_count;
	kept->total_vm = mm->total_vm;
	kept->locked_vm = mm->locked_vm;
}

static void mf_account_judge(struct mf_space *s, const struct mf_base *kept,
			     const struct mf_base *want, const char *when)
{
	vt_look(s->run, MF_ACCOUNT, true);
	if (kept->map_count != want->map_count)
		vt_race(s->run, MF_ACCOUNT, s->mm, 0, kept->map_count,
			want->map_count, "%s: map_count %ld, VMAs %ld", when,
			kept->map_count, want->map_count);
	if (kept->total_vm != want->total_vm)
		vt_race(s->run, MF_ACCOUNT, s->mm, 0, kept->total_vm,
			want->total_vm, "%s: total_vm %ld, pages mapped %ld",
			when, kept->total_vm, want->total_vm);
	if (kept->locked_vm != want->locked_vm)
		vt_race(s->run, MF_ACCOUNT, s->mm, 0, kept->locked_vm,
			want->locked_vm, "%s: locked_vm %ld, pages locked %ld",
			when, kept->locked_vm, want->locked_vm);
}

static void mf_account_now(struct mf_lane *lane)
{
	struct mf_space *s = lane->space;
	struct mf_base kept, sum;

	if (vt_busted(s->run, MF_ACCOUNT) && !lane->bumped) {
		mmap_write_lock(s->mm);
		s->mm->total_vm++;
		lane->bumped++;
		mmap_write_unlock(s->mm);
	}
	mmap_read_lock(s->mm);
	mf_account_kept(s->mm, &kept);
	mf_account_sum(s->mm, &sum);
	mmap_read_unlock(s->mm);
	mf_account_judge(s, &kept, &sum, "at work");
}

static int mf_writer(struct vt_thread *t)
{
	struct mf_lane *lane = t->arg;

	kthread_use_mm(lane->space->mm);
	while (vt_go(t)) {
		if (lane->fails & 1) {
			/* Let others free what there is not enough of. */
			if (!mf_repair(lane))
				schedule_timeout_idle(1);
			continue;
		}
		if (vt_rnd_one_in(&t->rnd, 8))
			mf_abort_one(t, lane);
		if (vt_rnd_one_in(&t->rnd, 16))
			mf_account_now(lane);
		mf_write_one(t, lane);
	}
	kthread_unuse_mm(lane->space->mm);
	return 0;
}

/*
 * Readers.
 */

/* Where to look: more often than not at what is in flight. */
static unsigned long mf_aim(struct vt_thread *t, const struct mf_lane *lane,
			    const struct mf_view *v)
{
	u64 draw = vt_rnd_next(&t->rnd);
	unsigned long from = lane->arena, pages = MF_ARENA_PAGES;

	if ((draw & 3) && v->start < v->end) {
		from = v->start;
		pages = (v->end - v->start) >> PAGE_SHIFT;
	} else if (lane->has_sparse && !(draw & 60)) {
		from = lane->arena + MF_SPARSE_OFF;
		pages = MF_SPARSE >> PAGE_SHIFT;
	}
	return from + (((draw >> 32) * pages) >> 32) * PAGE_SIZE;
}

static void mf_gap(struct vt_run *run, const struct mf_lane *lane,
		   const struct mf_view *v, unsigned long addr,
		   unsigned long first, unsigned long last, const char *how)
{
	if (mf_view_failed(lane, v)) {
		vt_count(run, MF_C_GAP_AFTER_FAILURE, 1);
		return;
	}
	vt_race(run, MF_GAP, lane->space->mm, addr, first, last,
		"%s: nothing at 0x%lx-0x%lx, last in flight 0x%lx-0x%lx", how,
		first, last, v->start, v->end - 1);
}

static void mf_look_point(struct vt_thread *t, const struct mf_lane *lane)
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

	exposed = mf_view_exposed(lane, &v, addr, addr);
	vt_look(t->run, MF_GAP, exposed);
	if (unlikely(!entry))
		mf_gap(t->run, lane, &v, addr, mas.index, mas.last, "point walk");
	else if (exposed && mas.index == v.start && mas.last + 1 == v.end)
		vt_count(t->run, MF_C_SPLIT_SEEN, 1);
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
static void mf_look_range(struct vt_thread *t, const struct mf_lane *lane)
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
	if (mf_in_arena(lane, v.start) && vt_rnd_one_in(&t->rnd, 2)) {
		first = max(first, v.start - 2 * PAGE_SIZE);
		last = min(last, v.end + 2 * PAGE_SIZE - 1);
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

	vt_look(t->run, MF_GAP, mf_view_exposed(lane, &v, first, last));
	if (unlikely(gap_end))
		mf_gap(t->run, lane, &v, cover.next, cover.next, gap_end,
		       "range walk");
}

/*
 * What a page fault does to find its VMA: the per-VMA lock if there is one,
 * and if that does not work the mmap lock.
 */
static void mf_look_fault(struct vt_thread *t, const struct mf_lane *lane)
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
	vt_look(t->run, MF_NO_VMA, mf_view_exposed(lane, &v, addr, addr));
	if (found)
		return;
	if (mf_view_failed(lane, &v))
		vt_count(t->run, MF_C_GAP_AFTER_FAILURE, 1);
	else
		vt_race(t->run, MF_NO_VMA, mm, addr, v.start, v.end,
			"no VMA under the mmap lock, last in flight 0x%lx-0x%lx",
			v.start, v.end - 1);
}

/* Read through the mapping: zeroes are fresh, an old generation is stale. */
static void mf_look_stale(struct vt_thread *t, const struct mf_lane *lane)
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
	if (get_user(val, (u64 __user *)addr)) {
		/* No memory, or the gap another oracle sees for what it is. */
		vt_count(t->run, MF_C_EFAULT, 1);
		return;
	}
	vt_look(t->run, MF_STALE, mf_view_exposed(lane, &v, addr, addr));
	if (unlikely(val && val < done))
		vt_race(t->run, MF_STALE, lane->space->mm, addr, val, done,
			"generation %llu read after %llu was in place", val, done);
}

/*
 * What a look costs beside the walk it watches, measured in turns in the same
 * run, so that load and machine are the same for both.
 */
#define MF_PRICE_WALKS	256

static void mf_price(struct vt_thread *t, const struct mf_lane *lane)
{
	MA_STATE(mas, &lane->space->mm->mm_mt, 0, 0);
	struct mf_view v = {};
	u64 begun, between;
	unsigned int i;

	begun = ktime_get_ns();
	for (i = 0; i < MF_PRICE_WALKS; i++)
		mf_look_point(t, lane);
	between = ktime_get_ns();
	for (i = 0; i < MF_PRICE_WALKS; i++) {
		mas_set(&mas, mf_aim(t, lane, &v));
		rcu_read_lock();
		mas_walk(&mas);
		rcu_read_unlock();
	}
	vt_count(t->run, MF_C_BARE_NS, ktime_get_ns() - between);
	vt_count(t->run, MF_C_CHECKED_NS, between - begun);
	vt_count(t->run, MF_C_CHECKED, MF_PRICE_WALKS);
	vt_count(t->run, MF_C_BARE, MF_PRICE_WALKS);
}

static int mf_reader(struct vt_thread *t)
{
	struct mf_space *s = t->arg;
	unsigned int turn = 0, i;

	kthread_use_mm(s->mm);
	while (vt_go(t)) {
		const struct mf_lane *lane =
			s->lanes[vt_rnd_below(&t->rnd, s->nr_lanes)];

		for (i = 0; i < 24; i++)
			mf_look_point(t, lane);
		mf_look_range(t, lane);
		for (i = 0; i < 4; i++) {
			mf_look_fault(t, lane);
			mf_look_stale(t, lane);
		}
		if (!(turn++ & 255))
			mf_price(t, lane);
	}
	kthread_unuse_mm(s->mm);
	return 0;
}

/*
 * At rest, all ranges whole again, the accounts have to be what they were. And
 * committed memory, which is of the whole machine, must not grow with
 * replacements: the same burst three times has to grow it three times by the
 * same amount, at least a page each, before it is called a leak.
 */
#define MF_BURST	64

static bool mf_whole(struct mf_lane *lane)
{
	return mf_repair(lane) &&
	       !mf_abort_map(lane, 0, MF_ABORT_PAGES, NULL,
			     PROT_READ | PROT_WRITE);
}

static bool mf_burst(struct mf_lane *lane, long *grown)
{
	unsigned long before = vm_memory_committed();
	u64 begun = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < MF_BURST; i++)
		if (!mf_repair(lane))
			return false;
	vt_count(lane->space->run, MF_C_ALONE, MF_BURST);
	vt_count(lane->space->run, MF_C_ALONE_NS, ktime_get_ns() - begun);
	/* By what is not accounted, and back. */
	for (i = 0; i < MF_BURST; i++)
		if (mf_abort_map(lane, 0, MF_ABORT_PAGES, lane->shmem, PROT_READ) ||
		    mf_abort_map(lane, 0, MF_ABORT_PAGES, NULL,
				 PROT_READ | PROT_WRITE))
			return false;
	*grown = vm_memory_committed() - before;
	return true;
}

static void mf_rest_space(struct mf_space *s)
{
	struct mf_base kept, sum;
	long grown[3] = {};
	unsigned int i;

	for (i = 0; i < s->nr_lanes; i++)
		if (!mf_whole(s->lanes[i]))
			return;
	mmap_read_lock(s->mm);
	mf_account_kept(s->mm, &kept);
	mf_account_sum(s->mm, &sum);
	mmap_read_unlock(s->mm);
	mf_account_judge(s, &kept, &sum, "at rest");
	mf_account_judge(s, &kept, &s->base, "at rest, as set up");

	for (i = 0; i < ARRAY_SIZE(grown); i++)
		if (!mf_burst(s->lanes[0], &grown[i]))
			return;
	vt_look(s->run, MF_ACCOUNT, true);
	if (grown[0] >= MF_BURST && grown[0] == grown[1] && grown[1] == grown[2])
		vt_race(s->run, MF_ACCOUNT, s->mm, 0, grown[0], MF_BURST,
			"%u replacements left %ld pages committed", MF_BURST,
			grown[0]);
}

static void mf_rest(struct vt_run *run)
{
	struct mf_state *state = run->priv;
	unsigned int i;

	for (i = 0; i < state->nr_spaces; i++) {
		kthread_use_mm(state->spaces[i].mm);
		mf_rest_space(&state->spaces[i]);
		kthread_unuse_mm(state->spaces[i].mm);
	}
}

/*
 * Setting up and freeing.
 */
static void mf_lane_free(struct mf_lane *lane)
{
	if (!lane)
		return;
	vt_file_put(lane->file);
	vt_file_put(lane->shmem);
	kvfree(lane);
}

static struct mf_lane *mf_lane_new(struct mf_space *s, unsigned int idx)
{
	struct mf_lane *lane = kvzalloc(sizeof(*lane), GFP_KERNEL);
	struct file *file;

	if (!lane)
		return ERR_PTR(-ENOMEM);
	lane->space = s;
	lane->arena = MF_BASE + idx * MF_STRIDE;
	lane->has_sparse = true;

	file = vt_file_new(&mf_fops, lane);
	if (IS_ERR(file))
		goto fail;
	lane->file = file;
	file = vt_shmem_file("vma_torture", 2 * MF_ARENA);
	if (IS_ERR(file))
		goto fail;
	lane->shmem = file;

	return lane;

fail:
	mf_lane_free(lane);
	return ERR_CAST(file);
}

/* Where overcommit is forbidden there is no room for 200 GB: do without. */
static int mf_lane_map(struct mf_lane *lane)
{
	if (mf_whole(lane))
		return 0;
	lane->has_sparse = false;
	return mf_whole(lane) ? 0 : -ENOMEM;
}

static int mf_space_init(struct vt_run *run, struct mf_space *s,
			 unsigned int lanes)
{
	unsigned int i;
	int ret = 0;

	s->run = run;
	s->lanes = kcalloc(lanes, sizeof(*s->lanes), GFP_KERNEL);
	s->mm = vt_mm_new();
	if (!s->lanes || !s->mm)
		return -ENOMEM;
	for (i = 0; i < lanes; i++) {
		struct mf_lane *lane = mf_lane_new(s, i);

		if (IS_ERR(lane))
			return PTR_ERR(lane);
		s->lanes[s->nr_lanes++] = lane;
	}

	kthread_use_mm(s->mm);
	for (i = 0; i < lanes && !ret; i++)
		ret = mf_lane_map(s->lanes[i]);
	kthread_unuse_mm(s->mm);
	mf_account_kept(s->mm, &s->base);

	return ret;
}

static void mf_stop(struct vt_run *run)
{
	struct mf_state *state = run->priv;
	unsigned int i, j;

	if (!state)
		return;
	for (i = 0; i < state->nr_spaces; i++) {
		struct mf_space *s = &state->spaces[i];

		/* Closes all VMAs of the lanes' files. */
		vt_mm_put(s->mm);
		for (j = 0; j < s->nr_lanes; j++)
			mf_lane_free(s->lanes[j]);
		kfree(s->lanes);
	}
	kfree(state->spaces);
	kfree(state);
	run->priv = NULL;
}

static int mf_spawn_all(struct vt_run *run, struct mf_state *state)
{
	unsigned int i, n = state->nr_spaces;
	struct vt_thread *t;

	for (i = 0; i < vt_params.nwriters; i++) {
		struct mf_space *s = &state->spaces[i % n];

		t = vt_spawn(run, "w", i, mf_writer, s->lanes[i / n]);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	for (i = 0; i < vt_params.nreaders; i++) {
		t = vt_spawn(run, "r", i, mf_reader, &state->spaces[i % n]);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	return 0;
}

static int mf_start(struct vt_run *run)
{
	unsigned int writers = vt_params.nwriters, i, n;
	struct mf_state *state;
	int ret;

	state = kzalloc(sizeof(*state), GFP_KERNEL);
	if (!state)
		return -ENOMEM;
	run->priv = state;

	/* Every mm has a writer, and no more than fit. */
	n = min_t(unsigned int, vt_params.nmms, writers);
	n = max_t(unsigned int, n, DIV_ROUND_UP(writers, MF_MAX_LANES));
	state->spaces = kcalloc(n, sizeof(*state->spaces), GFP_KERNEL);
	if (!state->spaces)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		state->nr_spaces++;
		ret = mf_space_init(run, &state->spaces[i],
				    writers / n + (i < writers % n));
		if (ret)
			return ret;
	}
	return mf_spawn_all(run, state);
}

const struct vt_scenario map_fixed_torture = {
	.name = "map_fixed",
	.kinds = mf_kinds,
	.nr_kinds = ARRAY_SIZE(mf_kinds),
	.counters = mf_counters,
	.nr_counters = ARRAY_SIZE(mf_counters),
	.hists = mf_hists,
	.nr_hists = ARRAY_SIZE(mf_hists),
	.needs = VT_NEEDS(VT_NEED_SPACE),
	.start = mf_start,
	.rest = mf_rest,
	.stop = mf_stop,
};
