/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of hugetlb_walk share: addresses and sizes, the kinds, counters
 * and operations, and the structs of a file, of an mm that shares, of the
 * directed race and of the scenario at work.
 */
#ifndef HW_HUGETLB_WALK_H
#define HW_HUGETLB_WALK_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "engine.h"

/* All in one PUD table, which the anchors at either end keep in its place. */
#define HW_BASE		(64 * PUD_SIZE)
#define HW_LOW		(HW_BASE - PUD_SIZE)
#define HW_REUSE_BASE	(HW_BASE + 2 * PUD_SIZE)
#define HW_OTHER	(HW_BASE + 4 * PUD_SIZE + PMD_SIZE)	/* not to share */
#define HW_HIGH		(HW_BASE + 8 * PUD_SIZE)

#define HW_PAGES	4	/* huge pages of the file that are in use */
#define HW_REUSE_PAGES	2	/* of the file that takes what was freed */
#define HW_DIRECTED_PAGES	1
#define HW_WIDE_PUDS	3	/* of a mapping of several */
#define HW_MOST		16	/* huge pages the mount may have */
#define HW_LEAST	8
#define HW_RESERVED	4	/* and another one has, no less and no more */
#define HW_WIDE_LEAST	12	/* for the mappings of several PUDs as well */

#define HW_MIN_SLOTS	3
#define HW_BATCH	32	/* walks in one mm */
#define HW_RING		48	/* pages kept to be seen where tables were */
#define HW_POISON	0x5eed5eed5eed5e00UL	/* not present */
#define HW_UNREADABLE	0x0bad0bad0bad0c00UL	/* no more is this */
#define HW_MAX_PUDS	128	/* looked at by one census */

enum hw_kind {
	HW_TABLE_FREED, HW_TABLE_MOVED, HW_ENTRY_MOVED, HW_NO_SYNC,
	HW_WRONG_FOLIO, HW_STALE_TLB, HW_SHARE_COUNT, HW_SPLIT_SHARED,
	HW_WRITABLE, HW_LOCK_OWNER, HW_PAGE_LEAK, HW_RESERVE,
};

/* What a walker without protection gets to see. */
#define HW_UNLOCKED_KINDS	(BIT(HW_TABLE_FREED) | BIT(HW_TABLE_MOVED) |	\
			 BIT(HW_ENTRY_MOVED) | BIT(HW_NO_SYNC) |	\
			 BIT(HW_WRONG_FOLIO))

enum hw_counter {
	HW_C_SHARED_NOW, HW_C_SHARES, HW_C_UNSHARES, HW_C_JUDGED, HW_C_EMPTY,
	HW_C_VMA_LOCK, HW_C_PER_VMA, HW_C_I_MMAP, HW_C_IRQS_OFF, HW_C_FAULT,
	HW_C_PIN_FAST, HW_C_PIN, HW_C_MINCORE, HW_C_PAGEWALK, HW_C_READ, HW_C_CENSUS,
	HW_C_OPS, HW_C_MUNMAP = HW_C_OPS, HW_C_MAP_FIXED, HW_C_PARTIAL,
	HW_C_MPROTECT_PART, HW_C_MPROTECT, HW_C_MREMAP, HW_C_MADVISE,
	HW_C_DONTNEED, HW_C_PUNCH, HW_C_TRUNCATE, HW_C_EXIT, HW_C_PURGE,
	HW_C_MOVE, HW_C_REFUSED, HW_C_FORK, HW_C_WIDE_PROTECT, HW_C_WIDE_CUT,
	HW_C_DIRECTED, HW_C_OVERLAPPED, HW_C_MIGRATING, HW_C_NO_PAGE,
	HW_C_FAILED,
	HW_C_RESERVES, HW_C_RESERVES_MET, HW_C_RESERVES_EVEN, HW_C_RESERVES_UNSURE,
#ifdef VT_BENCH
	HW_C_CHECKED, HW_C_CHECKED_NS, HW_C_BARE, HW_C_BARE_NS,
#endif
};

enum hw_hist { HW_H_UNSHARE };

/* What writers do to the sharing; in the order of their counters. */
enum hw_op {
	HW_MUNMAP, HW_MAP_FIXED, HW_PARTIAL, HW_MPROTECT_PART, HW_MPROTECT,
	HW_MREMAP, HW_MADVISE, HW_DONTNEED, HW_PUNCH, HW_TRUNCATE, HW_EXIT,
	HW_PURGE, HW_MOVE, HW_REFUSED, HW_FORK, HW_WIDE_PROTECT, HW_WIDE_CUT,
	HW_NR_OPS,
};

/* By which walk readers look. */
enum hw_way {
	HW_BY_VMA_LOCK, HW_BY_PER_VMA, HW_BY_I_MMAP, HW_BY_IRQS_OFF,
	HW_BY_FAULT, HW_BY_PIN_FAST, HW_BY_PIN, HW_BY_MINCORE, HW_BY_PAGEWALK, HW_NR_WAYS,
};

/* The tables of the coverage list. */
enum hw_trial { HW_V_OP, HW_V_WAY, HW_V_DIRECTED, HW_V_RESERVE };

/* What the directed race does to the VMA of who has the table. */
enum hw_directed_op {
	HW_DIRECTED_MADVISE, HW_DIRECTED_PARTIAL, HW_DIRECTED_MAP_FIXED, HW_DIRECTED_MPROTECT,
	HW_DIRECTED_MREMAP, HW_DIRECTED_MUNMAP, HW_DIRECTED_EXIT, HW_DIRECTED_NR_OPS,
};

/* What is done with reservations. */
enum hw_reserve_op {
	HW_RESERVE_PRIVATE, HW_RESERVE_DONTNEED, HW_RESERVE_SPLIT, HW_RESERVE_MOVE,
	HW_RESERVE_FORK, HW_RESERVE_SHARED, HW_RESERVE_RACE, HW_RESERVE_NR_OPS,
};

/* What is drawn from. */
enum hw_draw {
	HW_T_OP, HW_T_DIRECTED_FIRST, HW_T_DIRECTED, HW_T_WAY, HW_T_RESERVE, HW_NR_TABLES,
};

/* hugetlb_walk_torture.c: the tables, by names and weights */
extern struct vt_draw hw_tables[HW_NR_TABLES];

/**
 * struct hw_file - a file of the private mount
 * @file: file, without a name
 * @mapping: its pages
 * @id: goes into the stamps
 * @gen: per huge page, how often it has been punched out; what it may hold is
 *	zeros or a stamp of this generation
 */
struct hw_file {
	struct file *file;
	struct address_space *mapping;
	u8 id;
	u32 gen[HW_PAGES];
};

/**
 * struct hw_slot - a place for an mm that shares
 * @lock: whoever changes its mappings or the mm itself
 * @mm: the mm; may be read under RCU, and got while it is read
 * @pudp: its entry for HW_BASE; may be looked at under RCU
 * @joined: the table it was last seen to share (hw_state.tally_lock)
 * @nr: number of the change to all slots that is in flight, in @flight
 *	(hw_state.file_lock)
 * @flight: changes that may end its sharing
 */
struct hw_slot {
	struct mutex lock;
	struct mm_struct *mm;
	pud_t *pudp;
	unsigned long joined;
	u32 nr;
	struct vt_flight flight ____cacheline_aligned_in_smp;
};

enum hw_directed_step {
	HW_DIRECTED_IDLE, HW_DIRECTED_POSTED, HW_DIRECTED_TAKEN, HW_DIRECTED_GO,
	HW_DIRECTED_DONE,
};

/**
 * struct hw_directed - the directed race
 * @file: what both mms map
 * @splitter: mm whose VMA is split while it alone has a table
 * @joiner: mm that begins to share that table meanwhile
 * @step: of enum hw_directed_step
 * @wait: for the next step
 * @took_ns: how long the last split took
 * @from_ns: when the joiner began
 * @to_ns: when it had its table
 */
struct hw_directed {
	struct hw_file file;
	struct mm_struct *splitter;
	struct mm_struct *joiner;
	atomic_t step;
	wait_queue_head_t wait;
	u32 took_ns;
	u64 from_ns;
	u64 to_ns;
};

/**
 * struct hw_reserve - reservations, which have to balance
 * @mnt: mount with as many huge pages at most as at least, so that it never runs
 *	short of them; NULL if there are too few
 * @race: a file of it; who reserves (splitter), and who faults meanwhile (joiner)
 * @other: a file of hw_state.mnt, for which the machine's books are moved
 * @at: which page the joiner touches
 * @lead: how long it waits before, in ns; if negative, the splitter does
 * @leaky: bit set of operations that were seen to move the machine's books
 * @held: huge pages that were freed, and that others seem to hold
 * @wrong: the mount's books were seen to be wrong, and stay so
 */
struct hw_reserve {
	struct vfsmount *mnt;
	struct hw_directed race;
	struct hw_file other;
	unsigned int at;
	s32 lead;
	unsigned long leaky;
	unsigned int held;
	bool wrong;
};

/**
 * struct hw_wide - mappings of several PUDs
 * @file: what both mms map
 * @lock: whoever changes one of them, or what is in @file
 * @mm: mm whose mapping is changed, or NULL if there are too few pages
 * @other: mm that shares with @mm, and stays
 */
struct hw_wide {
	struct hw_file file;
	struct mutex lock;
	struct mm_struct *mm;
	struct mm_struct *other;
};

/* In hw_state.protecting, one that began. */
#define HW_PROTECTION	(1L << 16)

/**
 * struct hw_state - all of it
 * @run: run
 * @mnt: mount of hugetlbfs that nobody else has
 * @file: what the slots map
 * @reuse: takes the pages that @file loses
 * @reuse_mm: maps @reuse
 * @race: the directed race
 * @reserve: reservations
 * @wide: mappings of several PUDs
 * @file_lock: content of @file and @reuse; inside hw_slot.lock
 * @all_lock: for whoever takes more than one hw_slot.lock
 * @tally_lock: counting of who shares
 * @watch_lock: of the reader that watches forks
 * @flight: changes to any slot
 * @forks: forks of an mm of a slot
 * @punched: times pages were taken from @file, whole
 * @purged: times the shared table was freed
 * @protecting: slots of which mprotect(2) makes the mapping read-only and writable
 *	again, and above HW_PROTECTION how many of these began
 * @wait: for one of these (busted)
 * @held: a page that is kept too long (busted)
 * @ran_dry: a page could not be had, and the machine had none free
 * @counted: a page table has a reference, as long as it is one
 * @typed: and the type of a page table
 * @nr_slots: number of @slots
 * @slots: the mms that share
 */
struct hw_state {
	struct vt_run *run;
	struct vfsmount *mnt;
	struct hw_file file;
	struct hw_file reuse;
	struct mm_struct *reuse_mm;
	struct hw_directed race;
	struct hw_reserve reserve;
	struct hw_wide wide;
	struct mutex file_lock;
	struct mutex all_lock;
	struct mutex tally_lock;
	struct mutex watch_lock;
	struct vt_flight flight ____cacheline_aligned_in_smp;
	struct vt_flight forks ____cacheline_aligned_in_smp;
	u32 punched;
	u32 purged;
	atomic_long_t protecting;
	wait_queue_head_t wait;
	struct folio *held;
	bool ran_dry;
	bool counted;
	bool typed;
	unsigned int nr_slots;
	struct hw_slot slots[];
};

/**
 * struct hw_visit - a reader's stay in an mm
 * @slot: which, at the time
 * @mm: the mm, with a reference
 * @pudp: its entry for HW_BASE
 */
struct hw_visit {
	struct hw_slot *slot;
	struct mm_struct *mm;
	pud_t *pudp;
};

/**
 * struct hw_writer - a writer at work
 * @t: thread
 * @st: all of it
 * @next: in @ring, the next page to exchange
 * @ring: poisoned pages, kept to be seen where tables were
 */
struct hw_writer {
	struct vt_thread *t;
	struct hw_state *st;
	unsigned int next;
	struct page *ring[HW_RING];
};

/**
 * hw_enough() - is a batch over?
 * @since: jiffies when it began
 *
 * Return: somebody wants the thread to pause or end, or the batch has taken its
 * time.
 */
static inline bool hw_enough(unsigned long since)
{
	return READ_ONCE(vt_pause) || kthread_should_stop() ||
	       time_after(jiffies, since + msecs_to_jiffies(10));
}

/**
 * hw_busted_turn() - shall a thread break a promise now?
 * @t: thread
 * @kinds: bit set of the kinds of which it would
 *
 * Return: one of them is busted, and it is its turn.
 */
static inline bool hw_busted_turn(struct vt_thread *t, u32 kinds)
{
	return t->run->busted & kinds && vt_rnd_one_in(&t->rnd, 2);
}

struct hw_look;
struct hw_rule;

/* map.c: the mms that share */
struct vfsmount *hw_mount(unsigned long most, unsigned long least);
int hw_file_open(struct vfsmount *mnt, struct hw_file *f, u8 id);
void hw_file_close(struct hw_file *f);
int hw_map(const struct hw_file *f, unsigned long addr, unsigned long len,
	   unsigned long flags);
struct mm_struct *hw_mm_new(const struct hw_file *f, unsigned long base,
			    unsigned long len, unsigned long flags);
void hw_no_page(struct vt_run *run);
void hw_mm_put(struct vt_run *run, struct mm_struct *mm);
void hw_slot_set(struct hw_slot *slot, struct mm_struct *mm);
struct mm_struct *hw_slot_get(struct hw_slot *slot);

/* change.c: what ends sharing */
void hw_touch(struct hw_state *st, unsigned long base);
void hw_shrink(struct hw_writer *w, enum hw_op op);
long hw_move(struct vt_run *run);
void hw_change(struct hw_writer *w, struct hw_slot *slot, enum hw_op op);
void hw_lock_all(struct hw_state *st);
void hw_unlock_all(struct hw_state *st);
void hw_purge(struct hw_writer *w);

/* vma.c: what a VMA has of its own */
long hw_protect_begin(struct hw_state *st);
void hw_protect_end(struct hw_state *st);
bool hw_judge_writable(struct vt_run *run, const struct hw_look *l,
		       vm_flags_t flags, bool alone);
void hw_read_only(struct hw_writer *w, struct hw_slot *slot, long began);
void hw_move_offset(struct hw_state *st, struct hw_slot *slot);

/* owner.c: whose a hugetlb vma lock is */
void hw_judge_lock(struct vt_run *run, struct vm_area_struct *vma, bool had);
void hw_look_owners(struct vt_run *run, struct mm_struct *mm);
void hw_judge_mapped(struct vt_run *run, struct address_space *mapping);
bool hw_has_lock(struct hw_state *st, struct hw_slot *slot);
void hw_look_lock(struct hw_state *st, struct hw_slot *slot, bool had);
long hw_refuse_split(struct hw_writer *w, struct hw_slot *slot);
void hw_fork(struct hw_writer *w, struct hw_slot *slot);
bool hw_forking(const struct hw_state *st);
void hw_watch_forks(struct vt_run *run, struct hw_state *st);

/* wide.c: mappings of several PUDs */
bool hw_wide_op(enum hw_op op);
int hw_wide_open(struct hw_state *st);
void hw_wide_close(struct hw_state *st);
void hw_wide(struct hw_writer *w, enum hw_op op);

/* writer.c: writers */
bool hw_op_possible(enum hw_op op);
bool hw_some_op(void);
void hw_probe_trials(struct vt_run *run, long free);
int hw_writer(struct vt_thread *t);

/* walk.c: the module's own walkers */
void hw_walk_vma_lock(struct vt_thread *t, struct hw_state *st,
		      const struct hw_visit *v);
void hw_walk_per_vma(struct vt_thread *t, struct hw_state *st,
		     const struct hw_visit *v);
void hw_walk_i_mmap(struct vt_thread *t, struct hw_state *st,
		    const struct hw_visit *v);
void hw_walk_irqs_off(struct vt_thread *t, struct hw_state *st,
		      const struct hw_visit *v);
void hw_walk_pagewalk(struct vt_thread *t, struct hw_state *st,
		      const struct hw_visit *v);

/* overhead.c: what a look costs */
#ifdef VT_BENCH
bool hw_overhead(struct vt_thread *t, struct hw_state *st,
	      const struct hw_visit *v);
#else
static inline bool hw_overhead(struct vt_thread *t, struct hw_state *st,
			    const struct hw_visit *v)
{
	return false;
}
#endif

/* kernel.c: the kernel's own walkers */
bool hw_fault(struct mm_struct *mm, unsigned long addr);
void hw_walk_fault(struct vt_thread *t, struct mm_struct *mm);
void hw_walk_pin(struct vt_thread *t, struct hw_state *st,
		 const struct hw_visit *v, bool fast);
void hw_walk_mincore(struct vt_thread *t);
void hw_walk_read(struct vt_thread *t, struct hw_state *st,
		  const struct hw_visit *v);

/* reader.c: readers */
int hw_reader(struct vt_thread *t);

/* judge.c: what is a race in a look */
const char *hw_folio_wrong(const struct hw_file *f, struct folio *folio,
			   unsigned int idx, bool may_be_cut_off);
void hw_wrong_folio(struct vt_run *run, struct hw_look *l, const char *under,
		    const char *what);
void hw_judge(struct vt_run *run, struct hw_look *l, const struct hw_file *f,
	      const struct hw_rule *rule, u32 judges);

/* census.c: who shares which table */
u32 hw_census(struct vt_run *run, const struct hw_file *f, unsigned int mms,
	      bool exposed);
void hw_walk_census(struct vt_run *run, struct hw_state *st);
void hw_tally(struct hw_state *st);

/* directed.c: the directed race */
bool hw_some_directed_op(void);
bool hw_directed_past(struct hw_directed *race, enum hw_directed_step step);
bool hw_directed_call(struct hw_directed *race);
int hw_splitter(struct vt_thread *t);
int hw_joiner(struct vt_thread *t);

/* reserve.c: reservations */
void hw_reserve_probe(struct vt_run *run, long free);
int hw_reserve_open(struct hw_state *st);
int hw_reserve_spawn(struct vt_run *run, struct hw_state *st);
void hw_reserve_close(struct hw_state *st);
void hw_reserve_rest(struct hw_state *st);

/* busted.c: what makes it fail on purpose */
void hw_recall(const struct hw_visit *v, const unsigned long **kept);
void hw_walk_unlocked(struct vt_thread *t, struct hw_state *st,
		   const struct hw_visit *v);
void hw_plant(struct hw_state *st);
void hw_hold_page(struct hw_state *st);

#endif /* HW_HUGETLB_WALK_H */
