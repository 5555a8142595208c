// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork_fail: forks die half-way through dup_mmap(), and others walk what is left
 * of the child.
 *
 * A forker owns some private mms, the parents, and forks them over and over.
 * Most forks are made to fail: at the first VMA, in the middle, at the last, or
 * behind it. The child's mm is found in the ->open() that dup_mmap() calls for
 * the VMAs of the module's file, and handed to walkers, who take a reference
 * and mmap_lock as swapoff, the OOM reaper and uprobes do, and look at every
 * entry of the tree. All the while mixers fault, map and walk in the parents.
 *
 *   first  .....................................  last      one parent
 *   [big?] [file] [anon] [churn] [big?] ... [file] [big?]
 *
 * "big" is one VMA of more than RAM and swap: its fork fails in accounting,
 * unless MADV_DONTFORK takes it out of the way. "churn" is what mixers replace;
 * all else changes only between forks, so that parent and child can be judged
 * entry by entry.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "compat_fork.h"
#include "engine.h"
#include "scenarios.h"
#include "space.h"
#include "fork_fail/symbols.h"
#include "fork_fail/trace.h"

#define FF_BASE		(1UL << 40)
#define FF_MAX_ENTRIES	400
#define FF_CHURN_PAGES	64
#define FF_RECORDS	8
#define FF_LOOKS	16		/* at one child, at most */
#define FF_MIX_OPS	8		/* of a mixer, per fork */
#define FF_FORKS	100		/* of a small parent, on average */
#define FF_BURST	64		/* failed forks whose balance is drawn */
#define FF_BURSTS	3
#define FF_BURST_VMAS	24

enum ff_kind { FF_XA_ZERO, FF_FOREIGN, FF_LEAK, FF_PARENT, FF_UNMARKED };

static const struct vt_kind ff_kinds[] = {
	[FF_XA_ZERO] = { "xa_zero",
		"the tree of a failed fork holds VMAs or nothing, no XA_ZERO_ENTRY that a walker takes for one (mm/mmap.c, dup_mmap())" },
	[FF_FOREIGN] = { "foreign_vma",
		"every VMA in the tree of an mm is of this mm (vma->vm_mm, include/linux/mm_types.h)" },
	[FF_LEAK] = { "leak",
		"each ->open() has its ->close(), and no memory, file, mm or VMA stays behind (exit_mmap())" },
	[FF_PARENT] = { "parent",
		"a fork, failed or not, leaves the parent's VMAs as they are, and a child has copies of them (fork(2))" },
	[FF_UNMARKED] = { "unmarked",
		"what a failed fork leaves is marked MMF_UNSTABLE before its lock is dropped (dup_mmap())" },
};

/* Ways in which forks fail, and where. */
enum ff_way { FF_ACCOUNT, FF_SIGNAL, FF_DUP, FF_COPY, FF_INJECT, FF_NR_WAYS };

static const char *const ff_way_names[] = {
	[FF_ACCOUNT] = "account",	/* no memory to account a VMA to */
	[FF_SIGNAL] = "signal",		/* SIGKILL for who forks */
	[FF_DUP] = "dup",		/* vm_area_dup() refused */
	[FF_COPY] = "copy",		/* copy_page_range() refused */
	[FF_INJECT] = "inject",		/* the kernel's fault injection */
};

enum ff_pos { FF_FIRST, FF_MIDDLE, FF_LAST, FF_AFTER, FF_NR_POS };

static const char *const ff_pos_names[] = {
	[FF_FIRST] = "first", [FF_MIDDLE] = "middle", [FF_LAST] = "last",
	[FF_AFTER] = "after",
};

enum ff_counter {
	FF_C_FAILED,
	FF_C_BY_WAY,			/* and position: a row per way */
	FF_C_OK = FF_C_BY_WAY + FF_NR_WAYS * FF_NR_POS,
	FF_C_UNPLANNED, FF_C_SURVIVED, FF_C_PARENTS, FF_C_HUGETLB, FF_C_WALKS,
	FF_C_AFTER, FF_C_RMAP, FF_C_REAPER, FF_C_NO_USERS, FF_C_EMPTY,
	FF_C_UNSTABLE, FF_C_ZAPS, FF_C_CHURNED, FF_C_BURSTS, FF_C_CHECKED,
	FF_C_CHECKED_NS, FF_C_BARE, FF_C_BARE_NS,
};

#define FF_ROW(way)							\
	"fork_failed_" way "_first", "fork_failed_" way "_middle",	\
	"fork_failed_" way "_last", "fork_failed_" way "_after"

static const char *const ff_counters[] = {
	[FF_C_FAILED] = "fork_failed",
	[FF_C_BY_WAY] =
	FF_ROW("account"), FF_ROW("signal"), FF_ROW("dup"), FF_ROW("copy"),
	FF_ROW("inject"),
	[FF_C_OK] = "fork_ok",
	[FF_C_UNPLANNED] = "fork_failed_unplanned", /* for want of memory */
	[FF_C_SURVIVED] = "fork_survived",	/* though it should have failed */
	[FF_C_PARENTS] = "parents",
	[FF_C_HUGETLB] = "parents_hugetlb",
	[FF_C_WALKS] = "walks",
	[FF_C_AFTER] = "walks_after_failure",
	[FF_C_RMAP] = "walks_rmap",
	[FF_C_REAPER] = "walks_reaper",
	[FF_C_NO_USERS] = "too_late",		/* mm gone before it was reached */
	[FF_C_EMPTY] = "empty_tree",
	[FF_C_UNSTABLE] = "unstable_flag",
	[FF_C_ZAPS] = "zaps",
	[FF_C_CHURNED] = "churned",
	[FF_C_BURSTS] = "bursts",
	[FF_C_CHECKED] = "checked",	/* for the price of a look, in one run */
	[FF_C_CHECKED_NS] = "checked_ns",
	[FF_C_BARE] = "bare",
	[FF_C_BARE_NS] = "bare_ns",
};

enum ff_hist { FF_H_FORK };

static const char *const ff_hists[] = {
	[FF_H_FORK] = "failed_fork_ns",
};

/**
 * struct ff_entry - a VMA of a parent, as fork has to find and leave it
 * @start: first address
 * @end: first address behind it
 * @pgoff: where in its file
 * @flags: those of FF_FLAGS
 * @file: its file, or NULL
 * @vma: the VMA itself
 */
struct ff_entry {
	unsigned long start;
	unsigned long end;
	unsigned long pgoff;
	unsigned long flags;
	struct file *file;
	struct vm_area_struct *vma;
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

struct ff_state;

/**
 * struct ff_parent - an mm that is forked
 * @st: the scenario
 * @lock: protects @mm, @child, @handed, @opened, @closed and @rec. Raw, since
 *	a kprobe's handler takes it
 * @shown: the mm, if it is there for mixers
 * @churn: in it, start of what they replace; 0: nothing
 * @child: the child's mm, for as long as walkers are to find it
 * @handed: the child's mm, if it was handed out with a reference of a user's
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
 * @dup_at: refuse vm_area_dup() of the VMA at this address; 0: none
 * @copy_at: refuse copy_page_range() for the VMA at this address; 0: none
 * @refuse_arch: refuse what comes behind the last VMA
 * @refused: something was
 *
 * Between forker, mixer and walkers:
 * @wq: for the waits of them all
 * @turns: grows with each fork
 * @copied: the last child of which it is known that its tree was copied
 * @walked: the mm that was walked last
 * @hold: address whose VMA the mixer shall hold read-locked, or 0
 * @held: it does
 *
 * The forker's:
 * @mm: the mm, or NULL
 * @file: a file of the module
 * @shmem: a shmem file
 * @nr: entries in @snap
 * @snap: the VMAs outside the churn
 * @big: the VMAs that are too large to account, by position; 0: none
 * @armed: bit set over @big: those that are not VM_DONTCOPY
 * @forks: forks to come before it is replaced by another parent
 * @child_wrong: what a child that got to run found wrong in its tree
 * @child_addr: and where
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

	struct task_struct *forker ____cacheline_aligned_in_smp;
	bool hand;
	bool early;
	bool deaf;
	bool keep;
	bool kill_early;
	unsigned long kill_at;
	unsigned long dup_at;
	unsigned long copy_at;
	bool refuse_arch;
	bool refused;

	wait_queue_head_t wq ____cacheline_aligned_in_smp;
	unsigned int turns;
	struct mm_struct *copied;
	struct mm_struct *walked;
	unsigned long hold;
	bool held;

	struct mm_struct *mm ____cacheline_aligned_in_smp;
	struct file *file;
	struct file *shmem;
	unsigned int nr;
	struct ff_entry *snap;
	unsigned long big[FF_LAST + 1];
	unsigned int armed;
	unsigned int forks;
	const char *child_wrong;
	unsigned long child_addr;
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

enum ff_probe_nr { FF_P_BEGIN, FF_P_DUP, FF_P_COPY, FF_P_ARCH, FF_NR_PROBES };

/**
 * struct ff_state - the scenario at work
 * @run: the run
 * @wq: walkers wait here for children
 * @shows: grows with each child that is shown
 * @nr_parents: number of parents
 * @nr_forkers: threads that share them
 * @parents: the parents
 * @probe: where forks are watched and refused
 * @ways: bit set over enum ff_way: what works here
 * @marks: this kernel marks what a failed fork leaves
 * @big: half the size of what cannot be accounted, in bytes
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
	bool marks;
	unsigned long big;
	struct mm_struct *kept[FF_BURST * FF_BURSTS];
	unsigned int nr_kept;
};

#define ff_for_each_parent(p, st) \
	for ((p) = (st)->parents; (p) < (st)->parents + (st)->nr_parents; (p)++)

/*
 * The child in the making.
 */

static struct ff_record *ff_record(struct ff_parent *p, struct mm_struct *mm)
{
	unsigned int i;

	lockdep_assert_held(&p->lock);
	for (i = 0; i < FF_RECORDS; i++)
		if (p->rec[i].mm == mm)
			return &p->rec[i];
	return NULL;
}

/* Show a child to the walkers. The forker saw to it that a record is free. */
static struct ff_record *ff_publish(struct ff_parent *p, struct mm_struct *mm)
{
	struct ff_record *rec = ff_record(p, NULL);

	mmgrab(mm);
	*rec = (struct ff_record){ .mm = mm };
	WRITE_ONCE(p->child, mm);
	atomic_inc(&p->st->shows);
	if (p->keep) {
		mmget(mm);
		p->st->kept[p->st->nr_kept++] = mm;
	}
	if (p->hand) {
		/* dup_mmap() is not through: its own reference is there. */
		mmget(mm);
		p->handed = mm;
	}
	return rec;
}

static void ff_vm_close(struct vm_area_struct *vma)
{
	struct ff_parent *p = vma->vm_file->private_data;
	struct ff_record *rec;

	raw_spin_lock(&p->lock);
	p->closed++;
	rec = ff_record(p, vma->vm_mm);
	if (rec)
		rec->closed++;
	raw_spin_unlock(&p->lock);
}

/* What the VMAs of a child get that is to leak (busted). */
static const struct vm_operations_struct ff_deaf_vm_ops = {
};

static void ff_vm_open(struct vm_area_struct *vma)
{
	struct ff_parent *p = vma->vm_file->private_data;
	struct mm_struct *mm = vma->vm_mm;
	bool forks = READ_ONCE(p->forker) == current && mm != p->mm;
	struct ff_record *rec;
	bool fresh;

	raw_spin_lock(&p->lock);
	p->opened++;
	rec = ff_record(p, mm);
	fresh = !rec && forks;
	if (fresh)
		rec = ff_publish(p, mm);
	if (rec)
		rec->opened++;
	raw_spin_unlock(&p->lock);
	if (!forks)
		return;

	/* Written under the child's mmap_lock, and so it is read. */
	WRITE_ONCE(p->copied, mm);
	if (p->deaf)
		vma->vm_ops = &ff_deaf_vm_ops;
	if (fresh)
		wake_up_all(&p->st->wq);
	if (p->kill_at == vma->vm_start)
		send_sig(SIGKILL, current, 1);
}

static const struct vm_operations_struct ff_vm_ops = {
	.open = ff_vm_open,
	.close = ff_vm_close,
};

static int ff_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ff_parent *p = file->private_data;

	raw_spin_lock(&p->lock);
	p->opened++;
	raw_spin_unlock(&p->lock);
	vma->vm_ops = &ff_vm_ops;

	return 0;
}

static const struct file_operations ff_fops = {
	.mmap = ff_file_mmap,
};

/*
 * Functions that fork calls, refused. The handler of a kprobe at a function's
 * entry has it return at once by going to one of these instead, which finds
 * registers and stack as the function would have.
 */
static noinline struct vm_area_struct *ff_no_vma(void)
{
	return NULL;
}

static noinline int ff_no_memory(void)
{
	return -ENOMEM;
}

static int ff_refuse(struct ff_parent *p, struct pt_regs *regs, void *instead)
{
	p->refused = true;
	instruction_pointer_set(regs, (unsigned long)instead);
	/* Do not go on with the probed instruction. */
	return 1;
}

/* The parent whose fork the calling thread is in. */
static struct ff_parent *ff_forking(struct kprobe *kp)
{
	struct ff_state *st = container_of(kp, struct ff_probe, kp)->st;
	struct ff_parent *p;

	if (!(current->flags & PF_KTHREAD))
		return NULL;
	ff_for_each_parent(p, st)
		if (READ_ONCE(p->forker) == current)
			return p;
	return NULL;
}

/* uprobe_dup_mmap(oldmm, mm): dup_mmap() begins. */
static int ff_begin_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);
	struct mm_struct *mm;

	if (!p)
		return 0;
	mm = (struct mm_struct *)regs_get_kernel_argument(regs, 1);
	if (p->early) {
		raw_spin_lock(&p->lock);
		if (!ff_record(p, mm))
			ff_publish(p, mm);
		raw_spin_unlock(&p->lock);
	}
	if (p->kill_early)
		send_sig(SIGKILL, current, 1);
	return 0;
}

/* vm_area_dup(orig) */
static int ff_dup_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);
	struct vm_area_struct *vma;

	if (!p)
		return 0;
	/* In the midst of dup_mmap(), under the child's mmap_lock. */
	WRITE_ONCE(p->copied, p->child);
	vma = (struct vm_area_struct *)regs_get_kernel_argument(regs, 0);
	if (vma->vm_start != p->dup_at)
		return 0;
	return ff_refuse(p, regs, ff_no_vma);
}

/* copy_page_range(dst_vma, src_vma) */
static int ff_copy_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);
	struct vm_area_struct *vma;

	if (!p)
		return 0;
	vma = (struct vm_area_struct *)regs_get_kernel_argument(regs, 0);
	if (vma->vm_start != p->copy_at)
		return 0;
	return ff_refuse(p, regs, ff_no_memory);
}

/* ldt_dup_context(oldmm, mm), out of arch_dup_mmap(): all VMAs are copied. */
static int ff_arch_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);

	if (!p || !p->refuse_arch)
		return 0;
	return ff_refuse(p, regs, ff_no_memory);
}

/* Its presence says that the handler above may change where the CPU goes on. */
static void ff_post_handler(struct kprobe *kp, struct pt_regs *regs,
			    unsigned long flags)
{
}

static const struct {
	const char *name;
	int (*handler)(struct kprobe *kp, struct pt_regs *regs);
} ff_probed[FF_NR_PROBES] = {
	[FF_P_BEGIN] = { "uprobe_dup_mmap", ff_begin_handler },
	[FF_P_DUP] = { "vm_area_dup", ff_dup_handler },
	[FF_P_COPY] = { "copy_page_range", ff_copy_handler },
	[FF_P_ARCH] = { "ldt_dup_context", ff_arch_handler },
};

/* What cannot be probed here is no error; for what can there has to be memory. */
static int ff_probes_start(struct ff_state *st)
{
	unsigned int i;
	int ret;

	for (i = 0; i < FF_NR_PROBES; i++) {
		struct ff_probe *probe = &st->probe[i];

		probe->st = st;
		probe->kp.symbol_name = ff_probed[i].name;
		probe->kp.pre_handler = ff_probed[i].handler;
		probe->kp.post_handler = ff_post_handler;
		ret = register_kprobe(&probe->kp);
		if (ret == -ENOMEM)
			return ret;
		probe->on = !ret;
		if (!probe->on)
			vt_info("fork_fail: no kprobe on %s()\n",
				ff_probed[i].name);
	}
	return 0;
}

static void ff_probes_stop(struct ff_state *st)
{
	unsigned int i;

	for (i = 0; i < FF_NR_PROBES; i++) {
		if (st->probe[i].on)
			unregister_kprobe(&st->probe[i].kp);
		st->probe[i].on = false;
	}
}

/*
 * Walks: what swapoff and others do, and what they must not find.
 */

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
 * @copied: its tree was copied, or had begun to be
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
	bool copied;
};

static void ff_scan(struct mm_struct *mm, struct ff_seen *seen)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	mas_for_each(&mas, vma, ULONG_MAX) {
		struct mm_struct *owner = NULL;

		seen->entries++;
		if (xa_is_zero(vma)) {
			if (!seen->zero++)
				seen->zero_at = mas.index;
			continue;
		}
		/* What is not this mm's may be anything, or gone already. */
		if (copy_from_kernel_nofault(&owner, &vma->vm_mm, sizeof(owner)))
			owner = NULL;
		if (owner == mm)
			continue;
		if (!seen->foreign++) {
			seen->foreign_at = mas.index;
			seen->owner = owner;
		}
	}
}

/* The same without looking, for comparison. */
static unsigned int ff_scan_bare(struct mm_struct *mm)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;
	unsigned int n = 0;

	mas_for_each(&mas, vma, ULONG_MAX)
		n++;
	return n;
}

static void ff_judge(struct ff_parent *p, struct mm_struct *mm,
		     const struct ff_seen *seen, bool user)
{
	struct vt_run *run = p->st->run;

	vt_count(run, FF_C_WALKS, 1);
	if (seen->dead) {
		vt_count(run, FF_C_AFTER, 1);
		if (!seen->entries)
			vt_count(run, FF_C_EMPTY, 1);
	}
	if (seen->unstable)
		vt_count(run, FF_C_UNSTABLE, 1);

	vt_look(run, FF_XA_ZERO, seen->dead);
	if (seen->zero)
		vt_race(run, FF_XA_ZERO, mm, seen->zero_at, seen->zero,
			seen->entries,
			"%u of %u entries are XA_ZERO_ENTRY, mm %s unstable",
			seen->zero, seen->entries,
			seen->unstable ? "marked" : "not marked");

	vt_look(run, FF_FOREIGN, seen->dead);
	if (seen->foreign)
		vt_race(run, FF_FOREIGN, mm, seen->foreign_at,
			(unsigned long)seen->owner, seen->foreign,
			"%u of %u entries are VMAs of another mm, the first of %s",
			seen->foreign, seen->entries,
			seen->owner == p->mm ? "the parent" : "a third one");

	/*
	 * Without a user's reference it may be exit_mmap() that took the tree
	 * out of RCU mode.
	 */
	if (!p->st->marks || !user || !seen->dead || !seen->copied)
		return;
	vt_look(run, FF_UNMARKED, true);
	if (!seen->unstable)
		vt_race(run, FF_UNMARKED, mm, 0, seen->entries, 0,
			"fork failed, %u entries are left, and MMF_UNSTABLE is not set",
			seen->entries);
}

/*
 * Look at a child. dup_mmap() holds its mmap_lock, so this waits until the fork
 * has failed or not.
 */
static void ff_look(struct ff_parent *p, struct mm_struct *mm, bool copied)
{
	struct ff_seen seen = {};

	mmap_read_lock(mm);
	/*
	 * dup_mmap() takes the tree out of RCU mode and puts it back when
	 * nothing in it can fail any more. Only exit_mmap() does so again, and
	 * that does not come while there is a user.
	 */
	seen.dead = !mt_in_rcu(&mm->mm_mt);
	seen.unstable = vt_mm_unstable(mm);
	seen.copied = copied || READ_ONCE(p->copied) == mm;
	ff_scan(mm, &seen);
	mmap_read_unlock(mm);

	ff_judge(p, mm, &seen, true);

	WRITE_ONCE(p->walked, mm);
	if (wq_has_sleeper(&p->wq))
		wake_up(&p->wq);
}

/*
 * The OOM reaper has no user's reference: it relies on MMF_OOM_SKIP, which says
 * under mmap_lock that exit_mmap() has been, or that there is nothing to reap.
 */
static void ff_look_as_reaper(struct ff_parent *p, struct mm_struct *mm)
{
	struct vt_run *run = p->st->run;
	struct ff_seen seen = {};
	bool skip;

	if (!mmap_read_trylock(mm))
		return;
	skip = vt_mm_oom_skip(mm);
	if (!skip) {
		seen.dead = !mt_in_rcu(&mm->mm_mt) &&
			    READ_ONCE(p->copied) == mm;
		seen.unstable = vt_mm_unstable(mm);
		ff_scan(mm, &seen);
	}
	mmap_read_unlock(mm);

	if (skip)
		return;
	vt_count(run, FF_C_REAPER, 1);
	ff_judge(p, mm, &seen, false);
}

/* Time some looks and as many bare walks. */
static void ff_price(struct ff_parent *p, struct mm_struct *mm)
{
	struct vt_run *run = p->st->run;
	struct ff_seen seen = {};
	unsigned int i;
	u64 t0, t1, t2;

	mmap_read_lock(mm);
	/* Neither shall pay for a cold cache. */
	ff_scan_bare(mm);
	t0 = ktime_get_ns();
	for (i = 0; i < 8; i++)
		ff_scan_bare(mm);
	t1 = ktime_get_ns();
	for (i = 0; i < 8; i++)
		ff_scan(mm, &seen);
	t2 = ktime_get_ns();
	mmap_read_unlock(mm);

	vt_count(run, FF_C_BARE, 8);
	vt_count(run, FF_C_BARE_NS, t1 - t0);
	vt_count(run, FF_C_CHECKED, 8);
	vt_count(run, FF_C_CHECKED_NS, t2 - t1);
}

static struct mm_struct *ff_grab_child(struct ff_parent *p)
{
	struct mm_struct *mm;

	raw_spin_lock(&p->lock);
	mm = p->child;
	if (mm)
		mmgrab(mm);
	raw_spin_unlock(&p->lock);
	return mm;
}

static struct mm_struct *ff_get_parent(struct ff_parent *p,
				       unsigned long *churn)
{
	struct mm_struct *mm;

	raw_spin_lock(&p->lock);
	mm = p->shown;
	if (mm)
		mmget(mm);
	*churn = p->churn;
	raw_spin_unlock(&p->lock);
	return mm;
}

static void ff_show_parent(struct ff_parent *p, struct mm_struct *mm)
{
	raw_spin_lock(&p->lock);
	p->shown = mm;
	raw_spin_unlock(&p->lock);
}

/*
 * As uprobes reach whoever maps a file: through the file's tree of mappings. A
 * VMA is in there only after its mm's tree was copied.
 */
static struct mm_struct *ff_rmap_child(struct ff_parent *p)
{
	struct address_space *mapping = p->shmem->f_mapping;
	struct mm_struct *mm, *found = NULL;
	struct vm_area_struct *vma;

	if (!vt_has(vma_interval_tree_iter_first) ||
	    !vt_has(vma_interval_tree_iter_next))
		return NULL;

	i_mmap_lock_read(mapping);
	vma = vt_call(vma_interval_tree_iter_first)(&mapping->i_mmap, 0,
						    ULONG_MAX);
	while (vma) {
		mm = vma->vm_mm;
		if (mm != READ_ONCE(p->mm) && mmget_not_zero(mm)) {
			found = mm;
			break;
		}
		vma = vt_call(vma_interval_tree_iter_next)(vma, 0, ULONG_MAX);
	}
	i_mmap_unlock_read(mapping);

	return found;
}

static void ff_walk_slot(struct vt_thread *t, struct ff_parent *p)
{
	struct mm_struct *mm = ff_grab_child(p);
	unsigned int looks;

	if (!mm)
		return;
	if (vt_rnd_one_in(&t->rnd, 8)) {
		ff_look_as_reaper(p, mm);
	} else if (mmget_not_zero(mm)) {
		for (looks = 1 + vt_rnd_below(&t->rnd, FF_LOOKS); looks; looks--)
			ff_look(p, mm, false);
		if (vt_rnd_one_in(&t->rnd, 64))
			ff_price(p, mm);
		/* The last one leaves the child to exit_mmap(). */
		mmput(mm);
	} else {
		vt_count(t->run, FF_C_NO_USERS, 1);
	}
	mmdrop(mm);
}

static void ff_walk_rmap(struct vt_thread *t, struct ff_parent *p)
{
	struct mm_struct *mm = ff_rmap_child(p);

	if (!mm)
		return;
	vt_count(t->run, FF_C_RMAP, 1);
	ff_look(p, mm, true);
	mmput(mm);
}

static int ff_walker(struct vt_thread *t)
{
	struct ff_state *st = t->run->priv;
	int seen = atomic_read(&st->shows);
	struct ff_parent *p;

	while (vt_go(t)) {
		wait_event_idle_timeout(st->wq,
					atomic_read(&st->shows) != seen ||
					kthread_should_stop(), HZ / 20);
		seen = atomic_read(&st->shows);
		ff_for_each_parent(p, st) {
			if (!READ_ONCE(p->child))
				continue;
			if (vt_rnd_one_in(&t->rnd, 4))
				ff_walk_rmap(t, p);
			else
				ff_walk_slot(t, p);
		}
		vt_op(t->run);
	}
	return 0;
}

/*
 * Parents.
 */

static unsigned long ff_map(struct file *file, unsigned long addr,
			    unsigned long len, unsigned long flags)
{
	return vm_mmap(file, addr, len, PROT_READ | PROT_WRITE,
		       flags | MAP_FIXED, 0);
}

static unsigned long ff_map_anon(unsigned long addr, unsigned long len)
{
	return ff_map(NULL, addr, len, MAP_PRIVATE | MAP_ANONYMOUS);
}

/* One VMA that no fork can account, and forks leave alone for now. */
static bool ff_map_big(struct ff_parent *p, unsigned long addr,
		       enum ff_pos pos)
{
	unsigned long half = p->st->big;

	if (IS_ERR_VALUE(ff_map_anon(addr, half)))
		return false;
	if (IS_ERR_VALUE(ff_map_anon(addr + half, half)) ||
	    vt_syscall(sys_madvise, addr, 2 * half, MADV_DONTFORK)) {
		vm_munmap(addr, 2 * half);
		return false;
	}
	p->big[pos] = addr;
	return true;
}

enum ff_type { FF_ANON, FF_FILE, FF_SHMEM, FF_DONTCOPY, FF_WIPE, FF_NR_TYPES };

/* Map one VMA of @pages at @addr. Returns 0 or an errno. */
static long ff_map_one(struct ff_parent *p, enum ff_type type,
		       unsigned long addr, unsigned long pages, bool shared)
{
	unsigned long len = pages * PAGE_SIZE, ret;
	int advice = 0;

	switch (type) {
	case FF_FILE:
		ret = ff_map(p->file, addr, len,
			     shared ? MAP_SHARED : MAP_PRIVATE);
		break;
	case FF_SHMEM:
		ret = ff_map(p->shmem, addr, len,
			     shared ? MAP_SHARED : MAP_PRIVATE);
		break;
	case FF_DONTCOPY:
		advice = MADV_DONTFORK;
		ret = ff_map_anon(addr, len);
		break;
	case FF_WIPE:
		advice = MADV_WIPEONFORK;
		ret = ff_map_anon(addr, len);
		break;
	default:
		ret = ff_map_anon(addr, len);
		break;
	}
	if (IS_ERR_VALUE(ret))
		return ret;
	return advice ? vt_syscall(sys_madvise, addr, len, advice) : 0;
}

/* A private hugetlb mapping, if there is a huge page for it. */
static bool ff_map_hugetlb(unsigned long addr)
{
	return vt_has(sys_mmap) &&
	       !IS_ERR_VALUE((unsigned long)
			     vt_syscall(sys_mmap, addr, PMD_SIZE,
					PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
					MAP_HUGETLB, -1, 0));
}

static bool ff_in_churn(const struct ff_parent *p, unsigned long addr)
{
	return p->churn && addr >= p->churn &&
	       addr < p->churn + FF_CHURN_PAGES * PAGE_SIZE;
}

static void ff_entry_set(struct ff_entry *e, struct vm_area_struct *vma)
{
	e->start = vma->vm_start;
	e->end = vma->vm_end;
	e->pgoff = vma->vm_pgoff;
	e->flags = vma->vm_flags & FF_FLAGS;
	e->file = vma->vm_file;
	e->vma = vma;
}

/* Take down what the parent's VMAs are. */
static void ff_snapshot(struct ff_parent *p)
{
	MA_STATE(mas, &p->mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	p->nr = 0;
	mmap_read_lock(p->mm);
	mas_for_each(&mas, vma, ULONG_MAX)
		if (!ff_in_churn(p, mas.index) && p->nr < FF_MAX_ENTRIES)
			ff_entry_set(&p->snap[p->nr++], vma);
	mmap_read_unlock(p->mm);
}

/**
 * ff_compare() - is an mm's tree what it has to be?
 * @p: parent
 * @mm: its mm, or a child's
 * @addr: where the first thing is wrong
 *
 * Return: what is wrong, or NULL.
 */
static const char *ff_compare(struct ff_parent *p, struct mm_struct *mm,
			      unsigned long *addr)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	bool child = mm != p->mm;
	const char *wrong = NULL;
	struct vm_area_struct *vma;
	unsigned int i = 0;
	int count = 0;

	*addr = 0;
	mmap_read_lock(mm);
	mas_for_each(&mas, vma, ULONG_MAX) {
		struct ff_entry e;

		*addr = mas.index;
		count++;
		if (xa_is_zero(vma))
			wrong = "XA_ZERO_ENTRY in the tree";
		else if (READ_ONCE(vma->vm_mm) != mm)
			wrong = "VMA of another mm in the tree";
		if (wrong)
			break;
		ff_entry_set(&e, vma);
		if (e.start != mas.index || e.end - 1 != mas.last)
			wrong = "VMA and its place in the tree differ";
		else if (ff_in_churn(p, mas.index))
			continue;
		while (child && i < p->nr && p->snap[i].flags & VM_DONTCOPY)
			i++;
		if (wrong)
			break;
		if (i == p->nr)
			wrong = "more VMAs than before";
		else if (e.start != p->snap[i].start || e.end != p->snap[i].end)
			wrong = "VMA is not where it was";
		else if (e.pgoff != p->snap[i].pgoff ||
			 e.file != p->snap[i].file ||
			 e.flags != p->snap[i].flags)
			wrong = "VMA is not what it was";
		if (wrong)
			break;
		i++;
	}
	if (!wrong) {
		while (child && i < p->nr && p->snap[i].flags & VM_DONTCOPY)
			i++;
		if (i != p->nr) {
			wrong = "fewer VMAs than before";
			*addr = p->snap[i].start;
		} else if (count != mm->map_count) {
			wrong = "map_count is not the number of VMAs";
			*addr = count;
		}
	}
	mmap_read_unlock(mm);

	return wrong;
}

/* How many VMAs a parent has: often few, sometimes hundreds. */
static unsigned int ff_draw_size(struct vt_rnd *rnd)
{
	static const unsigned short sizes[] = { 1, 2, 3, 5, 8, 16, 40, 120, 350 };
	unsigned int i = vt_rnd_below(rnd, ARRAY_SIZE(sizes) - 1);

	return sizes[i] + vt_rnd_below(rnd, sizes[i + 1] - sizes[i]);
}

/**
 * ff_build() - fill a parent's mm, which the caller uses
 * @p: parent
 * @rnd: random stream
 * @n: number of VMAs, without those of the churn
 * @bigs: bit set of positions for VMAs too large to account
 *
 * Return: 0 or an errno.
 */
static int ff_build(struct ff_parent *p, struct vt_rnd *rnd, unsigned int n,
		    unsigned int bigs)
{
	unsigned long addr = FF_BASE + vt_rnd_below(rnd, SZ_1G) * PAGE_SIZE;
	unsigned int i, middle = n / 2, churn = n >= 4 ? 1 + n / 3 : n;
	bool huge = vt_rnd_one_in(rnd, 2), has_huge = false;

	p->churn = 0;
	p->armed = 0;
	memset(p->big, 0, sizeof(p->big));

	for (i = 0; i < n; i++) {
		unsigned long pages = 1 + vt_rnd_below(rnd, 8);
		enum ff_type type = vt_rnd_below(rnd, FF_NR_TYPES);
		enum ff_pos pos = !i ? FF_FIRST : i == n - 1 ? FF_LAST : FF_MIDDLE;
		long ret = 0;

		/* Always a gap between: neighbours must not merge. */
		addr += PAGE_SIZE * (1 + vt_rnd_below(rnd, 4));
		if (i == churn) {
			p->churn = addr;
			addr += (FF_CHURN_PAGES + 1) * PAGE_SIZE;
		}
		if ((!i || i == middle || i == n - 1) && bigs & BIT(pos) &&
		    p->st->ways & BIT(FF_ACCOUNT) && !p->big[pos] &&
		    ff_map_big(p, addr, pos)) {
			addr += 2 * p->st->big;
			continue;
		}
		if (huge && i > 1) {
			unsigned long at = ALIGN(addr, PMD_SIZE);

			huge = false;
			has_huge = ff_map_hugetlb(at);
			if (has_huge) {
				addr = at + PMD_SIZE;
				continue;
			}
		}
		/* Some for walkers to find the child by, and to kill at. */
		if (i <= 1 || i + 2 >= n)
			type = vt_rnd_one_in(rnd, 4) ? type : FF_FILE;
		ret = ff_map_one(p, type, addr, pages, vt_rnd_one_in(rnd, 2));
		if (ret)
			return ret;
		addr += pages * PAGE_SIZE;
	}

	ff_snapshot(p);
	vt_count(p->st->run, FF_C_PARENTS, 1);
	if (has_huge)
		vt_count(p->st->run, FF_C_HUGETLB, 1);
	return p->nr ? 0 : -ENOMEM;
}

/* Make a new mm the parent; the caller uses it when this returns 0. */
static int ff_raise(struct ff_parent *p, struct vt_rnd *rnd, unsigned int n,
		    unsigned int bigs)
{
	struct mm_struct *mm = vt_mm_new();
	int ret;

	if (!mm)
		return -ENOMEM;
	kthread_use_mm(mm);
	p->mm = mm;
	ret = ff_build(p, rnd, n, bigs);
	if (!ret)
		return 0;
	p->mm = NULL;
	kthread_unuse_mm(mm);
	vt_mm_put(mm);
	return ret;
}

/* Leave the parent, which ends it, unless a mixer is still at it. */
static void ff_drop(struct ff_parent *p)
{
	struct mm_struct *mm = p->mm;

	if (!mm)
		return;
	ff_show_parent(p, NULL);
	p->mm = NULL;
	kthread_unuse_mm(mm);
	vt_mm_put(mm);
}

/*
 * Forks.
 */

/* In the child: it has its own copy of the parent's VMAs? */
static int ff_child(void *arg)
{
	struct ff_parent *p = arg;

	p->child_wrong = ff_compare(p, current->mm, &p->child_addr);
	/* There is no user space for it to return to. */
	vt_call(do_exit)(0);
	return 0;
}

/* Fork the parent, which the caller uses. Returns 0 or an errno. */
static int ff_fork(struct ff_parent *p)
{
	struct kernel_clone_args args = {
		.flags = CLONE_FS | CLONE_FILES | CLONE_UNTRACED,
		.exit_signal = SIGCHLD,
		.fn = ff_child,
		.fn_arg = p,
	};
	pid_t pid;

	raw_spin_lock(&p->lock);
	p->copied = NULL;
	raw_spin_unlock(&p->lock);
	p->refused = false;
	p->child_wrong = NULL;
	WRITE_ONCE(p->turns, p->turns + 1);
	wake_up_all(&p->wq);

	WRITE_ONCE(p->forker, current);
	pid = vt_call(kernel_clone)(&args);
	WRITE_ONCE(p->forker, NULL);
	if (pid < 0)
		return pid;
	vt_child_wait(pid);
	return 0;
}

/* Take the child from the walkers. Returns it, if it was there. */
static struct mm_struct *ff_unpublish(struct ff_parent *p, bool failed)
{
	struct mm_struct *child, *handed;
	struct ff_record *rec;

	raw_spin_lock(&p->lock);
	child = p->child;
	handed = p->handed;
	p->handed = NULL;
	WRITE_ONCE(p->child, NULL);
	rec = child ? ff_record(p, child) : NULL;
	if (rec)
		rec->failed = failed;
	raw_spin_unlock(&p->lock);
	if (handed)
		mmput(handed);
	return child;
}

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
	vt_look(p->st->run, FF_LEAK, rec->failed && rec->opened);
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
 * Return: how many are still to come.
 */
static unsigned int ff_settle(struct ff_parent *p)
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

static bool ff_copied(const struct ff_entry *e)
{
	return !(e->flags & VM_DONTCOPY);
}

/* The @n-th entry from @i on that fork copies, or p->nr. */
static unsigned int ff_nth(const struct ff_parent *p, unsigned int i,
			   unsigned int n)
{
	for (; i < p->nr; i++)
		if (ff_copied(&p->snap[i]) && !n--)
			break;
	return i;
}

/* Where an entry comes in a fork. */
static enum ff_pos ff_position(const struct ff_parent *p, unsigned int i)
{
	if (i == ff_nth(p, 0, 0))
		return FF_FIRST;
	return ff_nth(p, i + 1, 0) == p->nr ? FF_LAST : FF_MIDDLE;
}

/* An entry that fork copies: the first, the last or any other; or p->nr. */
static unsigned int ff_draw_entry(const struct ff_parent *p, struct vt_rnd *rnd)
{
	unsigned int i, n = 0;

	for (i = 0; i < p->nr; i++)
		n += ff_copied(&p->snap[i]);
	switch (n ? vt_rnd_below(rnd, 3) : 3) {
	case 0:
		return ff_nth(p, 0, 0);
	case 1:
		return ff_nth(p, 0, n - 1);
	case 2:
		return ff_nth(p, 0, vt_rnd_below(rnd, n));
	default:
		return p->nr;
	}
}

/* Let forks come upon a VMA that is too large to account, or not. */
static bool ff_arm(struct ff_parent *p, enum ff_pos pos, bool armed)
{
	unsigned int i;

	if (vt_syscall(sys_madvise, p->big[pos], 2 * p->st->big,
		       armed ? MADV_DOFORK : MADV_DONTFORK))
		return false;
	for (i = 0; i < p->nr; i++)
		if (p->snap[i].start == p->big[pos])
			break;
	if (i == p->nr)
		return false;
	if (armed)
		p->snap[i].flags &= ~VM_DONTCOPY;
	else
		p->snap[i].flags |= VM_DONTCOPY;
	return true;
}

static bool ff_plan_account(struct ff_parent *p, struct vt_rnd *rnd,
			    struct ff_plan *plan)
{
	unsigned int i, pos = vt_rnd_below(rnd, FF_LAST + 1);

	for (i = 0; i <= FF_LAST; i++, pos = (pos + 1) % (FF_LAST + 1))
		if (p->big[pos])
			break;
	if (!p->big[pos] || !ff_arm(p, pos, true))
		return false;
	for (i = 0; p->snap[i].start != p->big[pos]; i++)
		;
	p->armed = BIT(pos);
	plan->pos = ff_position(p, i);
	plan->addr = p->big[pos];
	return true;
}

/* Have the mixer hold a VMA, so that a fork has to wait for it. */
static void ff_have_held(struct ff_parent *p, unsigned long addr)
{
	WRITE_ONCE(p->hold, addr);
	wake_up_all(&p->wq);
	/* Pairs with the release in ff_mix_hold(). */
	wait_event_idle_timeout(p->wq, smp_load_acquire(&p->held) ||
				kthread_should_stop(), 2);
}

static bool ff_plan_signal(struct ff_parent *p, struct vt_rnd *rnd,
			   struct ff_plan *plan)
{
	unsigned int i, n, next;

	if (p->st->probe[FF_P_BEGIN].on && vt_rnd_one_in(rnd, 4)) {
		next = ff_nth(p, 0, 0);
		p->kill_early = true;
	} else {
		/* Any of the file's VMAs: the first behind a random place. */
		n = vt_rnd_below(rnd, p->nr);
		for (i = 0; i < p->nr; i++, n = (n + 1) % p->nr)
			if (p->snap[n].file == p->file && ff_copied(&p->snap[n]))
				break;
		if (i == p->nr)
			return false;
		p->kill_at = p->snap[n].start;
		next = ff_nth(p, n + 1, 0);
	}
	plan->addr = p->kill_at;
	plan->pos = next == p->nr ? FF_AFTER : ff_position(p, next);
	if (next < p->nr && vt_fork_kill_needs_reader() &&
	    vt_has(lock_vma_under_rcu))
		ff_have_held(p, p->snap[next].start);
	return true;
}

static bool ff_plan_refuse(struct ff_parent *p, struct vt_rnd *rnd,
			   struct ff_plan *plan)
{
	unsigned int i;

	if (plan->way == FF_COPY && p->st->probe[FF_P_ARCH].on &&
	    vt_rnd_one_in(rnd, 4)) {
		p->refuse_arch = true;
		plan->pos = FF_AFTER;
		return true;
	}
	i = ff_draw_entry(p, rnd);
	if (i == p->nr)
		return false;
	plan->addr = p->snap[i].start;
	plan->pos = ff_position(p, i);
	if (plan->way == FF_DUP) {
		p->dup_at = plan->addr;
		return true;
	}
	/* Page tables under VM_WIPEONFORK are not copied. */
	p->copy_at = plan->addr;
	return !(p->snap[i].flags & VM_WIPEONFORK);
}

static void ff_plan_clear(struct ff_parent *p)
{
	p->hand = false;
	p->early = false;
	p->deaf = false;
	p->kill_early = false;
	p->kill_at = 0;
	p->dup_at = 0;
	p->copy_at = 0;
	p->refuse_arch = false;
}

/* Choose what shall happen to the next fork, and see to it. */
static void ff_plan(struct ff_parent *p, struct vt_rnd *rnd,
		    struct ff_plan *plan)
{
	bool ok = false;

	ff_plan_clear(p);
	*plan = (struct ff_plan){ .way = vt_rnd_below(rnd, FF_NR_WAYS + 1) };
	if (plan->way < FF_NR_WAYS && p->st->ways & BIT(plan->way)) {
		switch (plan->way) {
		case FF_ACCOUNT:
			ok = ff_plan_account(p, rnd, plan);
			break;
		case FF_SIGNAL:
			ok = ff_plan_signal(p, rnd, plan);
			break;
		case FF_INJECT:
			plan->pos = FF_MIDDLE;
			ok = vt_fail_nth(1 + vt_rnd_below(rnd, 20 + 8 * p->nr));
			break;
		default:
			ok = ff_plan_refuse(p, rnd, plan);
			break;
		}
	}
	if (!ok) {
		ff_plan_clear(p);
		plan->way = FF_NR_WAYS;
	}
	p->hand = !vt_rnd_one_in(rnd, 4);
	p->early = p->st->probe[FF_P_BEGIN].on && vt_rnd_one_in(rnd, 4);
}

/* Take back what a plan left behind. */
static void ff_plan_end(struct ff_parent *p, const struct ff_plan *plan)
{
	unsigned int pos;

	if (plan->way == FF_INJECT)
		vt_fail_nth(0);
	if (plan->way == FF_SIGNAL)
		flush_signals(current);
	if (p->hold) {
		WRITE_ONCE(p->hold, 0);
		wake_up_all(&p->wq);
	}
	for (pos = 0; pos <= FF_LAST; pos++)
		if (p->armed & BIT(pos))
			ff_arm(p, pos, false);
	p->armed = 0;
}

static void ff_count_fork(struct ff_parent *p, const struct ff_plan *plan,
			  int err, u64 ns)
{
	struct vt_run *run = p->st->run;
	enum ff_pos pos = plan->pos;

	if (!err) {
		vt_count(run, FF_C_OK, 1);
		if (plan->way < FF_NR_WAYS)
			vt_count(run, FF_C_SURVIVED, 1);
		return;
	}
	vt_count(run, FF_C_FAILED, 1);
	vt_hist(run, FF_H_FORK, ns);
	if (plan->way == FF_NR_WAYS) {
		vt_count(run, FF_C_UNPLANNED, 1);
		return;
	}
	/* dup_mmap() that fails becomes -ENOMEM; this was seen later. */
	if (plan->way == FF_SIGNAL && err != -ENOMEM)
		pos = FF_AFTER;
	vt_count(run, FF_C_BY_WAY + plan->way * FF_NR_POS + pos, 1);
	trace_fork_fail(p->mm, ff_way_names[plan->way], ff_pos_names[pos],
			plan->addr, err);
}

/* Look at a child that waits, and let walkers come to it. */
static void ff_show(struct ff_parent *p, struct vt_rnd *rnd,
		    struct mm_struct *mm)
{
	unsigned int looks = 1 + vt_rnd_below(rnd, FF_LOOKS);

	while (looks--)
		ff_look(p, mm, false);
	WRITE_ONCE(p->walked, NULL);
	wait_event_idle_timeout(p->wq, READ_ONCE(p->walked) == mm ||
				kthread_should_stop(), 1);
}

/*
 * Fork once and judge what came of it. Returns false if the parent cannot be
 * used any more.
 */
static bool ff_once(struct ff_parent *p, struct vt_rnd *rnd)
{
	struct vt_run *run = p->st->run;
	const char *wrong;
	struct ff_plan plan;
	unsigned long addr;
	u64 t0;
	int err;

	/* Each child needs a record: wait for old ones to end. */
	if (ff_settle(p) == FF_RECORDS) {
		schedule_timeout_idle(1);
		return true;
	}

	ff_plan(p, rnd, &plan);
	p->deaf = vt_busted(run, FF_LEAK) && vt_rnd_one_in(rnd, 2);
	t0 = ktime_get_ns();
	err = ff_fork(p);
	ff_count_fork(p, &plan, err, ktime_get_ns() - t0);
	ff_plan_end(p, &plan);

	if (err && p->handed)
		ff_show(p, rnd, p->handed);
	ff_unpublish(p, err);
	ff_settle(p);

	if (err && vt_busted(run, FF_PARENT) && vt_rnd_one_in(rnd, 2))
		vm_munmap(p->snap[0].start, p->snap[0].end - p->snap[0].start);
	vt_look(run, FF_PARENT, err);
	wrong = ff_compare(p, p->mm, &addr);
	if (wrong)
		vt_race(run, FF_PARENT, p->mm, addr, -err, p->nr,
			"parent after a fork that returned %d: %s", err, wrong);
	if (p->child_wrong)
		vt_race(run, FF_PARENT, p->mm, p->child_addr, 0, p->nr,
			"child of the parent: %s", p->child_wrong);
	return !wrong;
}

/*
 * The broken promises behind what walkers look for: an mm of the module's own
 * that looks like the remains of a failed fork as they must not be.
 */
static void ff_decoy(struct ff_parent *p, struct vt_rnd *rnd)
{
	unsigned long kinds = p->st->run->busted &
		(BIT(FF_XA_ZERO) | BIT(FF_FOREIGN) | BIT(FF_UNMARKED));
	MA_STATE(mas, NULL, FF_BASE, FF_BASE + PAGE_SIZE - 1);
	unsigned int i, kind, opened = 0;
	struct mm_struct *mm;
	void *entry = NULL;

	if (!kinds || !p->nr || ff_settle(p) == FF_RECORDS)
		return;
	/* One of them at a time. */
	kind = vt_rnd_below(rnd, hweight_long(kinds));
	while (kind--)
		kinds &= kinds - 1;
	kind = __ffs(kinds);

	mm = vt_mm_new();
	if (!mm)
		return;
	kthread_use_mm(mm);
	for (i = 1; i <= 3; i++)
		opened += !IS_ERR_VALUE(ff_map(p->file,
					       FF_BASE + 2 * i * PAGE_SIZE,
					       PAGE_SIZE, MAP_PRIVATE));
	kthread_unuse_mm(mm);

	if (kind == FF_XA_ZERO)
		entry = XA_ZERO_ENTRY;
	if (kind == FF_FOREIGN)
		entry = p->snap[0].vma;
	mas.tree = &mm->mm_mt;
	mmap_write_lock(mm);
	mt_clear_in_rcu(&mm->mm_mt);
	if (kind != FF_UNMARKED)
		vt_mm_set_unstable(mm);
	if (entry && mas_store_gfp(&mas, entry, GFP_KERNEL))
		entry = NULL;
	mmap_write_unlock(mm);

	raw_spin_lock(&p->lock);
	p->hand = true;
	ff_publish(p, mm)->opened = opened;
	p->copied = mm;
	raw_spin_unlock(&p->lock);
	wake_up_all(&p->st->wq);
	ff_show(p, rnd, mm);

	mmap_write_lock(mm);
	if (entry) {
		mas_set_range(&mas, FF_BASE, FF_BASE + PAGE_SIZE - 1);
		/* Over an entry of the same size: needs no memory. */
		mas_store_gfp(&mas, NULL, GFP_KERNEL | __GFP_NOFAIL);
	}
	mmap_write_unlock(mm);
	ff_unpublish(p, true);
	vt_mm_put(mm);
	ff_settle(p);
}

static void ff_turn(struct ff_parent *p, struct vt_rnd *rnd)
{
	if (p->mm) {
		ff_decoy(p, rnd);
		kthread_use_mm(p->mm);
	} else {
		if (ff_raise(p, rnd, ff_draw_size(rnd),
			     1 + vt_rnd_below(rnd, 7)))
			return;
		/* Those that take long get fewer. */
		p->forks = vt_rnd_below(rnd, 2 * FF_FORKS) / (1 + p->nr / 32);
		ff_show_parent(p, p->mm);
	}
	if (!ff_once(p, rnd) || !p->forks--)
		ff_drop(p);
	else
		kthread_unuse_mm(p->mm);
}

static int ff_forker(struct vt_thread *t)
{
	struct ff_state *st = t->run->priv;
	unsigned int i = t->idx;

	allow_signal(SIGKILL);
	while (vt_go(t)) {
		ff_turn(&st->parents[i], &t->rnd);
		i += st->nr_forkers;
		if (i >= st->nr_parents)
			i = t->idx;
		vt_op(t->run);
	}
	for (i = t->idx; i < st->nr_parents; i += st->nr_forkers) {
		if (!st->parents[i].mm)
			continue;
		kthread_use_mm(st->parents[i].mm);
		ff_drop(&st->parents[i]);
	}
	return 0;
}

/*
 * Mixers: what else goes on in a parent.
 */

/* Hold a VMA as a fault would, until the fork that has to wait for it is over. */
static void ff_mix_hold(struct ff_parent *p, struct mm_struct *mm)
{
	unsigned long addr = READ_ONCE(p->hold);
	struct vm_area_struct *vma;

	vma = addr ? vt_call(lock_vma_under_rcu)(mm, addr) : NULL;
	if (!vma)
		return;
	/* Pairs with the acquire in ff_have_held(). */
	smp_store_release(&p->held, true);
	wake_up_all(&p->wq);
	wait_event_idle_timeout(p->wq, !READ_ONCE(p->hold) ||
				kthread_should_stop(),
				msecs_to_jiffies(10));
	WRITE_ONCE(p->held, false);
	vt_vma_end_read(vma);
}

static void ff_mix_churn(struct vt_thread *t, struct ff_parent *p,
			 unsigned long churn)
{
	unsigned int first = vt_rnd_below(&t->rnd, FF_CHURN_PAGES);
	unsigned int pages = 1 + vt_rnd_below(&t->rnd, FF_CHURN_PAGES - first);
	unsigned long addr = churn + first * PAGE_SIZE;
	static const enum ff_type types[] = { FF_ANON, FF_FILE, FF_SHMEM };

	/* Not enough memory, or too many VMAs: another time. */
	ff_map_one(p, types[vt_rnd_below(&t->rnd, ARRAY_SIZE(types))], addr,
		   pages, vt_rnd_one_in(&t->rnd, 2));
	vt_count(t->run, FF_C_CHURNED, 1);
}

/* Write into some of the VMAs, so that there are pages for fork to share. */
static void ff_mix_touch(struct vt_thread *t, struct mm_struct *mm)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;
	unsigned long at[8];
	unsigned int i, n = 0, skip;

	mmap_read_lock(mm);
	skip = vt_rnd_below(&t->rnd, mm->map_count + 1);
	mas_for_each(&mas, vma, ULONG_MAX) {
		if (skip && skip--)
			continue;
		at[n++] = vma->vm_start;
		if (n == ARRAY_SIZE(at))
			break;
	}
	mmap_read_unlock(mm);

	/* Some of them cannot be written, and say so. */
	for (i = 0; i < n; i++)
		(void)put_user(i, (u32 __user *)at[i]);
}

static int ff_mixer(struct vt_thread *t)
{
	struct ff_parent *p = t->arg;
	unsigned int turn = 0, ops = 0;

	while (vt_go(t)) {
		struct ff_seen seen = {};
		struct mm_struct *mm;
		unsigned long churn;

		/* Some for each fork, and not while nothing is forked. */
		if (ops++ == FF_MIX_OPS) {
			wait_event_idle_timeout(p->wq,
						READ_ONCE(p->turns) != turn ||
						READ_ONCE(p->hold) ||
						kthread_should_stop(), HZ / 20);
			turn = READ_ONCE(p->turns);
			ops = 0;
		}
		mm = ff_get_parent(p, &churn);
		if (!mm)
			continue;
		kthread_use_mm(mm);
		ff_mix_hold(p, mm);
		switch (vt_rnd_below(&t->rnd, 16)) {
		case 0 ... 3:
			if (churn)
				ff_mix_churn(t, p, churn);
			break;
		case 4:
			/* As truncation does, in children too. */
			unmap_mapping_range(p->shmem->f_mapping, 0, 0, 1);
			vt_count(t->run, FF_C_ZAPS, 1);
			break;
		case 5:
			mmap_read_lock(mm);
			ff_scan(mm, &seen);
			mmap_read_unlock(mm);
			break;
		default:
			ff_mix_touch(t, mm);
			break;
		}
		kthread_unuse_mm(mm);
		mmput(mm);
		vt_op(t->run);
	}
	return 0;
}

/*
 * At rest.
 */

/* Wait for the last children. There is no event for the end of an mm. */
static unsigned int ff_settle_all(struct ff_parent *p)
{
	unsigned long deadline = jiffies + 10 * HZ;
	unsigned int left;

	while ((left = ff_settle(p)) && time_before(jiffies, deadline))
		schedule_timeout_uninterruptible(1);
	return left;
}

/*
 * KASAN keeps what was freed in a quarantine, where it counts as in use. All
 * of a cache leaves that when the cache is shrunk.
 */
static void ff_slab_unquarantine(const char *cache)
{
	struct file *file;
	char buf[64];
	loff_t pos = 0;

	snprintf(buf, sizeof(buf), "/sys/kernel/slab/%s/shrink", cache);
	file = filp_open(buf, O_WRONLY, 0);
	if (IS_ERR(file))
		return;
	kernel_write(file, "1", 1, &pos);
	filp_close(file, NULL);
}

/* How many objects a slab cache has in use, or 0 if that cannot be read. */
static unsigned long ff_slab_objects(const char *cache)
{
	unsigned long objects = 0;
	struct file *file;
	char buf[64] = {};
	loff_t pos = 0;

	if (IS_ENABLED(CONFIG_KASAN_GENERIC))
		ff_slab_unquarantine(cache);
	snprintf(buf, sizeof(buf), "/sys/kernel/slab/%s/objects", cache);
	file = filp_open(buf, O_RDONLY, 0);
	if (IS_ERR(file))
		return 0;
	if (kernel_read(file, buf, sizeof(buf) - 1, &pos) <= 0 ||
	    sscanf(buf, "%lu", &objects) != 1)
		objects = 0;
	filp_close(file, NULL);

	return objects;
}

/* What has to come back to where it was. */
enum ff_account { FF_A_COMMITTED, FF_A_VMAS, FF_A_MMS, FF_NR_ACCOUNTS };

static const char *const ff_account_names[] = {
	[FF_A_COMMITTED] = "pages committed",
	[FF_A_VMAS] = "VMAs",
	[FF_A_MMS] = "mms",
};

static void ff_accounts(long *accounts)
{
	/* VMAs and mms are freed by RCU. */
	rcu_barrier();
	accounts[FF_A_COMMITTED] = vm_memory_committed();
	accounts[FF_A_VMAS] = ff_slab_objects("vm_area_struct");
	accounts[FF_A_MMS] = ff_slab_objects("mm_struct");
}

/*
 * The accounts are the whole system's, and others are at work too. What looks
 * like a leak is what grows in each burst by at least what one thing less for
 * every other fork makes, and by about the same in all of them.
 */
static bool ff_grows(long grown[FF_BURSTS][FF_NR_ACCOUNTS], unsigned int a,
		     long unit)
{
	long least = LONG_MAX, most = LONG_MIN;
	unsigned int b;

	for (b = 0; b < FF_BURSTS; b++) {
		least = min(least, grown[b][a]);
		most = max(most, grown[b][a]);
	}
	return least >= FF_BURST / 2 * unit && most / 2 <= least;
}

/*
 * And it does not grow when nothing is forked. Wait for as long as the bursts
 * took to see that, if there is something to be seen.
 */
static void ff_judge_bursts(struct ff_state *st,
			    long grown[FF_BURSTS][FF_NR_ACCOUNTS],
			    const long *before, long charge, unsigned long took)
{
	const long units[FF_NR_ACCOUNTS] = { charge, 1, 1 };
	long after[FF_NR_ACCOUNTS];
	unsigned int a, b, suspects = 0;

	for (a = 0; a < FF_NR_ACCOUNTS; a++) {
		vt_look(st->run, FF_LEAK, true);
		if (ff_grows(grown, a, units[a]))
			suspects |= BIT(a);
	}
	if (!suspects)
		return;

	schedule_timeout_uninterruptible(min_t(unsigned long, took, 10 * HZ));
	ff_accounts(after);
	for (a = 0; a < FF_NR_ACCOUNTS; a++) {
		long sum = 0;

		for (b = 0; b < FF_BURSTS; b++)
			sum += grown[b][a];
		if (!(suspects & BIT(a)) || after[a] - before[a] > sum / 4)
			continue;
		vt_race(st->run, FF_LEAK, NULL, 0, sum, FF_BURST * FF_BURSTS,
			"%u failed forks left %ld %s, nothing else did",
			FF_BURST * FF_BURSTS, sum, ff_account_names[a]);
	}
}

/* Have forks of a parent fail at its last VMA. */
static bool ff_plan_burst(struct ff_parent *p, struct ff_plan *plan)
{
	unsigned int i;

	ff_plan_clear(p);
	*plan = (struct ff_plan){ .way = FF_NR_WAYS, .pos = FF_LAST };
	if (p->st->ways & BIT(FF_ACCOUNT) && p->big[FF_LAST] &&
	    ff_arm(p, FF_LAST, true)) {
		plan->way = FF_ACCOUNT;
		plan->addr = p->big[FF_LAST];
		p->armed = BIT(FF_LAST);
		return true;
	}
	for (i = p->nr; i-- > 1;)
		if (ff_copied(&p->snap[i]) &&
		    !(p->snap[i].flags & VM_WIPEONFORK))
			break;
	plan->addr = p->snap[i].start;
	if (p->st->ways & BIT(FF_DUP)) {
		plan->way = FF_DUP;
		p->dup_at = plan->addr;
	} else if (p->st->ways & BIT(FF_COPY)) {
		plan->way = FF_COPY;
		p->copy_at = plan->addr;
	}
	return plan->way < FF_NR_WAYS;
}

/* Fork, as the balance goes, nobody else being at it. */
static bool ff_burst_once(struct ff_parent *p)
{
	struct mm_struct *child;
	struct ff_record *rec;
	int err;

	err = ff_fork(p);
	child = ff_unpublish(p, err);
	if (p->keep && child) {
		raw_spin_lock(&p->lock);
		rec = ff_record(p, child);
		rec->mm = NULL;
		raw_spin_unlock(&p->lock);
		mmdrop(child);
	}
	return err && !ff_settle_all(p);
}

static void ff_bursts(struct ff_state *st)
{
	long before[FF_NR_ACCOUNTS], after[FF_NR_ACCOUNTS];
	long grown[FF_BURSTS][FF_NR_ACCOUNTS], charge;
	struct ff_parent *p = st->parents;
	unsigned long took;
	unsigned int a, b, i;
	struct ff_plan plan;
	struct sysinfo info;
	struct vt_rnd rnd;

	vt_rnd_fork(&rnd, vt_params.seed, 0);
	if (ff_raise(p, &rnd, FF_BURST_VMAS, BIT(FF_LAST)))
		return;
	/* Much to account to each child, to tell it from all else. */
	si_meminfo(&info);
	charge = min_t(unsigned long, SZ_64K, info.totalram / 8);
	if (IS_ERR_VALUE(ff_map_anon(FF_BASE / 2, charge * PAGE_SIZE)))
		goto out;
	ff_snapshot(p);
	if (!ff_plan_burst(p, &plan))
		goto out;

	p->keep = vt_busted(st->run, FF_LEAK);
	took = jiffies;
	ff_accounts(before);
	for (b = 0; b < FF_BURSTS; b++) {
		for (i = 0; i < FF_BURST; i++) {
			if (!ff_burst_once(p))
				goto out_end;
			cond_resched();
		}
		ff_accounts(after);
		for (a = 0; a < FF_NR_ACCOUNTS; a++) {
			grown[b][a] = after[a] - before[a];
			before[a] = after[a];
		}
		vt_count(st->run, FF_C_BURSTS, 1);
	}
	ff_judge_bursts(st, grown, before, charge, jiffies - took);
out_end:
	p->keep = false;
	ff_plan_end(p, &plan);
out:
	ff_drop(p);
}

/* Nobody may hold a file any more; a child's end may have to be waited for. */
static void ff_rest_file(struct ff_parent *p, struct file *file,
			 const char *what)
{
	unsigned long deadline = jiffies + 10 * HZ;

	while (file_count(file) > 1 && time_before(jiffies, deadline))
		schedule_timeout_uninterruptible(1);
	vt_look(p->st->run, FF_LEAK, true);
	if (file_count(file) > 1)
		vt_race(p->st->run, FF_LEAK, NULL, 0, file_count(file), 0,
			"%ld references on a %s file whose mms are all gone",
			(long)file_count(file) - 1, what);
}

static void ff_rest_parent(struct ff_parent *p)
{
	struct vt_run *run = p->st->run;
	unsigned int i, left = ff_settle_all(p);

	vt_look(run, FF_LEAK, true);
	for (i = 0; left && i < FF_RECORDS; i++) {
		struct ff_record *rec = &p->rec[i];

		if (!rec->mm)
			continue;
		/* No thread is left that could be at its end still. */
		ff_judge_end(p, rec);
		if (atomic_read(&rec->mm->mm_users))
			vt_race(run, FF_LEAK, rec->mm, 0,
				atomic_read(&rec->mm->mm_users), 0,
				"child never came to its end: %d users",
				atomic_read(&rec->mm->mm_users));
		mmdrop(rec->mm);
		rec->mm = NULL;
	}
	ff_rest_file(p, p->file, "module's");
	ff_rest_file(p, p->shmem, "shmem");
	vt_look(run, FF_LEAK, true);
	if (p->opened != p->closed)
		vt_race(run, FF_LEAK, NULL, 0, p->opened, p->closed,
			"%lu VMAs of a file were opened, %lu closed", p->opened,
			p->closed);
}

static void ff_rest(struct vt_run *run)
{
	struct ff_state *st = run->priv;
	struct ff_parent *p;

	ff_bursts(st);
	while (st->nr_kept)
		mmput(st->kept[--st->nr_kept]);
	ff_for_each_parent(p, st)
		ff_rest_parent(p);
}

/*
 * Setting up.
 */

/* Fork once by one way; does it fail, and is what it leaves marked? */
static bool ff_try(struct ff_parent *p, bool *marked)
{
	bool failed;

	p->hand = true;
	failed = ff_fork(p) < 0;
	if (failed && p->handed && p->copied == p->handed)
		*marked = vt_mm_unstable(p->handed);
	ff_unpublish(p, failed);
	ff_settle_all(p);
	return failed;
}

/*
 * What makes forks fail here? The kernel may account nothing (see
 * vm.overcommit_memory), or have a function inlined where fork calls it.
 */
static int ff_calibrate(struct ff_state *st)
{
	struct ff_parent *p = st->parents;
	struct ff_plan plan = { .way = FF_ACCOUNT };
	bool marked = false;
	unsigned int last, way, ways = 0;
	struct vt_rnd rnd;
	int ret;

	vt_rnd_fork(&rnd, vt_params.seed, 1);
	st->ways = BIT(FF_ACCOUNT);
	ret = ff_raise(p, &rnd, 8, BIT(FF_LAST));
	if (ret)
		return ret;

	ff_plan_clear(p);
	if (p->big[FF_LAST] && ff_arm(p, FF_LAST, true)) {
		if (ff_try(p, &marked))
			ways |= BIT(FF_ACCOUNT);
		p->armed = BIT(FF_LAST);
		ff_plan_end(p, &plan);
	}
	for (last = p->nr - 1; last; last--)
		if (ff_copied(&p->snap[last]) &&
		    !(p->snap[last].flags & VM_WIPEONFORK))
			break;
	p->dup_at = p->snap[last].start;
	if (st->probe[FF_P_DUP].on && ff_try(p, &marked) && p->refused)
		ways |= BIT(FF_DUP);
	ff_plan_clear(p);
	p->copy_at = p->snap[last].start;
	if (st->probe[FF_P_COPY].on && ff_try(p, &marked) && p->refused)
		ways |= BIT(FF_COPY);
	ff_plan_clear(p);
	ff_drop(p);

	ways |= BIT(FF_SIGNAL);
	if (vt_fail_nth(0))
		ways |= BIT(FF_INJECT);
	st->ways = ways;
	for (way = 0; way < FF_NR_WAYS; way++)
		if (!(ways & BIT(way)))
			vt_info("fork_fail: forks cannot be made to fail by %s here\n",
				ff_way_names[way]);
	st->marks = vt_fork_marks() == VT_YES ||
		    (vt_fork_marks() == VT_MAYBE && marked);
	if (vt_fork_marks() == VT_MAYBE && !marked)
		vt_absent(st->run, FF_UNMARKED,
			  "this kernel does not mark what a failed fork leaves");
	return 0;
}

static int ff_probe(struct vt_run *run)
{
	if (vt_fork_marks() == VT_NO)
		vt_absent(run, FF_UNMARKED,
			  "this kernel promises no mark on what a failed fork leaves");
	return 0;
}

static int ff_parent_init(struct ff_parent *p, struct ff_state *st)
{
	struct file *file;

	p->st = st;
	raw_spin_lock_init(&p->lock);
	init_waitqueue_head(&p->wq);
	p->snap = kvcalloc(FF_MAX_ENTRIES, sizeof(*p->snap), GFP_KERNEL);
	if (!p->snap)
		return -ENOMEM;
	file = vt_file_new(&ff_fops, p);
	if (IS_ERR(file))
		return PTR_ERR(file);
	p->file = file;
	file = vt_shmem_file("vma_torture", SZ_64K);
	if (IS_ERR(file))
		return PTR_ERR(file);
	p->shmem = file;

	return 0;
}

static int ff_start(struct vt_run *run)
{
	struct ff_state *st = kzalloc(sizeof(*st), GFP_KERNEL);
	struct vt_thread *t = NULL;
	struct sysinfo info;
	unsigned long swap;
	unsigned int i;
	int ret = 0;

	if (!st)
		return -ENOMEM;
	run->priv = st;
	st->run = run;
	init_waitqueue_head(&st->wq);

	/* Two of 60 %: each can be mapped, one VMA of both is too large. */
	si_meminfo(&info);
	swap = vt_lookup("total_swap_pages");
	swap = swap ? READ_ONCE(*(long *)swap) : 0;
	st->big = (info.totalram + swap) / 10 * 6 * PAGE_SIZE;

	st->parents = kvcalloc(vt_params.nmms, sizeof(*st->parents), GFP_KERNEL);
	if (!st->parents)
		return -ENOMEM;
	while (!ret && st->nr_parents < vt_params.nmms)
		ret = ff_parent_init(&st->parents[st->nr_parents++], st);
	if (ret)
		return ret;
	ret = ff_probes_start(st);
	if (!ret)
		ret = ff_calibrate(st);
	if (ret)
		return ret;

	st->nr_forkers = min_t(u64, vt_params.nwriters, st->nr_parents);
	for (i = 0; !IS_ERR(t) && i < st->nr_forkers; i++)
		t = vt_spawn(run, "fork", i, ff_forker, NULL);
	for (i = 0; !IS_ERR(t) && i < vt_params.nreaders; i++)
		t = vt_spawn(run, "walk", i, ff_walker, NULL);
	for (i = 0; !IS_ERR(t) && i < st->nr_parents; i++)
		t = vt_spawn(run, "mix", i, ff_mixer, &st->parents[i]);

	return PTR_ERR_OR_ZERO(t);
}

static void ff_stop(struct vt_run *run)
{
	struct ff_state *st = run->priv;
	struct ff_parent *p;

	if (!st)
		return;
	ff_probes_stop(st);
	ff_for_each_parent(p, st) {
		vt_file_put(p->file);
		vt_file_put(p->shmem);
		kvfree(p->snap);
	}
	kvfree(st->parents);
	kfree(st);
	run->priv = NULL;
}

const struct vt_scenario fork_fail_torture = {
	.name = "fork_fail",
	.kinds = ff_kinds,
	.nr_kinds = ARRAY_SIZE(ff_kinds),
	.counters = ff_counters,
	.nr_counters = ARRAY_SIZE(ff_counters),
	.hists = ff_hists,
	.nr_hists = ARRAY_SIZE(ff_hists),
	.symbols = ff_symbols,
	.needs = VT_NEEDS(VT_NEED_SPACE, VT_NEED(kernel_clone), VT_NEED(do_exit),
			  VT_NEED(kernel_wait), VT_NEED(sys_madvise)),
	.probe = ff_probe,
	.start = ff_start,
	.rest = ff_rest,
	.stop = ff_stop,
};
