/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules by which a test is judged, and nothing else. No kernel types:
 * compiled in user space too, by the unit tests.
 */
#ifndef VT_VERDICT_H
#define VT_VERDICT_H

#include <linux/types.h>

enum vt_verdict {
	VT_IDLE,	/* nothing was started since load or reset */
	VT_RUNNING,
	VT_SUCCESS,
	VT_FAILURE,
	VT_INCOMPLETE,	/* no race, but not looked at hard enough to say so */
	VT_SKIP,	/* nothing of it could be tested here */
};

/**
 * struct vt_facts - what a verdict is made of, per scenario
 * @chosen: it was part of the test that was started last
 * @skipped: it could not run on this kernel or machine
 * @running: its threads are at work, or about to be
 * @failed_start: it was to run and could not be set up
 * @idle_threads: threads that made no progress
 * @blind_oracles: oracles that never looked while something was changing
 * @untried: things it can do that were tried in vain, or never, for too long
 * @races: promises seen broken
 */
struct vt_facts {
	bool chosen;
	bool skipped;
	bool running;
	bool failed_start;
	unsigned int idle_threads;
	unsigned int blind_oracles;
	unsigned int untried;
	u64 races;
};

/**
 * vt_judge() - the verdict over all scenarios of a test
 * @f: facts, one per scenario
 * @n: number of scenarios
 *
 * A race outweighs all else, as soon as it is seen. Success is earned: every
 * scenario that ran must have looked with all its oracles, and done what it can.
 */
static inline enum vt_verdict vt_judge(const struct vt_facts *f, unsigned int n)
{
	unsigned int i, chosen = 0, skipped = 0, running = 0, wanting = 0;
	u64 races = 0;

	for (i = 0; i < n; i++) {
		if (!f[i].chosen)
			continue;
		chosen++;
		skipped += f[i].skipped;
		running += f[i].running;
		races += f[i].races;
		wanting += f[i].failed_start || f[i].idle_threads ||
			   f[i].blind_oracles || f[i].untried;
	}

	if (!chosen)
		return VT_IDLE;
	if (races)
		return VT_FAILURE;
	if (running)
		return VT_RUNNING;
	if (skipped == chosen)
		return VT_SKIP;
	return wanting ? VT_INCOMPLETE : VT_SUCCESS;
}

static inline const char *vt_verdict_name(enum vt_verdict v)
{
	switch (v) {
	case VT_IDLE:		return "IDLE";
	case VT_RUNNING:	return "RUNNING";
	case VT_SUCCESS:	return "SUCCESS";
	case VT_FAILURE:	return "FAILURE";
	case VT_INCOMPLETE:	return "INCOMPLETE";
	case VT_SKIP:		return "SKIP";
	}
	return "?";
}

#endif /* VT_VERDICT_H */
