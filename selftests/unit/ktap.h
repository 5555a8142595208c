/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for the unit tests and the companions: a table of cases, each of which
 * fails by calling fail(), is skipped by skip(), and passes by returning without
 * either. Any thread of the process that runs the case may call them.
 */
#ifndef UNIT_KTAP_H
#define UNIT_KTAP_H

#include <stdio.h>
#include <string.h>

struct ktap_case {
	const char *name;
	void (*fn)(void);
};

#define KTAP_CASE(fn) { #fn, fn }

static unsigned int ktap_failures, ktap_expectations;
static const char *ktap_skipped, *ktap_expected;	/* why */
static const char *ktap_only;	/* the one case to run, if any */

/* A broken property breaks for many inputs: only the first few are printed. */
#define fail(fmt, ...)							\
	do {								\
		if (__atomic_fetch_add(&ktap_failures, 1,		\
				       __ATOMIC_RELAXED) < 5)		\
			printf("# " fmt "\n", ##__VA_ARGS__);		\
	} while (0)

/* The reason is what people have to change to get the result. */
#define skip(why)	(ktap_skipped = (why))
/* This one failure is known here, and WHY says where it is told; it excuses no other. */
#define xfail(why, fmt, ...)						\
	do {								\
		ktap_expected = (why);					\
		if (__atomic_fetch_add(&ktap_expectations, 1,		\
				       __ATOMIC_RELAXED) < 5)		\
			printf("# " fmt "\n", ##__VA_ARGS__);		\
	} while (0)

/* Runs all cases; the value is kselftest's exit code. */
static inline int ktap_run(const struct ktap_case *cases, unsigned int n)
{
	unsigned int i, bad = 0, skipped = 0;

	for (i = 0; ktap_only; i++) {
		if (i == n) {
			fprintf(stderr, "there is no case %s\n", ktap_only);
			return 2;
		}
		if (strcmp(cases[i].name, ktap_only))
			continue;
		cases += i;
		n = 1;
		break;
	}
	printf("KTAP version 1\n1..%u\n", n);
	for (i = 0; i < n; i++) {
		ktap_failures = 0;
		ktap_expectations = 0;
		ktap_skipped = NULL;
		ktap_expected = NULL;
		cases[i].fn();
		if (ktap_expected && !ktap_failures) {
			printf("ok %u %s # XFAIL %s\n", i + 1,
			       cases[i].name, ktap_expected);
			continue;
		}
		if (ktap_skipped && !ktap_failures) {
			printf("ok %u %s # SKIP %s\n", i + 1, cases[i].name,
			       ktap_skipped);
			skipped++;
			continue;
		}
		printf("%sok %u %s\n", ktap_failures ? "not " : "", i + 1,
		       cases[i].name);
		bad += !!ktap_failures;
	}
	if (bad)
		return 1;
	return skipped == n ? 4 : 0;
}

#endif /* UNIT_KTAP_H */
