// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk: walkers of shared hugetlb page tables against unsharing.
 *
 * Several private mms ("slots") map one hugetlbfs file, PUD-aligned and shared,
 * so that one PMD table hangs in all of them. Writers make one mm or all of
 * them lose it, in every way there is, and let them share again; readers walk
 * the tables under each protection that is documented, and let the kernel's own
 * walkers do so. A second, small set of mms serves a directed race: one mm splits
 * its VMA, or exits, at the moment at which another begins to share. A third one
 * shares the tables of three PUDs, which one of the two loses across their seams.
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
 *                                           Migration and memory failure hold
 *                                           i_mmap_rwsem for write and the page
 *                                           table's lock, but not this one: an
 *                                           entry that they took, or have put
 *                                           back to a copy, is no race.
 *                                           walk_page_range() has both while it
 *                                           calls ->hugetlb_entry(), the latter
 *                                           by walk_hugetlb_range().
 *   i_mmap_rwsem, and the    table_freed    there too: "(2.2) ... makes sure the
 *   VMA is in the tree                      pgtable page is safe to access".
 *                            table_moved    huge_pmd_unshare(): "called with ...
 *                            entry_moved    the i_mmap_rwsem held in write mode",
 *                            wrong_folio    asserted there; and tables are torn
 *                                           down only once the VMA has left the
 *                                           tree (free_pgtables()). hugetlb.h
 *                                           promises less of this lock: it keeps
 *                                           the table from being freed. A kernel
 *                                           that unshares without it would be
 *                                           within that, and is a race here.
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
 *   mmap_lock, or i_mmap_    lock_owner     hugetlb_vm_op_open(): the lock "is vma
 *   rwsem for write                         specific"; __hugetlb_zap_end(): freed
 *                                           at the final unmap, before i_mmap_rwsem
 *                                           is let go; dup_mmap(): ->open() comes
 *                                           before the VMA is linked to its file.
 *   mmap_lock and            writable       mprotect(2); page_table_shareable():
 *   i_mmap_rwsem                            "match the virtual addresses,
 *                                           permission and the alignment".
 *   all unmapped             page_leak      check_mm(): no page tables are left;
 *                                           hugepage_put_subpool(): a mount's
 *                                           pages come back.
 *   a mapping at rest        reserve        hugetlbfs_reserv.rst: a reservation is
 *                                           consumed or given back; subpools.
 *
 * Without CONFIG_MMU_GATHER_RCU_TABLE_FREE (6.1 to 6.14 without PARAVIRT) nobody
 * waits for GUP-fast, and no_sync is not judged.
 *
 * What makes a page a page table, a reference and a type, is nobody's promise: it
 * is judged where a table that was just made has it.
 *
 * Not judged, because nobody promises it: anything under the vma lock alone, or
 * under mmap_lock alone; that the table stays in place with interrupts off (GUP
 * looks again); any of it under rcu_read_lock(); the type of the page with
 * interrupts off (before 7.x it is cleared ahead of the grace period).
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "canary.h"
#include "compat_hugetlb.h"
#include "engine.h"
#include "scenarios.h"
#include "space.h"
#include "hugetlb_walk/hugetlb_walk.h"
#include "hugetlb_walk/look.h"
#include "hugetlb_walk/symbols.h"

/* What changes the mms of the slots, and who judges what is found in them. */
#define HW_CHANGES	"munmap map_fixed munmap_part mprotect_part mprotect mremap madvise_split " \
			"dontneed punch truncate exit purge"
#define HW_RESERVES	"reserve_private reserve_dontneed reserve_split reserve_move " \
			"reserve_fork reserve_shared reserve_race"
#define HW_LOCKED	"vma_lock per_vma pagewalk i_mmap"

static const struct vt_kind hw_kinds[] = {
	[HW_TABLE_FREED] = { "table_freed",
		"a page table stays one under a walker that is protected, GUP-fast included (hugetlb.h, huge_pte_offset())",
		.by = HW_CHANGES, .with = "irqs_off " HW_LOCKED },
	[HW_TABLE_MOVED] = { "table_moved",
		"no unsharing under the hugetlb vma lock with mmap or VMA lock (hugetlb.h), nor under i_mmap_rwsem (asserted in huge_pmd_unshare(), though hugetlb.h promises no more than that the table stays)",
		.by = HW_CHANGES, .with = HW_LOCKED },
	[HW_ENTRY_MOVED] = { "entry_moved",
		"an entry that is present stays what it is under these locks, but for migration under the hugetlb vma lock (hugetlb.h, huge_pte_offset(), 2.1)",
		.by = HW_CHANGES, .with = HW_LOCKED },
	[HW_NO_SYNC] = { "no_sync",
		"the last unsharer waits for GUP-fast before the table is changed (tlb.h, tlb_flush_unshared_tables())",
		.by = HW_CHANGES, .with = "irqs_off" },
	[HW_WRONG_FOLIO] = { "wrong_folio",
		"an entry leads to the file's page of this index, and so does a pin (hugetlb.h, gup.c)",
		.by = HW_CHANGES, .with = "irqs_off pin_fast pin " HW_LOCKED },
	[HW_STALE_TLB] = { "stale_tlb",
		"nobody reads what was in a page before it was punched out (fallocate(2))",
		.by = "punch truncate" },
	[HW_SHARE_COUNT] = { "share_count",
		"a table's count is the number of its sharers less one, under i_mmap_rwsem (hugetlb.c, huge_pmd_share())" },
	[HW_SPLIT_SHARED] = { "split_shared",
		"a VMA that does not span its PUD any more shares no table there (hugetlb.c, hugetlb_split())" },
	[HW_WRITABLE] = { "writable",
		"a mapping that mprotect(2) made read-only has no writable entry, whatever its sharers write (hugetlb.c, hugetlb_change_protection(), page_table_shareable())",
		.by = "mprotect wide_mprotect" },
	[HW_LOCK_OWNER] = { "lock_owner",
		"a mapping has a hugetlb vma lock of its own, after a split, a move and a fork too, has it when it is found through its file, and keeps it until its last unmap (hugetlb.c, hugetlb_vm_op_open(), __hugetlb_zap_end())",
		.by = "map_fixed munmap_part mprotect_part mremap madvise_split dontneed mremap_offset split_refused fork" },
	[HW_PAGE_LEAK] = { "page_leak",
		"when all is unmapped, page tables and huge pages have come back" },
	[HW_RESERVE] = { "reserve",
		"what is reserved by mmap() is counted once, and given back once, over moves, splits, forks, holes and faults (hugetlbfs_reserv.rst)",
		.by = HW_RESERVES },
};

/*
 * What a writer does next. How often: pages that have to be zeroed again, and
 * exits, take their time.
 */
static const struct vt_choice hw_ops[HW_NR_OPS] = {
	[HW_MUNMAP]		= { "munmap",		4 },
	[HW_MAP_FIXED]		= { "map_fixed",	4 },
	[HW_PARTIAL]		= { "munmap_part",	5 },
	[HW_MPROTECT_PART]	= { "mprotect_part",	3 },
	[HW_MPROTECT]		= { "mprotect",		3 },
	[HW_MREMAP]		= { "mremap",		3 },
	[HW_MADVISE]		= { "madvise_split",	5 },
	[HW_DONTNEED]		= { "dontneed",		5 },
	[HW_PUNCH]		= { "punch",		1 },
	[HW_TRUNCATE]		= { "truncate",		1 },
	[HW_EXIT]		= { "exit",		1 },
	[HW_PURGE]		= { "purge",		1 },
	[HW_MOVE]		= { "mremap_offset",	1 },
	[HW_REFUSED]		= { "split_refused",	2 },
	[HW_FORK]		= { "fork",		3 },
	[HW_WIDE_PROTECT]	= { "wide_mprotect",	1 },
	[HW_WIDE_CUT]		= { "wide_cut",		1 },
};

/*
 * What the directed race does. The split that unmaps nothing tells most: mostly
 * that.
 */
static const struct vt_choice hw_directed_firsts[] = {
	[HW_DIRECTED_MADVISE] = { "directed_madvise_split", 1 }, { NULL, 1 },
};

static const struct vt_choice hw_directed_ops[HW_DIRECTED_NR_OPS] = {
	[HW_DIRECTED_MADVISE]	= { "directed_madvise_split", 1 },
	[HW_DIRECTED_PARTIAL]	= { "directed_munmap_part",	1 },
	[HW_DIRECTED_MAP_FIXED]	= { "directed_map_fixed",	1 },
	[HW_DIRECTED_MPROTECT]	= { "directed_mprotect_part", 1 },
	[HW_DIRECTED_MREMAP]	= { "directed_mremap",	1 },
	[HW_DIRECTED_MUNMAP]	= { "directed_munmap",	1 },
	[HW_DIRECTED_EXIT]	= { "directed_exit",	1 },
};

/* What is done with reservations. Faults beside mmap() have to meet. */
static const struct vt_choice hw_reserve_ops[HW_RESERVE_NR_OPS] = {
	[HW_RESERVE_PRIVATE]	= { "reserve_private",	2 },
	[HW_RESERVE_DONTNEED]	= { "reserve_dontneed",	1 },
	[HW_RESERVE_SPLIT]	= { "reserve_split",	1 },
	[HW_RESERVE_MOVE]	= { "reserve_move",	2 },
	[HW_RESERVE_FORK]	= { "reserve_fork",	2 },
	[HW_RESERVE_SHARED]	= { "reserve_shared",	2 },
	[HW_RESERVE_RACE]	= { "reserve_race",	8 },
};

/* By which walk a reader looks next. */
static const struct vt_choice hw_ways[HW_NR_WAYS] = {
	[HW_BY_VMA_LOCK]	= { "vma_lock",		3 },
	[HW_BY_PER_VMA]		= { "per_vma",		3 },
	[HW_BY_I_MMAP]		= { "i_mmap",		3 },
	[HW_BY_IRQS_OFF]	= { "irqs_off",		4 },
	[HW_BY_FAULT]		= { "fault",		1 },
	[HW_BY_PIN_FAST]	= { "pin_fast",		1 },
	[HW_BY_PIN]		= { "pin",		1 },
	[HW_BY_MINCORE]		= { "mincore",		1 },
	[HW_BY_PAGEWALK]	= { "pagewalk",		3 },
};

struct vt_draw hw_tables[HW_NR_TABLES] = {
	[HW_T_OP]		= VT_DRAW(hw_ops),
	[HW_T_DIRECTED_FIRST]	= VT_DRAW(hw_directed_firsts),
	[HW_T_DIRECTED]		= VT_DRAW(hw_directed_ops),
	[HW_T_WAY]		= VT_DRAW_HOW(hw_ways),
	[HW_T_RESERVE]		= VT_DRAW(hw_reserve_ops),
};

static const char *const hw_directed_names[] = { "met" };

static const struct vt_trials hw_trials[] = {
	[HW_V_OP]	= VT_TRIALS_DRAWN("op", hw_ops, &hw_tables[HW_T_OP]),
	[HW_V_WAY]	= VT_TRIALS_DRAWN("walk", hw_ways, &hw_tables[HW_T_WAY]),
	[HW_V_DIRECTED]	= VT_TRIALS_NAMED("directed", hw_directed_names,
					  ARRAY_SIZE(hw_directed_names)),
	[HW_V_RESERVE]	= VT_TRIALS_DRAWN("reserve", hw_reserve_ops,
					  &hw_tables[HW_T_RESERVE]),
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
	[HW_C_PAGEWALK] = "walks_pagewalk",
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
	[HW_C_MOVE] = "mremap_offset",
	[HW_C_REFUSED] = "split_refused",
	[HW_C_FORK] = "fork",
	[HW_C_WIDE_PROTECT] = "wide_mprotect",
	[HW_C_WIDE_CUT] = "wide_cut",
	[HW_C_DIRECTED] = "directed",	/* rounds of the directed race */
	[HW_C_OVERLAPPED] = "directed_met",	/* in which both met */
	[HW_C_MIGRATING] = "migrating",	/* entries that a migration took away */
	[HW_C_NO_PAGE] = "no_page",	/* no huge page, or past the end */
	[HW_C_FAILED] = "failed",	/* for want of memory */
	[HW_C_RESERVES] = "reserves",	/* rounds of reservations */
	[HW_C_RESERVES_MET] = "reserves_met",	/* with a fault beside mmap() */
	[HW_C_RESERVES_EVEN] = "reserves_even",	/* trials: the machine's books stood */
	[HW_C_RESERVES_UNSURE] = "reserves_unsure",	/* and what could not be judged */
#ifdef VT_BENCH
	[HW_C_CHECKED] = "checked",	/* for the overhead of a look */
	[HW_C_CHECKED_NS] = "checked_ns",
	[HW_C_BARE] = "bare",
	[HW_C_BARE_NS] = "bare_ns",
#endif
};

static const char *const hw_hists[] = {
	[HW_H_UNSHARE] = "in_flight_ns",
};

static_assert(HW_C_OPS + HW_NR_OPS == HW_C_DIRECTED);
static_assert(HW_C_VMA_LOCK + HW_NR_WAYS == HW_C_READ);

/*
 * Set-up and end.
 */

static int hw_probe(struct vt_run *run)
{
	struct vt_huge_pool pool;
	struct vfsmount *mnt;

	if (!vt_hugetlb_sharing()) {
		vt_skip(run, "this kernel shares no page tables of huge pages");
		return 0;
	}
	mnt = hw_mount(HW_MOST, 0);
	if (PTR_ERR_OR_ZERO(mnt) == -ENOMEM)
		return -ENOMEM;
	if (IS_ERR(mnt)) {
		vt_skip(run, "this machine has no huge pages of %lu kB: %ld",
			PMD_SIZE / SZ_1K, PTR_ERR(mnt));
		return 0;
	}
	vt_huge_pool(mnt->mnt_sb, &pool);
	mntput(mnt);
	hw_reserve_probe(run, pool.free);
	if (pool.free < HW_LEAST)
		vt_skip(run, "%ld free huge pages of %lu kB, needs %d: sysctl vm.nr_hugepages=%d",
			pool.free, PMD_SIZE / SZ_1K, HW_LEAST, HW_MOST);

	if (!hw_some_op() && !(vt_rmap_known() && hw_some_directed_op()))
		vt_skip(run, "ops= leaves no operation that this kernel has");

	if (!IS_ENABLED(CONFIG_MMU_GATHER_RCU_TABLE_FREE))
		vt_absent(run, HW_NO_SYNC,
			  "without MMU_GATHER_RCU_TABLE_FREE nobody waits for GUP-fast");
	hw_probe_trials(run, pool.free);
	if (!vt_pmd_count_exact())
		vt_absent(run, HW_SHARE_COUNT, "this kernel does not count sharers");
	if (!vt_rmap_known()) {
		vt_absent(run, HW_SHARE_COUNT, "the file's VMAs cannot be told");
		vt_absent(run, HW_SPLIT_SHARED, "the file's VMAs cannot be told");
	}
	return 0;
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

/* What does a page table look like that certainly is one? */
static void hw_calibrate(struct hw_state *st)
{
	struct hw_look l = { .pudp = st->slots[0].pudp };

	if (!hw_look_first(&l)) {
		vt_info("hugetlb_walk: no table to see what one looks like\n");
		return;
	}
	st->counted = page_ref_count(l.page) > 0;
	st->typed = PageTable(l.page);
	if (!st->counted || !st->typed)
		vt_info("hugetlb_walk: page tables have no %s here, which is not judged\n",
			st->counted ? "type" : st->typed ? "reference" :
			"reference and no type");
}

static int hw_spaces(struct hw_state *st)
{
	struct vt_huge_pool pool;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < st->nr_slots; i++)
		ret = hw_slot_fill(st, &st->slots[i]);
	if (ret)
		return ret;
	hw_calibrate(st);
	/* These pages are reserved, not taken as they come. */
	st->reuse_mm = hw_mm_new(&st->reuse, HW_REUSE_BASE,
				 HW_REUSE_PAGES * PMD_SIZE, 0);
	st->race.joiner = hw_mm_new(&st->race.file, HW_BASE, PUD_SIZE,
				   MAP_NORESERVE);
	if (!st->reuse_mm || !st->race.joiner)
		return -ENOMEM;
	vt_huge_pool(st->mnt->mnt_sb, &pool);
	return pool.free + pool.used < HW_WIDE_LEAST ? 0 : hw_wide_open(st);
}

static int hw_threads(struct vt_run *run, struct hw_state *st)
{
	unsigned int race = vt_rmap_known();
	int ret;

	ret = vt_spawn_all(run, "r", vt_params.nreaders, hw_reader, st);
	if (!ret)
		ret = vt_spawn_all(run, "w", vt_params.nwriters, hw_writer, st);
	if (!ret)
		ret = vt_spawn_all(run, "split", race, hw_splitter, st);
	if (!ret)
		ret = vt_spawn_all(run, "join", race, hw_joiner, st);
	if (!ret)
		ret = hw_reserve_spawn(run, st);
	return ret;
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
	if (vt_params.hold_us > VT_IRQS_OFF_US)
		vt_info("hugetlb_walk: with interrupts off hold_us counts as %u\n",
			VT_IRQS_OFF_US);
	st->nr_slots = n;
	mutex_init(&st->file_lock);
	mutex_init(&st->all_lock);
	mutex_init(&st->tally_lock);
	mutex_init(&st->watch_lock);
	mutex_init(&st->wide.lock);
	init_waitqueue_head(&st->wait);
	init_waitqueue_head(&st->race.wait);
	for (i = 0; i < n; i++)
		mutex_init(&st->slots[i].lock);

	mnt = hw_mount(HW_MOST, 0);
	if (IS_ERR(mnt))
		return PTR_ERR(mnt);
	st->mnt = mnt;
	ret = hw_file_open(st->mnt, &st->file, 1);
	if (!ret)
		ret = hw_file_open(st->mnt, &st->reuse, 2);
	if (!ret)
		ret = hw_file_open(st->mnt, &st->race.file, 3);
	if (!ret)
		ret = hw_reserve_open(st);
	if (!ret)
		ret = hw_file_open(st->mnt, &st->wide.file, 6);
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
	hw_wide_close(st);
	vt_mm_put(st->reuse_mm);
	vt_mm_put(st->race.splitter);
	vt_mm_put(st->race.joiner);
	st->reuse_mm = NULL;
	st->race.splitter = NULL;
	st->race.joiner = NULL;
	hw_reserve_close(st);
	hw_file_close(&st->file);
	hw_file_close(&st->reuse);
	hw_file_close(&st->race.file);
	hw_file_close(&st->wide.file);
}

static long hw_pages_left(void *arg)
{
	struct hw_state *st = arg;
	struct vt_huge_pool pool;

	vt_huge_pool(st->mnt->mnt_sb, &pool);
	return pool.used;
}

static void hw_rest(struct vt_run *run)
{
	struct hw_state *st = run->priv;
	long left;

	if (vt_busted(run, HW_PAGE_LEAK))
		hw_hold_page(st);
	hw_dismantle(st);
	vt_count(run, HW_C_SHARED_NOW, -vt_counter_sum(run, HW_C_SHARED_NOW));

	/*
	 * Whoever looks through all pages of the machine, as compaction does,
	 * may have a reference for a moment, and who takes memory offline for
	 * longer.
	 */
	left = vt_outlasts(hw_pages_left, st);
	vt_look(run, HW_PAGE_LEAK, vt_counter_sum(run, HW_C_UNSHARES));
	if (left)
		vt_race(run, HW_PAGE_LEAK, NULL, 0, left, 0,
			"%ld huge pages taken or reserved when all files are gone%s",
			left, st->ran_dry ? ", and the machine ran out of them" : "");
	hw_reserve_rest(st);
}

static void hw_stop(struct vt_run *run)
{
	struct hw_state *st = run->priv;

	if (!st)
		return;
	hw_dismantle(st);
	if (st->held)
		folio_put(st->held);
	mntput(st->mnt);
	mntput(st->reserve.mnt);
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
	.trials = hw_trials,
	.nr_trials = ARRAY_SIZE(hw_trials),
	.draws = hw_tables,
	.nr_draws = ARRAY_SIZE(hw_tables),
	.symbols = hw_symbols,
	.needs = VT_NEEDS(VT_NEED_SPACE),
	.probe = hw_probe,
	.start = hw_start,
	.rest = hw_rest,
	.stop = hw_stop,
};
