/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of fork_fail share: sizes, enums, and the structs of a parent
 * and of the scenario at work.
 */
#ifndef FF_FORK_FAIL_H
#define FF_FORK_FAIL_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "account.h"
#include "engine.h"
#include "symbols.h"

#define FF_BASE		(1UL << 40)
#define FF_MAX_ENTRIES	400
#define FF_CHURN_PAGES	64
#define FF_RECORDS	8
#define FF_LOOKS	4		/* at one child, at most */
#define FF_MIX_OPS	8		/* of a mixer, per fork */
#define FF_DRAWS	16		/* of a way that can be had, at most */
#define FF_FORKS	100		/* of a small parent, on average */
#define FF_BURSTS	3
#define FF_BURSTS_AFTER	16		/* failed forks */
#define FF_SETTLE_SECS	2		/* for a child to end, in a burst */
#define FF_ASK_READY	8		/* of so many ->open(), one */
#define FF_READY_VMAS	4096		/* through so many VMAs of files */
#define FF_FILE_VMAS	65536		/* of one inode: its tree may have a loop */
#define FF_BURST_VMAS	24
#define FF_WIDE_PAGES	8		/* half of them in each page table */

enum ff_kind {
	FF_XA_ZERO, FF_FOREIGN, FF_LEAK, FF_PARENT, FF_UNMARKED, FF_BOOKS,
	FF_REMAINS, FF_UNREADY,
};

/* What is broken by an mm of the module's own instead of a child. */
#define FF_DECOYS	(BIT(FF_XA_ZERO) | BIT(FF_FOREIGN) | BIT(FF_UNMARKED))

/* Ways in which forks fail, and where. */
enum ff_way {
	FF_ACCOUNT, FF_SIGNAL,
	FF_TREE, FF_DUP, FF_POLICY, FF_USERFAULT, FF_ANON_VMA, FF_COPY, FF_TABLE,
	FF_INJECT, FF_NR_WAYS,
};

/* A function that fork calls is refused. */
#define FF_REFUSED	(BIT(FF_TREE) | BIT(FF_DUP) | BIT(FF_POLICY) |	\
			 BIT(FF_USERFAULT) | BIT(FF_ANON_VMA) |		\
			 BIT(FF_COPY) | BIT(FF_TABLE))

/* And that is not called for VMAs that a child finds empty. */
#define FF_NOT_WIPED	(BIT(FF_ANON_VMA) | BIT(FF_COPY) | BIT(FF_TABLE))

enum ff_pos { FF_FIRST, FF_MIDDLE, FF_LAST, FF_AFTER, FF_NR_POS };

/* What mixers do. */
enum ff_mix { FF_MIX_CHURN, FF_MIX_ZAP, FF_MIX_SCAN, FF_MIX_TOUCH, FF_NR_MIXES };

/* How walkers find children, and with what reference they look at them. */
enum ff_find { FF_FIND_RMAP, FF_FIND_SLOT, FF_NR_FINDS };

enum ff_ref { FF_REF_NONE, FF_REF_USER, FF_NR_REFS };

/* What is drawn from. */
enum ff_table { FF_T_WAY, FF_T_MIX, FF_T_FIND, FF_T_REF, FF_NR_TABLES };

/* The tables of the coverage list. */
enum ff_trial { FF_V_WAY, FF_V_POS, FF_V_MIX, FF_V_FIND, FF_V_REF, FF_V_BALANCE };

/* Of what a balance is drawn at the end. */
enum ff_balance { FF_B_VMAS, FF_B_MMS, FF_NR_BALANCES };

/* fork_fail_torture.c: the tables, by names and weights */
extern struct vt_draw ff_tables[FF_NR_TABLES];
extern const struct vt_choice ff_ways[FF_NR_WAYS + 1];
extern const char *const ff_pos_names[FF_NR_POS];
extern const char *const ff_caches[FF_NR_BALANCES];

enum ff_counter {
	FF_C_FAILED,
	FF_C_BY_WAY,			/* and position: a row per way */
	FF_C_OK = FF_C_BY_WAY + FF_NR_WAYS * FF_NR_POS,
	FF_C_UNPLANNED, FF_C_SURVIVED, FF_C_PARENTS, FF_C_HUGETLB, FF_C_WALKS,
	FF_C_AFTER, FF_C_RMAP, FF_C_REAPER, FF_C_NO_USERS, FF_C_EMPTY,
	FF_C_UNSTABLE, FF_C_ZAPS, FF_C_CHURNED, FF_C_BURSTS, FF_C_KILLED_ASLEEP,
	FF_C_ENDS, FF_C_EVEN, FF_C_FAILED_WALKED,
#ifdef VT_BENCH
	FF_C_CHECKED, FF_C_CHECKED_NS, FF_C_BARE, FF_C_BARE_NS,
	FF_C_BARE_FORKS, FF_C_BARE_FORKS_NS,
#endif
};

enum ff_hist { FF_H_FORK };

enum ff_type { FF_ANON, FF_FILE, FF_SHMEM, FF_DONTCOPY, FF_WIPE, FF_NR_TYPES };

/**
 * struct ff_entry - a VMA of a parent, as fork has to find and leave it
 * @start: first address
 * @end: first address behind it
 * @pgoff: where in its file
 * @flags: those of FF_FLAGS
 * @file: its file, or NULL
 * @vma: the VMA itself
 * @anon_vma: by which its anonymous pages are found, or NULL
 */
struct ff_entry {
	unsigned long start;
	unsigned long end;
	unsigned long pgoff;
	unsigned long flags;
	struct file *file;
	struct vm_area_struct *vma;
	struct anon_vma *anon_vma;
};

#define FF_FLAGS	(VM_READ | VM_WRITE | VM_EXEC | VM_SHARED |	\
			 VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC |	\
			 VM_MAYSHARE | VM_DONTCOPY | VM_WIPEONFORK |	\
			 VM_HUGETLB | VM_ACCOUNT)

/**
 * struct ff_record - a child's mm whose end is waited for
 * @mm: the mm, with a reference of its own; NULL if the record is free
 * @opened: VMAs of the module's file opened in it
 * @closed: and closed
 * @failed: its fork failed
 */
struct ff_record {
	struct mm_struct *mm;
	unsigned int opened;
	unsigned int closed;
	bool failed;
};

/* Whose sums are judged, and what is waited for at the end. */
enum ff_books { FF_BOOKS_PARENT, FF_BOOKS_CHILD, FF_NR_BOOKS };

enum ff_rest { FF_REST_CHILDREN, FF_REST_FILE, FF_REST_SHMEM, FF_NR_RESTS };

struct ff_state;

/**
 * struct ff_parent - an mm that is forked
 * @st: the scenario
 * @lock: protects @mm, @child, @handed, @opened, @closed and @rec; for writers
 *	of @flight
 * @shown: the mm, if it is there for mixers
 * @churn: in it, start of what they replace; 0: nothing
 * @child: the child's mm, for as long as walkers are to find it
 * @handed: the child's mm, if it was handed out with a reference of a user's
 * @flight: the fork whose child is shown; its range is the address of that mm
 * @flight_nr: its number
 * @opened: VMAs of the module's file ever opened, mmap() included
 * @closed: and closed
 * @rec: children that are not gone yet
 *
 * Written by the forker before a fork, read by what the fork calls:
 * @forker: who forks right now
 * @hand: take a reference for walkers, so that the child waits for them
 * @early: show the child before its tree is copied
 * @deaf: let the child's VMAs have no ->close() (busted)
 * @keep: take a reference that is not given back (busted)
 * @kill_early: SIGKILL before the first VMA
 * @kill_at: SIGKILL from ->open() of the VMA at this address; 0: none
 * @refuse: refuse the function of this way; FF_NR_WAYS: none
 * @refuse_at: where it is called for the VMA at this address
 * @copying: the VMA at this address is in copy_page_range()
 * @refuse_arch: refuse what comes behind the last VMA
 * @refused: something was
 * @began: dup_mmap() was reached
 * @early_mm: a child shown early, with references for its record and, if it is to
 *	be handed out, for that; the next that takes @lock enters it
 * @kill: sends SIGKILL to who forks, from out of a kprobe's handler
 *
 * Between forker, mixer and walkers:
 * @wq: for the waits of them all
 * @turns: grows with each fork
 * @copied: the last child of which it is known that its tree was copied
 * @walked: the last mm that a walker looked at, since the fork began
 * @hold: address whose VMA the mixer shall hold read-locked, or 0
 * @held: it does
 * @kill_asleep: and sends SIGKILL to the forker when that waits for it
 * @kill_lock: taken to clear @hold, and to send that signal while it is set
 * @dead: a child whose dup_mmap() was made to fail, while the forker shows it
 *
 * The forker's:
 * @mm: the mm, or NULL
 * @file: a file of the module
 * @shmem: a shmem file
 * @nr: entries in @snap
 * @snap: the VMAs outside the churn
 * @big: the VMAs that are too large to account, by position; 0: none
 * @wide: the VMA that has pages in two page tables; 0: none
 * @armed: bit set over @big: those that are not VM_DONTCOPY
 * @forks: forks to come before it is replaced by another parent
 * @child_wrong: what a child that got to run found wrong in its tree
 * @child_addr: and where
 * @kept: sums as the parent's mm has them, and a child's that got to run
 * @sums: what they have to be
 * @shut: address of a VMA of the parent that turns its readers away, or 0
 * @rest: what had not come back when the end of the test began to wait for it:
 *	children, and references on both files
 */
struct ff_parent {
	struct ff_state *st;
	raw_spinlock_t lock;
	struct mm_struct *shown;
	unsigned long churn;
	struct mm_struct *child;
	struct mm_struct *handed;
	unsigned long opened;
	unsigned long closed;
	struct ff_record rec[FF_RECORDS];
	u32 flight_nr;

	struct vt_flight flight ____cacheline_aligned_in_smp;

	struct task_struct *forker ____cacheline_aligned_in_smp;
	bool hand;
	bool early;
	bool deaf;
	bool keep;
	bool kill_early;
	unsigned long kill_at;
	enum ff_way refuse;
	unsigned long refuse_at;
	unsigned long copying;
	bool refuse_arch;
	bool refused;
	bool began;
	struct mm_struct *early_mm;
	struct irq_work kill;

	wait_queue_head_t wq ____cacheline_aligned_in_smp;
	unsigned int turns;
	struct mm_struct *copied;
	struct mm_struct *walked;
	unsigned long hold;
	bool held;
	bool kill_asleep;
	struct mutex kill_lock;
	struct mm_struct *dead;

	struct mm_struct *mm ____cacheline_aligned_in_smp;
	struct file *file;
	struct file *shmem;
	unsigned int nr;
	struct ff_entry *snap;
	unsigned long big[FF_LAST + 1];
	unsigned long wide;
	unsigned int armed;
	unsigned int forks;
	const char *child_wrong;
	unsigned long child_addr;
	struct vt_books kept[FF_NR_BOOKS];
	struct vt_books sums[FF_NR_BOOKS];
	unsigned long shut;
	long rest[FF_NR_RESTS];
};

/**
 * struct ff_probe - a function of the kernel that a fork calls
 * @kp: the probe
 * @st: the scenario
 * @on: it is registered
 */
struct ff_probe {
	struct kprobe kp;
	struct ff_state *st;
	bool on;
};

enum ff_probe_nr {
	FF_P_BEGIN, FF_P_TREE, FF_P_DUP, FF_P_POLICY, FF_P_USERFAULT, FF_P_ANON_VMA,
	FF_P_COPY, FF_P_TABLE, FF_P_ARCH, FF_NR_PROBES,
};

/**
 * struct ff_state - the scenario at work
 * @run: the run
 * @wq: walkers wait here for children
 * @shows: grows with each child that is shown
 * @nr_parents: number of parents
 * @nr_forkers: threads that share them
 * @parents: the parents
 * @probe: where forks are watched and refused
 * @ways: bit set over enum ff_way: what works here, is not left out, and does not leak
 * @rcu_tells: a tree is in RCU mode while its mm is alive, so one that is not is of
 *	a failed fork
 * @marks: this kernel marks what a failed fork leaves
 * @empties: and leaves nothing in the tree, and MMF_OOM_SKIP
 * @busy: held for read by forkers and mixers at work, for write by a forker that
 *	wants them to pause
 * @burst_next: when bursts are due next, in jiffies
 * @burst: which are
 * @even: bit set of those that left committed memory as it was
 * @big: half the size of what cannot be accounted, in bytes
 * @rest_since: since when the end of the test waits, in jiffies
 * @per_burst: failed forks whose balance is drawn at the end
 * @kept: children that are kept from their end (busted)
 * @nr_kept: how many
 */
struct ff_state {
	struct vt_run *run;
	wait_queue_head_t wq;
	atomic_t shows;
	unsigned int nr_parents;
	unsigned int nr_forkers;
	struct ff_parent *parents;
	struct ff_probe probe[FF_NR_PROBES];
	unsigned int ways;
	bool rcu_tells;
	bool marks;
	bool empties;
	struct rw_semaphore busy;
	unsigned long burst_next;
	unsigned int burst;
	unsigned long even;
	unsigned long big;
	unsigned long rest_since;
	unsigned int per_burst;
	struct mm_struct **kept;
	unsigned int nr_kept;
};

#define ff_for_each_parent(p, st) \
	for ((p) = (st)->parents; (p) < (st)->parents + (st)->nr_parents; (p)++)

/**
 * struct ff_seen - what a walk saw
 * @entries: how many
 * @zero: XA_ZERO_ENTRY among them
 * @foreign: VMAs of another mm among them
 * @zero_at: address of the first such entry
 * @foreign_at: likewise
 * @owner: whose the first foreign VMA is
 * @dead: dup_mmap() failed
 * @unstable: the mm is marked so
 * @skip: the OOM reaper is told to leave it alone
 * @copied: its tree was copied, or had begun to be
 * @look: into the fork whose child it is
 */
struct ff_seen {
	unsigned int entries;
	unsigned int zero;
	unsigned int foreign;
	unsigned long zero_at;
	unsigned long foreign_at;
	struct mm_struct *owner;
	bool dead;
	bool unstable;
	bool skip;
	bool copied;
	struct vt_flight_look look;
};

/**
 * struct ff_plan - what shall happen to a fork
 * @way: how it shall fail; FF_NR_WAYS: not at all
 * @pos: where
 * @addr: at which VMA
 */
struct ff_plan {
	enum ff_way way;
	enum ff_pos pos;
	unsigned long addr;
};

/**
 * ff_copied() - does fork copy a VMA?
 * @e: the VMA
 *
 * Return: true if so.
 */
static inline bool ff_copied(const struct ff_entry *e)
{
	return !(e->flags & VM_DONTCOPY);
}

/* parent.c: parents */
long ff_map(struct file *file, unsigned long addr, unsigned long len,
	    unsigned long flags);
long ff_map_anon(unsigned long addr, unsigned long len);
long ff_map_one(struct ff_parent *p, enum ff_type type, unsigned long addr,
		unsigned long pages, bool shared);
unsigned int ff_draw_size(struct vt_rnd *rnd);
struct mm_struct *ff_get_parent(struct ff_parent *p, unsigned long *churn);
void ff_show_parent(struct ff_parent *p, struct mm_struct *mm);
int ff_raise(struct ff_parent *p, struct vt_rnd *rnd, unsigned int n,
	     unsigned int bigs);
void ff_drop(struct ff_parent *p);
void ff_drop_unused(struct ff_parent *p);

/* fork.c: forkers; judges "parent" */
int ff_fork(struct ff_parent *p, const struct ff_plan *plan);
bool ff_judge_parent(struct ff_parent *p, int err);
int ff_forker(struct vt_thread *t);

/* plan.c: what shall happen to a fork */
unsigned int ff_nth(const struct ff_parent *p, unsigned int i, unsigned int n);
bool ff_arm(struct ff_parent *p, enum ff_pos pos, bool armed);
void ff_plan_clear(struct ff_parent *p);
unsigned int ff_wide_entry(const struct ff_parent *p);
bool ff_refuse_at(struct ff_parent *p, enum ff_way way, unsigned int i);
void ff_plan(struct ff_parent *p, struct vt_rnd *rnd, struct ff_plan *plan);
bool ff_plan_burst(struct ff_parent *p, struct ff_plan *plan);
void ff_plan_end(struct ff_parent *p, const struct ff_plan *plan);

/* refuse.c: what makes a fork fail from within */
void ff_kill(struct irq_work *work);
int ff_probes_start(struct ff_state *st);
void ff_probes_stop(struct ff_state *st);

/* mix.c: mixers */
int ff_mixer(struct vt_thread *t);

/* hold.c: a directed race */
void ff_have_held(struct ff_parent *p, unsigned long addr);
void ff_mix_hold(struct ff_parent *p, struct mm_struct *mm);

/* child.c: the child in the making */
extern const struct file_operations ff_fops;
struct ff_record *ff_record(struct ff_parent *p, struct mm_struct *mm);
struct ff_record *ff_publish(struct ff_parent *p, struct mm_struct *mm,
			     bool early);
void ff_adopt(struct ff_parent *p);
struct mm_struct *ff_unpublish(struct ff_parent *p, bool failed);
struct mm_struct *ff_grab_child(struct ff_parent *p);

/* walk.c: walkers; judges "xa_zero", "foreign_vma" and "unmarked" */
void ff_scan(struct mm_struct *mm, struct ff_seen *seen);
void ff_show(struct ff_parent *p, struct mm_struct *mm);
int ff_walker(struct vt_thread *t);

/* overhead.c: what a look and a failed fork cost */
#ifdef VT_BENCH
void ff_overhead(struct vt_thread *t, struct ff_parent *p, struct mm_struct *mm);
void ff_overhead_forks(struct ff_state *st, struct vt_rnd *rnd);
#else
static inline void ff_overhead(struct vt_thread *t, struct ff_parent *p,
			    struct mm_struct *mm) { }
static inline void ff_overhead_forks(struct ff_state *st, struct vt_rnd *rnd) { }
#endif

/* compare.c: judges "parent" */
void ff_snapshot(struct ff_parent *p);
const char *ff_compare(struct ff_parent *p, struct mm_struct *mm,
		       unsigned long *addr);

/* census.c: judges "after_failure", by what files know of a child */
bool ff_files_have(const struct ff_parent *p, const struct mm_struct *mm,
		   unsigned int *n);
void ff_census(struct ff_parent *p, struct mm_struct *mm, const char *whose);

/* leak.c: judges "leak", child by child and file by file */
unsigned int ff_settle(struct ff_parent *p);
unsigned int ff_settle_all(struct ff_parent *p);
bool ff_rest_wait(struct ff_state *st);
void ff_rest_judge(struct ff_state *st);

/* balance.c: judges "leak", by the balance of the whole system */
void ff_balance_probe(struct vt_run *run);
void ff_bursts(struct ff_state *st);

/* account.c: judges "account" and "after_failure" */
void ff_account_bust(struct ff_parent *p, int err);
void ff_account_fork(struct ff_parent *p, int err);
void ff_account_end(struct ff_parent *p, const struct ff_record *rec);
void ff_account_burst(struct vt_thread *t, struct ff_state *st);
void ff_account_rest(struct ff_state *st);

/* calibrate.c: what makes forks fail here */
int ff_calibrate(struct ff_state *st);

/* busted.c: broken promises */
void ff_decoy(struct ff_parent *p, struct vt_rnd *rnd);

#endif /* FF_FORK_FAIL_H */
