// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gap oracle's interval arithmetic beside a bitmap that is filled in piece
 * by piece.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cover.h"
#include "ktap.h"
#include "rnd.h"

#define WORLD 48UL

/* A world of WORLD addresses that begins at base. */
struct model {
	unsigned long base;
	unsigned long first;
	unsigned long last;
	bool marked[WORLD];
};

static void model_init(struct model *m, unsigned long base,
		       unsigned long first, unsigned long last)
{
	memset(m, 0, sizeof(*m));
	m->base = base;
	m->first = first;
	m->last = last;
}

/* Is any address of the range below @end nobody's? */
static bool model_gap_below(const struct model *m, unsigned long end)
{
	unsigned long a;

	for (a = m->first; a <= m->last && a < end; a++)
		if (!m->marked[a])
			return true;
	return false;
}

static bool model_done(const struct model *m)
{
	return !model_gap_below(m, WORLD);
}

static void model_mark(struct model *m, unsigned long first, unsigned long last)
{
	unsigned long a;

	for (a = first; a <= last; a++)
		m->marked[a] = true;
}

static unsigned long pick(struct vt_rnd *r, unsigned long lo, unsigned long hi)
{
	return lo + vt_rnd_below(r, hi - lo + 1);
}

/* Any pieces, in any order: what is called a gap has to be one. */
static void random_pieces(unsigned long base)
{
	struct vt_rnd r = { .state = 1 };
	unsigned int round;

	for (round = 0; round < 200000; round++) {
		unsigned long first = pick(&r, 0, WORLD - 1);
		unsigned long last = pick(&r, first, WORLD - 1);
		struct vt_cover c;
		struct model m;
		unsigned int n;

		model_init(&m, base, first, last);
		vt_cover_init(&c, base + first, base + last);
		for (n = 0; n < 8; n++) {
			unsigned long a = pick(&r, 0, WORLD - 1);
			unsigned long b = pick(&r, a, WORLD - 1);
			bool gap = model_gap_below(&m, a);

			if (vt_cover_add(&c, base + a, base + b) == gap) {
				fail("[%lu,%lu]: piece [%lu,%lu] said %sgap",
				     first, last, a, b, gap ? "no " : "");
				break;
			}
			if (gap)
				break;
			model_mark(&m, a, b);
			if (c.done != model_done(&m)) {
				fail("[%lu,%lu]: done=%d after [%lu,%lu]",
				     first, last, c.done, a, b);
				break;
			}
		}
	}
}

static void pieces_at_the_bottom(void)
{
	random_pieces(0);
}

static void pieces_in_the_middle(void)
{
	random_pieces(0x7f0000000000UL);
}

/* The last address of all is in reach: nothing may wrap. */
static void pieces_at_the_top(void)
{
	random_pieces(ULONG_MAX - WORLD + 1);
}

/*
 * As the oracle uses it: a range cut into pieces, some of them lost. Whole if
 * and only if none was.
 */
static void walks_with_losses(void)
{
	struct vt_rnd r = { .state = 2 };
	unsigned int round;

	for (round = 0; round < 100000; round++) {
		unsigned long first = pick(&r, 0, WORLD / 2);
		unsigned long last = pick(&r, first, WORLD - 1);
		unsigned long a = 0, b;
		bool lost = false, gap = false;
		struct vt_cover c;

		vt_cover_init(&c, first, last);
		for (; a < WORLD && !gap; a = b + 1) {
			b = pick(&r, a, WORLD - 1);
			if (vt_rnd_one_in(&r, 8)) {
				lost |= a <= last && b >= first;
				continue;
			}
			gap = !vt_cover_add(&c, a, b);
		}
		if (lost == (c.done && !gap))
			fail("[%lu,%lu]: lost=%d done=%d gap=%d", first, last,
			     lost, c.done, gap);
	}
}

/* A refused piece changes nothing: the gap stays where it was seen. */
static void gap_is_kept(void)
{
	struct vt_cover c, before;

	vt_cover_init(&c, 10, 40);
	if (!vt_cover_add(&c, 5, 20))
		fail("a piece from below the range was refused");
	before = c;
	if (vt_cover_add(&c, 22, 40))
		fail("the gap at 21 was not seen");
	if (c.next != before.next || c.last != before.last || c.done)
		fail("a refused piece changed the state");
	if (c.next != 21)
		fail("the gap starts at %lu, not at 21", c.next);
}

int main(void)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(pieces_at_the_bottom),
		KTAP_CASE(pieces_in_the_middle),
		KTAP_CASE(pieces_at_the_top),
		KTAP_CASE(walks_with_losses),
		KTAP_CASE(gap_is_kept),
	};

	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
