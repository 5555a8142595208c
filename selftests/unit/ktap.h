/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for the unit tests: a table of cases, each of which fails by calling
 * fail() and passes by returning without.
 */
#ifndef UNIT_KTAP_H
#define UNIT_KTAP_H

#include <stdio.h>

struct ktap_case {
	const char *name;
	void (*fn)(void);
};

#define KTAP_CASE(fn) { #fn, fn }

static unsigned int ktap_failures;

/* A broken property breaks for many inputs: only the first few are printed. */
#define fail(fmt, ...)							\
	do {								\
		if (ktap_failures++ < 5)				\
			printf("# " fmt "\n", ##__VA_ARGS__);		\
	} while (0)

/* Runs all cases; the value is kselftest's exit code. */
static inline int ktap_run(const struct ktap_case *cases, unsigned int n)
{
	unsigned int i, bad = 0;

	printf("KTAP version 1\n1..%u\n", n);
	for (i = 0; i < n; i++) {
		ktap_failures = 0;
		cases[i].fn();
		printf("%sok %u %s\n", ktap_failures ? "not " : "", i + 1,
		       cases[i].name);
		bad += !!ktap_failures;
	}
	return bad ? 1 : 0;
}

#endif /* UNIT_KTAP_H */
