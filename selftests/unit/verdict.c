// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict, beside the sentences of its contract, over everything that up to
 * three scenarios can be in.
 */
#include <string.h>

#include "ktap.h"
#include "verdict.h"

/* What can be the case with one scenario, in the words of the contract. */
enum plight {
	AT_WORK, CANNOT_RUN, NOT_SET_UP, LAZY_THREAD, BLIND_ORACLE, UNTRIED,
	ALL_WELL,
	NR_PLIGHTS
};

#define NR_CASES (NR_PLIGHTS * 2 * 2)	/* chosen or not, races or none */

static struct vt_facts make_facts(unsigned int i)
{
	enum plight plight = i / 4;
	struct vt_facts f = {
		.chosen = i & 1,
		.races = i & 2 ? 3 : 0,
		.running = plight == AT_WORK,
		.skipped = plight == CANNOT_RUN,
		.failed_start = plight == NOT_SET_UP,
		.idle_threads = plight == LAZY_THREAD ? 1 : 0,
		.blind_oracles = plight == BLIND_ORACLE ? 2 : 0,
		.untried = plight == UNTRIED ? 1 : 0,
	};

	return f;
}

static bool well(const struct vt_facts *f)
{
	return !f->skipped && !f->failed_start && !f->idle_threads &&
	       !f->blind_oracles && !f->untried && !f->races && !f->running;
}

static bool all(const struct vt_facts *f, unsigned int n,
		bool (*is)(const struct vt_facts *f))
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (f[i].chosen && !is(&f[i]))
			return false;
	return true;
}

static bool nobody(const struct vt_facts *f)
{
	(void)f;
	return false;
}

static bool no_race(const struct vt_facts *f) { return !f->races; }
static bool not_running(const struct vt_facts *f) { return !f->running; }
static bool was_skipped(const struct vt_facts *f) { return f->skipped; }
static bool well_or_skipped(const struct vt_facts *f)
{
	return f->skipped || well(f);
}

/* Each verdict by its own sentence, so that not one leans on the order. */
static bool holds(enum vt_verdict v, const struct vt_facts *f, unsigned int n)
{
	bool none = all(f, n, nobody);
	bool clean = all(f, n, no_race);
	bool ended = all(f, n, not_running);
	bool skipped = all(f, n, was_skipped);
	bool good = all(f, n, well_or_skipped);

	switch (v) {
	case VT_IDLE:
		return none;
	case VT_FAILURE:
		return !clean;
	case VT_RUNNING:
		return clean && !ended;
	case VT_SKIP:
		return !none && clean && ended && skipped;
	case VT_SUCCESS:
		return !none && clean && ended && !skipped && good;
	case VT_INCOMPLETE:
		return clean && ended && !skipped && !good;
	}
	return false;
}

static void check(const struct vt_facts *f, unsigned int n)
{
	enum vt_verdict v, said = vt_judge(f, n);
	unsigned int i;

	for (v = VT_IDLE; v <= VT_SKIP; v++) {
		if (holds(v, f, n) == (v == said))
			continue;
		fail("%s was said, %s %s", vt_verdict_name(said),
		     vt_verdict_name(v), v == said ? "does not hold" : "holds");
		for (i = 0; i < n; i++)
			fail("  chosen=%d skipped=%d running=%d failed=%d idle=%u blind=%u races=%d",
			     f[i].chosen, f[i].skipped, f[i].running,
			     f[i].failed_start, f[i].idle_threads,
			     f[i].blind_oracles, (int)f[i].races);
	}
}

static void none(void)
{
	check(NULL, 0);
}

static void one(void)
{
	unsigned int i;

	for (i = 0; i < NR_CASES; i++) {
		struct vt_facts f = make_facts(i);

		check(&f, 1);
	}
}

static void two(void)
{
	unsigned int i, j;

	for (i = 0; i < NR_CASES; i++)
		for (j = 0; j < NR_CASES; j++) {
			struct vt_facts f[] = { make_facts(i), make_facts(j) };

			check(f, 2);
		}
}

static void three(void)
{
	unsigned int i, j, k;

	for (i = 0; i < NR_CASES; i++)
		for (j = 0; j < NR_CASES; j++)
			for (k = 0; k < NR_CASES; k++) {
				struct vt_facts f[] = { make_facts(i),
					make_facts(j), make_facts(k) };

				check(f, 3);
			}
}

static void names(void)
{
	enum vt_verdict v, w;

	for (v = VT_IDLE; v <= VT_SKIP; v++) {
		const char *name = vt_verdict_name(v);

		if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(name) ||
		    !*name)
			fail("'%s' is not one word in capitals", name);
		for (w = VT_IDLE; w < v; w++)
			if (!strcmp(name, vt_verdict_name(w)))
				fail("two verdicts are named %s", name);
	}
}

int main(void)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(none),
		KTAP_CASE(one),
		KTAP_CASE(two),
		KTAP_CASE(three),
		KTAP_CASE(names),
	};

	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
