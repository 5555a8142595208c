// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk: walkers of shared hugetlb page tables against unsharing.
 *
 * Several private mms ("slots") map one hugetlbfs file, PUD-aligned and shared,
 * so that one PMD table hangs in all of them. Writers make one mm or all of
 * them lose it, in every way there is, and let them share again; readers walk
 * the tables under each protection that is documented, and let the kernel's own
 * walkers do so. A second, small set of mms (the "lab") serves a directed race:
 * one mm splits its VMA, or is gone, at the very moment another begins to share.
 *
 * What is judged, and what each judgement rests on:
 *
 *   under                    judged         rests on
 *   ------------------------ -------------- -----------------------------------
 *   mmap_lock or VMA lock,   table_moved    huge_pte_offset() in hugetlb.h: "(2.1)
 *   and hugetlb vma lock     entry_moved    hugetlb vma lock ... to make sure pmd
 *                            table_freed    unshare won't happen upon the range",
 *                            wrong_folio    the pte is "the right and stable one".
 *                                           Both locks, because hugetlb_split()
 *                                           takes no vma lock: "MM, VMA and rmap
 *                                           all write-locked to prevent
 *                                           concurrent page table walks".
 *   i_mmap_rwsem, and the    table_freed    there too: "(2.2) ... makes sure the
 *   VMA is in the tree                      pgtable page is safe to access".
 *                            table_moved    huge_pmd_unshare(): "called with ...
 *                            entry_moved    the i_mmap_rwsem held in write mode",
 *                            wrong_folio    asserted there; and tables are torn
 *                                           down only once the VMA has left the
 *                                           tree (free_pgtables()).
 *   interrupts off in        no_sync        tlb_flush_unshared_tables(): the last
 *   this mm, as GUP-fast                    unsharer has to "broadcast an IPI to
 *                                           wait for any concurrent GUP-fast"
 *                                           before the table is "modified+reused"
 *                                           (6.1: in asm-generic/tlb.h as well).
 *                            table_freed    gup_fast(): "With interrupts disabled,
 *                                           we block page table pages from being
 *                                           freed from under us".
 *                            wrong_folio    gup_fast_pte_range(): a page that was
 *                                           got, and whose entry was still there
 *                                           after that, is the one mapped.
 *   none, after pinning      wrong_folio    pin_user_pages(): the page mapped at
 *                                           the address.
 *   none, reading memory     stale_tlb      fallocate(2) of a hole: "subsequent
 *                                           reads from this range will return
 *                                           zeros", or what was written since.
 *   i_mmap_rwsem for write   share_count    huge_pmd_share() counts with it held
 *                                           for read, huge_pmd_unshare() for
 *                                           write.
 *                            split_shared   hugetlb_split(): "If we will lose
 *                                           PUD_SIZE alignment due to this split,
 *                                           unshare PMDs", with i_mmap_rwsem held
 *                                           (asserted; 6.1 does not hold it).
 *   all unmapped             page_leak      check_mm(): no page tables are left;
 *                                           hugepage_put_subpool(): a mount's
 *                                           pages come back.
 *
 * Not judged, because nobody promises it: anything under the vma lock alone, or
 * under mmap_lock alone; that the table stays in place with interrupts off (GUP
 * looks again); any of it under rcu_read_lock(); the type of the page with
 * interrupts off (before 7.x it is cleared ahead of the grace period).
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "compat_hugetlb.h"
#include "engine.h"
#include "scenarios.h"
#include "space.h"
#include "hugetlb_walk/symbols.h"
#include "hugetlb_walk/trace.h"

/* All in one PUD table, which the anchors at either end keep in its place. */
#define HW_BASE		(64 * PUD_SIZE)
#define HW_LOW		(HW_BASE - PUD_SIZE)
#define HW_REUSE_BASE	(HW_BASE + 2 * PUD_SIZE)
#define HW_OTHER	(HW_BASE + 4 * PUD_SIZE + PMD_SIZE)	/* not to share */
#define HW_HIGH		(HW_BASE + 8 * PUD_SIZE)

#define HW_PAGES	4	/* huge pages of the file that are in use */
#define HW_REUSE_PAGES	2	/* of the file that takes what was freed */
#define HW_LAB_PAGES	1
#define HW_MOST		16	/* huge pages the mount may have */
#define HW_LEAST	8

#define HW_MIN_SLOTS	3
#define HW_BATCH	32	/* walks in one mm */
#define HW_RING		48	/* pages kept to be seen where tables were */
#define HW_POISON	0x5eed5eed5eed5e00UL	/* not present */
#define HW_MAX_PUDS	128	/* looked at by one census */

enum hw_kind {
	HW_TABLE_FREED, HW_TABLE_MOVED, HW_ENTRY_MOVED, HW_NO_SYNC,
	HW_WRONG_FOLIO, HW_STALE_TLB, HW_SHARE_COUNT, HW_SPLIT_SHARED,
	HW_PAGE_LEAK,
};

/* What a walker without protection gets to see. */
#define HW_NAKED_KINDS	(BIT(HW_TABLE_FREED) | BIT(HW_TABLE_MOVED) |	\
			 BIT(HW_ENTRY_MOVED) | BIT(HW_NO_SYNC) |	\
			 BIT(HW_WRONG_FOLIO))

static const struct vt_kind hw_kinds[] = {
	[HW_TABLE_FREED] = { "table_freed",
		"a page table stays one under a walker that is protected, GUP-fast included (hugetlb.h, huge_pte_offset())" },
	[HW_TABLE_MOVED] = { "table_moved",
		"no unsharing under the hugetlb vma lock with mmap or VMA lock, nor under i_mmap_rwsem (hugetlb.h, hugetlb.c)" },
	[HW_ENTRY_MOVED] = { "entry_moved",
		"an entry that is present stays what it is under these locks (hugetlb.h, huge_pte_offset(), 2.1)" },
	[HW_NO_SYNC] = { "no_sync",
		"the last unsharer waits for GUP-fast before the table is changed (tlb.h, tlb_flush_unshared_tables())" },
	[HW_WRONG_FOLIO] = { "wrong_folio",
		"an entry leads to the file's page of this index, and so does a pin (hugetlb.h, gup.c)" },
	[HW_STALE_TLB] = { "stale_tlb",
		"nobody reads what was in a page before it was punched out (fallocate(2))" },
	[HW_SHARE_COUNT] = { "share_count",
		"a table's count is the number of its sharers less one, under i_mmap_rwsem (hugetlb.c, huge_pmd_share())" },
	[HW_SPLIT_SHARED] = { "split_shared",
		"a VMA that does not span its PUD any more shares no table there (hugetlb.c, hugetlb_split())" },
	[HW_PAGE_LEAK] = { "page_leak",
		"when all is unmapped, page tables and huge pages have come back" },
};

enum hw_counter {
	HW_C_SHARED_NOW, HW_C_SHARES, HW_C_UNSHARES, HW_C_JUDGED, HW_C_EMPTY,
	HW_C_VMA_LOCK, HW_C_PER_VMA, HW_C_I_MMAP, HW_C_IRQS_OFF, HW_C_FAULT,
	HW_C_PIN_FAST, HW_C_PIN, HW_C_MINCORE, HW_C_READ, HW_C_CENSUS,
	HW_C_OPS, HW_C_MUNMAP = HW_C_OPS, HW_C_MAP_FIXED, HW_C_PARTIAL,
	HW_C_MPROTECT_PART, HW_C_MPROTECT, HW_C_MREMAP, HW_C_MADVISE,
	HW_C_DONTNEED, HW_C_PUNCH, HW_C_TRUNCATE, HW_C_EXIT, HW_C_PURGE,
	HW_C_DIRECTED, HW_C_OVERLAPPED, HW_C_NO_PAGE, HW_C_FAILED,
	HW_C_CHECKED, HW_C_CHECKED_NS, HW_C_BARE, HW_C_BARE_NS,
};

static const char *const hw_counters[] = {
	[HW_C_SHARED_NOW] = "shared_now",	/* mms that share right now */
	[HW_C_SHARES] = "shares",	/* times one was seen to begin */
	[HW_C_UNSHARES] = "unshares",	/* and to end, its table gone */
	[HW_C_JUDGED] = "judged",	/* walks that met a shared table */
	[HW_C_EMPTY] = "walks_empty",	/* walks that met no table */
	[HW_C_VMA_LOCK] = "walks_vma_lock",	/* walks by protection */
	[HW_C_PER_VMA] = "walks_per_vma",
	[HW_C_I_MMAP] = "walks_i_mmap",
	[HW_C_IRQS_OFF] = "walks_irqs_off",
	[HW_C_FAULT] = "walks_fault",	/* and those of the kernel itself */
	[HW_C_PIN_FAST] = "walks_pin_fast",
	[HW_C_PIN] = "walks_pin",
	[HW_C_MINCORE] = "walks_mincore",
	[HW_C_READ] = "walks_read",
	[HW_C_CENSUS] = "census",
	[HW_C_MUNMAP] = "munmap",	/* what the writers did */
	[HW_C_MAP_FIXED] = "map_fixed",
	[HW_C_PARTIAL] = "munmap_part",
	[HW_C_MPROTECT_PART] = "mprotect_part",
	[HW_C_MPROTECT] = "mprotect",
	[HW_C_MREMAP] = "mremap",
	[HW_C_MADVISE] = "madvise_split",
	[HW_C_DONTNEED] = "dontneed",
	[HW_C_PUNCH] = "punch",
	[HW_C_TRUNCATE] = "truncate",
	[HW_C_EXIT] = "exit",
	[HW_C_PURGE] = "purge",
	[HW_C_DIRECTED] = "directed",	/* rounds in the lab */
	[HW_C_OVERLAPPED] = "directed_met",	/* in which both met */
	[HW_C_NO_PAGE] = "no_page",	/* no huge page, or past the end */
	[HW_C_FAILED] = "failed",	/* for want of memory */
	[HW_C_CHECKED] = "checked",	/* for the price of a look */
	[HW_C_CHECKED_NS] = "checked_ns",
	[HW_C_BARE] = "bare",
	[HW_C_BARE_NS] = "bare_ns",
};

enum hw_hist { HW_H_UNSHARE };

static const char *const hw_hists[] = {
	[HW_H_UNSHARE] = "in_flight_ns",
};

/* What writers do to the sharing; in the order of their counters. */
enum hw_op {
	HW_MUNMAP, HW_MAP_FIXED, HW_PARTIAL, HW_MPROTECT_PART, HW_MPROTECT,
	HW_MREMAP, HW_MADVISE, HW_DONTNEED, HW_PUNCH, HW_TRUNCATE, HW_EXIT,
	HW_PURGE, HW_NR_OPS,
};

static_assert(HW_C_OPS + HW_NR_OPS == HW_C_DIRECTED);

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
 * @begun: changes that may end its sharing, begun
 * @ended: and ended
 */
struct hw_slot {
	struct mutex lock;
	struct mm_struct *mm;
	pud_t *pudp;
	unsigned long joined;
	atomic_t begun ____cacheline_aligned_in_smp;
	atomic_t ended;
};

enum hw_lab_step { HW_LAB_IDLE, HW_LAB_POSTED, HW_LAB_TAKEN, HW_LAB_GO, HW_LAB_DONE };

/**
 * struct hw_lab - the directed race
 * @file: what both mms map
 * @splitter: mm whose VMA is split while it alone has a table
 * @joiner: mm that begins to share that table meanwhile
 * @step: of enum hw_lab_step
 * @wait: for the next step
 * @took_ns: how long the last split took
 * @from_ns: when the joiner began
 * @to_ns: when it had its table
 */
struct hw_lab {
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
 * struct hw_state - all of it
 * @run: run
 * @mnt: mount of hugetlbfs that nobody else has
 * @file: what the slots map
 * @reuse: takes the pages that @file loses
 * @reuse_mm: maps @reuse
 * @lab: the directed race
 * @file_lock: content of @file and @reuse; inside hw_slot.lock
 * @all_lock: for whoever takes more than one hw_slot.lock
 * @tally_lock: counting of who shares
 * @begun: changes to any slot, begun
 * @ended: and ended
 * @punched: times pages were taken from @file, whole
 * @purged: times the shared table was freed
 * @wait: for one of these (busted)
 * @held: a page that is kept too long (busted)
 * @nr_slots: number of @slots
 * @slots: the mms that share
 */
struct hw_state {
	struct vt_run *run;
	struct vfsmount *mnt;
	struct hw_file file;
	struct hw_file reuse;
	struct mm_struct *reuse_mm;
	struct hw_lab lab;
	struct mutex file_lock;
	struct mutex all_lock;
	struct mutex tally_lock;
	atomic_t begun ____cacheline_aligned_in_smp;
	atomic_t ended;
	u32 punched;
	u32 purged;
	wait_queue_head_t wait;
	struct folio *held;
	unsigned int nr_slots;
	struct hw_slot slots[];
};

static unsigned long hw_addr(unsigned int idx)
{
	return HW_BASE + idx * PMD_SIZE;
}

/*
 * Stamps: the first word of a huge page tells whose it is. Zero is a fresh page.
 */
#define HW_MAGIC	0x5654UL

static u64 hw_stamp(const struct hw_file *f, unsigned int idx, u32 gen)
{
	return HW_MAGIC << 48 | (u64)f->id << 40 | (u64)idx << 32 | gen;
}

static bool hw_stamp_fits(const struct hw_file *f, unsigned int idx, u64 stamp)
{
	return !stamp || stamp >> 32 == hw_stamp(f, idx, 0) >> 32;
}

/*
 * Looking at page tables. A table may be gone under the walker if a promise is
 * broken: its words are read through the kernel's own map, which is always
 * there, and without telling KASAN, for the oracle is to say what it saw.
 */
static unsigned long hw_word(const unsigned long *p)
{
	return READ_ONCE_NOCHECK(*p);
}

static u64 hw_first_word(struct folio *folio)
{
	return hw_word(page_address(&folio->page));
}

/* Context: the mm's page tables above the PMD table stay where they are. */
static pud_t *hw_pudp(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;

	if (!pgd_present(READ_ONCE(*pgd)))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(READ_ONCE(*p4d)))
		return NULL;
	return pud_offset(p4d, addr);
}

static unsigned long *hw_table(pud_t *pudp)
{
	pud_t pud = READ_ONCE(*pudp);

	if (!pud_present(pud) || pud_bad(pud))
		return NULL;
	return (unsigned long *)pud_pgtable(pud);
}

static bool hw_same_page(pte_t a, pte_t b)
{
	return pte_present(a) && pte_present(b) && pte_pfn(a) == pte_pfn(b);
}

/**
 * struct hw_rule - what is judged under a protection
 * @name: for the log, what is held
 * @counter: of its walks
 * @judges: bit set of kinds
 * @typed: the page's type may be asked for
 */
struct hw_rule {
	const char *name;
	enum hw_counter counter;
	u32 judges;
	bool typed;
};

#define HW_STABLE_KINDS	(BIT(HW_TABLE_FREED) | BIT(HW_TABLE_MOVED) |	\
			 BIT(HW_ENTRY_MOVED) | BIT(HW_WRONG_FOLIO))

static const struct hw_rule hw_vma_lock = {
	.name = "mmap+hugetlb",
	.counter = HW_C_VMA_LOCK, .judges = HW_STABLE_KINDS, .typed = true,
};

static const struct hw_rule hw_per_vma = {
	.name = "vma+hugetlb",
	.counter = HW_C_PER_VMA, .judges = HW_STABLE_KINDS, .typed = true,
};

static const struct hw_rule hw_i_mmap = {
	.name = "i_mmap",
	.counter = HW_C_I_MMAP, .judges = HW_STABLE_KINDS, .typed = true,
};

static const struct hw_rule hw_irqs_off = {
	.name = "irqs off",
	.counter = HW_C_IRQS_OFF,
	.judges = BIT(HW_TABLE_FREED) | BIT(HW_NO_SYNC),
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
 * struct hw_look - what a walk found at first
 * @slot: whose
 * @mm: of @slot
 * @pudp: where the table hangs
 * @table: the table
 * @page: the page it is in
 * @entry: its entry for @idx
 * @idx: huge page of the file
 * @shared: others have the table too
 * @ended: changes to the slot that had ended before
 */
struct hw_look {
	struct hw_slot *slot;
	struct mm_struct *mm;
	pud_t *pudp;
	unsigned long *table;
	struct page *page;
	pte_t entry;
	unsigned int idx;
	bool shared;
	int ended;
};

static void hw_look_begin(struct hw_look *l, const struct hw_visit *v,
			  unsigned int idx)
{
	l->slot = v->slot;
	l->mm = v->mm;
	l->pudp = v->pudp;
	l->idx = idx;
	l->ended = atomic_read(&l->slot->ended);
	/* What has ended is in effect for the walk: pairs with hw_end(). */
	smp_rmb();
}

/* Was a change of this mm in flight between hw_look_begin() and now? */
static bool hw_exposed(const struct hw_look *l)
{
	/* What the walk read, it read before: pairs with hw_begin(). */
	smp_rmb();
	return atomic_read(&l->slot->begun) != l->ended;
}

/* Return: false if there is no table. */
static bool hw_look_first(struct hw_look *l)
{
	l->table = hw_table(l->pudp);
	if (!l->table)
		return false;
	l->page = virt_to_page(l->table);
	l->shared = vt_pmd_sharers(l->page) > 0;
	l->entry = __pte(hw_word(&l->table[l->idx]));
	return true;
}

/* What is wrong with the page an entry leads to, if anything. */
static const char *hw_folio_wrong(const struct hw_file *f, struct folio *folio,
				  unsigned int idx, bool may_be_cut_off)
{
	struct address_space *mapping = READ_ONCE(folio->mapping);

	if (mapping == f->mapping) {
		if (vt_hugetlb_index(folio) != idx)
			return "the file's page of another index";
	} else if (mapping) {
		return "a page of another file";
	} else if (!may_be_cut_off) {
		return "a page of no file";
	}
	if (!hw_stamp_fits(f, idx, hw_first_word(folio)))
		return "a page with another one's content";
	return NULL;
}

static void hw_wrong_folio(struct vt_run *run, struct hw_look *l,
			   const char *under, const char *what)
{
	vt_race(run, HW_WRONG_FOLIO, l->mm, hw_addr(l->idx),
		(unsigned long)l->table, pte_val(l->entry),
		"under %s entry 0x%lx of table 0x%lx is %s", under,
		(unsigned long)pte_val(l->entry), (unsigned long)l->table, what);
}

static void hw_judge_folio(struct vt_run *run, struct hw_look *l,
			   const char *under, const struct hw_file *f)
{
	unsigned long pfn = pte_pfn(l->entry);
	const char *what = "no memory";

	if (pfn_valid(pfn))
		what = hw_folio_wrong(f, page_folio(pfn_to_page(pfn)), l->idx,
				      false);
	if (what)
		hw_wrong_folio(run, l, under, what);
}

static const char *hw_table_freed(const struct hw_look *l, pte_t now, bool typed)
{
	if (pte_val(now) == HW_POISON)
		return "was given to others";
	if (!page_ref_count(l->page))
		return "is a free page";
	if (typed && !PageTable(l->page))
		return "is no page table any more";
	return NULL;
}

/* Look again, and judge. The protection still holds. */
static void hw_judge(struct vt_run *run, struct hw_look *l,
		     const struct hw_file *f, const struct hw_rule *rule,
		     u32 judges)
{
	unsigned long addr = hw_addr(l->idx);
	unsigned long *table = hw_table(l->pudp);
	pte_t now = __pte(hw_word(&l->table[l->idx]));
	bool exposed = l->shared && hw_exposed(l);
	const char *what;

	if (l->shared)
		vt_count(run, HW_C_JUDGED, 1);
	trace_walk(l->mm, addr, rule->name, (unsigned long)l->table,
		   pte_val(l->entry), exposed);

	if (judges & BIT(HW_TABLE_FREED)) {
		vt_look(run, HW_TABLE_FREED, exposed);
		what = hw_table_freed(l, now, rule->typed);
		if (what) {
			vt_race(run, HW_TABLE_FREED, l->mm, addr,
				(unsigned long)l->table, pte_val(now),
				"under %s table 0x%lx %s, entry 0x%lx",
				rule->name, (unsigned long)l->table, what,
				(unsigned long)pte_val(now));
			return;
		}
	}

	if (judges & BIT(HW_TABLE_MOVED)) {
		vt_look(run, HW_TABLE_MOVED, exposed);
		if (table != l->table) {
			vt_race(run, HW_TABLE_MOVED, l->mm, addr,
				(unsigned long)l->table, (unsigned long)table,
				"under %s table 0x%lx became 0x%lx, %sshared",
				rule->name, (unsigned long)l->table,
				(unsigned long)table, l->shared ? "" : "not ");
			return;
		}
	}

	if (!pte_present(l->entry))
		return;

	if (judges & (BIT(HW_ENTRY_MOVED) | BIT(HW_NO_SYNC))) {
		unsigned int kind = judges & BIT(HW_NO_SYNC) ? HW_NO_SYNC :
							       HW_ENTRY_MOVED;

		if (kind == HW_ENTRY_MOVED || l->shared) {
			vt_look(run, kind, exposed);
			if (!hw_same_page(l->entry, now)) {
				vt_race(run, kind, l->mm, addr,
					pte_val(l->entry), pte_val(now),
					"under %s entry 0x%lx of table 0x%lx became 0x%lx",
					rule->name,
					(unsigned long)pte_val(l->entry),
					(unsigned long)l->table,
					(unsigned long)pte_val(now));
				return;
			}
		}
	}

	if (judges & BIT(HW_WRONG_FOLIO)) {
		vt_look(run, HW_WRONG_FOLIO, exposed);
		hw_judge_folio(run, l, rule->name, f);
	}
}

/* Look, hold it for a while, look again. */
static void hw_walk(struct vt_thread *t, struct hw_look *l,
		    const struct hw_rule *rule, const struct hw_file *f)
{
	if (!hw_look_first(l)) {
		vt_count(t->run, HW_C_EMPTY, 1);
		return;
	}
	vt_count(t->run, rule->counter, 1);
	vt_hold(t);
	hw_judge(t->run, l, f, rule, rule->judges);
}

/* A VMA whose table may be shared, and so has a lock against unsharing. */
static struct rw_semaphore *hw_vma_rwsem(struct vm_area_struct *vma,
					 const struct hw_file *f)
{
	if (!vma || vma->vm_start > HW_BASE ||
	    vma->vm_end < HW_BASE + PUD_SIZE || !vma->vm_file ||
	    vma->vm_file->f_mapping != f->mapping)
		return NULL;
	return vt_hugetlb_vma_rwsem(vma);
}

static void hw_walk_vma_lock(struct vt_thread *t, struct hw_state *st,
			     const struct hw_visit *v)
{
	struct rw_semaphore *rwsem;
	struct hw_look l;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	mmap_read_lock(v->mm);
	rwsem = hw_vma_rwsem(find_vma(v->mm, HW_BASE), &st->file);
	if (rwsem) {
		down_read(rwsem);
		hw_walk(t, &l, &hw_vma_lock, &st->file);
		up_read(rwsem);
	} else {
		vt_count(t->run, HW_C_EMPTY, 1);
	}
	mmap_read_unlock(v->mm);
}

static void hw_walk_per_vma(struct vt_thread *t, struct hw_state *st,
			    const struct hw_visit *v)
{
	struct vm_area_struct *vma;
	struct rw_semaphore *rwsem;
	struct hw_look l;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	vma = vt_call(lock_vma_under_rcu)(v->mm, HW_BASE);
	if (!vma) {
		vt_count(t->run, HW_C_EMPTY, 1);
		return;
	}
	rwsem = hw_vma_rwsem(vma, &st->file);
	if (rwsem) {
		down_read(rwsem);
		hw_walk(t, &l, &hw_per_vma, &st->file);
		up_read(rwsem);
	}
	vt_vma_end_read(vma);
}

/*
 * The census: who has which table, as told by the VMAs in the file's tree.
 */
struct hw_hang {
	pud_t *pudp;
	unsigned long *table;
	struct mm_struct *mm;
	unsigned long addr;
	bool spanned;
};

struct hw_census {
	unsigned int nr;
	unsigned int most;
	struct hw_hang hangs[];
};

/* One VMA may have many tables, and one table hang below many VMAs. */
static bool hw_census_add(struct hw_census *c, struct vm_area_struct *vma)
{
	unsigned long addr;
	unsigned int i;

	for (addr = vma->vm_start & PUD_MASK; addr < vma->vm_end;
	     addr += PUD_SIZE) {
		pud_t *pudp = hw_pudp(vma->vm_mm, addr);
		unsigned long *table = pudp ? hw_table(pudp) : NULL;

		if (!table)
			continue;
		for (i = 0; i < c->nr && c->hangs[i].pudp != pudp; i++)
			;
		if (i == c->most)
			return false;
		if (i == c->nr)
			c->hangs[c->nr++] = (struct hw_hang) {
				.pudp = pudp, .table = table,
				.mm = vma->vm_mm, .addr = addr,
			};
		if (vma->vm_start <= addr && vma->vm_end >= addr + PUD_SIZE)
			c->hangs[i].spanned = true;
	}
	return true;
}

static unsigned int hw_users(const struct hw_census *c,
			     const unsigned long *table)
{
	unsigned int i, users = 0;

	for (i = 0; i < c->nr; i++)
		users += hw_table(c->hangs[i].pudp) == table;
	return users;
}

/*
 * Context: i_mmap_rwsem held for write. The counts are looked at twice, with
 * time in between: only what stays wrong for as long as nobody may change it is
 * wrong.
 */
static void hw_census_judge(struct vt_run *run, struct hw_census *c,
			    bool exposed)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		struct hw_hang *h = &c->hangs[i];
		struct page *page = virt_to_page(h->table);
		int sharers = vt_pmd_sharers(page);

		if (vt_pmd_count_exact()) {
			vt_look(run, HW_SHARE_COUNT, exposed);
			if (hw_users(c, h->table) != sharers + 1) {
				udelay(20);
				sharers = vt_pmd_sharers(page);
				if (hw_table(h->pudp) == h->table &&
				    hw_users(c, h->table) != sharers + 1)
					vt_race(run, HW_SHARE_COUNT, h->mm,
						h->addr, (unsigned long)h->table,
						sharers,
						"table 0x%lx: count %d, yet %u page tables have it",
						(unsigned long)h->table, sharers,
						hw_users(c, h->table));
			}
		}

		vt_look(run, HW_SPLIT_SHARED, exposed);
		if (!h->spanned && sharers > 0 && hw_users(c, h->table) > 1 &&
		    hw_table(h->pudp) == h->table)
			vt_race(run, HW_SPLIT_SHARED, h->mm, h->addr,
				(unsigned long)h->table, sharers,
				"table 0x%lx, shared by %d others, under a VMA that does not span it",
				(unsigned long)h->table, sharers);
	}
}

/*
 * @mms: how many map the file
 *
 * Context: i_mmap_rwsem held for write, which reclaim may want.
 */
static void hw_census(struct vt_run *run, const struct hw_file *f,
		      unsigned int mms, bool exposed)
{
	/* On its way elsewhere a mapping may be seen in two more places. */
	unsigned int most = 4 * mms;
	struct vm_area_struct *vma;
	struct hw_census *c;
	bool whole = true;

	c = kzalloc(struct_size(c, hangs, most), GFP_NOWAIT | __GFP_NOWARN);
	if (!c)
		return;
	c->most = most;
	for (vma = vt_rmap_first(f->mapping); vma && whole;
	     vma = vt_rmap_next(vma))
		whole = hw_census_add(c, vma);
	if (whole) {
		vt_count(run, HW_C_CENSUS, 1);
		hw_census_judge(run, c, exposed);
	}
	kfree(c);
}

static void hw_walk_census(struct vt_run *run, struct hw_state *st)
{
	int ended = atomic_read(&st->ended);

	i_mmap_lock_write(st->file.mapping);
	hw_census(run, &st->file, st->nr_slots,
		  atomic_read(&st->begun) != ended);
	i_mmap_unlock_write(st->file.mapping);
}

/* The VMA is found in the tree, so that it stays there while this is held. */
static void hw_walk_i_mmap(struct vt_thread *t, struct hw_state *st,
			   const struct hw_visit *v)
{
	struct vm_area_struct *vma;
	struct hw_look l;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	i_mmap_lock_read(st->file.mapping);
	for (vma = vt_rmap_first(st->file.mapping); vma; vma = vt_rmap_next(vma))
		if (vma->vm_mm == v->mm && vma->vm_start <= HW_BASE &&
		    vma->vm_end >= HW_BASE + PUD_SIZE)
			break;
	if (vma)
		hw_walk(t, &l, &hw_i_mmap, &st->file);
	else
		vt_count(t->run, HW_C_EMPTY, 1);
	i_mmap_unlock_read(st->file.mapping);
}

/*
 * Is the table, which @l's mm has, in another mm at this moment too?
 *
 * The count alone does not tell: two faults of one mm may both have raised it,
 * and one of them takes its own back without waiting for anybody.
 *
 * Context: interrupts off, which RCU waits for.
 */
static bool hw_shared_truly(struct hw_state *st, struct hw_look *l)
{
	unsigned int i;

	for (i = 0; l->shared && i < st->nr_slots; i++) {
		pud_t *pudp = READ_ONCE(st->slots[i].pudp);

		if (&st->slots[i] != l->slot && pudp &&
		    hw_table(pudp) == l->table)
			return true;
	}
	return false;
}

/* As GUP-fast gets a page. Return: the page, with a reference, or NULL. */
static struct folio *hw_get(struct hw_look *l, bool *still)
{
	unsigned long pfn = pte_pfn(l->entry);
	struct folio *folio;

	if (!pte_present(l->entry) || !pfn_valid(pfn))
		return NULL;
	folio = page_folio(pfn_to_page(pfn));
	if (!folio_try_get(folio))
		return NULL;
	*still = page_folio(pfn_to_page(pfn)) == folio &&
		 hw_table(l->pudp) == l->table &&
		 hw_same_page(l->entry, __pte(hw_word(&l->table[l->idx])));
	return folio;
}

/* Context: the mm is in use, or nobody would wait for this CPU. */
static void hw_walk_irqs_off(struct vt_thread *t, struct hw_state *st,
			     const struct hw_visit *v)
{
	struct folio *folio = NULL;
	const char *what = NULL;
	bool still = false;
	unsigned long flags;
	struct hw_look l;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	local_irq_save(flags);
	if (hw_look_first(&l)) {
		vt_count(t->run, HW_C_IRQS_OFF, 1);
		l.shared = hw_shared_truly(st, &l);
		folio = hw_get(&l, &still);
		vt_hold(t);
		hw_judge(t->run, &l, &st->file, &hw_irqs_off,
			 hw_irqs_off.judges);
	} else {
		vt_count(t->run, HW_C_EMPTY, 1);
	}
	local_irq_restore(flags);

	if (!folio)
		return;
	/* It may have left the file since, but not become another's. */
	if (still) {
		vt_look(t->run, HW_WRONG_FOLIO, l.shared && hw_exposed(&l));
		what = hw_folio_wrong(&st->file, folio, l.idx, true);
	}
	if (what)
		hw_wrong_folio(t->run, &l, "irqs off", what);
	folio_put(folio);
}

/* Somebody wants the thread to pause or end, or a batch has taken its time. */
static bool hw_enough(unsigned long since)
{
	return READ_ONCE(vt_pause) || kthread_should_stop() ||
	       time_after(jiffies, since + msecs_to_jiffies(10));
}

/*
 * The kernel's own walkers.
 */
static bool hw_fault(struct mm_struct *mm, unsigned long addr)
{
	vm_fault_t ret = VM_FAULT_SIGSEGV;
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr && vma->vm_flags & VM_WRITE)
		ret = handle_mm_fault(vma, addr, FAULT_FLAG_WRITE, NULL);
	mmap_read_unlock(mm);
	return !(ret & VM_FAULT_ERROR);
}

static void hw_walk_fault(struct vt_thread *t, struct mm_struct *mm)
{
	if (!hw_fault(mm, hw_addr(vt_rnd_below(&t->rnd, HW_PAGES))))
		vt_count(t->run, HW_C_NO_PAGE, 1);
	vt_count(t->run, HW_C_FAULT, 1);
}

/* Context: the mm is in use. */
static void hw_walk_pin(struct vt_thread *t, struct hw_state *st,
			const struct hw_visit *v, bool fast)
{
	struct page *page;
	const char *what;
	struct hw_look l;
	long n;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	if (fast) {
		n = pin_user_pages_fast(hw_addr(l.idx), 1, FOLL_WRITE, &page);
	} else {
		mmap_read_lock(v->mm);
		n = vt_pin_user_pages(hw_addr(l.idx), 1, FOLL_WRITE, &page);
		mmap_read_unlock(v->mm);
	}
	vt_count(t->run, fast ? HW_C_PIN_FAST : HW_C_PIN, 1);
	if (n != 1)
		return;

	vt_look(t->run, HW_WRONG_FOLIO, hw_exposed(&l));
	what = hw_folio_wrong(&st->file, page_folio(page), l.idx, true);
	if (what)
		vt_race(t->run, HW_WRONG_FOLIO, v->mm, hw_addr(l.idx),
			page_to_pfn(page), l.idx, "%s got frame 0x%lx, %s",
			fast ? "pin_user_pages_fast" : "pin_user_pages",
			page_to_pfn(page), what);
	unpin_user_page(page);
}

/* Context: the mm is in use; its low anchor takes the answer. */
static void hw_walk_mincore(struct vt_thread *t)
{
	if (vt_syscall(sys_mincore, HW_BASE, HW_PAGES * PMD_SIZE, HW_LOW))
		return;
	vt_count(t->run, HW_C_MINCORE, 1);
}

/*
 * Reading the memory itself, through the CPU's own walk of the tables.
 */
static void hw_judge_read(struct vt_run *run, const struct hw_file *f,
			  struct mm_struct *mm, unsigned int idx, u64 seen,
			  u32 gen)
{
	if (hw_stamp_fits(f, idx, seen) && (!seen || (s32)((u32)seen - gen) >= 0))
		return;
	vt_race(run, HW_STALE_TLB, mm, hw_addr(idx), seen, gen,
		"read 0x%llx, when what was there up to generation %u is punched out",
		seen, gen);
}

/*
 * Busted: a reader that keeps using a translation after the punch, as a TLB that
 * was not flushed would.
 */
static void hw_recall(const struct hw_visit *v, const unsigned long **kept)
{
	unsigned int idx;
	struct hw_look l;

	for (idx = 0; idx < HW_PAGES; idx++) {
		hw_look_begin(&l, v, idx);
		if (hw_look_first(&l) &&
		    pte_present(l.entry) && pfn_valid(pte_pfn(l.entry)))
			kept[idx] = page_address(pfn_to_page(pte_pfn(l.entry)));
	}
}

static bool hw_busted_turn(struct vt_thread *t, u32 kinds)
{
	return t->run->busted & kinds && vt_rnd_one_in(&t->rnd, 2);
}

/* Context: the mm is in use. */
static void hw_walk_read(struct vt_thread *t, struct hw_state *st,
			 const struct hw_visit *v)
{
	const unsigned long *kept[HW_PAGES] = {};
	u32 gens[HW_PAGES], punched;
	unsigned int i, idx;
	unsigned long since;

	if (hw_busted_turn(t, BIT(HW_STALE_TLB))) {
		punched = READ_ONCE(st->punched);
		hw_recall(v, kept);
		wait_event_idle_timeout(st->wait,
					READ_ONCE(st->punched) != punched ||
					kthread_should_stop(), HZ / 4);
	}
	for (idx = 0; idx < HW_PAGES; idx++)
		gens[idx] = READ_ONCE(st->file.gen[idx]);

	since = jiffies;
	for (i = 0; i < HW_BATCH && !hw_enough(since); i++) {
		int ended = atomic_read(&st->ended);
		u64 seen;
		u32 gen;

		idx = i % HW_PAGES;
		/* Pairs with the release in hw_next_gen(). */
		gen = smp_load_acquire(&st->file.gen[idx]);
		if (kept[idx]) {
			seen = hw_word(kept[idx]);
		} else if (get_user(seen, (u64 __user *)hw_addr(idx))) {
			vt_count(t->run, HW_C_NO_PAGE, 1);
			continue;
		}
		vt_count(t->run, HW_C_READ, 1);
		vt_look(t->run, HW_STALE_TLB, gen != gens[idx] ||
			atomic_read(&st->begun) != ended);
		hw_judge_read(t->run, &st->file, v->mm, idx, seen, gen);
		gens[idx] = gen;
		vt_hold(t);
	}
}

/*
 * Busted: a walker that holds nothing, and judges as if it did. It waits for
 * what it wants to see.
 */
static void hw_walk_naked(struct vt_thread *t, struct hw_state *st,
			  const struct hw_visit *v)
{
	static const struct hw_rule naked = {
		.name = "nothing", .counter = HW_C_JUDGED, .typed = true,
	};
	u32 kinds = t->run->busted & HW_NAKED_KINDS;
	u32 freed = kinds & BIT(HW_TABLE_FREED);
	u32 punched, purged;
	struct hw_look l;
	unsigned int kind;

	/* One kind needs the table to be freed, the others a page to be. */
	if (kinds != freed && (!freed || vt_rnd_one_in(&t->rnd, 2)))
		freed = 0;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	punched = READ_ONCE(st->punched);
	purged = READ_ONCE(st->purged);
	if (!hw_look_first(&l) || !l.shared || !pte_present(l.entry))
		return;

	wait_event_idle_timeout(st->wait, kthread_should_stop() ||
		(freed ? READ_ONCE(st->purged) != purged :
			 READ_ONCE(st->punched) != punched), HZ / 4);
	/* Tables may be freed at once, or by RCU. */
	if (freed) {
		hw_judge(t->run, &l, &st->file, &naked, freed);
		rcu_barrier();
	} else {
		kinds &= ~BIT(HW_TABLE_FREED);
	}
	for (kind = 0; kind < HW_PAGE_LEAK; kind++)
		if ((freed ? freed : kinds) & BIT(kind))
			hw_judge(t->run, &l, &st->file, &naked, BIT(kind));
}

/*
 * Readers.
 */
enum hw_way {
	HW_BY_VMA_LOCK, HW_BY_PER_VMA, HW_BY_I_MMAP, HW_BY_IRQS_OFF,
	HW_BY_FAULT, HW_BY_PIN_FAST, HW_BY_PIN, HW_BY_MINCORE,
};

static const enum hw_way hw_ways[] = {
	HW_BY_VMA_LOCK, HW_BY_VMA_LOCK, HW_BY_VMA_LOCK,
	HW_BY_PER_VMA, HW_BY_PER_VMA, HW_BY_PER_VMA,
	HW_BY_I_MMAP, HW_BY_I_MMAP, HW_BY_I_MMAP,
	HW_BY_IRQS_OFF, HW_BY_IRQS_OFF, HW_BY_IRQS_OFF, HW_BY_IRQS_OFF,
	HW_BY_FAULT, HW_BY_PIN_FAST, HW_BY_PIN, HW_BY_MINCORE,
};

static enum hw_way hw_way(struct vt_thread *t)
{
	enum hw_way way = hw_ways[vt_rnd_below(&t->rnd, ARRAY_SIZE(hw_ways))];

	if ((way == HW_BY_PER_VMA && !vt_has(lock_vma_under_rcu)) ||
	    (way == HW_BY_I_MMAP && !vt_rmap_known()) ||
	    (way == HW_BY_MINCORE && !vt_has(sys_mincore)))
		return HW_BY_VMA_LOCK;
	return way;
}

static void hw_walk_one(struct vt_thread *t, struct hw_state *st,
			const struct hw_visit *v)
{
	switch (hw_way(t)) {
	case HW_BY_VMA_LOCK:
		hw_walk_vma_lock(t, st, v);
		break;
	case HW_BY_PER_VMA:
		hw_walk_per_vma(t, st, v);
		break;
	case HW_BY_I_MMAP:
		hw_walk_i_mmap(t, st, v);
		break;
	case HW_BY_IRQS_OFF:
		hw_walk_irqs_off(t, st, v);
		break;
	case HW_BY_FAULT:
		hw_walk_fault(t, v->mm);
		break;
	case HW_BY_PIN_FAST:
		hw_walk_pin(t, st, v, true);
		break;
	case HW_BY_PIN:
		hw_walk_pin(t, st, v, false);
		break;
	case HW_BY_MINCORE:
		hw_walk_mincore(t);
		break;
	}
	vt_op(t->run);
}

/* What a look costs: the same walk under the same locks with and without it. */
static void hw_price(struct vt_thread *t, struct hw_state *st,
		     const struct hw_visit *v, bool checked)
{
	unsigned long since = jiffies;
	u64 t0 = ktime_get_ns();
	unsigned int i, n = 0;

	for (i = 0; i < 8 * HW_BATCH && !hw_enough(since); i++) {
		struct rw_semaphore *rwsem;
		struct hw_look l;

		hw_look_begin(&l, v, i % HW_PAGES);
		mmap_read_lock(v->mm);
		rwsem = hw_vma_rwsem(find_vma(v->mm, HW_BASE), &st->file);
		if (rwsem) {
			down_read(rwsem);
			if (hw_look_first(&l)) {
				n++;
				if (checked)
					hw_judge(t->run, &l, &st->file,
						 &hw_vma_lock,
						 hw_vma_lock.judges);
			}
			up_read(rwsem);
		}
		mmap_read_unlock(v->mm);
	}
	vt_count(t->run, checked ? HW_C_CHECKED_NS : HW_C_BARE_NS,
		 ktime_get_ns() - t0);
	vt_count(t->run, checked ? HW_C_CHECKED : HW_C_BARE, n);
}

static void hw_walk_batch(struct vt_thread *t, struct hw_state *st,
			  const struct hw_visit *v)
{
	unsigned long since = jiffies;
	unsigned int i;

	if (hw_busted_turn(t, HW_NAKED_KINDS)) {
		hw_walk_naked(t, st, v);
		return;
	}
	if (hw_busted_turn(t, BIT(HW_STALE_TLB)) || vt_rnd_one_in(&t->rnd, 4)) {
		hw_walk_read(t, st, v);
		return;
	}
	if (vt_rnd_one_in(&t->rnd, 64)) {
		hw_price(t, st, v, false);
		hw_price(t, st, v, true);
		return;
	}
	for (i = 0; i < HW_BATCH && !hw_enough(since); i++) {
		hw_walk_one(t, st, v);
		cond_resched();
	}
	if (vt_rmap_known())
		hw_walk_census(t->run, st);
}

/* Return: false while the slot's mm is exchanged. */
static bool hw_visit(struct hw_visit *v, struct hw_slot *slot)
{
	rcu_read_lock();
	v->slot = slot;
	v->mm = READ_ONCE(slot->mm);
	/* The slot's own reference is dropped a grace period after this. */
	if (v->mm)
		mmget(v->mm);
	rcu_read_unlock();
	if (!v->mm)
		return false;
	v->pudp = hw_pudp(v->mm, HW_BASE);
	kthread_use_mm(v->mm);
	return true;
}

static int hw_reader(struct vt_thread *t)
{
	struct hw_state *st = t->arg;
	struct hw_visit v;

	while (vt_go(t)) {
		if (!hw_visit(&v, &st->slots[vt_rnd_below(&t->rnd,
							  st->nr_slots)]))
			continue;
		hw_walk_batch(t, st, &v);
		kthread_unuse_mm(v.mm);
		vt_mm_put(v.mm);
	}
	return 0;
}

/*
 * Mappings.
 */
static int hw_map(const struct hw_file *f, unsigned long addr,
		  unsigned long len, unsigned long flags)
{
	unsigned long ret = vm_mmap(f->file, addr, len, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_FIXED | flags,
				    addr & ~PUD_MASK);

	return IS_ERR_VALUE(ret) ? (int)ret : 0;
}

static int hw_anchor(unsigned long addr)
{
	unsigned long ret = vm_mmap(NULL, addr, PAGE_SIZE,
				    PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);

	if (IS_ERR_VALUE(ret))
		return (int)ret;
	return put_user(1, (u8 __user *)addr);
}

/*
 * An mm that maps @f whole at @base. The anchors, one page each, see to it that
 * the page tables above its PMD table stay until it exits.
 */
static struct mm_struct *hw_mm_new(const struct hw_file *f, unsigned long base,
				   unsigned long len, unsigned long flags)
{
	struct mm_struct *mm = vt_mm_new();
	int ret;

	if (!mm)
		return NULL;
	kthread_use_mm(mm);
	ret = hw_anchor(HW_LOW);
	if (!ret)
		ret = hw_anchor(HW_HIGH);
	if (!ret)
		ret = hw_map(f, base, len, flags);
	kthread_unuse_mm(mm);
	if (!ret)
		return mm;
	vt_mm_put(mm);
	return NULL;
}

/*
 * Drop the last reference of an mm, if it is the last, and see whether all page
 * tables come back.
 */
static void hw_mm_put(struct vt_run *run, struct mm_struct *mm)
{
	bool last = atomic_read(&mm->mm_users) == 1;
	unsigned long left;

	mmgrab(mm);
	if (vt_busted(run, HW_PAGE_LEAK))
		mm_inc_nr_pmds(mm);
	vt_mm_put(mm);
	if (last) {
		left = mm_pgtables_bytes(mm);
		vt_look(run, HW_PAGE_LEAK, true);
		if (left)
			vt_race(run, HW_PAGE_LEAK, mm, 0, left, 0,
				"%lu bytes of page tables left when all is unmapped",
				left);
	}
	/* The kernel itself looks when the mm is freed. */
	if (vt_busted(run, HW_PAGE_LEAK))
		mm_dec_nr_pmds(mm);
	mmdrop(mm);
}

/*
 * Writers.
 */
struct hw_writer {
	struct vt_thread *t;
	struct hw_state *st;
	unsigned int next;
	struct page *ring[HW_RING];
};

static void hw_begin(struct hw_state *st, struct hw_slot *slot)
{
	atomic_inc(&st->begun);
	if (slot)
		atomic_inc(&slot->begun);
	/* Seen to have begun before it does anything: pairs with hw_exposed(). */
	smp_mb();
}

static void hw_end(struct hw_state *st, struct hw_slot *slot)
{
	/* What ended was done before: pairs with hw_look_begin(). */
	smp_mb();
	if (slot)
		atomic_inc(&slot->ended);
	atomic_inc(&st->ended);
	if (st->run->busted)
		wake_up_all(&st->wait);
}

static void hw_begin_all(struct hw_state *st)
{
	unsigned int i;

	for (i = 0; i < st->nr_slots; i++)
		hw_begin(st, &st->slots[i]);
}

static void hw_end_all(struct hw_state *st)
{
	unsigned int i;

	for (i = 0; i < st->nr_slots; i++)
		hw_end(st, &st->slots[i]);
}

/* Who shares? Counts who began and who ended since the last time. */
static void hw_tally(struct hw_state *st)
{
	struct vt_run *run = st->run;
	unsigned int i, now = 0;

	mutex_lock(&st->tally_lock);
	i_mmap_lock_read(st->file.mapping);
	rcu_read_lock();
	for (i = 0; i < st->nr_slots; i++) {
		struct hw_slot *slot = &st->slots[i];
		pud_t *pudp = READ_ONCE(slot->pudp);
		unsigned long *table = pudp ? hw_table(pudp) : NULL;
		int sharers = table ? vt_pmd_sharers(virt_to_page(table)) : 0;

		if (slot->joined && slot->joined != (unsigned long)table) {
			vt_count(run, HW_C_UNSHARES, 1);
			trace_pmd_unshare(READ_ONCE(slot->mm), HW_BASE,
					  slot->joined, sharers);
			slot->joined = 0;
		}
		if (sharers > 0 && !slot->joined) {
			vt_count(run, HW_C_SHARES, 1);
			trace_pmd_share(READ_ONCE(slot->mm), HW_BASE,
					(unsigned long)table, sharers);
		}
		slot->joined = sharers > 0 ? (unsigned long)table : 0;
		now += sharers > 0;
	}
	rcu_read_unlock();
	i_mmap_unlock_read(st->file.mapping);
	/* It is no sum, but may have been set to zero meanwhile. */
	vt_count(run, HW_C_SHARED_NOW,
		 now - vt_counter_sum(run, HW_C_SHARED_NOW));
	mutex_unlock(&st->tally_lock);
}

/*
 * Pages that were freed by what this CPU did last are the first to be given
 * out: fill some, so that a walker in a freed table sees it.
 */
static void hw_poison(struct hw_writer *w)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		struct page **page = &w->ring[w->next];

		if (*page)
			__free_page(*page);
		*page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
		if (*page)
			memset64(page_address(*page), HW_POISON,
				 PAGE_SIZE / sizeof(u64));
		w->next = (w->next + 1) % HW_RING;
	}
}

static void hw_stamp_page(struct vt_run *run, const struct hw_file *f,
			  unsigned long base, unsigned int idx)
{
	u64 __user *p = (u64 __user *)(base + idx * PMD_SIZE);
	u64 seen;

	if (get_user(seen, p) ||
	    (!seen && put_user(hw_stamp(f, idx, f->gen[idx]), p)))
		vt_count(run, HW_C_NO_PAGE, 1);
}

/*
 * Touch all pages, so that the mm shares again, and stamp the new ones.
 *
 * Context: the mm is in use.
 */
static void hw_touch(struct hw_state *st, unsigned long base)
{
	unsigned int idx;

	mutex_lock(&st->file_lock);
	for (idx = 0; idx < HW_PAGES; idx++)
		hw_stamp_page(st->run, &st->file, base, idx);
	mutex_unlock(&st->file_lock);
}

static void hw_next_gen(struct hw_file *f, unsigned int idx)
{
	/* Whoever sees it must not see what was there before. */
	smp_store_release(&f->gen[idx], f->gen[idx] + 1);
}

static int hw_punch(const struct hw_file *f, unsigned int idx, unsigned int nr)
{
	return vfs_fallocate(f->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     (loff_t)idx * PMD_SIZE, (loff_t)nr * PMD_SIZE);
}

/*
 * Take pages from the file, and give them to the other one, so that old content
 * would be seen.
 */
static void hw_shrink(struct hw_writer *w, enum hw_op op)
{
	struct hw_state *st = w->st;
	struct hw_file *f = &st->file;
	unsigned int idx = vt_rnd_below(&w->t->rnd, HW_PAGES), i;
	int ret;

	mutex_lock(&st->file_lock);
	hw_punch(&st->reuse, 0, HW_REUSE_PAGES);
	hw_begin_all(st);
	if (op == HW_PUNCH) {
		ret = hw_punch(f, idx, 1);
		if (!ret)
			hw_next_gen(f, idx);
	} else {
		ret = vfs_truncate(&f->file->f_path, (loff_t)idx * PMD_SIZE);
		for (i = idx; !ret && i < HW_PAGES; i++)
			hw_next_gen(f, i);
		/* And back: mappings past the end are no use. */
		if (!ret)
			ret = vfs_truncate(&f->file->f_path, PUD_SIZE);
	}
	if (ret)
		vt_count(st->run, HW_C_FAILED, 1);

	kthread_use_mm(st->reuse_mm);
	for (i = 0; i < (op == HW_PUNCH ? 1 : HW_REUSE_PAGES); i++)
		hw_stamp_page(st->run, &st->reuse, HW_REUSE_BASE, i);
	kthread_unuse_mm(st->reuse_mm);
	WRITE_ONCE(st->punched, st->punched + 1);
	hw_end_all(st);
	mutex_unlock(&st->file_lock);
}

/*
 * Move the mapping away, and drop it there.
 *
 * Not to where it may share: mremap() of a table that is not shared allocates
 * the new one with i_mmap_rwsem held for write, and huge_pmd_share() takes it
 * for read, so that the task waits for itself for ever (seen on 6.1, 6.12 and 7.2).
 */
static long hw_move(void)
{
	long ret = vt_syscall(sys_mremap, HW_BASE, PUD_SIZE, PUD_SIZE,
			      MREMAP_MAYMOVE | MREMAP_FIXED, HW_OTHER);

	return ret == HW_OTHER ? vm_munmap(HW_OTHER, PUD_SIZE) : -ENOMEM;
}

/* Context: the mm is in use. Return: the VMA is in pieces or away. */
static bool hw_alter(struct hw_writer *w, enum hw_op op)
{
	struct hw_state *st = w->st;
	unsigned long part = hw_addr(1 + vt_rnd_below(&w->t->rnd, HW_PAGES));
	long ret = 0;

	switch (op) {
	case HW_MUNMAP:
		ret = vm_munmap(HW_BASE, PUD_SIZE);
		break;
	case HW_MAP_FIXED:
		ret = hw_map(&st->file, part, PMD_SIZE, MAP_NORESERVE);
		break;
	case HW_PARTIAL:
		ret = vm_munmap(part, PMD_SIZE);
		break;
	case HW_MPROTECT_PART:
		ret = vt_syscall(sys_mprotect, part, PMD_SIZE, PROT_READ);
		break;
	case HW_MPROTECT:
		ret = vt_syscall(sys_mprotect, HW_BASE, PUD_SIZE, PROT_READ);
		if (!ret)
			ret = vt_syscall(sys_mprotect, HW_BASE, PUD_SIZE,
					 PROT_READ | PROT_WRITE);
		break;
	case HW_MREMAP:
		ret = hw_move();
		break;
	case HW_MADVISE:
		ret = vt_syscall(sys_madvise, part, PMD_SIZE, MADV_DONTDUMP);
		break;
	case HW_DONTNEED:
		ret = vt_syscall(sys_madvise, HW_BASE, PUD_SIZE, MADV_DONTNEED);
		break;
	default:
		break;
	}
	if (ret)
		vt_count(st->run, HW_C_FAILED, 1);

	return ret || (op != HW_MPROTECT && op != HW_DONTNEED);
}

static void hw_slot_set(struct hw_slot *slot, struct mm_struct *mm)
{
	WRITE_ONCE(slot->pudp, mm ? hw_pudp(mm, HW_BASE) : NULL);
	/* Who gets the mm finds its page tables: pairs with hw_visit(). */
	smp_store_release(&slot->mm, mm);
}

/* An mm that shares exits, and a new one takes its place. */
static void hw_exchange(struct hw_state *st, struct hw_slot *slot)
{
	struct mm_struct *old = slot->mm, *new;

	new = hw_mm_new(&st->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
	if (!new) {
		vt_count(st->run, HW_C_FAILED, 1);
		return;
	}
	hw_begin(st, slot);
	hw_slot_set(slot, NULL);
	/* Nobody is about to get the old one, or looks at its page tables. */
	synchronize_rcu_expedited();
	hw_mm_put(st->run, old);
	hw_end(st, slot);
	hw_slot_set(slot, new);
}

static void hw_change(struct hw_writer *w, struct hw_slot *slot, enum hw_op op)
{
	struct hw_state *st = w->st;
	bool remap = false;
	u64 t0;

	if (op == HW_EXIT)
		hw_exchange(st, slot);

	kthread_use_mm(slot->mm);
	if (op != HW_EXIT) {
		hw_begin(st, slot);
		t0 = ktime_get_ns();
		remap = hw_alter(w, op);
		vt_hist(st->run, HW_H_UNSHARE, ktime_get_ns() - t0);
		hw_end(st, slot);
	}
	hw_poison(w);
	hw_tally(st);
	if (remap) {
		hw_begin(st, slot);
		if (hw_map(&st->file, HW_BASE, PUD_SIZE, MAP_NORESERVE))
			vt_count(st->run, HW_C_FAILED, 1);
		hw_end(st, slot);
	}
	hw_touch(st, HW_BASE);
	kthread_unuse_mm(slot->mm);
	hw_tally(st);
}

static void hw_lock_all(struct hw_state *st)
{
	unsigned int i;

	mutex_lock(&st->all_lock);
	for (i = 0; i < st->nr_slots; i++)
		mutex_lock_nest_lock(&st->slots[i].lock, &st->all_lock);
}

static void hw_unlock_all(struct hw_state *st)
{
	unsigned int i;

	for (i = 0; i < st->nr_slots; i++)
		mutex_unlock(&st->slots[i].lock);
	mutex_unlock(&st->all_lock);
}

/* All of them unmap, so that the table is not only unshared but freed. */
static void hw_purge(struct hw_writer *w)
{
	struct hw_state *st = w->st;
	unsigned int i;

	hw_lock_all(st);
	for (i = 0; i < st->nr_slots; i++) {
		struct hw_slot *slot = &st->slots[i];

		kthread_use_mm(slot->mm);
		hw_begin(st, slot);
		if (vm_munmap(HW_BASE, PUD_SIZE))
			vt_count(st->run, HW_C_FAILED, 1);
		hw_poison(w);
		if (i == st->nr_slots - 1)
			WRITE_ONCE(st->purged, st->purged + 1);
		hw_end(st, slot);
		kthread_unuse_mm(slot->mm);
		hw_tally(st);
	}
	/* At the end of the test nobody needs them any more. */
	for (i = 0; i < st->nr_slots && !READ_ONCE(vt_pause); i++) {
		struct hw_slot *slot = &st->slots[i];

		kthread_use_mm(slot->mm);
		if (hw_map(&st->file, HW_BASE, PUD_SIZE, MAP_NORESERVE))
			vt_count(st->run, HW_C_FAILED, 1);
		hw_touch(st, HW_BASE);
		kthread_unuse_mm(slot->mm);
	}
	hw_unlock_all(st);
	hw_tally(st);
}

/*
 * Busted: with all others locked out, falsify the count of a shared table, and
 * let a VMA end before its PUD does; take the census of each; undo it.
 */
static void hw_plant(struct hw_state *st)
{
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	struct hw_visit v;
	struct hw_look l;

	hw_lock_all(st);
	mm = st->slots[0].mm;
	v = (struct hw_visit){ &st->slots[0], mm, st->slots[0].pudp };
	mmap_write_lock(mm);
	vma = find_vma(mm, HW_BASE);
	i_mmap_lock_write(st->file.mapping);
	hw_look_begin(&l, &v, 0);
	if (vma && hw_vma_rwsem(vma, &st->file) &&
	    hw_look_first(&l) && l.shared) {
		if (vt_busted(st->run, HW_SHARE_COUNT)) {
			vt_pmd_sharers_add(l.page, 1);
			hw_census(st->run, &st->file, st->nr_slots, true);
			vt_pmd_sharers_add(l.page, -1);
		}
		if (vt_busted(st->run, HW_SPLIT_SHARED)) {
			vma->vm_end -= PMD_SIZE;
			hw_census(st->run, &st->file, st->nr_slots, true);
			vma->vm_end += PMD_SIZE;
		}
	}
	i_mmap_unlock_write(st->file.mapping);
	mmap_write_unlock(mm);
	hw_unlock_all(st);
}

static bool hw_op_possible(enum hw_op op)
{
	switch (op) {
	case HW_MPROTECT_PART:
	case HW_MPROTECT:
		return vt_has(sys_mprotect);
	case HW_MREMAP:
		return vt_has(sys_mremap);
	case HW_MADVISE:
	case HW_DONTNEED:
		return vt_has(sys_madvise);
	default:
		return true;
	}
}

/* How often: pages that have to be zeroed again, and exits, take their time. */
static const enum hw_op hw_draws[] = {
	HW_MUNMAP, HW_MUNMAP, HW_MUNMAP, HW_MUNMAP,
	HW_MAP_FIXED, HW_MAP_FIXED, HW_MAP_FIXED, HW_MAP_FIXED,
	HW_PARTIAL, HW_PARTIAL, HW_PARTIAL, HW_PARTIAL, HW_PARTIAL,
	HW_MPROTECT_PART, HW_MPROTECT_PART, HW_MPROTECT_PART,
	HW_MPROTECT, HW_MPROTECT, HW_MPROTECT,
	HW_MREMAP, HW_MREMAP, HW_MREMAP,
	HW_MADVISE, HW_MADVISE, HW_MADVISE, HW_MADVISE, HW_MADVISE,
	HW_DONTNEED, HW_DONTNEED, HW_DONTNEED, HW_DONTNEED, HW_DONTNEED,
	HW_PUNCH, HW_TRUNCATE, HW_EXIT, HW_PURGE,
};

static enum hw_op hw_draw(struct hw_writer *w)
{
	struct vt_rnd *rnd = &w->t->rnd;
	enum hw_op op;

	/* Whoever breaks promises wants to see it soon. */
	if (w->t->run->busted & (HW_NAKED_KINDS | BIT(HW_STALE_TLB)) &&
	    !vt_rnd_one_in(rnd, 4))
		return vt_rnd_one_in(rnd, 2) ? HW_PUNCH : HW_PURGE;
	do {
		op = hw_draws[vt_rnd_below(rnd, ARRAY_SIZE(hw_draws))];
	} while (!hw_op_possible(op));
	return op;
}

static void hw_write_once(struct hw_writer *w)
{
	struct hw_state *st = w->st;
	struct hw_slot *slot = &st->slots[vt_rnd_below(&w->t->rnd,
						       st->nr_slots)];
	enum hw_op op = hw_draw(w);

	vt_count(st->run, HW_C_OPS + op, 1);
	vt_op(st->run);
	if (op == HW_PURGE) {
		hw_purge(w);
		return;
	}
	mutex_lock(&slot->lock);
	if (op == HW_PUNCH || op == HW_TRUNCATE)
		hw_shrink(w, op);
	hw_change(w, slot, op);
	mutex_unlock(&slot->lock);
}

static int hw_writer(struct vt_thread *t)
{
	struct hw_writer *w = kzalloc(sizeof(*w), GFP_KERNEL);
	unsigned int i;

	if (!w)
		return -ENOMEM;
	w->t = t;
	w->st = t->arg;
	while (vt_go(t)) {
		hw_write_once(w);
		if (hw_busted_turn(t, BIT(HW_SHARE_COUNT) | BIT(HW_SPLIT_SHARED)))
			hw_plant(w->st);
	}
	for (i = 0; i < HW_RING; i++)
		if (w->ring[i])
			__free_page(w->ring[i]);
	kfree(w);
	return 0;
}

/*
 * The lab: one mm alone has a table, and splits its VMA or is gone, while
 * another begins to share that table.
 */
enum hw_lab_op {
	HW_LAB_MADVISE, HW_LAB_PARTIAL, HW_LAB_MAP_FIXED, HW_LAB_MPROTECT,
	HW_LAB_MREMAP, HW_LAB_MUNMAP, HW_LAB_EXIT, HW_LAB_NR_OPS,
};

static enum hw_lab_op hw_lab_draw(struct vt_rnd *rnd)
{
	enum hw_lab_op op;

	/* The split that unmaps nothing is the one to tell: mostly that. */
	if (vt_has(sys_madvise) && vt_rnd_one_in(rnd, 2))
		return HW_LAB_MADVISE;
	do {
		op = vt_rnd_below(rnd, HW_LAB_NR_OPS);
	} while ((op == HW_LAB_MADVISE && !vt_has(sys_madvise)) ||
		 (op == HW_LAB_MPROTECT && !vt_has(sys_mprotect)) ||
		 (op == HW_LAB_MREMAP && !vt_has(sys_mremap)));
	return op;
}

static long hw_lab_alter(struct hw_lab *lab, enum hw_lab_op op)
{
	unsigned long part = hw_addr(1);
	long ret = 0;

	switch (op) {
	case HW_LAB_MADVISE:
		ret = vt_syscall(sys_madvise, part, PMD_SIZE, MADV_DONTDUMP);
		break;
	case HW_LAB_PARTIAL:
		ret = vm_munmap(part, PMD_SIZE);
		break;
	case HW_LAB_MAP_FIXED:
		ret = hw_map(&lab->file, part, PMD_SIZE, MAP_NORESERVE);
		break;
	case HW_LAB_MPROTECT:
		ret = vt_syscall(sys_mprotect, part, PMD_SIZE, PROT_READ);
		break;
	case HW_LAB_MREMAP:
		ret = hw_move();
		break;
	case HW_LAB_MUNMAP:
		ret = vm_munmap(HW_BASE, PUD_SIZE);
		break;
	default:
		break;
	}
	return ret;
}

/* Both mapped whole, and the splitter alone with a table. */
static bool hw_lab_fresh(struct hw_lab *lab)
{
	int ret;

	if (!lab->splitter)
		lab->splitter = hw_mm_new(&lab->file, HW_BASE, PUD_SIZE,
					  MAP_NORESERVE);
	if (!lab->splitter)
		return false;
	kthread_use_mm(lab->joiner);
	ret = hw_map(&lab->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
	kthread_unuse_mm(lab->joiner);
	if (ret)
		return false;
	kthread_use_mm(lab->splitter);
	ret = hw_map(&lab->file, HW_BASE, PUD_SIZE, MAP_NORESERVE);
	kthread_unuse_mm(lab->splitter);
	return !ret && hw_fault(lab->splitter, HW_BASE);
}

/* Spin for as long as the lab is at a step, but not for long. */
static bool hw_lab_past(struct hw_lab *lab, enum hw_lab_step step)
{
	u64 end = ktime_get_ns() + NSEC_PER_MSEC;

	while (atomic_read_acquire(&lab->step) == step) {
		if (ktime_get_ns() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/*
 * Return: the other one goes. It does so at this moment, unless there is but one
 * CPU, or the other CPUs have better things to do.
 */
static bool hw_lab_call(struct hw_lab *lab)
{
	atomic_set_release(&lab->step, HW_LAB_POSTED);
	wake_up_all(&lab->wait);
	if (!hw_lab_past(lab, HW_LAB_POSTED))
		wait_event_idle_timeout(lab->wait, atomic_read(&lab->step) !=
						   HW_LAB_POSTED, HZ / 100 + 1);
	if (atomic_cmpxchg(&lab->step, HW_LAB_POSTED, HW_LAB_IDLE) ==
	    HW_LAB_POSTED)
		return false;
	atomic_cmpxchg(&lab->step, HW_LAB_TAKEN, HW_LAB_GO);
	return true;
}

static void hw_lab_round(struct vt_thread *t, struct hw_state *st)
{
	enum hw_lab_op op = hw_lab_draw(&t->rnd);
	struct hw_lab *lab = &st->lab;
	struct mm_struct *mm;
	u64 from, to;
	bool met;

	if (!hw_lab_fresh(lab)) {
		vt_count(t->run, HW_C_NO_PAGE, 1);
		return;
	}
	mm = lab->splitter;
	if (op != HW_LAB_EXIT)
		kthread_use_mm(mm);
	if (hw_lab_call(lab)) {
		from = ktime_get_ns();
		if (op == HW_LAB_EXIT) {
			lab->splitter = NULL;
			hw_mm_put(t->run, mm);
		} else if (hw_lab_alter(lab, op)) {
			vt_count(t->run, HW_C_FAILED, 1);
		}
		to = ktime_get_ns();
		wait_event_idle(lab->wait,
				atomic_read_acquire(&lab->step) == HW_LAB_DONE);
		if (op == HW_LAB_MADVISE)
			WRITE_ONCE(lab->took_ns, min_t(u64, to - from, 200000));
		met = lab->from_ns < to && lab->to_ns > from;
		vt_count(t->run, HW_C_DIRECTED, 1);
		vt_count(t->run, HW_C_OVERLAPPED, met);
		i_mmap_lock_write(lab->file.mapping);
		hw_census(t->run, &lab->file, 2, met);
		i_mmap_unlock_write(lab->file.mapping);
	}
	if (op != HW_LAB_EXIT)
		kthread_unuse_mm(mm);
	vt_op(t->run);
}

/* The two of them have to meet: they do not queue for a CPU, but rest instead. */
static int hw_splitter(struct vt_thread *t)
{
	sched_set_fifo_low(current);
	while (vt_go(t)) {
		hw_lab_round(t, t->arg);
		schedule_timeout_idle(1);
	}
	return 0;
}

static int hw_joiner(struct vt_thread *t)
{
	struct hw_state *st = t->arg;
	struct hw_lab *lab = &st->lab;

	sched_set_fifo_low(current);
	while (vt_go(t)) {
		u64 delay = vt_rnd_below(&t->rnd, READ_ONCE(lab->took_ns) + 1);

		wait_event_idle_timeout(lab->wait, kthread_should_stop() ||
			atomic_read(&lab->step) == HW_LAB_POSTED, HZ / 10);
		if (atomic_cmpxchg(&lab->step, HW_LAB_POSTED, HW_LAB_TAKEN) !=
		    HW_LAB_POSTED)
			continue;
		wake_up_all(&lab->wait);
		/* Whoever posted goes on at once, if it can. */
		hw_lab_past(lab, HW_LAB_TAKEN);
		lab->from_ns = ktime_get_ns();
		while (ktime_get_ns() - lab->from_ns < delay)
			cpu_relax();
		if (!hw_fault(lab->joiner, HW_BASE))
			vt_count(t->run, HW_C_NO_PAGE, 1);
		lab->to_ns = ktime_get_ns();
		vt_op(t->run);
		atomic_set_release(&lab->step, HW_LAB_DONE);
		wake_up_all(&lab->wait);
	}
	return 0;
}

/*
 * Set-up and end.
 */

/* A mount with a limit of its own keeps books of its own, which have to balance. */
static struct vfsmount *hw_mount(void)
{
	struct file_system_type *type = get_fs_type("hugetlbfs");
	struct vfsmount *mnt;
	char options[64];

	if (!type)
		return ERR_PTR(-ENODEV);
	scnprintf(options, sizeof(options), "pagesize=%lu,size=%lu", PMD_SIZE,
		  HW_MOST * PMD_SIZE);
	mnt = vfs_kern_mount(type, SB_KERNMOUNT, type->name, options);
	module_put(type->owner);
	return mnt;
}

static int hw_probe(struct vt_run *run)
{
	struct vt_huge_pool pool;
	struct vfsmount *mnt;

	if (!vt_hugetlb_sharing()) {
		vt_skip(run, "this kernel shares no page tables of huge pages");
		return 0;
	}
	mnt = hw_mount();
	if (PTR_ERR_OR_ZERO(mnt) == -ENOMEM)
		return -ENOMEM;
	if (IS_ERR(mnt)) {
		vt_skip(run, "this machine has no huge pages of %lu kB: %ld",
			PMD_SIZE / SZ_1K, PTR_ERR(mnt));
		return 0;
	}
	vt_huge_pool(mnt->mnt_sb, &pool);
	mntput(mnt);
	if (pool.free < HW_LEAST)
		vt_skip(run, "%ld free huge pages of %lu kB, needs %d: sysctl vm.nr_hugepages=%d",
			pool.free, PMD_SIZE / SZ_1K, HW_LEAST, HW_MOST);

	if (!vt_pmd_count_exact())
		vt_absent(run, HW_SHARE_COUNT, "this kernel does not count sharers");
	if (!vt_rmap_known()) {
		vt_absent(run, HW_SHARE_COUNT, "the file's VMAs cannot be told");
		vt_absent(run, HW_SPLIT_SHARED, "the file's VMAs cannot be told");
	}
	return 0;
}

static int hw_file_open(struct hw_state *st, struct hw_file *f, u8 id)
{
	struct file *file = file_open_root_mnt(st->mnt, ".",
					       O_TMPFILE | O_RDWR | O_LARGEFILE,
					       0600);

	if (IS_ERR(file))
		return PTR_ERR(file);
	f->file = file;
	f->mapping = file->f_mapping;
	f->id = id;
	return 0;
}

static void hw_file_close(struct hw_file *f)
{
	vt_file_put(f->file);
	f->file = NULL;
}

static int hw_slot_fill(struct hw_state *st, struct hw_slot *slot)
{
	struct mm_struct *mm = hw_mm_new(&st->file, HW_BASE, PUD_SIZE,
					 MAP_NORESERVE);

	if (!mm)
		return -ENOMEM;
	hw_slot_set(slot, mm);
	kthread_use_mm(mm);
	hw_touch(st, HW_BASE);
	kthread_unuse_mm(mm);
	return 0;
}

static int hw_spaces(struct hw_state *st)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < st->nr_slots; i++)
		ret = hw_slot_fill(st, &st->slots[i]);
	if (ret)
		return ret;
	/* These pages are reserved, not taken as they come. */
	st->reuse_mm = hw_mm_new(&st->reuse, HW_REUSE_BASE,
				 HW_REUSE_PAGES * PMD_SIZE, 0);
	st->lab.joiner = hw_mm_new(&st->lab.file, HW_BASE, PUD_SIZE,
				   MAP_NORESERVE);
	return st->reuse_mm && st->lab.joiner ? 0 : -ENOMEM;
}

static int hw_threads(struct vt_run *run, struct hw_state *st)
{
	struct vt_thread *t;
	unsigned int i;

	for (i = 0; i < vt_params.nreaders; i++) {
		t = vt_spawn(run, "r", i, hw_reader, st);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	for (i = 0; i < vt_params.nwriters; i++) {
		t = vt_spawn(run, "w", i, hw_writer, st);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	if (!vt_rmap_known())
		return 0;
	t = vt_spawn(run, "split", 0, hw_splitter, st);
	if (IS_ERR(t))
		return PTR_ERR(t);
	t = vt_spawn(run, "join", 0, hw_joiner, st);
	return PTR_ERR_OR_ZERO(t);
}

static int hw_start(struct vt_run *run)
{
	unsigned int i, n = max_t(u64, vt_params.nmms, HW_MIN_SLOTS);
	struct hw_state *st = kzalloc(struct_size(st, slots, n), GFP_KERNEL);
	struct vfsmount *mnt;
	int ret;

	if (!st)
		return -ENOMEM;
	run->priv = st;
	st->run = run;
	st->nr_slots = n;
	mutex_init(&st->file_lock);
	mutex_init(&st->all_lock);
	mutex_init(&st->tally_lock);
	init_waitqueue_head(&st->wait);
	init_waitqueue_head(&st->lab.wait);
	for (i = 0; i < n; i++)
		mutex_init(&st->slots[i].lock);

	mnt = hw_mount();
	if (IS_ERR(mnt))
		return PTR_ERR(mnt);
	st->mnt = mnt;
	ret = hw_file_open(st, &st->file, 1);
	if (!ret)
		ret = hw_file_open(st, &st->reuse, 2);
	if (!ret)
		ret = hw_file_open(st, &st->lab.file, 3);
	if (!ret)
		ret = hw_spaces(st);
	if (!ret)
		ret = hw_threads(run, st);
	return ret;
}

/* Unmap all and close the files. The threads are gone. */
static void hw_dismantle(struct hw_state *st)
{
	unsigned int i;

	for (i = 0; i < st->nr_slots; i++) {
		struct mm_struct *mm = st->slots[i].mm;

		hw_slot_set(&st->slots[i], NULL);
		if (mm)
			hw_mm_put(st->run, mm);
	}
	vt_mm_put(st->reuse_mm);
	vt_mm_put(st->lab.splitter);
	vt_mm_put(st->lab.joiner);
	st->reuse_mm = NULL;
	st->lab.splitter = NULL;
	st->lab.joiner = NULL;
	hw_file_close(&st->file);
	hw_file_close(&st->reuse);
	hw_file_close(&st->lab.file);
}

/* Busted: hold a page for longer than anything is mapped. */
static void hw_hold_page(struct hw_state *st)
{
	struct hw_look l = { .pudp = st->slots[0].pudp };

	if (!hw_look_first(&l) || !pte_present(l.entry))
		return;
	st->held = page_folio(pfn_to_page(pte_pfn(l.entry)));
	folio_get(st->held);
}

static void hw_rest(struct vt_run *run)
{
	struct hw_state *st = run->priv;
	unsigned long end = jiffies + HZ / 2;
	struct vt_huge_pool pool;

	if (vt_busted(run, HW_PAGE_LEAK))
		hw_hold_page(st);
	hw_dismantle(st);
	vt_count(run, HW_C_SHARED_NOW, -vt_counter_sum(run, HW_C_SHARED_NOW));

	/*
	 * Whoever looks through all pages of the machine, as compaction does,
	 * may have a reference for a moment.
	 */
	do {
		vt_huge_pool(st->mnt->mnt_sb, &pool);
	} while (pool.used && time_before(jiffies, end) &&
		 !schedule_timeout_idle(1));
	vt_look(run, HW_PAGE_LEAK, vt_counter_sum(run, HW_C_UNSHARES));
	if (pool.used)
		vt_race(run, HW_PAGE_LEAK, NULL, 0, pool.used, 0,
			"%ld huge pages taken or reserved when all files are gone",
			pool.used);
}

static void hw_stop(struct vt_run *run)
{
	struct hw_state *st = run->priv;

	if (!st)
		return;
	hw_dismantle(st);
	if (st->held)
		folio_put(st->held);
	if (st->mnt)
		mntput(st->mnt);
	kfree(st);
	run->priv = NULL;
}

const struct vt_scenario hugetlb_walk_torture = {
	.name = "hugetlb_walk",
	.kinds = hw_kinds,
	.nr_kinds = ARRAY_SIZE(hw_kinds),
	.counters = hw_counters,
	.nr_counters = ARRAY_SIZE(hw_counters),
	.hists = hw_hists,
	.nr_hists = ARRAY_SIZE(hw_hists),
	.symbols = hw_symbols,
	.needs = VT_NEEDS(VT_NEED_SPACE),
	.probe = hw_probe,
	.start = hw_start,
	.rest = hw_rest,
	.stop = hw_stop,
};
