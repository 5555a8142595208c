// SPDX-License-Identifier: GPL-2.0-only
/*
 * Histogram buckets: every value in one, each where its name says.
 */
#include "hist.h"
#include "ktap.h"
#include "rnd.h"

static void check_value(u64 v)
{
	unsigned int b = vt_hist_bucket(v);

	if (b >= VT_HIST_BUCKETS)
		fail("%llu: no bucket %u", (unsigned long long)v, b);
	else if (v < vt_hist_floor(b))
		fail("%llu: below bucket %u", (unsigned long long)v, b);
	else if (b + 1 < VT_HIST_BUCKETS && v >= vt_hist_floor(b + 1))
		fail("%llu: above bucket %u", (unsigned long long)v, b);
}

static void floor_is_inverse(void)
{
	unsigned int b;

	for (b = 0; b < VT_HIST_BUCKETS; b++)
		if (vt_hist_bucket(vt_hist_floor(b)) != b)
			fail("floor of %u is in bucket %u", b,
			     vt_hist_bucket(vt_hist_floor(b)));
}

static void floors_rise(void)
{
	unsigned int b;

	for (b = 1; b < VT_HIST_BUCKETS; b++) {
		if (vt_hist_floor(b) <= vt_hist_floor(b - 1))
			fail("floor of %u is not above that of %u", b, b - 1);
		if (vt_hist_bucket(vt_hist_floor(b) - 1) != b - 1)
			fail("what is just below bucket %u is in bucket %u", b,
			     vt_hist_bucket(vt_hist_floor(b) - 1));
	}
}

static void small_values(void)
{
	u64 v;

	for (v = 0; v < 100000; v++)
		check_value(v);
}

static void random_values(void)
{
	struct vt_rnd r = { .state = 3 };
	unsigned int i;

	for (i = 0; i < 100000; i++)
		check_value(vt_rnd_next(&r) >> vt_rnd_below(&r, 64));
}

static void edges_of_powers(void)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		u64 v = 1ULL << bit;

		check_value(v - 1);
		check_value(v);
		check_value(v + 1);
	}
	check_value(~0ULL);
	if (vt_hist_bucket(~0ULL) != VT_HIST_BUCKETS - 1)
		fail("the largest value is in bucket %u", vt_hist_bucket(~0ULL));
}

int main(void)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(floor_is_inverse),
		KTAP_CASE(floors_rise),
		KTAP_CASE(small_values),
		KTAP_CASE(random_values),
		KTAP_CASE(edges_of_powers),
	};

	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
