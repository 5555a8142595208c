// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has come of a thing that a scenario can do, and whether that is enough.
 */
#include <string.h>

#include "ktap.h"
#include "tried.h"

static void each_state(void)
{
	unsigned long long tried, worked;

	for (tried = 0; tried < 50; tried++)
		for (worked = 0; worked <= tried; worked++) {
			enum vt_trial_state s = vt_trial_state(false, tried, worked);

			if ((s == VT_TRIAL_WORKED) != (worked > 0))
				fail("%llu of %llu: state %d", worked, tried, s);
			if ((s == VT_TRIAL_NEVER_TRIED) != (tried == 0))
				fail("%llu of %llu: state %d", worked, tried, s);
			if (vt_trial_state(true, tried, worked) != VT_TRIAL_ABSENT)
				fail("%llu of %llu, absent, is something else",
				     worked, tried);
		}
}

/* At least 20 times in vain, however short the run. */
static void in_vain(void)
{
	static const unsigned long long times[] = { 0, 1, 29999, 30000, 1000000 };
	unsigned int i;
	unsigned long long tried;

	for (i = 0; i < sizeof(times) / sizeof(*times); i++)
		for (tried = 1; tried < 60; tried++)
			if (vt_trial_wanting(vt_trial_state(false, tried, 0), tried,
					     times[i]) != (tried >= 20))
				fail("tried %llu times in %llu ms", tried, times[i]);
}

/* Never tried is too little in 30 s and more. */
static void never_tried(void)
{
	unsigned long long ms;

	for (ms = 0; ms < 90000; ms += 500)
		if (vt_trial_wanting(VT_TRIAL_NEVER_TRIED, 0, ms) != (ms >= 30000))
			fail("never tried in %llu ms", ms);
}

static void enough(void)
{
	unsigned long long ms, tried;

	for (ms = 0; ms < 90000; ms += 1000)
		for (tried = 1; tried < 100; tried++)
			if (vt_trial_wanting(vt_trial_state(false, tried, 1), tried, ms) ||
			    vt_trial_wanting(vt_trial_state(true, tried, 0), tried, ms))
				fail("tried %llu times in %llu ms", tried, ms);
}

static void names(void)
{
	enum vt_trial_state a, b;

	for (a = VT_TRIAL_ABSENT; a <= VT_TRIAL_WORKED; a++)
		for (b = VT_TRIAL_ABSENT; b < a; b++)
			if (!strcmp(vt_trial_state_name(a), vt_trial_state_name(b)))
				fail("%d and %d have one name", a, b);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(each_state),
	KTAP_CASE(in_vain),
	KTAP_CASE(never_tried),
	KTAP_CASE(enough),
	KTAP_CASE(names),
};

int main(void)
{
	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
