/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of vma_lock share: kinds, counters, the layout of a space, and
 * the structs of a space, a reader, a writer and a test.
 */
#ifndef VL_VMA_LOCK_H
#define VL_VMA_LOCK_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/rwsem.h>
#include <linux/refcount.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "compat_vma_lock.h"
#include "account.h"
#include "engine.h"
#include "symbols.h"

enum vl_kind {
	VL_WRONG_MM,
	VL_WRONG_RANGE,
	VL_DETACHED,
	VL_UNSTABLE,
	VL_OVERLAP,
	VL_REF_LEAK,
	VL_REF_LIMIT,
	VL_ACCOUNT,
	VL_RELOCK,
	VL_CONTENTS,
	VL_LINKS,
	VL_STILL,
	VL_GUARD_GAP,
	VL_PAGE_GONE,
	VL_HOOKS,
};

enum vl_counter {
	VL_LOCK_HIT, VL_LOCK_MISS, VL_LOCK_MMAP,
	VL_RETRY, VL_COMPLETED, VL_FALLBACK, VL_NO_VMA, VL_FAULT_ERROR,
	VL_RECYCLED,
	VL_WRITES, VL_WRITE_ERRORS, VL_FORKS, VL_FORK_ERRORS, VL_EXITS,
	VL_CONTENDED, VL_CONTENDED_MET,
#ifdef VT_BENCH
	VL_BARE, VL_BARE_NS, VL_CHECKED, VL_CHECKED_NS,
#endif
};

enum vl_hist { VL_HOLD, VL_WRITER_WAIT };

/*
 * The address space of a space: regions side by side, so that changes may
 * straddle two of them, and a stack below which there is room to grow.
 */
#define VL_BASE		(1UL << 40)
#define VL_PAGES	32			/* of a region */
#define VL_SIZE		(VL_PAGES * PAGE_SIZE)
#define VL_REGIONS	12
#define VL_STACK	VL_REGIONS		/* the region that is a stack */
#define VL_STACK_BASE	(VL_BASE + VL_REGIONS * VL_SIZE + SZ_4M)
#define VL_STACK_PAGES	4			/* of it, to begin with */
#define VL_STACK_START	(VL_STACK_BASE + VL_SIZE - VL_STACK_PAGES * PAGE_SIZE)
#define VL_KEPT		(VL_BACKINGS + VL_FILE)	/* where pages go under write locks only */

/* Region % VL_BACKINGS says which. */
enum vl_backing { VL_ANON, VL_SHMEM, VL_FILE, VL_FILE_COW, VL_FILE_SLOW,
		  VL_BACKINGS };

/**
 * struct vl_space - a private mm, and who uses it
 * @users: the slot, and each thread at work in it; the last one frees it
 * @mm: the mm; its only user that matters is this space
 * @id: unlike the mm's address, never used again
 * @hot: region in which a writer is at work, or was last
 * @contended: address whose VMA a writer only locks and releases, or 0
 * @regions: what is in flight in each of the regions, the stack last
 */
struct vl_space {
	refcount_t users;
	struct mm_struct *mm;
	u64 id;
	unsigned int hot ____cacheline_aligned;
	unsigned long contended;
	struct vt_flight regions[VL_REGIONS + 1];
};

/**
 * struct vl_slot - a place where readers and writers find a space
 * @lock: protects @space
 * @space: the space that is there now
 */
struct vl_slot {
	spinlock_t lock;
	struct vl_space *space;
} ____cacheline_aligned;

/**
 * struct vl_obj - what vm_private_data of the module's VMAs points to
 * @vma: the VMA it belongs to, from ->mmap or ->open to ->close
 * @node: in the list of all of them
 * @spare: in the list of those without a VMA
 *
 * Freed when the test ends, so that who comes too late finds it with another
 * VMA or none.
 */
struct vl_obj {
	struct vm_area_struct *vma;
	struct list_head node;
	struct list_head spare;
};

/**
 * struct vl_seen - a VMA object a reader has had
 * @vma: its address
 * @id: the space it was in
 * @moved: it was in another one before
 */
struct vl_seen {
	struct vm_area_struct *vma;
	u64 id;
	bool moved;
};

#define VL_SEEN_BITS	9

/*
 * What may not change while a VMA is locked for read. Left out, as the kernel
 * changes it under the read lock, or with other locks alone:
 *
 *   anon_vma           set by the first fault (page_table_lock); once it is set,
 *                      it stays, which is judged
 *   anon_vma_chain     likewise; and by others' forks (anon_vma lock)
 *   shared             neighbours in the file's interval tree come and go
 *                      (i_mmap lock)
 *   swap_readahead_info, numab_state
 *                      hints, set by faults and by the NUMA scanner
 *   vm_lock_seq, vm_refcnt, vm_lock
 *                      the lock itself: judged by "overlap" and "detached"
 *   VM_MAYBE_GUARD     of vm_flags: VM_ATOMIC_SET_ALLOWED, set by
 *                      MADV_GUARD_INSTALL under the read lock
 */
enum vl_field {
	VL_VM_START, VL_VM_END, VL_VM_FLAGS, VL_VM_PGOFF, VL_VM_FILE, VL_VM_OPS,
	VL_VM_PRIVATE_DATA, VL_VM_POLICY,
	VL_HELD_FIELDS,		/* from here on only if it is held for a while */
	VL_VM_PAGE_PROT = VL_HELD_FIELDS, VL_ANON_NAME, VL_FIELDS
};

/**
 * struct vl_stood - a VMA as it was under mmap_lock
 * @vma: the VMA
 * @fields: its fields
 */
struct vl_stood {
	struct vm_area_struct *vma;
	unsigned long fields[VL_FIELDS];
};

#define VL_STOOD	16

/* How long a VMA is held: up to hold_us, or no longer than it takes. */
enum vl_hold { VL_SLEEP, VL_SPIN, VL_NO_HOLD, VL_HOLDS };

/* What is done in bursts, to see whether it leaves committed memory as it was. */
enum vl_burst { VL_B_SHRINK_MOVE, VL_B_GROW_MOVE, VL_B_GROW_REFUSED,
		VL_B_MOVE_REFUSED, VL_B_DONTUNMAP_LOCKED, VL_B_DONTUNMAP,
		VL_B_RESIZE, VL_B_MERGE, VL_B_PROTECT, VL_B_PROTECT_REFUSED,
		VL_B_BRK, VL_BURSTS };

/* What ->mremap() of the module's VMAs returns when it refuses. */
#define VL_REFUSAL	(-EXDEV)

/* In what way the busted flavour breaks a read. */
enum vl_break { VL_SOUND, VL_RELEASED, VL_OTHER_MM, VL_OTHER_ADDR };

/**
 * struct vl_held - a VMA a reader has
 * @vma: the VMA, or NULL
 * @mm: the mm it was asked for in
 * @addr: the address it was asked for at
 * @obj: the object of the module's VMA, or NULL
 * @hold: will it be held, and how
 * @bad: a race was seen
 * @anon_vma: its anon_vma, or NULL
 * @snap: its fields
 */
struct vl_held {
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	unsigned long addr;
	struct vl_obj *obj;
	enum vl_hold hold;
	bool bad;
	struct anon_vma *anon_vma;
	unsigned long snap[VL_FIELDS];
};

/**
 * struct vl_reader - a reader
 * @inside: the VMA it has locked for read, or NULL; read by writers
 * @mm: the mm it reads in; read by writers
 * @cpu: where it runs, or ran last; read by writers
 * @space: the space of @mm
 * @held: what it asks for, and what it got
 * @look: into the region it reads in, from before it locked
 * @met: the place of its last exposed look, or NULL
 * @met_begun: ->begun of that look
 * @met_kinds: of which kinds that was one
 * @reads: locked reads not yet added to the counters, as are the next three
 * @exposed: of them, exposed
 * @moved: of the exposed, on objects that came from another mm
 * @misses: attempts that locked nothing
 * @turn: counts reads
 * @seen: hash of VMA objects, one entry a bucket
 * @stood: what it saw under mmap_lock
 */
struct vl_reader {
	struct vm_area_struct *inside ____cacheline_aligned;
	struct mm_struct *mm;
	int cpu;

	struct vl_space *space ____cacheline_aligned;
	struct vl_held held;
	struct vt_flight_look look;
	const struct vt_flight *met;
	u32 met_begun;
	u32 met_kinds;
	u32 reads;
	u32 exposed;
	u32 moved;
	u32 misses;
	u32 turn;
	struct vl_seen seen[1 << VL_SEEN_BITS];
	struct vl_stood stood[VL_STOOD];
};

/**
 * struct vl_writer - a writer
 * @task: its task
 * @slot: where the space is that it is at work in, or was last; read by readers
 * @copy: the copy of what this writer moves, as ->open() has seen it, or NULL
 * @source: what that was copied from
 * @refuses: shall ->mremap() refuse what this writer moves?
 * @next_burst: of the first writer: when it makes the next burst, in ns
 * @bursts: of the first writer: how many it has made
 * @most_vmas: of the first writer: VMAs an mm may have, or 0: not known yet
 * @adopt: shall the child that is forked leave its mm behind?
 * @child: the mm the child left, with a reference
 * @stopped: a reader's CPU was asked to stop, and has not gone on yet
 * @until: number of changes after which it goes on
 * @patience: ns after which it goes on anyway
 * @changes: changes made
 */
struct vl_writer {
	struct task_struct *task;
	struct vl_slot *slot;
	struct vm_area_struct *copy;
	struct vm_area_struct *source;
	bool refuses;
	u64 next_burst;
	unsigned int bursts;
	int most_vmas;
	bool adopt;
	struct mm_struct *child;
	bool stopped ____cacheline_aligned;
	unsigned int until;
	u32 patience;
	unsigned int changes;
} ____cacheline_aligned;

/**
 * struct vl_test - all there is of a test
 * @run: the run
 * @slots: where the spaces are
 * @nr_slots: how many
 * @readers: one per reader thread
 * @nr_readers: how many
 * @writers: one per writer thread
 * @nr_writers: how many
 * @decoy: in the busted flavour, a space that readers get VMAs of by mistake
 * @file: module-owned file that faults under the VMA's lock
 * @slow: one that has to be faulted under mmap_lock
 * @pages: what is in both files
 * @ids: ids given to spaces
 * @quiet: held for read by who changes mappings or ends an mm, for write by who
 *	looks whether committed memory stands still
 * @leaks: which of enum vl_burst leave memory committed
 * @locks: what kinds of VMA this kernel locks, see vl_relock_calibrate()
 * @guard: size of the gap below a stack, or 0: it is not judged
 * @limits: spaces made so far, one of VL_LIMIT_EVERY is brought to the limit
 * @leaked: a reference on a VMA was seen to leak
 * @obj_lock: protects the next two
 * @objs: all objects
 * @spare: objects without a VMA
 */
struct vl_test {
	struct vt_run *run;
	struct vl_slot *slots;
	unsigned int nr_slots;
	struct vl_reader *readers;
	unsigned int nr_readers;
	struct vl_writer *writers;
	unsigned int nr_writers;
	struct vl_space *decoy;
	struct file *file;
	struct file *slow;
	struct page *pages[8];
	atomic64_t ids;
	struct rw_semaphore quiet;
	struct vt_leaks leaks;
	unsigned long locks;
	unsigned long guard;
	atomic_t limits;
	bool leaked;
	spinlock_t obj_lock;
	struct list_head objs;
	struct list_head spare;
};

/**
 * struct vl_change - a change about to be made
 * @test: test
 * @w: writer
 * @space: where
 * @region: region it begins in
 * @start: where it begins
 * @pages: how many pages
 */
struct vl_change {
	struct vl_test *test;
	struct vl_writer *w;
	struct vl_space *space;
	unsigned int region;
	unsigned long start;
	unsigned long pages;
};

static inline unsigned long vl_region_base(unsigned int region)
{
	return region == VL_STACK ? VL_STACK_BASE : VL_BASE + region * VL_SIZE;
}

static inline unsigned int vl_region_of(unsigned long addr)
{
	return addr >= VL_STACK_BASE ? VL_STACK : (addr - VL_BASE) / VL_SIZE;
}

/* Was anything of a space changed since it was made? */
static inline bool vl_space_changed(struct vl_space *space)
{
	unsigned int i;

	for (i = 0; i <= VL_STACK; i++)
		if (atomic_read(&space->regions[i].begun))
			return true;
	return false;
}

/* What writers do in a space; vl_makes[] makes it. */
enum vl_make {
	VL_D_MUNMAP, VL_D_MAP_FIXED, VL_D_MPROTECT, VL_D_MREMAP, VL_D_MADVISE,
	VL_D_LOCK, VL_D_GROW, VL_D_MLOCK, VL_D_MBIND, VL_D_NAME, VL_D_FORK, VL_D_NR,
};

/* What they do besides, not by drawing but so many times in each round. */
enum vl_turn { VL_R_CONTEND, VL_R_HAND_OVER, VL_R_ALL_LOCKS, VL_R_EXCHANGE,
	       VL_R_BURST, VL_NR_TURNS };

/* What is drawn from. */
enum vl_table { VL_T_CHANGE, VL_T_TURN, VL_T_HOLD, VL_T_BURST, VL_NR_TABLES };

/* What is drawn: vma_lock_torture.c */
extern struct vt_draw vl_tables[VL_NR_TABLES];

/**
 * vl_turns() - how often is this done?
 * @turn: what
 *
 * Return: how often, in what vl_writer_main() calls a round; 0 if "ops" leaves it
 * out.
 */
static inline unsigned int vl_turns(enum vl_turn turn)
{
	return vl_tables[VL_T_TURN].weight[turn];
}

/**
 * struct vl_advice - one of the things that madvise() is asked for
 * @name: its name
 * @advice: as for madvise()
 */
struct vl_advice {
	const char *name;
	int advice;
};

#define VL_NR_ADVICES	12

extern const struct vl_advice vl_advices[VL_NR_ADVICES];

/* By what a reader locks a VMA. */
enum vl_lock { VL_LOCK_RCU, VL_LOCK_UNDER_MMAP, VL_NR_LOCKS };

/* What might come into the gap below a stack. */
enum vl_intruder { VL_BY_GROWTH, VL_BY_HINT, VL_BY_SEARCH, VL_NR_INTRUDERS };

/* The hooks of a VMA that judge what they find. */
enum vl_hook { VL_AT_MMAP, VL_AT_OPEN, VL_AT_MREMAP, VL_AT_MAP_PAGES, VL_AT_CLOSE,
	       VL_NR_HOOKS };

/* The tables of the coverage list. */
enum vl_trial { VL_V_CHANGE, VL_V_ADVICE, VL_V_LOCK, VL_V_HOLD, VL_V_GUARD,
		VL_V_HOOK, VL_V_TURN };

/* The module's own VMAs: vma.c */
extern const struct file_operations vl_fops;
extern const struct vm_operations_struct vl_vm_ops;
extern const struct vm_operations_struct vl_slow_vm_ops;

/* Spaces: space.c */
long vl_map(struct vl_test *test, unsigned int region, unsigned long start,
	    unsigned long len);
long vl_map_region(struct vl_test *test, unsigned int region);
struct vl_space *vl_space_wrap(struct vl_test *test, struct mm_struct *mm);
struct vl_space *vl_space_new(struct vl_test *test);
struct vl_space *vl_space_get(struct vl_slot *slot);
void vl_space_put(struct vl_test *test, struct vl_space *space);
void vl_slot_put(struct vl_test *test, struct vl_slot *slot,
		 struct vl_space *space);

/* Writers, and the changes they make: writer.c, change.c */
int vl_writer_main(struct vt_thread *t);
long vl_do_munmap(struct vt_thread *t, struct vl_change *c);
long vl_do_map_fixed(struct vt_thread *t, struct vl_change *c);
long vl_do_mprotect(struct vt_thread *t, struct vl_change *c);
long vl_do_mremap(struct vt_thread *t, struct vl_change *c);
long vl_do_madvise(struct vt_thread *t, struct vl_change *c);
long vl_do_grow(struct vt_thread *t, struct vl_change *c);
long vl_do_lock(struct vt_thread *t, struct vl_change *c);
long vl_do_mlock(struct vt_thread *t, struct vl_change *c);
long vl_do_mbind(struct vt_thread *t, struct vl_change *c);
long vl_do_name(struct vt_thread *t, struct vl_change *c);
long vl_do_all_locks(struct vt_thread *t, struct vl_change *c);
long vl_do_fork(struct vt_thread *t, struct vl_change *c);

/* Readers, and their faults: reader.c, fault.c */
int vl_reader_main(struct vt_thread *t);
void vl_hold(struct vt_thread *t, enum vl_hold hold);
void vl_fault(struct vt_run *run, struct vl_held *h, unsigned int flags);
void vl_fault_under_mmap_lock(struct vt_run *run, struct mm_struct *mm,
			      unsigned long addr, unsigned int flags);

/* What a look costs: overhead.c */
#ifdef VT_BENCH
void vl_overhead(struct vt_thread *t, struct vl_reader *r);
#else
static inline void vl_overhead(struct vt_thread *t, struct vl_reader *r) { }
#endif

/*
 * Who judges beside readers: exclusive.c, count.c, account.c, relock.c, contents.c,
 * guard.c, hooks.c; and what readers judge now and then: still.c, page.c
 */
bool vl_busy(struct vl_test *test, struct vm_area_struct *vma);
bool vl_close_by(struct vl_test *test, struct vm_area_struct *vma);
void vl_exclusive(struct vl_test *test, struct vm_area_struct *vma,
		  bool exposed, const char *what);
void vl_limit(struct vl_test *test, struct mm_struct *mm);
void vl_audit(struct vl_test *test, struct vl_space *space);
void vl_account_rest(struct vl_test *test, struct vl_space *space);
void vl_account_turn(struct vt_thread *t, struct vl_change *c);
bool vl_may_leak(struct vl_test *test, enum vl_burst what, unsigned long pages);
void vl_relock_calibrate(struct vl_test *test, struct mm_struct *mm);
void vl_relock(struct vl_test *test, struct vl_space *space);
void vl_contents(struct vl_test *test, struct vl_space *space);
unsigned long vl_guard_find(void);
void vl_guard(struct vl_test *test, struct vl_space *space);
struct vl_writer *vl_self(struct vl_test *test);
void vl_hook_new(struct vl_test *test, struct vm_area_struct *vma, enum vl_hook hook);
void vl_hook_open(struct vl_test *test, struct vm_area_struct *vma,
		  struct vm_area_struct *source);
void vl_hook_moved(struct vl_test *test, struct vm_area_struct *vma, struct vl_writer *w);
void vl_hook_around(struct vl_test *test, struct vm_fault *vmf, pgoff_t first, pgoff_t last);
void vl_hook_close(struct vl_test *test, struct vm_area_struct *vma);
void vl_still(struct vt_thread *t, struct vl_reader *r);
void vl_page_stays(struct vt_thread *t, struct vl_test *test, struct vl_reader *r);

/* Contention: contend.c */
bool vl_contend(struct vt_thread *t, struct vl_change *c);
void vl_contend_read(struct vt_thread *t, struct vl_reader *r);

/* Directed races: directed.c */
void vl_stop_reader(struct vt_thread *t, struct vl_change *c);
void vl_hand_over(struct vt_thread *t, struct vl_change *c);

/* Readers that break promises on purpose: busted.c */
enum vl_break vl_break(struct vt_thread *t);
void vl_lock_elsewhere(struct vl_test *test, struct vl_held *h,
		       enum vl_break how);
void vl_read_released(struct vt_thread *t, struct vl_reader *r);

#endif /* VL_VMA_LOCK_H */
