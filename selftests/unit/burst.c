// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a balance that grows is a leak: noise of others must never be one, and a
 * steady leak always.
 */
#include <stdlib.h>

#include "burst.h"
#include "ktap.h"

#define N VT_BURST_ROUNDS

static enum vt_burst_result judge(long grown0, long grown1, long grown2,
				  long idle0, long idle1, long idle2)
{
	const long grown[N] = { grown0, grown1, grown2 };
	const long idle[N] = { idle0, idle1, idle2 };

	return vt_burst_judge(grown, idle, N, VT_BURST_OPS);
}

static void want(const char *what, enum vt_burst_result got,
		 enum vt_burst_result wanted)
{
	if (got != wanted)
		fail("%s: judged %d, should be %d", what, got, wanted);
}

static void stands_still(void)
{
	want("still", judge(0, 0, 0, 0, 0, 0), VT_BURST_EVEN);
}

static void grows_by_the_same(void)
{
	long pages;

	/* From one page of each operation on. */
	for (pages = VT_BURST_OPS; pages < 100 * VT_BURST_OPS; pages++)
		want("the same in each", judge(pages, pages, pages, 0, 0, 0),
		     VT_BURST_GROWS);
}

/* Less than a page of each operation, or memory that is given back. */
static void too_little(void)
{
	long pages;

	for (pages = 1; pages < VT_BURST_OPS; pages++)
		want("too little", judge(pages, pages, pages, 0, 0, 0),
		     VT_BURST_UNSURE);
	for (pages = 1; pages < 100; pages++)
		want("given back", judge(-pages, -pages, -pages, 0, 0, 0),
		     VT_BURST_UNSURE);
}

/* Whoever else is at work: any pause that is not idle, any burst that differs. */
static void noise_is_no_leak(void)
{
	unsigned int i, at;

	for (i = 0; i < 100000; i++) {
		long v[2 * N] = {};

		for (at = 0; at < N; at++)
			v[at] = 8 * VT_BURST_OPS;
		at = rand() % (2 * N);
		v[at] += 1 + rand() % 1000;
		want("disturbed", vt_burst_judge(v, v + N, N, VT_BURST_OPS),
		     VT_BURST_UNSURE);
	}
}

int main(void)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(stands_still),
		KTAP_CASE(grows_by_the_same),
		KTAP_CASE(too_little),
		KTAP_CASE(noise_is_no_leak),
	};

	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
