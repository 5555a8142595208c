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
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "compat_fork.h"
#include "compat_rmap.h"
#include "engine.h"
#include "scenarios.h"
#include "space.h"
#include "fork_fail/fork_fail.h"

/* What fails. */
#define FF_FAILING	"account signal tree dup policy userfault anon_vma "	\
			"copy table inject"

static const struct vt_kind ff_kinds[] = {
	[FF_XA_ZERO] = { "xa_zero",
		"the tree of a failed fork holds VMAs or nothing, no XA_ZERO_ENTRY that a walker takes for one (mm/mmap.c, dup_mmap())",
		.by = FF_FAILING },
	[FF_FOREIGN] = { "foreign_vma",
		"every VMA in the tree of an mm is of this mm (vma->vm_mm, include/linux/mm_types.h)",
		.by = FF_FAILING },
	[FF_LEAK] = { "leak",
		"each ->open() has its ->close(), and no memory, file, mm or VMA stays behind (exit_mmap())" },
	[FF_PARENT] = { "parent",
		"a fork, failed or not, leaves the parent's VMAs as they are, and a child has copies of them (fork(2))",
		.by = FF_FAILING },
	[FF_UNMARKED] = { "unmarked",
		"what a failed fork leaves is marked MMF_UNSTABLE before its lock is dropped (dup_mmap())",
		.by = FF_FAILING },
	[FF_BOOKS] = { "account",
		"the sums of an mm are those of its VMAs, and a failed fork gives back what it charged (dup_mmap(), Documentation/mm/overcommit-accounting.rst)" },
	[FF_REMAINS] = { "after_failure",
		"a failed fork takes down what it copied, has no page tables or pages left at its end, and lets go of the parent's VMAs (dup_mmap(), check_mm(), vma_start_write_killable())",
		.by = FF_FAILING },
	[FF_UNREADY] = { "unready",
		"a VMA can be found through its file when its ->open() has returned, not before (dup_mmap())" },
};

/* By what the next fork shall fail. A way that does not work here acts as "none". */
const struct vt_choice ff_ways[FF_NR_WAYS + 1] = {
	[FF_ACCOUNT]	= { "account",	2 },	/* no memory to account a VMA to */
	[FF_SIGNAL]	= { "signal",	2 },	/* SIGKILL for who forks */
	[FF_TREE]	= { "tree",	1 },	/* __mt_dup() refused */
	[FF_DUP]	= { "dup",	2 },	/* vm_area_dup() refused */
	[FF_POLICY]	= { "policy",	1 },	/* vma_dup_policy() refused */
	[FF_USERFAULT]	= { "userfault", 1 },	/* dup_userfaultfd() refused */
	[FF_ANON_VMA]	= { "anon_vma",	1 },	/* anon_vma_fork() refused */
	[FF_COPY]	= { "copy",	2 },	/* copy_page_range() refused */
	[FF_TABLE]	= { "table",	1 },	/* a page table refused, half-way */
	[FF_INJECT]	= { "inject",	2 },	/* the kernel's fault injection */
	[FF_NR_WAYS]	= { "none",	1 },	/* it shall not fail */
};

/* And where. */
const char *const ff_pos_names[FF_NR_POS] = {
	[FF_FIRST] = "first", [FF_MIDDLE] = "middle", [FF_LAST] = "last",
	[FF_AFTER] = "after",
};

/* What a mixer does next in a parent. */
static const struct vt_choice ff_mixes[FF_NR_MIXES] = {
	[FF_MIX_CHURN]	= { "churn",	4 },	/* replace VMAs of the churn */
	[FF_MIX_ZAP]	= { "zap",	1 },	/* unmap the shmem file's pages */
	[FF_MIX_SCAN]	= { "scan",	1 },	/* walk the parent's tree */
	[FF_MIX_TOUCH]	= { "touch",	10 },	/* write into pages */
};

/* How a walker comes to a child. */
static const struct vt_choice ff_finds[FF_NR_FINDS] = {
	[FF_FIND_RMAP]	= { "rmap",	1 },	/* by a file that it maps */
	[FF_FIND_SLOT]	= { "slot",	3 },	/* where the forker shows it */
};

/* With what reference a walker looks at a child that the forker shows. */
static const struct vt_choice ff_refs[FF_NR_REFS] = {
	[FF_REF_NONE]	= { "no_user",	1 },	/* as the OOM reaper, with no user's */
	[FF_REF_USER]	= { "user",	7 },	/* with mmget() */
};

struct vt_draw ff_tables[FF_NR_TABLES] = {
	[FF_T_WAY]	= VT_DRAW(ff_ways),
	[FF_T_MIX]	= VT_DRAW_HOW(ff_mixes),
	[FF_T_FIND]	= VT_DRAW_HOW(ff_finds),
	[FF_T_REF]	= VT_DRAW_HOW(ff_refs),
};

/* The slab caches of what a balance is drawn of. */
const char *const ff_caches[FF_NR_BALANCES] = {
	[FF_B_VMAS]	= "vm_area_struct",
	[FF_B_MMS]	= "mm_struct",
};

static const struct vt_trials ff_trials[] = {
	[FF_V_WAY]	= VT_TRIALS_DRAWN("fail", ff_ways, &ff_tables[FF_T_WAY]),
	[FF_V_POS]	= VT_TRIALS_NAMED("at", ff_pos_names, FF_NR_POS),
	[FF_V_MIX]	= VT_TRIALS_DRAWN("mix", ff_mixes, &ff_tables[FF_T_MIX]),
	[FF_V_FIND]	= VT_TRIALS_DRAWN("find", ff_finds, &ff_tables[FF_T_FIND]),
	[FF_V_REF]	= VT_TRIALS_DRAWN("reference", ff_refs, &ff_tables[FF_T_REF]),
	[FF_V_BALANCE]	= VT_TRIALS_NAMED("balance", ff_caches, FF_NR_BALANCES),
};

#define FF_ROW(way)							\
	"fork_failed_" way "_first", "fork_failed_" way "_middle",	\
	"fork_failed_" way "_last", "fork_failed_" way "_after"

static const char *const ff_counters[] = {
	[FF_C_FAILED] = "failed_forks",
	[FF_C_BY_WAY] =
	FF_ROW("account"), FF_ROW("signal"), FF_ROW("tree"), FF_ROW("dup"),
	FF_ROW("policy"), FF_ROW("userfault"), FF_ROW("anon_vma"), FF_ROW("copy"),
	FF_ROW("table"), FF_ROW("inject"),
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
	[FF_C_KILLED_ASLEEP] = "killed_asleep",	/* while it waited for a reader */
	[FF_C_ENDS] = "ends_counted",	/* children whose pages were counted */
	[FF_C_FAILED_WALKED] = "failed_forks_walked", /* whose child a walker was at */
	[FF_C_EVEN] = "bursts_even",	/* that left committed memory as it was */
#ifdef VT_BENCH
	[FF_C_CHECKED] = "checked",	/* for the overhead of a look, in one run */
	[FF_C_CHECKED_NS] = "checked_ns",
	[FF_C_BARE] = "bare",
	[FF_C_BARE_NS] = "bare_ns",
	[FF_C_BARE_FORKS] = "bare_forks",	/* for the rate of failed forks */
	[FF_C_BARE_FORKS_NS] = "bare_forks_ns",
#endif
};

static const char *const ff_hists[] = {
	[FF_H_FORK] = "failed_fork_ns",
};

/*
 * Setting up.
 */

static int ff_probe(struct vt_run *run)
{
	unsigned int i;

	/* Injection picks no place, and is told of as in the middle. */
	vt_trial_needs(run, FF_V_POS, FF_FIRST,
		       "account signal tree dup policy userfault anon_vma copy");
	vt_trial_needs(run, FF_V_POS, FF_MIDDLE,
		       "account signal dup policy userfault anon_vma copy table inject");
	vt_trial_needs(run, FF_V_POS, FF_LAST,
		       "account signal dup policy userfault anon_vma copy");
	vt_trial_needs(run, FF_V_POS, FF_AFTER, "signal copy");
	for (i = 0; i < FF_NR_REFS; i++)
		vt_trial_needs(run, FF_V_REF, i, "slot");
	if (vt_fork_marks() == VT_NO)
		vt_absent(run, FF_UNMARKED,
			  "this kernel promises no mark on what a failed fork leaves");
	ff_balance_probe(run);
	if (!vt_rmap_known()) {
		vt_absent(run, FF_UNREADY, "the file's VMAs cannot be told");
		vt_trial_absent(run, FF_V_FIND, FF_FIND_RMAP,
				"the file's VMAs cannot be told");
		vt_info("fork_fail: no walks by a file here: its VMAs cannot be told\n");
	}
	return 0;
}

static int ff_parent_init(struct ff_parent *p, struct ff_state *st)
{
	struct file *file;

	p->st = st;
	raw_spin_lock_init(&p->lock);
	init_waitqueue_head(&p->wq);
	init_irq_work(&p->kill, ff_kill);
	mutex_init(&p->kill_lock);
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
	init_rwsem(&st->busy);
	st->burst_next = jiffies;

	/*
	 * Each half is 60 % of RAM and swap. Heuristic overcommit lets each be
	 * mapped; the VMA that they merge into is too large for fork to account.
	 */
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
	ret = vt_spawn_all(run, "fork", st->nr_forkers, ff_forker, NULL);
	if (!ret)
		ret = vt_spawn_all(run, "walk", vt_params.nreaders, ff_walker, NULL);
	if (ret)
		return ret;
	for (i = 0; !IS_ERR(t) && i < st->nr_parents; i++)
		t = vt_spawn(run, "mix", i, ff_mixer, &st->parents[i]);

	return PTR_ERR_OR_ZERO(t);
}

static void ff_rest(struct vt_run *run)
{
	struct ff_state *st = run->priv;
	unsigned int b;

	for (b = 0; b < FF_NR_BALANCES; b++)
		vt_try(run, FF_V_BALANCE, b);
	/* What does not come back now would be in the way of the bursts. */
	if (ff_rest_wait(st)) {
		/* They fork a thousand times: a run that hardly began just ends. */
		if (vt_counter_sum(run, FF_C_FAILED) >= FF_BURSTS_AFTER) {
			ff_account_rest(st);
			ff_bursts(st);
		}
		while (st->nr_kept)
			mmput(st->kept[--st->nr_kept]);
		/* Their children get as much time as those before. */
		vt_rest_begin(false);
		ff_rest_wait(st);
	}
	ff_rest_judge(st);
}

static void ff_stop(struct vt_run *run)
{
	struct ff_state *st = run->priv;
	struct ff_parent *p;
	bool back = true;

	if (!st)
		return;
	run->priv = NULL;
	ff_probes_stop(st);
	ff_for_each_parent(p, st) {
		back &= vt_file_put(p->file);
		back &= vt_file_put(p->shmem);
		kvfree(p->snap);
	}
	kvfree(st->kept);
	/* A VMA that stays may be closed some day. */
	if (!back)
		return;
	kvfree(st->parents);
	kfree(st);
}

const struct vt_scenario fork_fail_torture = {
	.name = "fork_fail",
	.kinds = ff_kinds,
	.nr_kinds = ARRAY_SIZE(ff_kinds),
	.counters = ff_counters,
	.nr_counters = ARRAY_SIZE(ff_counters),
	.hists = ff_hists,
	.nr_hists = ARRAY_SIZE(ff_hists),
	.trials = ff_trials,
	.nr_trials = ARRAY_SIZE(ff_trials),
	.draws = ff_tables,
	.nr_draws = ARRAY_SIZE(ff_tables),
	.symbols = ff_symbols,
	.needs = VT_NEEDS(VT_NEED_SPACE, VT_NEED_FORK, VT_NEED(sys_madvise)),
	.probe = ff_probe,
	.start = ff_start,
	.rest = ff_rest,
	.stop = ff_stop,
};
