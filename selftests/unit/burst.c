// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a balance that grows is a leak: noise of others must never be one, and a
 * steady leak always.
 */
#include <stdlib.h>
#include <string.h>

#include "burst.h"
#include "ktap.h"

#define N VT_BURST_ROUNDS

static enum vt_burst_result judge(const long *grown)
{
	const long idle[N] = {};

	return vt_burst_judge(grown, idle);
}

static void want(const char *what, enum vt_burst_result got,
		 enum vt_burst_result wanted)
{
	if (got != wanted)
		fail("%s: judged %d, should be %d", what, got, wanted);
}

/* What each burst leaves if each operation leaves so many pages. */
static void leak(long *grown, long pages)
{
	unsigned int i;

	for (i = 0; i < N; i++)
		grown[i] = pages * vt_burst_ops(i);
}

static void stands_still(void)
{
	const long grown[N] = {};

	want("still", judge(grown), VT_BURST_EVEN);
}

static void grows_with_the_work(void)
{
	long pages, grown[N];

	for (pages = 1; pages < 10000; pages++) {
		leak(grown, pages);
		want("so many by each operation", judge(grown), VT_BURST_GROWS);
	}
}

/* Memory that is given back. */
static void falls(void)
{
	long pages, grown[N];

	for (pages = 1; pages < 100; pages++) {
		leak(grown, -pages);
		want("given back", judge(grown), VT_BURST_UNSURE);
	}
}

/* Whoever else is at work: any pause that is not idle, any burst that differs. */
static void noise_is_no_leak(void)
{
	unsigned int i, at;
	long v[2 * N];

	for (i = 0; i < 100000; i++) {
		leak(v, 8);
		memset(v + N, 0, N * sizeof(*v));
		at = rand() % (2 * N);
		v[at] += 1 + rand() % 1000;
		want("disturbed", vt_burst_judge(v, v + N), VT_BURST_UNSURE);
	}
}

/*
 * Charges of one size, some in each burst, as of a shell that forks. The shortest
 * burst would have to meet seven.
 */
static void forks_are_no_leak(void)
{
	long pages, grown[N];
	unsigned int i, n;

	for (pages = 1; pages < 1000; pages++)
		for (n = 1; n < 7 * 7 * 7; n++) {
			grown[0] = n % 7 * pages;
			grown[1] = n / 7 % 7 * pages;
			grown[2] = n / 49 % 7 * pages;
			want("forks", judge(grown), VT_BURST_UNSURE);
		}
	/* Nor are some that were charged in the first burst alone. */
	for (i = 1; i < N; i++)
		grown[i] = 0;
	grown[0] = VT_BURST_OPS;
	want("once", judge(grown), VT_BURST_UNSURE);
}

int main(void)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(stands_still),
		KTAP_CASE(grows_with_the_work),
		KTAP_CASE(falls),
		KTAP_CASE(noise_is_no_leak),
		KTAP_CASE(forks_are_no_leak),
	};

	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
