// SPDX-License-Identifier: GPL-2.0-only
/*
 * map_fixed: mmap(MAP_FIXED) replaces mappings while others walk the VMA tree
 * under RCU.
 *
 * Each writer owns a lane in one of a few private mms, and each lane has three
 * ranges:
 *
 *   arena    always mapped, replaced piece by piece in every shape there is
 *   abort    replacements that the new mapping's file refuses; gaps are legal
 *            here, so that nobody but the writer looks
 *   sparse   200 GB, always mapped, replaced as a whole
 *
 * A writer says in its lane which range it has in flight. Readers look at that
 * range more often than not, and an oracle's look is exposed if it overlapped
 * what was in flight.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "compat_rmap.h"
#include "engine.h"
#include "scenarios.h"
#include "space.h"
#include "map_fixed/map_fixed.h"

/* What is seen in the arena, and what the module's file can be in. */
#define MF_IN_ARENA	"dozens whole straddle limit locked inside exact"
#define MF_OF_FILE	"dozens straddle limit locked inside exact"

static const struct vt_kind mf_kinds[] = {
	[MF_GAP] = { "gap",
		"MAP_FIXED overwrites the tree in one store, readers under RCU see old or new (mm/vma.c, since 6.12)",
		.by = "sparse " MF_IN_ARENA },
	[MF_NO_VMA] = { "no_vma",
		"a fault that finds no VMA to lock and takes mmap_lock finds the old or the new one (mmap(2), MAP_FIXED)",
		.by = "sparse " MF_IN_ARENA },
	[MF_STALE] = { "stale",
		"when mmap() has returned, nobody reads what was mapped before (mmap(2), MAP_FIXED)",
		.by = MF_IN_ARENA },
	[MF_CLOSE_ORDER] = { "close_order",
		"->close() of what is replaced runs before ->mmap() of what replaces it (vms_clean_up_area())",
		.by = MF_OF_FILE, .with = "file" },
	[MF_HALF_ABORT] = { "half_abort",
		"a replacement its file refused leaves the range whole or empty, and nothing else (vms_abort_munmap_vmas())",
		.by = "refuse" },
	[MF_ACCOUNT] = { "account",
		"map_count, total_vm, locked_vm, data_vm, exec_vm, stack_vm and committed memory are those of the mappings there are" },
	[MF_LINKS] = { "links",
		"a file has the VMAs that map it, and under i_mmap_rwsem they stay what they are (mm/vma.c, vma_prepare())",
		.by = MF_IN_ARENA, .with = "shmem" },
};

/*
 * What a writer replaces next. "sparse" without that range acts as "straddle",
 * "straddle" without two neighbours as "limit", or as "inside" where that is left
 * out, and what finds no room to leave something on both sides as "exact".
 */
static const struct vt_choice mf_replaces[MF_D_NR] = {
	[MF_D_DOZENS]	= { "dozens",	1 },	/* of VMAs by one */
	[MF_D_WHOLE]	= { "whole",	1 },	/* all of the arena by one */
	[MF_D_SPARSE]	= { "sparse",	2 },	/* the sparse range */
	[MF_D_STRADDLE]	= { "straddle",	16 },	/* parts of two neighbours */
	[MF_D_LIMIT]	= { "limit",	4 },	/* a whole VMA, at RLIMIT_AS */
	[MF_D_LOCKED]	= { "locked",	8 },	/* as "inside", MAP_LOCKED in small VMAs */
	[MF_D_INSIDE]	= { "inside",	16 },	/* of a VMA, something left on both sides */
	[MF_D_EXACT]	= { "exact",	16 },	/* a whole VMA */
};

/* Before that: has a replacement fail, and sees what it leaves? */
static const struct vt_choice mf_refuse_turns[] = { { "refuse", 1 }, { NULL, 7 } };

/* And does it sum up the mm's mappings? */
static const struct vt_choice mf_account_turns[] = { { "account", 1 }, { NULL, 15 } };

/* Does it compare what the file and the mm have of each other? */
static const struct vt_choice mf_census_turns[] = { { "census", 1 }, { NULL, 15 } };

/* Does it see whether some operation leaves memory committed? */
static const struct vt_choice mf_burst_turns[] = { { "burst", 1 }, { NULL, 31 } };

/* What is mapped. "whole" and "sparse" are anonymous. */
static const struct vt_choice mf_backings[MF_NR_BACKINGS] = {
	[MF_ANON] = { "anon", 1 }, [MF_SHMEM] = { "shmem", 1 }, [MF_FILE] = { "file", 1 },
};

/* What lies where a replacement is to fail. */
static const struct vt_choice mf_laids[MF_NR_LAIDS] = {
	[MF_LAID_PIECES] = { "pieces",	1 },	/* a VMA per two pages */
	[MF_LAID_ONE]	= { "one",	1 },	/* one VMA */
};

/* Who refuses it. */
static const struct vt_choice mf_refusers[MF_NR_REFUSERS] = {
	[MF_BY_LIMIT]	= { "by_limit",	2 },	/* the kernel, for RLIMIT_AS */
	[MF_BY_FILE]	= { "by_file",	2 },	/* the new mapping's file, at once */
	[MF_BY_FILE_LATE] = { "by_file_late", 2 }, /* when it has set up the VMA */
	[MF_BY_PREPARE]	= { "by_prepare", 2 },	/* before there is a VMA */
	[MF_BY_SPLIT]	= { "by_split",	2 },	/* a VMA that would have to be split */
	[MF_BY_SEAL]	= { "by_seal",	2 },	/* the kernel, for a VMA that is sealed */
};

/* And how what is refused was asked for. */
static const struct vt_choice mf_refuseds[MF_NR_REFUSEDS] = {
	[MF_SHARED]	= { "shared",	1 },	/* and not writable */
	[MF_PRIVATE]	= { "private",	1 },	/* and writable: it is accounted */
};

/* The operations of a burst; of those that readers do not see. */
static const struct vt_choice mf_leaks[MF_NR_LEAKS] = {
	[MF_L_SHARED]	= { "burst_shared",	1 },
	[MF_L_MERGE]	= { "burst_merge",	1 },
	[MF_L_PRIVATE]	= { "burst_private",	1 },
	[MF_L_LATE]	= { "burst_late",	1 },
	[MF_L_PREPARE]	= { "burst_prepare",	1 },
};

struct vt_draw mf_tables[MF_NR_TABLES] = {
	[MF_T_REPLACE]	= VT_DRAW(mf_replaces),
	[MF_T_REFUSE]	= VT_DRAW(mf_refuse_turns),
	[MF_T_ACCOUNT]	= VT_DRAW(mf_account_turns),
	[MF_T_CENSUS]	= VT_DRAW(mf_census_turns),
	[MF_T_BURST]	= VT_DRAW(mf_burst_turns),
	[MF_T_BACKING]	= VT_DRAW_HOW(mf_backings),
	[MF_T_LAID]	= VT_DRAW_HOW(mf_laids),
	[MF_T_REFUSER]	= VT_DRAW_HOW(mf_refusers),
	[MF_T_REFUSED]	= VT_DRAW_HOW(mf_refuseds),
	[MF_T_LEAK]	= VT_DRAW_HOW(mf_leaks),
};

const char *const mf_counters[] = {
	[MF_C_EXACT] = "exact",		/* replacements by shape */
	[MF_C_INSIDE] = "inside",
	[MF_C_STRADDLE] = "straddle",
	[MF_C_DOZENS] = "dozens",
	[MF_C_MERGE] = "merge",
	[MF_C_SPARSE] = "sparse",
	[MF_C_LIMIT] = "limit",
	[MF_C_ANON] = "anon",		/* and by what is mapped */
	[MF_C_SHMEM] = "shmem",
	[MF_C_FILE] = "file",
	[MF_C_LOCKED] = "locked",
	[MF_C_REFUSED] = "refused",	/* by their file, as they should be */
	[MF_C_FAILED] = "failed",	/* for want of memory */
	[MF_C_SPLIT_SEEN] = "split_seen",
	[MF_C_GAP_AFTER_FAILURE] = "gap_after_failure",
	[MF_C_LOCK_MISS] = "lock_miss",
	[MF_C_EFAULT] = "efault",
	[MF_C_REPLACEMENTS] = "replacements",	/* of any shape */
	[MF_C_REPLACEMENTS_CAUGHT] = "replacements_caught", /* a gap was seen */
	[MF_C_TRANSITIONS] = "transitions",	/* old and new seen in one look */
#ifdef VT_BENCH
	[MF_C_CHECKED] = "checked",	/* for the overhead of a look, in one run */
	[MF_C_CHECKED_NS] = "checked_ns",
	[MF_C_BARE] = "bare",
	[MF_C_BARE_NS] = "bare_ns",
	[MF_C_BESIDE] = "beside",	/* for the overhead of readers */
	[MF_C_BESIDE_NS] = "beside_ns",
	[MF_C_ALONE] = "alone",
	[MF_C_ALONE_NS] = "alone_ns",
#endif
};

static const char *const mf_look_names[MF_NR_LOOKS] = {
	[MF_BY_POINT] = "point", [MF_BY_RANGE] = "range", [MF_BY_FAULT] = "fault",
	[MF_BY_READ] = "read", [MF_BY_I_MMAP] = "i_mmap",
};

static const struct vt_trials mf_trials[] = {
	[MF_V_REPLACE]	= VT_TRIALS_NAMED("replace", mf_counters, MF_C_LOCKED + 1),
	[MF_V_REFUSER]	= VT_TRIALS_DRAWN("refuser", mf_refusers,
					  &mf_tables[MF_T_REFUSER]),
	[MF_V_REFUSED]	= VT_TRIALS_DRAWN("refused", mf_refuseds,
					  &mf_tables[MF_T_REFUSED]),
	[MF_V_LOOK]	= VT_TRIALS_NAMED("look", mf_look_names, MF_NR_LOOKS),
};

static const char *const mf_hists[] = {
	[MF_H_FLIGHT] = "in_flight_ns",
};

const char *const mf_backing_names[MF_NR_BACKINGS] = {
	[MF_ANON] = "anon", [MF_SHMEM] = "shmem", [MF_FILE] = "file",
};

struct mf_state {
	unsigned int nr_spaces;
	struct mf_space *spaces;
	struct vt_leaks leaks;
};

/*
 * Setting up and freeing.
 */
static void mf_lane_free(struct mf_lane *lane)
{
	if (!lane)
		return;
	/* What a mapping that stays may still call uses the lane. */
	if (!(vt_file_put(lane->file) & vt_file_put(lane->shmem) &
	      vt_file_put(lane->shy)))
		return;
	if (lane->trap)
		kref_put(&lane->trap->ref, mf_map_free);
	kvfree(lane);
}

static struct mf_lane *mf_lane_new(struct mf_space *s, unsigned int idx)
{
	struct mf_lane *lane = kvzalloc(sizeof(*lane), GFP_KERNEL);
	struct file *file;

	if (!lane)
		return ERR_PTR(-ENOMEM);
	lane->space = s;
	lane->arena = MF_BASE + idx * MF_STRIDE;
	lane->has_sparse = true;

	file = vt_file_new(&mf_fops, lane);
	if (IS_ERR(file))
		goto fail;
	lane->file = file;
	file = vt_shmem_file("vma_torture", 2 * MF_ARENA);
	if (IS_ERR(file))
		goto fail;
	lane->shmem = file;
	file = vt_file_new(&mf_shy_fops, lane);
	if (IS_ERR(file))
		goto fail;
	lane->shy = file;
	lane->trap = mf_map_new(lane);
	if (!lane->trap) {
		file = ERR_PTR(-ENOMEM);
		goto fail;
	}
	lane->trap->refused = true;

	return lane;

fail:
	mf_lane_free(lane);
	return ERR_CAST(file);
}

/* Where overcommit is forbidden there is no room for 200 GB: do without. */
static int mf_lane_map(struct mf_lane *lane)
{
	if (mf_whole(lane))
		return 0;
	lane->has_sparse = false;
	vt_trial_absent(lane->space->run, MF_V_REPLACE, MF_C_SPARSE,
			"there is no room for 200 GB");
	return mf_whole(lane) ? 0 : -ENOMEM;
}

static int mf_space_init(struct vt_run *run, struct mf_space *s,
			 unsigned int lanes)
{
	unsigned int i;
	int ret = 0;

	s->run = run;
	s->lanes = kcalloc(lanes, sizeof(*s->lanes), GFP_KERNEL);
	s->mm = vt_mm_new();
	if (!s->lanes || !s->mm)
		return -ENOMEM;
	for (i = 0; i < lanes; i++) {
		struct mf_lane *lane = mf_lane_new(s, i);

		if (IS_ERR(lane))
			return PTR_ERR(lane);
		s->lanes[s->nr_lanes++] = lane;
	}

	kthread_use_mm(s->mm);
	for (i = 0; i < lanes && !ret; i++)
		ret = mf_lane_map(s->lanes[i]);
	kthread_unuse_mm(s->mm);
	vt_books_kept(s->mm, &s->base);

	return ret;
}

static int mf_spawn_all(struct vt_run *run, struct mf_state *state)
{
	unsigned int i, n = state->nr_spaces;
	struct vt_thread *t;

	for (i = 0; i < vt_params.nwriters; i++) {
		struct mf_space *s = &state->spaces[i % n];

		t = vt_spawn(run, "w", i, mf_writer, s->lanes[i / n]);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	for (i = 0; i < vt_params.nreaders; i++) {
		/* Every mm has both; the last of its readers may be both in turns. */
		bool walks = i / n % 2 == 0;
		bool turns = walks && i + n >= vt_params.nreaders;

		t = vt_spawn(run, walks && !turns ? "follow" : "r", i,
			     turns ? mf_reader_in_turns :
			     walks ? mf_walker : mf_reader,
			     &state->spaces[i % n]);
		if (IS_ERR(t))
			return PTR_ERR(t);
	}
	return 0;
}

static int mf_start(struct vt_run *run)
{
	unsigned int writers = vt_params.nwriters, i, n;
	struct mf_state *state;
	int ret;

	state = kzalloc(sizeof(*state), GFP_KERNEL);
	if (!state)
		return -ENOMEM;
	run->priv = state;

	/* Every mm has a writer, and no more than fit. */
	n = min_t(unsigned int, vt_params.nmms, writers);
	n = max_t(unsigned int, n, DIV_ROUND_UP(writers, MF_MAX_LANES));
	state->spaces = kcalloc(n, sizeof(*state->spaces), GFP_KERNEL);
	if (!state->spaces)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		state->nr_spaces++;
		state->spaces[i].leaks = &state->leaks;
		ret = mf_space_init(run, &state->spaces[i],
				    writers / n + (i < writers % n));
		if (ret)
			return ret;
	}
	return mf_spawn_all(run, state);
}

static void mf_rest(struct vt_run *run)
{
	struct mf_state *state = run->priv;
	unsigned int i;

	for (i = 0; i < state->nr_spaces; i++) {
		kthread_use_mm(state->spaces[i].mm);
		mf_rest_space(&state->spaces[i]);
		kthread_unuse_mm(state->spaces[i].mm);
		mf_rest_end(&state->spaces[i]);
	}
}

static void mf_stop(struct vt_run *run)
{
	struct mf_state *state = run->priv;
	unsigned int i, j;

	if (!state)
		return;
	for (i = 0; i < state->nr_spaces; i++) {
		struct mf_space *s = &state->spaces[i];

		/* Closes all VMAs of the lanes' files. */
		vt_mm_put(s->mm);
		for (j = 0; j < s->nr_lanes; j++)
			mf_lane_free(s->lanes[j]);
		kfree(s->lanes);
	}
	run->priv = NULL;
	if (vt_rest_kept())
		return;
	kfree(state->spaces);
	kfree(state);
}

/* What has to be drawn for a shape or a backing to come. */
static int mf_probe(struct vt_run *run)
{
	static const char *const needs[MF_C_LOCKED + 1] = {
		[MF_C_EXACT] = "exact", [MF_C_INSIDE] = "inside",
		[MF_C_STRADDLE] = "straddle", [MF_C_DOZENS] = "dozens whole",
		[MF_C_MERGE] = "inside locked", [MF_C_SPARSE] = "sparse",
		[MF_C_LIMIT] = "limit", [MF_C_ANON] = "anon",
		[MF_C_SHMEM] = "shmem", [MF_C_FILE] = "file",
		[MF_C_LOCKED] = "locked",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needs); i++)
		vt_trial_needs(run, MF_V_REPLACE, i, needs[i]);
	vt_trial_needs(run, MF_V_REPLACE, MF_C_MERGE, "anon");
	/* What is whole or sparse is anonymous, whatever is drawn. */
	for (i = MF_C_ANON; i <= MF_C_FILE; i++)
		vt_trial_needs(run, MF_V_REPLACE, i,
			       "dozens straddle limit locked inside exact");
	vt_trial_needs(run, MF_V_LOOK, MF_BY_I_MMAP, "shmem");
	vt_trial_needs(run, MF_V_LOOK, MF_BY_I_MMAP, MF_IN_ARENA);
	if (!vt_rmap_known()) {
		vt_trial_absent(run, MF_V_LOOK, MF_BY_I_MMAP,
				"the file's VMAs cannot be told");
		vt_absent(run, MF_LINKS, "the file's VMAs cannot be told");
	}
	for (i = 0; i < MF_NR_REFUSERS; i++)
		vt_trial_needs(run, MF_V_REFUSER, i, "refuse");
	if (!VT_VM_SEALED)
		vt_trial_absent(run, MF_V_REFUSER, MF_BY_SEAL,
				"this kernel has no mseal()");
	for (i = 0; i < MF_NR_REFUSEDS; i++) {
		vt_trial_needs(run, MF_V_REFUSED, i, "refuse");
		vt_trial_needs(run, MF_V_REFUSED, i,
			       "by_file by_file_late by_prepare");
	}
	/* Only what a burst has shown to leak nothing is refused. */
	vt_trial_needs(run, MF_V_REFUSED, MF_PRIVATE, "burst");
	vt_trial_needs(run, MF_V_REFUSED, MF_PRIVATE,
		       "burst_private burst_late burst_prepare");
	return 0;
}

const struct vt_scenario map_fixed_torture = {
	.name = "map_fixed",
	.kinds = mf_kinds,
	.nr_kinds = ARRAY_SIZE(mf_kinds),
	.counters = mf_counters,
	.nr_counters = ARRAY_SIZE(mf_counters),
	.hists = mf_hists,
	.nr_hists = ARRAY_SIZE(mf_hists),
	.trials = mf_trials,
	.nr_trials = ARRAY_SIZE(mf_trials),
	.draws = mf_tables,
	.nr_draws = ARRAY_SIZE(mf_tables),
	.needs = VT_NEEDS(VT_NEED_SPACE),
	.probe = mf_probe,
	.start = mf_start,
	.rest = mf_rest,
	.stop = mf_stop,
};
