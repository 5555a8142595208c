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

#include "engine.h"
#include "scenarios.h"
#include "space.h"
#include "map_fixed/map_fixed.h"

static const struct vt_kind mf_kinds[] = {
	[MF_GAP] = { "gap",
		"MAP_FIXED overwrites the tree in one store, readers under RCU see old or new (mm/vma.c, since 6.12)" },
	[MF_NO_VMA] = { "no_vma",
		"a fault that finds no VMA to lock and takes mmap_lock finds the old or the new one (mmap(2), MAP_FIXED)" },
	[MF_STALE] = { "stale",
		"when mmap() has returned, nobody reads what was mapped before (mmap(2), MAP_FIXED)" },
	[MF_CLOSE_ORDER] = { "close_order",
		"->close() of what is replaced runs before ->mmap() of what replaces it (vms_clean_up_area())" },
	[MF_HALF_ABORT] = { "half_abort",
		"a replacement its file refused leaves the range whole or empty, and nothing else (vms_abort_munmap_vmas())" },
	[MF_ACCOUNT] = { "account",
		"map_count, total_vm, locked_vm, data_vm, exec_vm, stack_vm and committed memory are those of the mappings there are" },
};

/*
 * What a writer replaces next. "sparse" without that range acts as "straddle",
 * "straddle" without two neighbours as "limit", and what finds no room to leave
 * something on both sides as "exact".
 */
const struct mf_choice mf_draws[MF_NR_DRAWS] = {
	[MF_D_DOZENS]	= { "dozens",	1 },	/* of VMAs by one */
	[MF_D_WHOLE]	= { "whole",	1 },	/* all of the arena by one, repeatedly */
	[MF_D_SPARSE]	= { "sparse",	2 },	/* the sparse range */
	[MF_D_STRADDLE]	= { "straddle",	16 },	/* parts of two neighbours */
	[MF_D_LIMIT]	= { "limit",	4 },	/* a whole VMA, at RLIMIT_AS */
	[MF_D_LOCKED]	= { "locked",	8 },	/* as "inside", MAP_LOCKED in small VMAs */
	[MF_D_INSIDE]	= { "inside",	16 },	/* of a VMA, something left on both sides */
	[MF_D_EXACT]	= { "exact",	16 },	/* a whole VMA */
};

/* Before that: has a replacement fail, and sees what it leaves? */
const struct mf_choice mf_aborts[MF_NR_BEFORES] = {
	[MF_DO]		= { "abort",	1 },
	[MF_DO_NOT]	= { "none",	7 },
};

/* And does it sum up the mm's mappings? */
const struct mf_choice mf_accounts[MF_NR_BEFORES] = {
	[MF_DO]		= { "account",	1 },
	[MF_DO_NOT]	= { "none",	15 },
};

/* What lies where a replacement is to fail. */
const struct mf_choice mf_laids[MF_NR_LAIDS] = {
	[MF_LAID_PIECES] = { "pieces",	1 },	/* a VMA per two pages */
	[MF_LAID_ONE]	= { "one",	1 },	/* one VMA */
};

/* Who refuses it. */
const struct mf_choice mf_refusers[MF_NR_REFUSERS] = {
	[MF_BY_LIMIT]	= { "limit",	2 },	/* the kernel, for RLIMIT_AS */
	[MF_BY_FILE]	= { "file",	2 },	/* the new mapping's file, at once */
	[MF_BY_FILE_LATE] = { "late",	2 },	/* when it has set up the VMA */
	[MF_BY_PREPARE]	= { "prepare",	2 },	/* before there is a VMA */
};

/* And how what is refused was asked for. */
const struct mf_choice mf_refuseds[MF_NR_REFUSEDS] = {
	[MF_SHARED]	= { "shared",	1 },	/* and not writable */
	[MF_PRIVATE]	= { "private",	1 },	/* and writable: it is accounted */
};

/* Does it see whether some operation leaves memory committed? */
const struct mf_choice mf_burst_draws[MF_NR_BEFORES] = {
	[MF_DO]		= { "burst",	1 },
	[MF_DO_NOT]	= { "none",	31 },
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
	[MF_C_CHECKED] = "checked",	/* for the price of a look, in one run */
	[MF_C_CHECKED_NS] = "checked_ns",
	[MF_C_BARE] = "bare",
	[MF_C_BARE_NS] = "bare_ns",
	[MF_C_BESIDE] = "beside",	/* for the price of readers */
	[MF_C_BESIDE_NS] = "beside_ns",
	[MF_C_ALONE] = "alone",
	[MF_C_ALONE_NS] = "alone_ns",
};

static const char *const mf_look_names[MF_NR_LOOKS] = {
	[MF_BY_POINT] = "point", [MF_BY_RANGE] = "range", [MF_BY_FAULT] = "fault",
	[MF_BY_READ] = "read",
};

static const struct vt_trials mf_trials[] = {
	[MF_V_REPLACE]	= VT_TRIALS_NAMED("replace", mf_counters, MF_C_LOCKED + 1),
	[MF_V_REFUSER]	= VT_TRIALS("refuser", mf_refusers),
	[MF_V_REFUSED]	= VT_TRIALS("refused", mf_refuseds),
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
		t = vt_spawn(run, "r", i, mf_reader, &state->spaces[i % n]);
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
	.needs = VT_NEEDS(VT_NEED_SPACE),
	.start = mf_start,
	.rest = mf_rest,
	.stop = mf_stop,
};
