// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random streams: in range, fair, repeatable, and not each other's copies.
 */
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "rnd.h"

#define DRAWS	20000

static void below_is_below(void)
{
	static const u32 bounds[] = { 1, 2, 3, 7, 64, 1000, 65537, 1U << 31,
				      ~0U - 1, ~0U };
	struct vt_rnd r = { .state = 4 };
	unsigned int i, b;

	for (b = 0; b < sizeof(bounds) / sizeof(*bounds); b++)
		for (i = 0; i < DRAWS; i++) {
			u32 v = vt_rnd_below(&r, bounds[b]);

			if (v >= bounds[b])
				fail("below(%u) gave %u", bounds[b], v);
		}
}

static void below_is_fair(void)
{
	u32 n;

	for (n = 2; n <= 40; n += 3) {
		unsigned int count[40] = {}, draws = n * 2000, i;
		struct vt_rnd r = { .state = n };

		for (i = 0; i < draws; i++)
			count[vt_rnd_below(&r, n)]++;
		/* 2000 expected, standard deviation below 45: seven of them. */
		for (i = 0; i < n; i++)
			if (count[i] < 1685 || count[i] > 2315)
				fail("below(%u): %u came %u of %u times", n, i,
				     count[i], draws);
	}
}

static void one_in_n(void)
{
	u32 n;

	for (n = 1; n <= 32; n *= 2) {
		struct vt_rnd r = { .state = 5 };
		unsigned int i, hits = 0;

		for (i = 0; i < n * 2000; i++)
			hits += vt_rnd_one_in(&r, n);
		if (n == 1 ? hits != 2000 : hits < 1685 || hits > 2315)
			fail("one in %u: %u of %u", n, hits, n * 2000);
	}
}

static void every_bit_moves(void)
{
	struct vt_rnd r = { .state = 0 };
	unsigned int ones[64] = {}, i, bit;

	for (i = 0; i < DRAWS; i++) {
		u64 v = vt_rnd_next(&r);

		for (bit = 0; bit < 64; bit++)
			ones[bit] += v >> bit & 1;
	}
	/* DRAWS / 2 expected, standard deviation 71: seven of them. */
	for (bit = 0; bit < 64; bit++)
		if (ones[bit] < DRAWS / 2 - 500 || ones[bit] > DRAWS / 2 + 500)
			fail("bit %u is set in %u of %u", bit, ones[bit], DRAWS);
}

static void same_seed_same_stream(void)
{
	struct vt_rnd a, b;
	unsigned int i;

	vt_rnd_fork(&a, 42, 7);
	vt_rnd_fork(&b, 42, 7);
	for (i = 0; i < DRAWS; i++)
		if (vt_rnd_next(&a) != vt_rnd_next(&b))
			fail("number %u differs", i);
}

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void want_distinct(u64 *v, unsigned int n, const char *what)
{
	unsigned int i;

	qsort(v, n, sizeof(*v), cmp_u64);
	for (i = 1; i < n; i++)
		if (v[i] == v[i - 1])
			fail("%s share the number %llx", what,
			     (unsigned long long)v[i]);
}

/*
 * 64 threads, 256 numbers of each: in 64 bits two that are equal come about
 * once in 10^11 runs, unless a stream runs into another.
 */
static void threads_differ(void)
{
	static u64 v[64 * 256];
	unsigned int id, i, n = 0;

	for (id = 0; id < 64; id++) {
		struct vt_rnd r;

		vt_rnd_fork(&r, 42, id);
		for (i = 0; i < 256; i++)
			v[n++] = vt_rnd_next(&r);
	}
	want_distinct(v, n, "threads");
}

/*
 * All streams of a run: threads by their hashed names, delays by small numbers and
 * the complements of small numbers.
 */
static void names_differ(void)
{
	static const char *const names[] = {
		"onoff", "watch", "fork_fail balance", "fork_fail calibrate",
		"fork_fail account",
	};
	static u64 v[5 * 256 + 2 * 256];
	unsigned int i, nr, n = 0;

	for (i = 0; i < 5; i++)
		for (nr = 0; nr < 256; nr++)
			v[n++] = vt_rnd_id(names[i], nr);
	for (nr = 0; nr < 256; nr++) {
		v[n++] = nr;
		v[n++] = ~(u64)nr;
	}
	want_distinct(v, n, "names");
}

/* Seeds that differ in one bit, from the first number on. */
static void seeds_differ(void)
{
	static u64 v[65 * 256];
	unsigned int bit, i, n = 0;

	for (bit = 0; bit <= 64; bit++) {
		struct vt_rnd r;

		vt_rnd_fork(&r, bit < 64 ? 1ULL << bit : 0, 1);
		for (i = 0; i < 256; i++)
			v[n++] = vt_rnd_next(&r);
	}
	want_distinct(v, n, "seeds");
}

/* Neighbouring seeds: half of all bits differ in the first number. */
static void first_number_is_mixed(void)
{
	unsigned int seed, flipped = 0;

	for (seed = 0; seed < 1000; seed++) {
		struct vt_rnd a, b;

		vt_rnd_fork(&a, seed, 1);
		vt_rnd_fork(&b, seed ^ 1, 1);
		flipped += __builtin_popcountll(vt_rnd_next(&a) ^
						vt_rnd_next(&b));
	}
	/* 32 of 64 a time, standard deviation 4 / sqrt(1000). */
	if (flipped < 31000 || flipped > 33000)
		fail("%u bits of 64000 differ", flipped);
}

int main(void)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(below_is_below),
		KTAP_CASE(below_is_fair),
		KTAP_CASE(one_in_n),
		KTAP_CASE(every_bit_moves),
		KTAP_CASE(same_seed_same_stream),
		KTAP_CASE(threads_differ),
		KTAP_CASE(names_differ),
		KTAP_CASE(seeds_differ),
		KTAP_CASE(first_number_is_mixed),
	};

	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
