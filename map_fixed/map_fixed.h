/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of map_fixed share: the layout of a lane, enums, the structs of
 * a mapping, a lane and an mm, and one replacement.
 */
#ifndef MF_MAP_FIXED_H
#define MF_MAP_FIXED_H

#include <linux/cache.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "account.h"
#include "engine.h"

#define MF_BASE		(1UL << 40)
#define MF_STRIDE	(1UL << 39)	/* between lanes */
#define MF_ARENA_PAGES	256
#define MF_ARENA	(MF_ARENA_PAGES * PAGE_SIZE)
#define MF_ABORT_PAGES	16
#define MF_ABORT_FROM	4
#define MF_ABORT_TO	12
#define MF_ABORT_OFF	SZ_1G
#define MF_SPARSE_OFF	(256UL * SZ_1G)
#define MF_SPARSE	(200UL * SZ_1G)
#define MF_MAX_LANES	128		/* of one mm: what fits below 128 TB */

enum mf_kind {
	MF_GAP, MF_NO_VMA, MF_STALE, MF_CLOSE_ORDER, MF_HALF_ABORT, MF_ACCOUNT,
	MF_LINKS,
};

enum mf_counter {
	MF_C_EXACT, MF_C_INSIDE, MF_C_STRADDLE, MF_C_DOZENS, MF_C_MERGE,
	MF_C_SPARSE, MF_C_LIMIT, MF_C_ANON, MF_C_SHMEM, MF_C_FILE, MF_C_LOCKED,
	MF_C_REFUSED, MF_C_FAILED, MF_C_SPLIT_SEEN, MF_C_GAP_AFTER_FAILURE,
	MF_C_LOCK_MISS, MF_C_EFAULT, MF_C_REPLACEMENTS, MF_C_REPLACEMENTS_CAUGHT,
	MF_C_TRANSITIONS,
#ifdef VT_BENCH
	MF_C_CHECKED, MF_C_CHECKED_NS, MF_C_BARE, MF_C_BARE_NS, MF_C_BESIDE,
	MF_C_BESIDE_NS, MF_C_ALONE, MF_C_ALONE_NS,
#endif
};

enum mf_hist { MF_H_FLIGHT };

/*
 * The tables of the coverage list. Shapes and backings are numbered as their
 * counters are, the last of which is MF_C_LOCKED.
 */
enum mf_trial { MF_V_REPLACE, MF_V_REFUSER, MF_V_REFUSED, MF_V_LOOK };

enum mf_look {
	MF_BY_POINT, MF_BY_RANGE, MF_BY_FAULT, MF_BY_READ, MF_BY_I_MMAP, MF_NR_LOOKS,
};

enum mf_backing { MF_ANON, MF_SHMEM, MF_FILE, MF_NR_BACKINGS };

/* What a writer replaces. */
enum mf_draw {
	MF_D_DOZENS, MF_D_WHOLE, MF_D_SPARSE, MF_D_STRADDLE, MF_D_LIMIT,
	MF_D_LOCKED, MF_D_INSIDE, MF_D_EXACT, MF_D_NR,
};

/* What it does before that: the one thing that is in the table, or nothing. */
#define MF_DO	0

/* What lies where a replacement is to fail, and who refuses it. */
enum mf_laid { MF_LAID_PIECES, MF_LAID_ONE, MF_NR_LAIDS };

enum mf_refuser {
	MF_BY_LIMIT, MF_BY_FILE, MF_BY_FILE_LATE, MF_BY_PREPARE, MF_BY_SPLIT,
	MF_BY_SEAL, MF_NR_REFUSERS,
};

/* How the mapping is asked for that is refused. */
enum mf_refused { MF_SHARED, MF_PRIVATE, MF_NR_REFUSEDS };

/*
 * What must leave committed memory as it was. All that is drawn stays in the abort
 * range, at which nobody else looks; replacements of the arena come at rest.
 */
enum mf_leak {
	MF_L_SHARED, MF_L_MERGE, MF_L_PRIVATE, MF_L_LATE, MF_L_PREPARE,
	MF_L_REPLACE, MF_NR_LEAKS = MF_L_REPLACE,
};

/* What is drawn from. */
enum mf_table {
	MF_T_REPLACE, MF_T_REFUSE, MF_T_ACCOUNT, MF_T_CENSUS, MF_T_BURST, MF_T_BACKING,
	MF_T_LAID, MF_T_REFUSER, MF_T_REFUSED, MF_T_LEAK, MF_NR_TABLES,
};

/* map_fixed_torture.c: the tables, by names and weights; other names */
extern struct vt_draw mf_tables[MF_NR_TABLES];
extern const char *const mf_counters[];
extern const char *const mf_backing_names[MF_NR_BACKINGS];

struct mf_space;
struct vt_census;

/**
 * struct mf_map - what one mapping of the module's file shows
 * @ref: one of each VMA, and one of the writer while it maps
 * @lane: the lane it is for
 * @page: the only page of the file, with the generation in it
 * @refused: it was given to a VMA that ->mmap() refused then
 */
struct mf_map {
	struct kref ref;
	struct mf_lane *lane;
	struct page *page;
	bool refused;
};

/**
 * struct mf_lane - the ranges of one writer
 * @flight: the replacement in flight, and its range
 * @fails: odd while a failed replacement may have left a gap in the arena
 * @gen: per page of the arena the generation last completed there
 * @space: the mm
 * @arena: start of the arena; the other ranges are at fixed offsets from it
 * @has_sparse: the sparse range could be mapped
 * @generation: of the replacement at work; all below is the writer's own
 * @file: the module's file
 * @shmem: a shmem file of twice the arena's size
 * @next: what the next mapping of @file will show
 * @shy: a file that never lets itself be mapped, asked before there is a VMA
 *	where the kernel has that
 * @refuse: errno with which @file and @shy refuse to be mapped, or 0
 * @late: refuse when the VMA has been set up already
 * @whole: a VMA of @file refuses to be split, with @refuse
 * @seal: what is mapped of @file is sealed
 * @refused: one of them did, or one of their VMAs
 * @trap: what a VMA that is refused late gets; nobody may show it to the file
 * @cover: per page of the arena, how many VMAs of @file are open over it
 * @put_off: pages whose ->close() is put off (busted)
 * @bumped: how much was added to total_vm (busted)
 */
struct mf_lane {
	struct vt_flight flight ____cacheline_aligned_in_smp;
	unsigned int fails;

	u64 gen[MF_ARENA_PAGES] ____cacheline_aligned_in_smp;

	struct mf_space *space ____cacheline_aligned_in_smp;
	unsigned long arena;
	bool has_sparse;

	u64 generation ____cacheline_aligned_in_smp;
	struct file *file;
	struct file *shmem;
	struct file *shy;
	struct mf_map *next;
	struct mf_map *trap;
	int refuse;
	bool late;
	bool whole;
	bool seal;
	bool refused;
	u8 cover[MF_ARENA_PAGES];
	DECLARE_BITMAP(put_off, MF_ARENA_PAGES);
	unsigned long bumped;
};

/**
 * struct mf_space - one private mm
 * @run: the run
 * @mm: the mm
 * @nr_lanes: lanes in it
 * @lanes: the lanes
 * @base: its accounts with every range mapped as one VMA
 * @leaks: which operations leave memory committed; of all mms together
 */
struct mf_space {
	struct vt_run *run;
	struct mm_struct *mm;
	unsigned int nr_lanes;
	struct mf_lane **lanes;
	struct vt_books base;
	struct vt_leaks *leaks;
};

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

/**
 * mf_in_arena() - is an address in the arena?
 * @lane: the lane
 * @addr: the address
 *
 * Return: true if so.
 */
static inline bool mf_in_arena(const struct mf_lane *lane, unsigned long addr)
{
	return addr - lane->arena < MF_ARENA;
}

/**
 * mf_page_of() - number of a page of the arena
 * @lane: the lane
 * @addr: an address in the arena
 *
 * Return: the number.
 */
static inline unsigned int mf_page_of(const struct mf_lane *lane,
				      unsigned long addr)
{
	return (addr - lane->arena) >> PAGE_SHIFT;
}

/**
 * mf_abort_addr() - address of a page of the abort range
 * @lane: the lane
 * @page: number of the page
 *
 * Return: the address.
 */
static inline unsigned long mf_abort_addr(const struct mf_lane *lane,
					  unsigned int page)
{
	return lane->arena + MF_ABORT_OFF + page * PAGE_SIZE;
}

/* file.c: the module's file; judges "close_order" */
extern const struct file_operations mf_fops;
extern const struct file_operations mf_shy_fops;
struct mf_map *mf_map_new(struct mf_lane *lane);
void mf_map_free(struct kref *ref);
bool mf_was_covered(const struct mf_lane *lane, unsigned int first,
		    unsigned int end);
void mf_judge_closed(struct mf_lane *lane, unsigned int first,
		     unsigned int end, const char *when);

/* replace.c: one replacement */
long mf_mmap(struct file *file, const struct mf_op *op, unsigned long prot,
	     unsigned long flags, pgoff_t pgoff);
long mf_map(struct mf_lane *lane, const struct mf_op *op, pgoff_t pgoff);
long mf_replace(struct vt_thread *t, struct mf_lane *lane,
		const struct mf_op *op);
bool mf_repair(struct mf_lane *lane);

/* writer.c: writers */
int mf_writer(struct vt_thread *t);

/* look.c: readers; judges "gap", "no_vma" and "stale" */
struct mf_view;
unsigned long mf_aim(struct vt_thread *t, const struct mf_lane *lane,
		     const struct mf_view *v);
void mf_look_point(struct vt_thread *t, struct mf_lane *lane);
int mf_walker(struct vt_thread *t);
int mf_reader(struct vt_thread *t);
int mf_reader_in_turns(struct vt_thread *t);

/* abort.c: replacements that fail; judges "half_abort" */
long mf_abort_map(struct mf_lane *lane, unsigned int from, unsigned int to,
		  struct file *file, unsigned long prot);
long mf_abort_refused(struct mf_lane *lane, enum mf_refuser by,
		      enum mf_refused how, int errno);
void mf_abort_one(struct vt_thread *t, struct mf_lane *lane);

/* account.c: judges "account" */
void mf_account_now(struct mf_lane *lane);
long mf_do_limit(struct vt_thread *t, struct mf_lane *lane, struct mf_op *op);
bool mf_whole(struct mf_lane *lane);
void mf_burst_one(struct vt_thread *t, struct mf_lane *lane);
bool mf_may_refuse(struct mf_lane *lane, enum mf_refuser by);
void mf_rest_space(struct mf_space *s);
void mf_rest_end(struct mf_space *s);

/* links.c: judges "links" */
void mf_links_census(struct mf_lane *lane);
void mf_look_links(struct vt_thread *t, struct mf_lane *lane);

/* overhead.c: what looks and readers cost */
#ifdef VT_BENCH
void mf_overhead(struct vt_thread *t, struct mf_lane *lane);
long mf_overhead_beside(struct vt_thread *t, struct mf_lane *lane,
		     const struct mf_op *op);
void mf_overhead_alone(struct mf_lane *lane);
#else
static inline void mf_overhead(struct vt_thread *t, struct mf_lane *lane) { }
static inline long mf_overhead_beside(struct vt_thread *t, struct mf_lane *lane,
				   const struct mf_op *op)
{
	return 0;
}
static inline void mf_overhead_alone(struct mf_lane *lane) { }
#endif

/* busted.c: broken promises */
void mf_close_late(struct mf_lane *lane);
void mf_abort_break(struct mf_lane *lane);
void mf_account_break(struct mf_lane *lane);
void mf_links_break(struct vt_census *census);

#endif /* MF_MAP_FIXED_H */
