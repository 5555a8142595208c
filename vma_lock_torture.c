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
 * Spaces are reference counted. The last user has an mm that nobody else can
 * reach, so that every VMA lock in it must be free: "ref_leak" judges that.
 *
 * Writers say in the space which region they are at work in. Readers aim there
 * every other time, and a look is exposed if something was in flight in its
 * region between the locking and the release.
 *
 * What changes is in vma_lock/change.c, writer.c and directed.c, on VMAs and mms
 * of vma.c and space.c. Who looks is in reader.c, look.h and fault.c; what writers
 * and the last user of a space judge is in exclusive.c, count.c, account.c,
 * relock.c, contents.c, guard.c and hooks.c, and what readers judge beside their reads in
 * still.c and page.c. What breaks promises on purpose is in busted.c, and next to the promise
 * where it is one line.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat_vma_lock.h"
#include "scenarios.h"
#include "space.h"
#include "vma_lock/vma_lock.h"

/*
 * What is in flight where readers look, what makes objects of VMAs come up in other
 * mms, and what shows who excludes readers.
 */
#define VL_IN_SIGHT	"munmap map_fixed mprotect mremap madvise lock grow mlock name fork contend hand_over"
#define VL_HANDED_ON	"map_fixed mprotect mremap madvise mlock name fork hand_over"
#define VL_EXCLUDE	"munmap map_fixed mremap lock all_locks fork contend hand_over"

static const struct vt_kind vl_kinds[] = {
	[VL_WRONG_MM] = { "wrong_mm",
		"the VMA that lock_vma_under_rcu() hands out belongs to the mm it was asked about (mm/mmap_lock.c)",
		.by = VL_HANDED_ON },
	[VL_WRONG_RANGE] = { "wrong_range",
		"it contains the address it was asked about (mm/mmap_lock.c)",
		.by = VL_IN_SIGHT },
	[VL_DETACHED] = { "detached",
		"it is not isolated, and nobody isolates it before vma_end_read() (lock_vma_under_rcu())",
		.by = VL_IN_SIGHT },
	[VL_UNSTABLE] = { "unstable",
		"its bounds, flags, file, offset, vm_ops, vm_private_data, policy, protection and name stay until vma_end_read() (Documentation/mm/process_addrs.rst)",
		.by = VL_IN_SIGHT },
	[VL_OVERLAP] = { "overlap",
		"vma_start_write() returns when no reader is inside, and none gets in before mmap_lock is dropped (Documentation/mm/process_addrs.rst)",
		.by = VL_EXCLUDE },
	[VL_REF_LEAK] = { "ref_leak",
		"at rest vm_refcnt of an attached VMA is 1 (vm_refcnt in mm_types.h); before it, the lock is free and detached not set",
		.by = VL_IN_SIGHT },
	[VL_REF_LIMIT] = { "ref_limit",
		"at VM_REFCNT_LIMIT a further reader is refused (vma_start_read())",
		.by = "exchange" },
	[VL_ACCOUNT] = { "account",
		"the sums of an mm are those of its VMAs, and what was undone or refused leaves no memory committed (Documentation/mm/overcommit-accounting.rst)",
		.by = "burst " VL_IN_SIGHT },
	[VL_RELOCK] = { "relock",
		"write locks end when mmap_lock is released or downgraded; after that each VMA can be locked for read (Documentation/mm/process_addrs.rst)" },
	[VL_CONTENTS] = { "contents",
		"what was written is where it was written, at the offset it has in its file, after splits, merges and moves (mmap(2), mremap(2); vm_pgoff in mm_types.h)" },
	[VL_LINKS] = { "links",
		"an anonymous page that is mapped is found by the anon_vma of its VMA (vma_expand(): \"we must propagate anon_vma state\")" },
	[VL_STILL] = { "still",
		"as long as mmap_lock is held for read an mm has the same VMAs with the same bounds, flags, file, offset, protection and policy (Documentation/mm/process_addrs.rst)",
		.by = VL_IN_SIGHT },
	[VL_GUARD_GAP] = { "guard_gap",
		"a stack does not grow into the gap below it, and the kernel places no mapping there (stack_guard_gap in mm/mmap.c, expand_downwards())" },
	[VL_PAGE_GONE] = { "page_gone",
		"page tables of a VMA are not taken away or moved while it is locked for read (Documentation/mm/process_addrs.rst)",
		.by = VL_IN_SIGHT },
	[VL_HOOKS] = { "hooks",
		"what is in no tree cannot be locked (vm_refcnt in mm_types.h), page tables are moved without readers (move_vma()), faults around stay in the VMA (do_fault_around()), and nothing is mapped at ->close() (remove_vma())",
		.by = "munmap map_fixed mprotect mremap fork" },
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
	[VL_CONTENDED] = "contended",		/* write locks of "contend" */
	[VL_CONTENDED_MET] = "contended_met",	/* that found a reader inside */
#ifdef VT_BENCH
	[VL_BARE] = "bare",
	[VL_BARE_NS] = "bare_ns",
	[VL_CHECKED] = "checked",
	[VL_CHECKED_NS] = "checked_ns",
#endif
};

static const char *const vl_hists[] = {
	[VL_HOLD] = "hold_ns",
	[VL_WRITER_WAIT] = "writer_wait_ns",
};

/* What writers do. */
static const struct vt_choice vl_changes[VL_D_NR] = {
	[VL_D_MUNMAP]	= { "munmap", 6 },
	[VL_D_MAP_FIXED] = { "map_fixed", 8 },
	[VL_D_MPROTECT]	= { "mprotect", 8 },
	[VL_D_MREMAP]	= { "mremap", 6 },
	[VL_D_MADVISE]	= { "madvise", 6 },
	[VL_D_LOCK]	= { "lock", 4 },
	[VL_D_GROW]	= { "grow", 2 },
	[VL_D_MLOCK]	= { "mlock", 4 },
	[VL_D_MBIND]	= { "mbind", 4 },
	[VL_D_NAME]	= { "name", 4 },
	[VL_D_FORK]	= { "fork", 1 },
};

/* What they do besides, so often in each round: see vl_turns(). */
static const struct vt_choice vl_rounds[VL_NR_TURNS] = {
	[VL_R_CONTEND]	= { "contend", 1 },	/* for one lock */
	[VL_R_HAND_OVER] = { "hand_over", 2 },	/* an object to another mm */
	[VL_R_ALL_LOCKS] = { "all_locks", 1 },	/* in 16 rounds */
	[VL_R_EXCHANGE]	= { "exchange", 1 },	/* a new mm for an old one, in six */
	[VL_R_BURST]	= { "burst", 1 },	/* in half a second */
};

/* Of what madvise() is asked for. */
const struct vl_advice vl_advices[VL_NR_ADVICES] = {
	{ "random", MADV_RANDOM }, { "normal", MADV_NORMAL },
	{ "dontfork", MADV_DONTFORK }, { "dofork", MADV_DOFORK },
	{ "nohugepage", MADV_NOHUGEPAGE }, { "hugepage", MADV_HUGEPAGE },
	{ "dontneed", MADV_DONTNEED }, { "cold", MADV_COLD }, { "free", MADV_FREE },
	{ "populate_read", MADV_POPULATE_READ },
	{ "guard_install", MADV_GUARD_INSTALL },
	{ "guard_remove", MADV_GUARD_REMOVE },
};

/* By what readers lock a VMA. */
static const char *const vl_lock_names[VL_NR_LOCKS] = {
	[VL_LOCK_RCU] = "rcu", [VL_LOCK_UNDER_MMAP] = "mmap",
};

/* What might come into the gap below a stack. */
static const char *const vl_intruder_names[VL_NR_INTRUDERS] = {
	[VL_BY_GROWTH] = "growth", [VL_BY_HINT] = "hint",
	[VL_BY_SEARCH] = "search",
};

/* Which hooks of the module's VMAs judge. */
static const char *const vl_hook_names[VL_NR_HOOKS] = {
	[VL_AT_MMAP] = "mmap", [VL_AT_OPEN] = "open", [VL_AT_MREMAP] = "mremap",
	[VL_AT_MAP_PAGES] = "map_pages", [VL_AT_CLOSE] = "close",
};

/* How long readers hold a VMA. */
static const struct vt_choice vl_holds[VL_HOLDS] = {
	[VL_SLEEP] = { "sleep", 1 },
	[VL_SPIN] = { "spin", 127 },
	[VL_NO_HOLD] = { "no_hold", 384 },
};

/* What is done in bursts: one after the other. */
static const struct vt_choice vl_bursts[VL_BURSTS] = {
	[VL_B_SHRINK_MOVE] = { "burst_shrink_move", 1 },
	[VL_B_GROW_MOVE] = { "burst_grow_move", 1 },
	[VL_B_GROW_REFUSED] = { "burst_grow_refused", 1 },
	[VL_B_MOVE_REFUSED] = { "burst_move_refused", 1 },
	[VL_B_DONTUNMAP_LOCKED] = { "burst_dontunmap_locked", 1 },
	[VL_B_DONTUNMAP] = { "burst_dontunmap", 1 },
	[VL_B_RESIZE] = { "burst_resize", 1 },
	[VL_B_MERGE] = { "burst_merge", 1 },
	[VL_B_PROTECT] = { "burst_protect", 1 },
	[VL_B_PROTECT_REFUSED] = { "burst_protect_refused", 1 },
	[VL_B_BRK] = { "burst_brk", 1 },
};

struct vt_draw vl_tables[VL_NR_TABLES] = {
	[VL_T_CHANGE]	= VT_DRAW(vl_changes),
	[VL_T_TURN]	= VT_DRAW(vl_rounds),
	[VL_T_HOLD]	= VT_DRAW_HOW(vl_holds),
	[VL_T_BURST]	= VT_DRAW_HOW(vl_bursts),
};

static const struct vt_trials vl_trials[] = {
	[VL_V_CHANGE]	= VT_TRIALS_DRAWN("change", vl_changes,
					  &vl_tables[VL_T_CHANGE]),
	[VL_V_ADVICE]	= VT_TRIALS("madvise", vl_advices),
	[VL_V_LOCK]	= VT_TRIALS_NAMED("lock", vl_lock_names, VL_NR_LOCKS),
	[VL_V_HOLD]	= VT_TRIALS_DRAWN("hold", vl_holds, &vl_tables[VL_T_HOLD]),
	[VL_V_GUARD]	= VT_TRIALS_NAMED("guard", vl_intruder_names, VL_NR_INTRUDERS),
	[VL_V_TURN]	= VT_TRIALS_DRAWN("turn", vl_rounds, &vl_tables[VL_T_TURN]),
	[VL_V_HOOK]	= VT_TRIALS_NAMED("hook", vl_hook_names, VL_NR_HOOKS),
};

/* What of these cannot be had: by this kernel, or without an operation. */
static void vl_probe_trials(struct vt_run *run)
{
	unsigned int i;

	if (!(vt_has(sys_mlock2) && vt_has(sys_munlock)))
		vt_trial_absent(run, VL_V_CHANGE, VL_D_MLOCK,
				"no function mlock2 or munlock");
	if (!(IS_ENABLED(CONFIG_NUMA) && vt_has(sys_mbind) &&
	      vt_has(sys_set_mempolicy_home_node)))
		vt_trial_absent(run, VL_V_CHANGE, VL_D_MBIND,
				"no function mbind or set_mempolicy_home_node (CONFIG_NUMA)");
	if (!(IS_ENABLED(CONFIG_ANON_VMA_NAME) && vt_has(sys_prctl)))
		vt_trial_absent(run, VL_V_CHANGE, VL_D_NAME,
				"no names of VMAs (CONFIG_ANON_VMA_NAME), or no function prctl");
	if (!IS_ENABLED(CONFIG_MMU_NOTIFIER))
		vt_trial_absent(run, VL_V_TURN, VL_R_ALL_LOCKS,
				"nothing takes all locks of an mm (CONFIG_MMU_NOTIFIER)");
	for (i = VL_AT_MMAP; i <= VL_AT_OPEN && !VT_VMA_REF_LIMIT; i++)
		vt_trial_absent(run, VL_V_HOOK, i,
				"the lock is an rwsem, which does not say whether a VMA is in the tree");
	vt_trial_needs(run, VL_V_HOOK, VL_AT_OPEN,
		       "map_fixed mprotect mremap madvise mlock mbind");
	vt_trial_needs(run, VL_V_HOOK, VL_AT_MREMAP, "mremap");
	for (i = 0; i < VL_NR_ADVICES; i++)
		if (!vt_madvise_known(vl_advices[i].advice))
			vt_trial_absent(run, VL_V_ADVICE, i,
					"this kernel has no such advice");
		else
			vt_trial_needs(run, VL_V_ADVICE, i, "madvise");
}

static int vl_probe(struct vt_run *run)
{
	unsigned int i;

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
	vl_probe_trials(run);
	if (!VT_VMA_REF_LIMIT)
		vt_absent(run, VL_REF_LIMIT,
			  "the lock is an rwsem, there is no count to limit");
	if (!vl_guard_find()) {
		vt_absent(run, VL_GUARD_GAP, "no gap is kept below stacks, or its size cannot be found");
		for (i = 0; i < VL_NR_INTRUDERS; i++)
			vt_trial_absent(run, VL_V_GUARD, i, "no gap below stacks");
	}
	return 0;
}

static int vl_start(struct vt_run *run)
{
	struct vl_test *test = kzalloc(sizeof(*test), GFP_KERNEL);
	unsigned int i;
	int ret;

	run->priv = test;
	if (!test)
		return -ENOMEM;
	test->run = run;
	atomic64_set(&test->ids, 0);
	spin_lock_init(&test->obj_lock);
	INIT_LIST_HEAD(&test->objs);
	INIT_LIST_HEAD(&test->spare);
	init_rwsem(&test->quiet);
	test->guard = vl_guard_find();

	test->slots = kcalloc(vt_params.nmms, sizeof(*test->slots), GFP_KERNEL);
	test->readers = kvcalloc(vt_params.nreaders, sizeof(*test->readers),
				 GFP_KERNEL);
	test->writers = kcalloc(vt_params.nwriters, sizeof(*test->writers),
				GFP_KERNEL);
	if (!test->slots || !test->readers || !test->writers)
		return -ENOMEM;
	test->nr_slots = vt_params.nmms;
	test->nr_readers = vt_params.nreaders;
	test->nr_writers = vt_params.nwriters;
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
	vl_relock_calibrate(test, test->slots[0].space->mm);
	if (vt_busted(run, VL_WRONG_MM)) {
		test->decoy = vl_space_new(test);
		if (!test->decoy)
			return -ENOMEM;
	}

	ret = vt_spawn_all(run, "reader", test->nr_readers, vl_reader_main, NULL);
	if (!ret)
		ret = vt_spawn_all(run, "writer", test->nr_writers,
				   vl_writer_main, NULL);
	return ret;
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
	run->priv = NULL;
	/* What a mapping that stays may still call uses all of it. */
	if (vt_rest_kept())
		return;
	list_for_each_entry(obj, &test->objs, node)
		if (obj->vma)
			vt_race(run, VL_HOOKS, NULL, 0, (unsigned long)obj->vma, 0,
				"never closed, vma=%p", obj->vma);
	for (i = 0; i < ARRAY_SIZE(test->pages); i++)
		if (test->pages[i])
			put_page(test->pages[i]);
	list_for_each_entry_safe(obj, next, &test->objs, node)
		kfree(obj);
	kfree(test->writers);
	kvfree(test->readers);
	kfree(test->slots);
	kfree(test);
}

const struct vt_scenario vma_lock_torture = {
	.name = "vma_lock",
	.kinds = vl_kinds,
	.nr_kinds = ARRAY_SIZE(vl_kinds),
	.counters = vl_counters,
	.nr_counters = ARRAY_SIZE(vl_counters),
	.hists = vl_hists,
	.nr_hists = ARRAY_SIZE(vl_hists),
	.trials = vl_trials,
	.nr_trials = ARRAY_SIZE(vl_trials),
	.draws = vl_tables,
	.nr_draws = ARRAY_SIZE(vl_tables),
	.symbols = vl_symbols,
	.needs = VT_NEEDS(VT_NEED_SPACE, VT_NEED_FORK, VT_NEED(sys_mprotect),
			  VT_NEED(sys_mremap), VT_NEED(sys_madvise),
			  VT_NEED(sys_munmap)),
	.probe = vl_probe,
	.start = vl_start,
	.rest = vl_rest,
	.stop = vl_stop,
};
