// SPDX-License-Identifier: GPL-2.0-only
/*
 * vma_lock: faults under the per-VMA lock against every writer there is.
 *
 * A few slots each hold a private mm ("space"). Readers take a space out of a
 * slot, lock VMAs at random addresses in it, look at what they were given, hold
 * it, look again, and fault under the lock as the architecture's fault handler
 * does. Writers change the same mms in every way a process can, and take whole
 * mms away and put others in their place: new ones, and children that fork
 * made. So VMA objects go from mm to mm while readers look at them.
 *
 * A space is counted by those who use it. Whoever lets go last finds an mm that
 * nobody else can reach, and all locks in it must be at rest.
 *
 * Writers say in the space which region they are at work in. Readers aim there
 * every other time, and a look is exposed if something was in flight in its
 * region between the locking and the release.
 */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/hash.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_context.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "compat_vma_lock.h"
#include "engine.h"
#include "scenarios.h"
#include "space.h"
#include "vma_lock/symbols.h"
#include "vma_lock/trace.h"

enum vl_kind {
	VL_WRONG_MM,
	VL_WRONG_RANGE,
	VL_DETACHED,
	VL_UNSTABLE,
	VL_OVERLAP,
	VL_REF_LEAK,
	VL_REF_LIMIT,
};

static const struct vt_kind vl_kinds[] = {
	[VL_WRONG_MM] = { "wrong_mm",
		"the VMA that lock_vma_under_rcu() hands out belongs to the mm it was asked about (mm/mmap_lock.c)" },
	[VL_WRONG_RANGE] = { "wrong_range",
		"it contains the address it was asked about (mm/mmap_lock.c)" },
	[VL_DETACHED] = { "detached",
		"it is not isolated, and nobody isolates it before vma_end_read() (lock_vma_under_rcu())" },
	[VL_UNSTABLE] = { "unstable",
		"its bounds, flags, file, offset, vm_ops and vm_private_data stay until vma_end_read() (Documentation/mm/process_addrs.rst)" },
	[VL_OVERLAP] = { "overlap",
		"vma_start_write() returns when no reader is inside, and none gets in before mmap_lock is dropped (Documentation/mm/process_addrs.rst)" },
	[VL_REF_LEAK] = { "ref_leak",
		"at rest vm_refcnt of an attached VMA is 1 (vm_refcnt in mm_types.h); before it, the lock is free and detached not set" },
	[VL_REF_LIMIT] = { "ref_limit",
		"at VM_REFCNT_LIMIT a further reader is refused (vma_start_read())" },
};

enum vl_counter {
	VL_LOCK_HIT, VL_LOCK_MISS, VL_LOCK_MMAP,
	VL_RETRY, VL_COMPLETED, VL_FALLBACK, VL_NO_VMA, VL_FAULT_ERROR,
	VL_RECYCLED,
	VL_WRITES, VL_WRITE_ERRORS, VL_FORKS, VL_FORK_ERRORS, VL_EXITS,
	VL_BARE, VL_BARE_NS, VL_CHECKED, VL_CHECKED_NS,
};

static const char *const vl_counters[] = {
	[VL_LOCK_HIT] = "lock_hit",
	[VL_LOCK_MISS] = "lock_miss",
	[VL_LOCK_MMAP] = "lock_mmap",
	[VL_RETRY] = "retry",
	[VL_COMPLETED] = "completed",
	[VL_FALLBACK] = "fallback",
	[VL_NO_VMA] = "no_vma",
	[VL_FAULT_ERROR] = "fault_error",
	[VL_RECYCLED] = "recycled",
	[VL_WRITES] = "writes",
	[VL_WRITE_ERRORS] = "write_errors",
	[VL_FORKS] = "forks",
	[VL_FORK_ERRORS] = "fork_errors",
	[VL_EXITS] = "exits",
	[VL_BARE] = "bare",
	[VL_BARE_NS] = "bare_ns",
	[VL_CHECKED] = "checked",
	[VL_CHECKED_NS] = "checked_ns",
};

enum vl_hist { VL_HOLD, VL_WRITER_WAIT };

static const char *const vl_hists[] = {
	[VL_HOLD] = "hold_ns",
	[VL_WRITER_WAIT] = "writer_wait_ns",
};

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

enum vl_backing { VL_ANON, VL_SHMEM, VL_FILE, VL_FILE_COW, VL_FILE_SLOW,
		  VL_BACKINGS };

/**
 * struct vl_region - what is in flight in a region of a space
 * @begun: changes that were begun
 * @ended: changes that have ended
 */
struct vl_region {
	atomic_t begun;
	atomic_t ended;
};

/**
 * struct vl_space - a private mm, and who uses it
 * @users: the slot, and each thread at work in it; the last one frees it
 * @mm: the mm; its only user that matters is this space
 * @id: unlike the mm's address, never used again
 * @hot: region in which a writer is at work, or was last
 * @regions: the regions, the stack last
 */
struct vl_space {
	refcount_t users;
	struct mm_struct *mm;
	u64 id;
	unsigned int hot ____cacheline_aligned;
	struct vl_region regions[VL_REGIONS + 1];
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
#define VL_BURST	64
#define VL_BURST_SPOILT	8

/*
 * What may not change while a VMA is locked for read. Left out, as the kernel
 * changes it under the read lock, or with other locks alone:
 *
 *   anon_vma           set by the first fault (page_table_lock)
 *   anon_vma_chain     likewise; and by others' forks (anon_vma lock)
 *   shared             neighbours in the file's interval tree come and go
 *                      (i_mmap lock)
 *   swap_readahead_info, numab_state
 *                      hints, set by faults and by the NUMA scanner
 *   vm_policy          read under the mmap_lock or a reference of its own
 *   vm_lock_seq, vm_refcnt, vm_lock
 *                      the lock itself: judged by "overlap" and "detached"
 *   VM_MAYBE_GUARD     of vm_flags: VM_ATOMIC_SET_ALLOWED, set by
 *                      MADV_GUARD_INSTALL under the read lock
 */
enum vl_field {
	VL_VM_START, VL_VM_END, VL_VM_FLAGS, VL_VM_PGOFF, VL_VM_FILE, VL_VM_OPS,
	VL_VM_PRIVATE_DATA, VL_FIELDS
};

/* How long a VMA is held: no longer than it takes, or up to hold_us. */
enum vl_hold { VL_NO_HOLD, VL_SPIN, VL_SLEEP };

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
 * @snap: its fields
 */
struct vl_held {
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	unsigned long addr;
	struct vl_obj *obj;
	enum vl_hold hold;
	bool bad;
	unsigned long snap[VL_FIELDS];
};

/**
 * struct vl_reader - a reader
 * @inside: the VMA it has locked for read, or NULL; read by writers
 * @mm: the mm it reads in; read by writers
 * @cpu: where it runs, or ran last; read by writers
 * @space: the space of @mm
 * @held: what it asks for, and what it got
 * @ended: of the region it reads in, before it locked
 * @reads: locked reads not yet added to the counters, as are the next three
 * @exposed: of them, exposed
 * @moved: of the exposed, on objects that came from another mm
 * @misses: attempts that locked nothing
 * @turn: counts reads
 * @seen: hash of VMA objects, one entry a bucket
 * @addrs: addresses of a burst
 * @best_checked: the shortest burst of locked reads, in ns
 * @best_bare: the shortest burst of what the kernel does alone, in ns
 */
struct vl_reader {
	struct vm_area_struct *inside ____cacheline_aligned;
	struct mm_struct *mm;
	int cpu;

	struct vl_space *space ____cacheline_aligned;
	struct vl_held held;
	int ended;
	u32 reads;
	u32 exposed;
	u32 moved;
	u32 misses;
	u32 turn;
	struct vl_seen seen[1 << VL_SEEN_BITS];
	unsigned long addrs[VL_BURST];
	u64 best_checked;
	u64 best_bare;
};

/**
 * struct vl_writer - a writer
 * @adopt: shall the child that is forked leave its mm behind?
 * @child: the mm the child left, with a reference
 * @stopped: a reader's CPU was asked to stop, and has not gone on yet
 * @until: number of changes after which it goes on
 * @patience: ns after which it goes on anyway
 * @changes: changes made
 */
struct vl_writer {
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
 * @decoy: in the busted flavour, a space that readers get VMAs of by mistake
 * @file: module-owned file that faults under the VMA's lock
 * @slow: one that has to be faulted under mmap_lock
 * @pages: what is in both files
 * @ids: ids given to spaces
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
	struct vl_space *decoy;
	struct file *file;
	struct file *slow;
	struct page *pages[8];
	atomic64_t ids;
	spinlock_t obj_lock;
	struct list_head objs;
	struct list_head spare;
};

static unsigned long vl_region_base(unsigned int region)
{
	return region == VL_STACK ? VL_STACK_BASE : VL_BASE + region * VL_SIZE;
}

static unsigned int vl_region_of(unsigned long addr)
{
	return addr >= VL_STACK_BASE ? VL_STACK : (addr - VL_BASE) / VL_SIZE;
}

/*
 * Exclusion, seen from the writer's side: whoever has a VMA for himself finds no
 * reader inside.
 *
 * A reader says it is inside after it locked, and that it no longer is before it
 * releases, so the lock's own ordering makes the latter visible to whoever has
 * excluded it.
 */

/* Is some reader inside @vma? A glance, for the exposure. */
static bool vl_busy(struct vl_test *test, struct vm_area_struct *vma)
{
	unsigned int i;

	for (i = 0; i < test->nr_readers; i++)
		if (READ_ONCE(test->readers[i].inside) == vma)
			return true;
	return false;
}

/**
 * vl_exclusive() - judge whether a writer has a VMA for itself
 * @test: test
 * @vma: VMA which no reader may be inside of now
 * @exposed: readers were inside when the writer came, or are close by
 * @what: what the writer does
 */
static void vl_exclusive(struct vl_test *test, struct vm_area_struct *vma,
			 bool exposed, const char *what)
{
	unsigned int i;

	/*
	 * Makes an acquire of the writer's last look at the lock, which need not
	 * be one. Pairs with smp_store_release() in vl_leave(). Also orders what
	 * ->close wrote to the object before the look, for vl_judge().
	 */
	smp_mb();
	vt_look(test->run, VL_OVERLAP, exposed);
	for (i = 0; i < test->nr_readers; i++)
		if (READ_ONCE(test->readers[i].inside) == vma)
			vt_race(test->run, VL_OVERLAP, vma->vm_mm, vma->vm_start,
				(unsigned long)vma, i,
				"%s with reader %u inside, vma=%p count=0x%x",
				what, i, vma, vt_vma_count(vma));
}

/* Is some reader at work in the mm of @vma? */
static bool vl_close_by(struct vl_test *test, struct vm_area_struct *vma)
{
	unsigned int i;

	for (i = 0; i < test->nr_readers; i++)
		if (READ_ONCE(test->readers[i].mm) == vma->vm_mm &&
		    READ_ONCE(test->readers[i].inside))
			return true;
	return false;
}

/*
 * The module's own VMAs.
 *
 * Only callbacks that come when readers are excluded judge: ->close, for which
 * the VMA was detached first, and ->open and ->mmap for a VMA that is in no tree
 * yet. (The VMA that ->open splits off of is not locked yet: it is not judged.
 * The one that fork copies is: copy_page_range() wants it so.)
 */

static struct vl_obj *vl_obj_get(struct vl_test *test,
				 struct vm_area_struct *vma)
{
	struct vl_obj *obj, *fresh = NULL;

	if (list_empty(&test->spare))
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);

	spin_lock(&test->obj_lock);
	if (fresh) {
		list_add(&fresh->node, &test->objs);
		list_add(&fresh->spare, &test->spare);
	}
	obj = list_first_entry_or_null(&test->spare, struct vl_obj, spare);
	if (obj)
		list_del_init(&obj->spare);
	spin_unlock(&test->obj_lock);

	if (obj)
		WRITE_ONCE(obj->vma, vma);
	return obj;
}

static struct vl_test *vl_test_of(struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

static void vl_vm_open(struct vm_area_struct *vma)
{
	struct vl_test *test = vl_test_of(vma);
	struct vm_area_struct *from;

	/* A copy of another VMA, object included; may stay without its own. */
	vma->vm_private_data = vl_obj_get(test, vma);
	vl_exclusive(test, vma, false, "open");
	from = vma->vm_mm != current->mm && current->mm ?
	       vma_lookup(current->mm, vma->vm_start) : NULL;
	if (from)
		vl_exclusive(test, from, vl_close_by(test, from), "fork");
}

static void vl_vm_close(struct vm_area_struct *vma)
{
	struct vl_test *test = vl_test_of(vma);
	struct vl_obj *obj = vma->vm_private_data;

	if (obj)
		WRITE_ONCE(obj->vma, NULL);
	vl_exclusive(test, vma, vl_close_by(test, vma), "close");
	if (!obj)
		return;
	spin_lock(&test->obj_lock);
	list_add_tail(&obj->spare, &test->spare);
	spin_unlock(&test->obj_lock);
}

static vm_fault_t vl_vm_fault(struct vm_fault *vmf)
{
	struct vl_test *test = vl_test_of(vmf->vma);
	struct vl_obj *obj = vmf->vma->vm_private_data;

	/* Under the VMA's lock, or under mmap_lock: not closed either way. */
	vt_look(test->run, VL_OVERLAP, false);
	if (obj && READ_ONCE(obj->vma) != vmf->vma)
		vt_race(test->run, VL_OVERLAP, vmf->vma->vm_mm, vmf->address,
			(unsigned long)vmf->vma, vmf->flags,
			"fault in a closed VMA, vma=%p flags=0x%x", vmf->vma,
			vmf->flags);

	vmf->page = test->pages[vmf->pgoff % ARRAY_SIZE(test->pages)];
	get_page(vmf->page);

	return 0;
}

/* Maps nothing; where there is one, the kernel faults under the VMA's lock. */
static vm_fault_t vl_vm_map_pages(struct vm_fault *vmf, pgoff_t first,
				  pgoff_t last)
{
	return 0;
}

static const struct vm_operations_struct vl_vm_ops = {
	.open = vl_vm_open,
	.close = vl_vm_close,
	.fault = vl_vm_fault,
	.map_pages = vl_vm_map_pages,
};

static const struct vm_operations_struct vl_slow_vm_ops = {
	.open = vl_vm_open,
	.close = vl_vm_close,
	.fault = vl_vm_fault,
};

static int vl_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vl_test *test = file->private_data;
	struct vl_obj *obj = vl_obj_get(test, vma);

	if (!obj)
		return -ENOMEM;
	vma->vm_private_data = obj;
	vma->vm_ops = file == test->slow ? &vl_slow_vm_ops : &vl_vm_ops;
	vl_exclusive(test, vma, false, "mmap");

	return 0;
}

static const struct file_operations vl_fops = {
	.mmap = vl_mmap,
};

/*
 * Spaces.
 */

static struct vl_space *vl_space_wrap(struct vl_test *test,
				      struct mm_struct *mm)
{
	struct vl_space *space = kzalloc(sizeof(*space), GFP_KERNEL);

	if (!space)
		return NULL;
	refcount_set(&space->users, 1);
	space->mm = mm;
	space->id = atomic64_inc_return(&test->ids);

	return space;
}

/* Maps a piece of a region as it is at first, over whatever is there. */
static unsigned long vl_map(struct vl_test *test, unsigned int region,
			    unsigned long start, unsigned long len)
{
	unsigned long flags = MAP_FIXED, off = start - vl_region_base(region);
	struct file *file = NULL;

	switch (region % VL_BACKINGS) {
	case VL_ANON:
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
		break;
	case VL_SHMEM:
		flags |= MAP_SHARED | MAP_ANONYMOUS;
		break;
	case VL_FILE:
		flags |= MAP_SHARED;
		file = test->file;
		break;
	case VL_FILE_COW:
		flags |= MAP_PRIVATE;
		file = test->file;
		break;
	case VL_FILE_SLOW:
		flags |= MAP_SHARED;
		file = test->slow;
		break;
	}
	if (region == VL_STACK) {
		flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN;
		file = NULL;
	}

	return vm_mmap(file, start, len, PROT_READ | PROT_WRITE, flags,
		       file ? off : 0);
}

static unsigned long vl_map_region(struct vl_test *test, unsigned int region)
{
	unsigned long start = vl_region_base(region), len = VL_SIZE;

	if (region == VL_STACK) {
		start += VL_SIZE - VL_STACK_PAGES * PAGE_SIZE;
		len = VL_STACK_PAGES * PAGE_SIZE;
	}
	return vl_map(test, region, start, len);
}

/**
 * vl_limit() - judge whether readers are refused at the limit
 * @test: test
 * @mm: mm that nobody but the caller can reach
 *
 * As nobody else locks anything in this mm, its counts may be set, and have to
 * be found as they were set.
 */
static void vl_limit(struct vl_test *test, struct mm_struct *mm)
{
	struct vm_area_struct *vma, *got;
	unsigned int was, now;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, VL_BASE);
	if (!vma || !VT_VMA_REF_LIMIT)
		goto unlock;
	was = vt_vma_count(vma);
	vt_vma_count_set(vma, VT_VMA_REF_LIMIT);

	if (unlikely(vt_busted(test->run, VL_REF_LIMIT))) {
		vt_vma_count_inc(vma);
		got = vma;
	} else {
		got = vt_call(lock_vma_under_rcu)(mm, VL_BASE);
		if (!got && vt_vma_start_read_locked(vma))
			got = vma;
	}
	now = vt_vma_count(vma);

	vt_look(test->run, VL_REF_LIMIT, true);
	if (got || now != VT_VMA_REF_LIMIT)
		vt_race(test->run, VL_REF_LIMIT, mm, VL_BASE, now,
			VT_VMA_REF_LIMIT,
			"reader %s at the limit, count 0x%x, limit 0x%x",
			got ? "let in" : "refused", now, VT_VMA_REF_LIMIT);
	vt_vma_count_set(vma, was);
unlock:
	mmap_read_unlock(mm);
}

/**
 * vl_space_new() - a new mm with all regions mapped
 * @test: test
 *
 * Context: a kernel thread that uses no mm; may sleep.
 * Return: the space, or NULL without memory.
 */
static struct vl_space *vl_space_new(struct vl_test *test)
{
	struct mm_struct *mm = vt_mm_new();
	struct vl_space *space;
	unsigned int region;

	if (!mm)
		return NULL;
	space = vl_space_wrap(test, mm);
	if (!space) {
		vt_mm_put(mm);
		return NULL;
	}

	kthread_use_mm(mm);
	for (region = 0; region <= VL_STACK; region++)
		if (IS_ERR_VALUE(vl_map_region(test, region)))
			vt_count(test->run, VL_WRITE_ERRORS, 1);
	kthread_unuse_mm(mm);

	return space;
}

static struct vl_space *vl_space_get(struct vl_slot *slot)
{
	struct vl_space *space;

	spin_lock(&slot->lock);
	space = slot->space;
	if (space)
		refcount_inc(&space->users);
	spin_unlock(&slot->lock);

	return space;
}

/* Counts the VMAs whose locks are not at rest; @w tells of the last of them. */
static unsigned int vl_count_leaks(struct vt_run *run, struct mm_struct *mm,
				   unsigned long *w)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma, *leaked = NULL;
	unsigned int leaks = 0;

	mmap_write_lock(mm);
	/* The broken promise: one reader who has not released. */
	if (unlikely(vt_busted(run, VL_REF_LEAK)))
		leaked = vt_call(lock_vma_under_rcu)(mm, VL_BASE);
	for_each_vma(vmi, vma) {
		unsigned int count = vt_vma_count(vma);

		if (count == VT_VMA_AT_REST)
			continue;
		leaks++;
		w[0] = vma->vm_start;
		w[1] = count;
	}
	if (leaked)
		vt_vma_end_read(leaked);
	mmap_write_unlock(mm);

	return leaks;
}

#define VL_LEAK_LOOKS	4
#define VL_LEAK_TRIES	50

/**
 * vl_audit() - judge whether all locks of an mm are at rest
 * @test: test
 * @space: its last user is the caller
 *
 * Threads of the test are gone from it. Somebody who reads /proc/PID/maps of a
 * child may have its mm for a moment, but then has a reference on it; a leak is
 * what stays, and stays while the mm has no other user than the test.
 */
static void vl_audit(struct vl_test *test, struct vl_space *space)
{
	struct mm_struct *mm = space->mm;
	unsigned int tries, leaks, looks = 0;
	unsigned long w[2] = {};

	for (tries = 0; tries < VL_LEAK_TRIES; tries++) {
		bool alone = atomic_read(&mm->mm_users) == 1;

		leaks = vl_count_leaks(test->run, mm, w);
		if (!leaks)
			break;
		if (alone && atomic_read(&mm->mm_users) == 1)
			looks++;
		if (looks == VL_LEAK_LOOKS)
			break;
		schedule_timeout_uninterruptible(1);
	}

	vt_look(test->run, VL_REF_LEAK, atomic_read(&space->regions[0].begun));
	if (leaks && looks == VL_LEAK_LOOKS)
		vt_race(test->run, VL_REF_LEAK, mm, w[0], w[1], leaks,
			"%u VMAs not at rest, one with count 0x%lx instead of %u",
			leaks, w[1], VT_VMA_AT_REST);
}

/**
 * vl_space_put() - be done with a space
 * @test: test
 * @space: space, or NULL
 *
 * Context: a kernel thread that does not use the mm; may sleep. The last one to
 * be done with it judges its locks and ends the mm.
 */
static void vl_space_put(struct vl_test *test, struct vl_space *space)
{
	if (!space || !refcount_dec_and_test(&space->users))
		return;
	vl_audit(test, space);
	vt_mm_put(space->mm);
	kfree(space);
	vt_count(test->run, VL_EXITS, 1);
}

static void vl_slot_put(struct vl_test *test, struct vl_slot *slot,
			struct vl_space *space)
{
	struct vl_space *old;

	spin_lock(&slot->lock);
	old = slot->space;
	WRITE_ONCE(slot->space, space);
	spin_unlock(&slot->lock);
	vl_space_put(test, old);
}

/*
 * Readers.
 */

static const char *const vl_fields[] = {
	[VL_VM_START] = "vm_start",
	[VL_VM_END] = "vm_end",
	[VL_VM_FLAGS] = "vm_flags",
	[VL_VM_PGOFF] = "vm_pgoff",
	[VL_VM_FILE] = "vm_file",
	[VL_VM_OPS] = "vm_ops",
	[VL_VM_PRIVATE_DATA] = "vm_private_data",
};

/* Field @field of a VMA, as of now. */
static __always_inline unsigned long vl_field(struct vm_area_struct *vma,
					      enum vl_field field)
{
	switch (field) {
	case VL_VM_START:
		return READ_ONCE(vma->vm_start);
	case VL_VM_END:
		return READ_ONCE(vma->vm_end);
	case VL_VM_FLAGS:
		return READ_ONCE(vma->vm_flags) & ~VT_VM_ATOMIC_FLAGS;
	case VL_VM_PGOFF:
		return READ_ONCE(vma->vm_pgoff);
	case VL_VM_FILE:
		return (unsigned long)READ_ONCE(vma->vm_file);
	case VL_VM_OPS:
		return (unsigned long)READ_ONCE(vma->vm_ops);
	case VL_VM_PRIVATE_DATA:
		return (unsigned long)READ_ONCE(vma->vm_private_data);
	default:
		return 0;
	}
}

/* Do @what with each field; spelt out, as compilers do not unroll this. */
#define vl_each_field(what, ...)					\
do {									\
	what(VL_VM_START, ##__VA_ARGS__);				\
	what(VL_VM_END, ##__VA_ARGS__);					\
	what(VL_VM_FLAGS, ##__VA_ARGS__);				\
	what(VL_VM_PGOFF, ##__VA_ARGS__);				\
	what(VL_VM_FILE, ##__VA_ARGS__);				\
	what(VL_VM_OPS, ##__VA_ARGS__);					\
	what(VL_VM_PRIVATE_DATA, ##__VA_ARGS__);			\
} while (0)

/* One read in four is broken, in the way of one of the kinds asked for. */
static noinline enum vl_break vl_break(struct vt_thread *t)
{
	static const enum vl_break how[] = {
		[VL_WRONG_MM] = VL_OTHER_MM,
		[VL_WRONG_RANGE] = VL_OTHER_ADDR,
		[VL_DETACHED] = VL_RELEASED,
		[VL_UNSTABLE] = VL_RELEASED,
		[VL_OVERLAP] = VL_RELEASED,
	};
	u32 kinds = t->run->busted & (BIT(ARRAY_SIZE(how)) - 1);
	unsigned int kind, skip;

	if (!kinds || !vt_rnd_one_in(&t->rnd, 4))
		return VL_SOUND;
	skip = vt_rnd_below(&t->rnd, hweight32(kinds));
	for (kind = 0; ; kind++)
		if ((kinds & BIT(kind)) && !skip--)
			return how[kind];
}

/* As lock_vma_under_rcu(), but not where it was asked to. */
static noinline void vl_lock_elsewhere(struct vl_test *test, struct vl_held *h,
				       enum vl_break how)
{
	if (how == VL_OTHER_MM)
		h->vma = vt_call(lock_vma_under_rcu)(test->decoy->mm, h->addr);
	else
		h->vma = vt_call(lock_vma_under_rcu)(h->mm, h->addr ^ VL_SIZE);
}

/* Locks a VMA while mmap_lock is held for read, as userfaultfd does. */
static void vl_lock_under_mmap_lock(struct vt_run *run, struct vl_held *h)
{
	mmap_read_lock(h->mm);
	h->vma = vma_lookup(h->mm, h->addr);
	if (h->vma && !vt_vma_start_read_locked(h->vma))
		h->vma = NULL;
	mmap_read_unlock(h->mm);
	if (h->vma)
		vt_count(run, VL_LOCK_MMAP, 1);
}

static noinline void vl_race(struct vt_run *run, enum vl_kind kind,
			     struct vl_held *h, unsigned long w0,
			     unsigned long w1, const char *what)
{
	h->bad = true;
	vt_race(run, kind, h->mm, h->addr, w0, w1,
		"%s: 0x%lx, 0x%lx, vma=%p count=0x%x", what, w0, w1, h->vma,
		vt_vma_count(h->vma));
}

static __always_inline void vl_snap(enum vl_field field, struct vl_held *h)
{
	h->snap[field] = vl_field(h->vma, field);
}

static __always_inline void vl_same(enum vl_field field, struct vt_run *run,
				    struct vl_held *h)
{
	unsigned long now = vl_field(h->vma, field);

	if (unlikely(now != h->snap[field]))
		vl_race(run, VL_UNSTABLE, h, h->snap[field], now,
			vl_fields[field]);
}

/* What has to hold all the time a VMA is locked for read. */
static __always_inline void vl_judge(struct vt_run *run, struct vl_held *h)
{
	struct vm_area_struct *vma = h->vma;

	if (unlikely(READ_ONCE(vma->vm_mm) != h->mm)) {
		vl_race(run, VL_WRONG_MM, h, (unsigned long)vma->vm_mm,
			(unsigned long)h->mm, "mm found, asked for");
		return;
	}
	if (unlikely(!vt_vma_attached(vma)))
		vl_race(run, VL_DETACHED, h, (unsigned long)vma, 0,
			"detached under a reader");
	/*
	 * The numbers are equal only between vma_start_write() and the release
	 * of mmap_lock, in which no reader can be. The mm's wraps around after
	 * 2^31 writers: no mm of ours lives to see that.
	 */
	if (unlikely(vt_vma_write_locked(vma, h->mm)))
		vl_race(run, VL_OVERLAP, h, (unsigned long)vma, 0,
			"reads as locked for write under a reader");
	if (unlikely(h->obj && READ_ONCE(h->obj->vma) != vma))
		vl_race(run, VL_OVERLAP, h, (unsigned long)vma,
			(unsigned long)h->obj->vma,
			"closed under a reader");
}

/**
 * vl_enter() - look at a VMA that was just locked
 * @t: thread
 * @r: reader, r->held is what it holds
 */
static __always_inline void vl_enter(struct vt_thread *t, struct vl_reader *r)
{
	struct vl_held *h = &r->held;

	/*
	 * Not before the lock was taken, which is an acquire. A writer who comes
	 * before the store is seen overlooks this reader: that costs a look.
	 */
	WRITE_ONCE(r->inside, h->vma);

	vl_each_field(vl_snap, h);
	h->obj = NULL;
	if (h->snap[VL_VM_OPS] == (unsigned long)&vl_vm_ops ||
	    h->snap[VL_VM_OPS] == (unsigned long)&vl_slow_vm_ops)
		h->obj = (struct vl_obj *)h->snap[VL_VM_PRIVATE_DATA];
	/* Unless it is looked at again at once. */
	if (h->hold != VL_NO_HOLD)
		vl_judge(t->run, h);
	if (unlikely(h->addr < h->snap[VL_VM_START] ||
		     h->addr >= h->snap[VL_VM_END]))
		vl_race(t->run, VL_WRONG_RANGE, h, h->snap[VL_VM_START],
			h->snap[VL_VM_END], "range that does not contain it");
}

/**
 * vl_leave() - look at a VMA again before it is released
 * @t: thread
 * @r: reader, r->held is what it holds
 */
static __always_inline void vl_leave(struct vt_thread *t, struct vl_reader *r)
{
	struct vl_held *h = &r->held;

	vl_judge(t->run, h);
	vl_each_field(vl_same, t->run, h);
	/*
	 * Not isolated means found in the tree. The tree may be changing beside
	 * it, so this goes by what a lockless lookup returns, which is how
	 * lock_vma_under_rcu() found it. Not every time, as it costs a walk.
	 */
	if (!(r->turn % 16) && likely(!h->bad) &&
	    unlikely(mtree_load(&h->mm->mm_mt, h->addr) != h->vma))
		vl_race(t->run, VL_DETACHED, h, (unsigned long)h->vma, 0,
			"not in the tree under a reader");

	/*
	 * Before the release of the lock, which pairs with the writer's taking
	 * of it: who excludes readers then does not see this one.
	 */
	smp_store_release(&r->inside, NULL);
}

/* Counts of a reader go to the common ones now and then. */
static void vl_flush(struct vt_run *run, struct vl_reader *r)
{
	static const enum vl_kind kinds[] = {
		VL_WRONG_MM, VL_WRONG_RANGE, VL_DETACHED, VL_UNSTABLE,
		VL_OVERLAP,
	};
	unsigned int i, cell;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		/* An object that never moved cannot be of a wrong mm. */
		u32 exposed = kinds[i] == VL_WRONG_MM ? r->moved : r->exposed;

		cell = vt_kind_cell(kinds[i], VT_KIND_LOOKS);
		this_cpu_add(run->cells[cell], r->reads);
		cell = vt_kind_cell(kinds[i], VT_KIND_EXPOSED);
		this_cpu_add(run->cells[cell], exposed);
	}
	this_cpu_add(run->cells[VT_CELL_OPS], r->reads + r->misses);
	vt_count(run, VL_LOCK_HIT, r->reads);
	vt_count(run, VL_LOCK_MISS, r->misses);
	r->reads = 0;
	r->exposed = 0;
	r->moved = 0;
	r->misses = 0;
}

/* Was this VMA object in another mm before? Remembers where it was seen. */
static bool vl_moved(struct vt_run *run, struct vl_reader *r)
{
	struct vm_area_struct *vma = r->held.vma;
	struct vl_seen *seen = &r->seen[hash_ptr(vma, VL_SEEN_BITS)];
	u64 id = r->space->id;

	if (seen->vma != vma) {
		seen->vma = vma;
		seen->id = id;
		seen->moved = false;
	} else if (seen->id != id) {
		seen->id = id;
		seen->moved = true;
		vt_count(run, VL_RECYCLED, 1);
	}
	return seen->moved;
}

/* Count a read; it was exposed if a change was in flight in its region. */
static __always_inline void vl_count_read(struct vt_thread *t,
					  struct vl_reader *r)
{
	struct vl_region *region = &r->space->regions[vl_region_of(r->held.addr)];

	r->reads++;
	if (atomic_read(&region->begun) != r->ended) {
		r->exposed++;
		r->moved += vl_moved(t->run, r);
	}
}

static __always_inline void vl_aim(struct vl_reader *r, unsigned long addr)
{
	struct vl_held *h = &r->held;

	h->mm = r->mm;
	h->addr = addr;
	h->hold = VL_NO_HOLD;
	h->bad = false;
	r->turn++;
	r->ended = atomic_read(&r->space->regions[vl_region_of(addr)].ended);
}

static unsigned long vl_pick_addr(struct vt_thread *t, struct vl_reader *r)
{
	u64 bits = vt_rnd_next(&t->rnd);
	unsigned int region = (u32)bits % (VL_REGIONS + 1);

	if (bits & BIT_ULL(63))
		region = READ_ONCE(r->space->hot);
	return vl_region_base(region) +
	       ((bits >> 32) % VL_PAGES) * PAGE_SIZE;
}

static bool vl_access_ok(struct vm_area_struct *vma, unsigned int flags)
{
	if (flags & FAULT_FLAG_WRITE)
		return vma->vm_flags & VM_WRITE;
	return vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC);
}

/* The fallback of do_user_addr_fault(): under mmap_lock. */
static void vl_fault_under_mmap_lock(struct vt_run *run, struct mm_struct *mm,
				     unsigned long addr, unsigned int flags)
{
	struct vm_area_struct *vma;
	vm_fault_t fault;

	vt_count(run, VL_FALLBACK, 1);
retry:
	vma = vt_call(lock_mm_and_find_vma)(mm, addr, NULL);
	if (!vma) {
		vt_count(run, VL_NO_VMA, 1);
		return;
	}
	if (!vl_access_ok(vma, flags)) {
		mmap_read_unlock(mm);
		return;
	}
	fault = handle_mm_fault(vma, addr, flags, NULL);
	if (fault & VM_FAULT_COMPLETED) {
		vt_count(run, VL_COMPLETED, 1);
		return;
	}
	if (fault & VM_FAULT_RETRY) {
		flags |= FAULT_FLAG_TRIED;
		goto retry;
	}
	mmap_read_unlock(mm);
	if (fault & VM_FAULT_ERROR)
		vt_count(run, VL_FAULT_ERROR, 1);
}

/* Faults under the VMA's lock, and ends it, as do_user_addr_fault() does. */
static void vl_fault(struct vt_run *run, struct vl_held *h, unsigned int flags)
{
	vm_fault_t fault;

	if (!vl_access_ok(h->vma, flags)) {
		vt_vma_end_read(h->vma);
		return;
	}
	fault = handle_mm_fault(h->vma, h->addr, flags | VT_FAULT_VMA_LOCK,
				NULL);
	if (!(fault & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
		vt_vma_end_read(h->vma);
	if (fault & VM_FAULT_COMPLETED)
		vt_count(run, VL_COMPLETED, 1);
	if (!(fault & VM_FAULT_RETRY)) {
		if (fault & VM_FAULT_ERROR)
			vt_count(run, VL_FAULT_ERROR, 1);
		return;
	}
	vt_count(run, VL_RETRY, 1);
	if (fault & VM_FAULT_MAJOR)
		flags |= FAULT_FLAG_TRIED;
	vl_fault_under_mmap_lock(run, h->mm, h->addr, flags);
}

static enum vl_hold vl_pick_hold(struct vt_thread *t)
{
	u32 dice = vt_rnd_below(&t->rnd, 512);

	return dice >= 128 ? VL_NO_HOLD : dice ? VL_SPIN : VL_SLEEP;
}

static void vl_do_hold(struct vt_thread *t, enum vl_hold hold)
{
	if (hold == VL_SPIN)
		vt_hold(t);
	else if (hold == VL_SLEEP)
		usleep_range(1, vt_params.hold_us + 2);
}

#define VL_PATIENCE	(8 * NSEC_PER_MSEC)

/*
 * A read by one who released the lock and believes to hold it, where a writer is
 * at work, until a change has come to its end. RCU keeps the memory a VMA,
 * whoever frees it meanwhile.
 */
static noinline void vl_read_released(struct vt_thread *t, struct vl_reader *r)
{
	unsigned int hot = READ_ONCE(r->space->hot);
	struct vl_region *region = &r->space->regions[hot];
	struct vl_held *h = &r->held;
	u64 begin;

	vl_aim(r, vl_region_base(hot) +
		  vt_rnd_below(&t->rnd, VL_PAGES) * PAGE_SIZE);
	h->hold = VL_SPIN;

	rcu_read_lock();
	h->vma = vt_call(lock_vma_under_rcu)(h->mm, h->addr);
	if (h->vma) {
		vt_vma_end_read(h->vma);
		vl_enter(t, r);
		begin = ktime_get_mono_fast_ns();
		while (atomic_read(&region->ended) == r->ended &&
		       ktime_get_mono_fast_ns() - begin < VL_PATIENCE)
			cpu_relax();
		vl_leave(t, r);
		vl_count_read(t, r);
	} else {
		r->misses++;
	}
	rcu_read_unlock();
}

/**
 * vl_read() - one read of the hammer
 * @t: thread
 * @test: test
 * @r: reader
 * @how: what is wrong with it: VL_SOUND, or in the busted flavour a lock of the
 *	wrong VMA
 */
static void vl_read(struct vt_thread *t, struct vl_test *test,
		    struct vl_reader *r, enum vl_break how)
{
	u64 dice = vt_rnd_next(&t->rnd), begin = 0, held = 0;
	unsigned int flags = FAULT_FLAG_DEFAULT | FAULT_FLAG_USER;
	bool fault = !(dice & 3), timed;
	struct vl_held *h = &r->held;

	if (dice & 4)
		flags |= FAULT_FLAG_WRITE;
	vl_aim(r, vl_pick_addr(t, r));
	h->hold = vl_pick_hold(t);
	timed = !(r->turn % 16) || trace_vma_lock_release_enabled();

	if (unlikely(how != VL_SOUND))
		vl_lock_elsewhere(test, h, how);
	else if (!(dice & 0xf0))
		vl_lock_under_mmap_lock(t->run, h);
	else
		h->vma = vt_call(lock_vma_under_rcu)(h->mm, h->addr);
	trace_vma_lock_acquire(h->mm, h->addr, h->vma, h->vma);
	if (!h->vma) {
		r->misses++;
		if (fault)
			vl_fault_under_mmap_lock(t->run, h->mm, h->addr, flags);
		return;
	}

	if (timed)
		begin = ktime_get_mono_fast_ns();
	vl_enter(t, r);
	vl_do_hold(t, h->hold);
	vl_leave(t, r);
	vl_count_read(t, r);
	if (timed) {
		held = ktime_get_mono_fast_ns() - begin;
		vt_hist(t->run, VL_HOLD, held);
		trace_vma_lock_release(h->mm, h->addr, h->vma, held);
	}

	if (fault && likely(!h->bad))
		vl_fault(t->run, h, flags);
	else
		vt_vma_end_read(h->vma);
}

/*
 * What the oracles cost: a burst of locked reads as above without the holding,
 * and a burst of what the kernel does alone, at the same addresses. Where one of
 * them took VL_BURST_SPOILT times as long as it can, the CPU did something else
 * meanwhile, and both are left out.
 */
static u64 vl_burst_checked(struct vt_thread *t, struct vl_reader *r)
{
	u64 begin = ktime_get_mono_fast_ns();
	struct vl_held *h = &r->held;
	unsigned int i;

	for (i = 0; i < VL_BURST; i++) {
		vl_aim(r, r->addrs[i]);
		h->vma = vt_call(lock_vma_under_rcu)(h->mm, h->addr);
		if (!h->vma) {
			r->misses++;
			continue;
		}
		vl_enter(t, r);
		vl_leave(t, r);
		vl_count_read(t, r);
		vt_vma_end_read(h->vma);
	}
	return ktime_get_mono_fast_ns() - begin;
}

static u64 vl_burst_bare(struct vl_reader *r)
{
	u64 begin = ktime_get_mono_fast_ns();
	unsigned int i;

	for (i = 0; i < VL_BURST; i++) {
		struct vm_area_struct *vma;

		vma = vt_call(lock_vma_under_rcu)(r->mm, r->addrs[i]);
		if (vma)
			vt_vma_end_read(vma);
	}
	return ktime_get_mono_fast_ns() - begin;
}

static void vl_bench(struct vt_thread *t, struct vl_reader *r)
{
	bool bare_first = vt_rnd_one_in(&t->rnd, 2);
	u64 checked, bare = 0;
	unsigned int i;

	for (i = 0; i < VL_BURST; i++)
		r->addrs[i] = vl_pick_addr(t, r);

	/* Either finds warm caches as often as the other. */
	if (bare_first)
		bare = vl_burst_bare(r);
	checked = vl_burst_checked(t, r);
	if (!bare_first)
		bare = vl_burst_bare(r);

	r->best_checked = min(r->best_checked, checked);
	r->best_bare = min(r->best_bare, bare);
	if (checked > VL_BURST_SPOILT * r->best_checked ||
	    bare > VL_BURST_SPOILT * r->best_bare)
		return;
	vt_count(t->run, VL_CHECKED, VL_BURST);
	vt_count(t->run, VL_CHECKED_NS, checked);
	vt_count(t->run, VL_BARE, VL_BURST);
	vt_count(t->run, VL_BARE_NS, bare);
}

#define VL_STAY		256	/* reads at most in a space before the next one */
#define VL_BENCH	1024	/* reads between bursts */

static int vl_reader_main(struct vt_thread *t)
{
	struct vl_test *test = t->run->priv;
	struct vl_reader *r = &test->readers[t->idx];
	u32 bench = 0;

	r->best_checked = U64_MAX;
	r->best_bare = U64_MAX;
	while (vt_go(t)) {
		struct vl_slot *slot = &test->slots[vt_rnd_below(&t->rnd,
								 test->nr_slots)];
		unsigned int i;

		r->space = vl_space_get(slot);
		WRITE_ONCE(r->mm, r->space->mm);
		for (i = 0; i < VL_STAY && vt_go(t); i++) {
			enum vl_break how = VL_SOUND;

			WRITE_ONCE(r->cpu, raw_smp_processor_id());
			/* Nothing happens any more where no writer comes. */
			if (READ_ONCE(slot->space) != r->space)
				break;
			if (unlikely(t->run->busted))
				how = vl_break(t);
			if (unlikely(how == VL_RELEASED))
				vl_read_released(t, r);
			else
				vl_read(t, test, r, how);
		}
		bench += i;
		if (bench >= VL_BENCH) {
			bench = 0;
			vl_bench(t, r);
		}
		vl_flush(t->run, r);
		WRITE_ONCE(r->mm, NULL);
		vl_space_put(test, r->space);
	}
	return 0;
}

/*
 * Writers. Each change is made by the system call a process would make, in the
 * name of the mm (kthread_use_mm()).
 */

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

/* munmap, and map again: for a while there is nothing. */
static long vl_do_munmap(struct vt_thread *t, struct vl_change *c)
{
	unsigned long base = vl_region_base(c->region), addr;
	long ret = vt_syscall(sys_munmap, base, VL_SIZE);

	if (ret)
		return ret;
	addr = vl_map_region(c->test, c->region);
	return IS_ERR_VALUE(addr) ? (long)addr : 0;
}

static long vl_do_map_fixed(struct vt_thread *t, struct vl_change *c)
{
	unsigned long addr;

	/* A stack that was mapped in pieces would grow into itself. */
	if (c->region == VL_STACK)
		return vl_do_munmap(t, c);
	addr = vl_map(c->test, c->region, c->start, c->pages * PAGE_SIZE);
	return IS_ERR_VALUE(addr) ? (long)addr : 0;
}

/* Splits, and every other time merges again. */
static long vl_do_mprotect(struct vt_thread *t, struct vl_change *c)
{
	unsigned long prot = vt_rnd_one_in(&t->rnd, 8) ? PROT_NONE : PROT_READ;
	long ret;

	ret = vt_syscall(sys_mprotect, c->start, c->pages * PAGE_SIZE, prot);
	if (ret || vt_rnd_one_in(&t->rnd, 2))
		return ret;
	return vt_syscall(sys_mprotect, vl_region_base(c->region), VL_SIZE,
			  PROT_READ | PROT_WRITE);
}

static long vl_do_mremap(struct vt_thread *t, struct vl_change *c)
{
	unsigned long len = c->pages * PAGE_SIZE;
	unsigned long less = (c->pages + 1) / 2 * PAGE_SIZE;
	unsigned long to, flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	long ret;

	if (vt_rnd_one_in(&t->rnd, 2)) {
		/* Shrink, and grow into what became free. */
		ret = vt_syscall(sys_mremap, c->start, len, less, 0);
		if (IS_ERR_VALUE(ret))
			return ret;
		ret = vt_syscall(sys_mremap, c->start, less, len, 0);
		return IS_ERR_VALUE(ret) ? ret : 0;
	}

	/* Move over another region, and fill the hole every other time. */
	to = VL_BASE + (c->region + 1 + vt_rnd_below(&t->rnd, VL_REGIONS - 1)) %
	     VL_REGIONS * VL_SIZE;
	if (c->region == VL_STACK || c->pages > VL_PAGES ||
	    c->start + len > vl_region_base(c->region) + VL_SIZE)
		return vl_do_munmap(t, c);
	if (vt_rnd_one_in(&t->rnd, 8))
		flags |= MREMAP_DONTUNMAP;
	ret = vt_syscall(sys_mremap, c->start, len, len, flags, to);
	if (IS_ERR_VALUE(ret))
		return ret;
	return vt_rnd_one_in(&t->rnd, 2) ? vl_do_map_fixed(t, c) : 0;
}

static long vl_do_madvise(struct vt_thread *t, struct vl_change *c)
{
	static const int advice[] = {
		MADV_RANDOM, MADV_NORMAL, MADV_DONTFORK, MADV_DOFORK,
		MADV_NOHUGEPAGE, MADV_HUGEPAGE, MADV_DONTNEED, MADV_FREE,
		MADV_POPULATE_READ, MADV_GUARD_INSTALL, MADV_GUARD_REMOVE,
	};

	return vt_syscall(sys_madvise, c->start, c->pages * PAGE_SIZE,
			  advice[vt_rnd_below(&t->rnd, ARRAY_SIZE(advice))]);
}

/* A new stack grows page by page, as by faults, while readers are in it. */
static long vl_do_grow(struct vt_thread *t, struct vl_change *c)
{
	unsigned long addr = VL_STACK_BASE + VL_SIZE - VL_STACK_PAGES * PAGE_SIZE;
	struct vl_region *stack = &c->space->regions[VL_STACK];
	long ret;

	WRITE_ONCE(c->space->hot, VL_STACK);
	atomic_inc(&stack->begun);
	c->region = VL_STACK;
	ret = vl_do_munmap(t, c);
	while (!ret && addr > VL_STACK_BASE) {
		addr -= PAGE_SIZE;
		vl_fault_under_mmap_lock(t->run, c->space->mm, addr,
					 FAULT_FLAG_DEFAULT | FAULT_FLAG_USER |
					 FAULT_FLAG_WRITE);
	}
	atomic_inc(&stack->ended);
	return ret;
}

/* The lock itself: nobody gets in from vma_start_write() to the unlock. */
static long vl_do_lock(struct vt_thread *t, struct vl_change *c)
{
	VMA_ITERATOR(vmi, c->space->mm, c->start);
	VMA_ITERATOR(again, c->space->mm, c->start);
	unsigned long end = c->start + c->pages * PAGE_SIZE;
	struct mm_struct *mm = c->space->mm;
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		bool busy = vl_busy(c->test, vma);
		u64 begin = ktime_get_mono_fast_ns();

		vt_vma_start_write(vma);
		vt_hist(t->run, VL_WRITER_WAIT,
			ktime_get_mono_fast_ns() - begin);
		vl_exclusive(c->test, vma, busy, "write lock");
	}
	vt_hold(t);
	for_each_vma_range(again, vma, end)
		vl_exclusive(c->test, vma, vl_close_by(c->test, vma),
			     "write lock held");
	mmap_write_unlock(mm);

	return 0;
}

/*
 * The child runs in the kernel only, and ends there. It keeps its mm alive for
 * the writer if it was asked to.
 */
static int vl_child(void *arg)
{
	struct vl_writer *w = arg;

	if (w->adopt) {
		mmget(current->mm);
		w->child = current->mm;
	}
	vt_call(do_exit)(0);

	return 0;
}

/*
 * Write-locks every VMA. CLONE_VFORK would wait for the child as well, but in a
 * cgroup that is being frozen it marks the waiter as frozen until it returns to
 * user space, which no kernel thread does.
 */
static long vl_do_fork(struct vt_thread *t, struct vl_change *c)
{
	struct kernel_clone_args args = {
		.flags = CLONE_UNTRACED | CLONE_FS | CLONE_FILES,
		.exit_signal = SIGCHLD,
		.fn = vl_child,
		.fn_arg = c->w,
	};
	unsigned int i;
	pid_t pid;

	for (i = 0; i <= VL_STACK; i++)
		atomic_inc(&c->space->regions[i].begun);
	c->w->adopt = !c->w->child && vt_rnd_one_in(&t->rnd, 2);
	pid = vt_call(kernel_clone)(&args);
	for (i = 0; i <= VL_STACK; i++)
		atomic_inc(&c->space->regions[i].ended);
	if (pid > 0)
		vt_child_wait(pid);

	vt_count(t->run, pid < 0 ? VL_FORK_ERRORS : VL_FORKS, 1);
	return pid < 0 ? pid : 0;
}

static const struct {
	unsigned int weight;
	long (*make)(struct vt_thread *t, struct vl_change *c);
} vl_changes[] = {
	{ 6, vl_do_munmap },
	{ 8, vl_do_map_fixed },
	{ 8, vl_do_mprotect },
	{ 6, vl_do_mremap },
	{ 6, vl_do_madvise },
	{ 4, vl_do_lock },
	{ 2, vl_do_grow },
	{ 1, vl_do_fork },
};

/*
 * Stops a reader where it is, by an interrupt, until the writer has made its
 * change, or is at it: what a lock is checked for once it is taken matters only
 * if the VMA changed, or was locked, between the lookup and the locking, which
 * takes a few instructions.
 */
#define VL_STOP_NS	(500 * NSEC_PER_USEC)
#define VL_SHORT_NS	(60 * NSEC_PER_USEC)

static void vl_stop_here(void *arg)
{
	u64 begin = ktime_get_mono_fast_ns();
	struct vl_writer *w = arg;

	while ((int)(READ_ONCE(w->changes) - w->until) < 0 &&
	       ktime_get_mono_fast_ns() - begin < w->patience)
		cpu_relax();
	/* The writer may stop another one: pairs with vl_stop_reader(). */
	smp_store_release(&w->stopped, false);
}

static void vl_stop_reader(struct vt_thread *t, struct vl_change *c)
{
	struct vl_test *test = c->test;
	struct vl_writer *w = c->w;
	struct vl_reader *r;

	/* Pairs with the release in vl_stop_here(). */
	if (smp_load_acquire(&w->stopped))
		return;
	r = &test->readers[vt_rnd_below(&t->rnd, test->nr_readers)];
	if (READ_ONCE(r->mm) != c->space->mm)
		return;
	w->until = w->changes + 1;
	w->patience = vt_rnd_one_in(&t->rnd, 2) ? VL_STOP_NS :
		      vt_rnd_below(&t->rnd, VL_SHORT_NS);
	w->stopped = true;
	if (READ_ONCE(r->cpu) == get_cpu() ||
	    smp_call_function_single(READ_ONCE(r->cpu), vl_stop_here, w, 0))
		w->stopped = false;
	put_cpu();
}

static void vl_write(struct vt_thread *t, struct vl_change *c)
{
	struct vl_region *region;
	unsigned int i, first, dice = 0;
	long ret;

	c->region = vt_rnd_below(&t->rnd, VL_REGIONS + 1);
	/* Stay where the readers are who break a promise. */
	if (unlikely(t->run->busted) && !vt_rnd_one_in(&t->rnd, 4))
		c->region = c->space->hot;
	first = vt_rnd_below(&t->rnd, VL_PAGES);
	c->start = vl_region_base(c->region) + first * PAGE_SIZE;
	c->pages = 1 + vt_rnd_below(&t->rnd, VL_PAGES - first);
	/* Now and then into the next region. */
	if (c->region < VL_REGIONS - 1 && vt_rnd_one_in(&t->rnd, 4))
		c->pages = VL_PAGES - first + 1 + vt_rnd_below(&t->rnd, 8);

	for (i = 0; i < ARRAY_SIZE(vl_changes); i++)
		dice += vl_changes[i].weight;
	dice = vt_rnd_below(&t->rnd, dice);
	for (i = 0; dice >= vl_changes[i].weight; i++)
		dice -= vl_changes[i].weight;

	region = &c->space->regions[c->region];
	WRITE_ONCE(c->space->hot, c->region);
	atomic_inc(&region->begun);
	if (vt_rnd_one_in(&t->rnd, 4))
		vl_stop_reader(t, c);
	ret = vl_changes[i].make(t, c);
	atomic_inc(&region->ended);
	WRITE_ONCE(c->w->changes, c->w->changes + 1);

	vt_op(t->run);
	vt_count(t->run, VL_WRITES, 1);
	/* Ranges with holes in them, advice that does not fit: no matter. */
	if (ret)
		vt_count(t->run, VL_WRITE_ERRORS, 1);
}

/*
 * A VMA object goes from one mm straight into another, to the same address,
 * while a reader is about to lock it: the object that was freed last is the next
 * one to be given out.
 */
static void vl_hand_over(struct vt_thread *t, struct vl_change *c)
{
	unsigned int region = vt_rnd_below(&t->rnd, VL_REGIONS);
	struct vl_test *test = c->test;
	struct vl_space *to;

	to = vl_space_get(&test->slots[vt_rnd_below(&t->rnd, test->nr_slots)]);
	if (to == c->space)
		goto out;

	WRITE_ONCE(c->space->hot, region);
	atomic_inc(&c->space->regions[region].begun);
	atomic_inc(&to->regions[region].begun);
	kthread_use_mm(c->space->mm);
	vl_map_region(test, region);
	vl_stop_reader(t, c);
	vt_syscall(sys_munmap, vl_region_base(region), VL_SIZE);
	kthread_unuse_mm(c->space->mm);

	kthread_use_mm(to->mm);
	vl_map_region(test, region);
	kthread_unuse_mm(to->mm);
	/* Now it may go on. */
	WRITE_ONCE(c->w->changes, c->w->changes + 1);

	kthread_use_mm(c->space->mm);
	vl_map_region(test, region);
	kthread_unuse_mm(c->space->mm);
	atomic_inc(&to->regions[region].ended);
	atomic_inc(&c->space->regions[region].ended);
out:
	vl_space_put(test, to);
}

#define VL_ROUND	8	/* changes in a space before the next one */
#define VL_HAND_OVERS	2	/* and then */
#define VL_EXIT		6	/* rounds before a new mm takes another's place */

static int vl_writer_main(struct vt_thread *t)
{
	struct vl_test *test = t->run->priv;
	struct vl_writer *w = &test->writers[t->idx];
	unsigned int round;

	for (round = 0; vt_go(t); round++) {
		struct vl_slot *slot = &test->slots[vt_rnd_below(&t->rnd,
								 test->nr_slots)];
		struct vl_change c = { .test = test, .w = w };
		struct vl_space *space;
		unsigned int i;

		c.space = vl_space_get(slot);
		kthread_use_mm(c.space->mm);
		for (i = 0; i < VL_ROUND && vt_go(t); i++)
			vl_write(t, &c);
		kthread_unuse_mm(c.space->mm);
		for (i = 0; i < VL_HAND_OVERS && vt_go(t); i++)
			vl_hand_over(t, &c);
		vl_space_put(test, c.space);

		/* A child's mm takes the place of another one. */
		if (w->child) {
			space = vl_space_wrap(test, w->child);
			if (space)
				vl_slot_put(test, slot, space);
			else
				vt_mm_put(w->child);
			w->child = NULL;
		}
		/* So does a new one. */
		space = round % VL_EXIT ? NULL : vl_space_new(test);
		if (space) {
			vl_limit(test, space->mm);
			vl_slot_put(test, slot, space);
		}
	}
	/* It ends by itself. Pairs with the release in vl_stop_here(). */
	while (smp_load_acquire(&w->stopped))
		cond_resched();
	return 0;
}

/*
 * Birth and end.
 */

static int vl_probe(struct vt_run *run)
{
	if (!IS_ENABLED(CONFIG_PER_VMA_LOCK)) {
		vt_skip(run, "this kernel has no per-VMA locks (CONFIG_PER_VMA_LOCK, since 6.4)");
		return 0;
	}
	if (!vt_has(lock_vma_under_rcu)) {
		vt_skip(run, "this kernel has no function lock_vma_under_rcu");
		return 0;
	}
	if (!vt_has(lock_mm_and_find_vma)) {
		vt_skip(run, "this kernel has no function lock_mm_and_find_vma");
		return 0;
	}
	if (!VT_VMA_REF_LIMIT)
		vt_absent(run, VL_REF_LIMIT,
			  "the lock is an rwsem, there is no count to limit");
	return 0;
}

static int vl_start(struct vt_run *run)
{
	struct vl_test *test = kzalloc(sizeof(*test), GFP_KERNEL);
	struct vt_thread *t;
	unsigned int i;

	run->priv = test;
	if (!test)
		return -ENOMEM;
	test->run = run;
	atomic64_set(&test->ids, 0);
	spin_lock_init(&test->obj_lock);
	INIT_LIST_HEAD(&test->objs);
	INIT_LIST_HEAD(&test->spare);

	test->slots = kcalloc(vt_params.nmms, sizeof(*test->slots), GFP_KERNEL);
	test->readers = kvcalloc(vt_params.nreaders, sizeof(*test->readers),
				 GFP_KERNEL);
	test->writers = kcalloc(vt_params.nwriters, sizeof(*test->writers),
				GFP_KERNEL);
	if (!test->slots || !test->readers || !test->writers)
		return -ENOMEM;
	test->nr_slots = vt_params.nmms;
	test->nr_readers = vt_params.nreaders;
	for (i = 0; i < test->nr_slots; i++)
		spin_lock_init(&test->slots[i].lock);

	for (i = 0; i < ARRAY_SIZE(test->pages); i++) {
		test->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!test->pages[i])
			return -ENOMEM;
	}
	test->file = vt_file_new(&vl_fops, test);
	if (IS_ERR(test->file))
		return PTR_ERR(test->file);
	test->slow = vt_file_new(&vl_fops, test);
	if (IS_ERR(test->slow))
		return PTR_ERR(test->slow);

	for (i = 0; i < test->nr_slots; i++) {
		test->slots[i].space = vl_space_new(test);
		if (!test->slots[i].space)
			return -ENOMEM;
	}
	if (vt_busted(run, VL_WRONG_MM)) {
		test->decoy = vl_space_new(test);
		if (!test->decoy)
			return -ENOMEM;
	}

	for (i = 0; i < test->nr_readers; i++) {
		t = vt_spawn(run, "reader", i, vl_reader_main, NULL);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	for (i = 0; i < vt_params.nwriters; i++) {
		t = vt_spawn(run, "writer", i, vl_writer_main, NULL);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	return 0;
}

/* All threads are gone: the last spaces are at rest, and are judged as they go. */
static void vl_rest(struct vt_run *run)
{
	struct vl_test *test = run->priv;
	unsigned int i;

	for (i = 0; i < test->nr_slots; i++)
		vl_slot_put(test, &test->slots[i], NULL);
}

static void vl_stop(struct vt_run *run)
{
	struct vl_test *test = run->priv;
	struct vl_obj *obj, *next;
	unsigned int i;

	if (!test)
		return;
	/* No vl_stop_here() is on its way out of the last interrupt. */
	synchronize_rcu();
	vl_rest(run);
	vl_space_put(test, test->decoy);
	/* Waits for children that still end: ->close has come for all VMAs. */
	if (!IS_ERR(test->slow))
		vt_file_put(test->slow);
	if (!IS_ERR(test->file))
		vt_file_put(test->file);
	for (i = 0; i < ARRAY_SIZE(test->pages); i++)
		if (test->pages[i])
			put_page(test->pages[i]);
	list_for_each_entry_safe(obj, next, &test->objs, node)
		kfree(obj);
	kfree(test->writers);
	kvfree(test->readers);
	kfree(test->slots);
	kfree(test);
	run->priv = NULL;
}

const struct vt_scenario vma_lock_torture = {
	.name = "vma_lock",
	.kinds = vl_kinds,
	.nr_kinds = ARRAY_SIZE(vl_kinds),
	.counters = vl_counters,
	.nr_counters = ARRAY_SIZE(vl_counters),
	.hists = vl_hists,
	.nr_hists = ARRAY_SIZE(vl_hists),
	.symbols = vl_symbols,
	.needs = VT_NEEDS(VT_NEED_SPACE, VT_NEED(kernel_clone), VT_NEED(do_exit),
			  VT_NEED(kernel_wait), VT_NEED(sys_mprotect),
			  VT_NEED(sys_mremap), VT_NEED(sys_madvise),
			  VT_NEED(sys_munmap)),
	.probe = vl_probe,
	.start = vl_start,
	.rest = vl_rest,
	.stop = vl_stop,
};
