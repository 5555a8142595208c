// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draws: by their weights, from the same numbers as ever, and narrowed as the
 * parameter "ops" says and in no other way.
 */
#include <string.h>

#include "ktap.h"
#include "../../engine/draw.c"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof(*(array)))
#define DRAWS			20000

/* Two tables of operations, one of which has turns without; and one of ways. */
enum { MAIN, EXTRA, WAYS, NR_TABLES };

static const struct vt_choice mains[] = {
	{ "walk", 6 }, { "run", 2 }, { "jump", 1 }, { "swim", 7 },
};
static const struct vt_choice extras[] = { { "sing", 1 }, { NULL, 7 } };
static const struct vt_choice ways[] = { { "far", 1 }, { "near", 3 } };
static struct vt_draw draws[NR_TABLES] = {
	VT_DRAW(mains), VT_DRAW(extras), VT_DRAW_HOW(ways),
};

/* Another scenario, with a name in two tables, and one of the first one's. */
static const struct vt_choice aims[] = { { "dive", 1 }, { NULL, 1 } };
static const struct vt_choice depths[] = {
	{ "dive", 1 }, { "float", 1 }, { "run", 1 },
};
static struct vt_draw others[] = { VT_DRAW(aims), VT_DRAW(depths) };

static const struct vt_draws of[] = {
	{ "land", draws, NR_TABLES }, { "sea", others, 2 },
};

static struct vt_ops_at at;

static enum vt_ops_fault apply(const char *ops)
{
	return vt_ops_apply(of, 2, ops, &at);
}

static void want(const char *ops, const struct vt_draw *draw, u32 a, u32 b,
		 u32 c, u32 d)
{
	const u32 wanted[] = { a, b, c, d };
	unsigned int i;
	u32 sum = 0;

	if (apply(ops)) {
		fail("'%s' is refused", ops);
		return;
	}
	for (i = 0; i < draw->nr; i++) {
		sum += draw->weight[i];
		if (draw->weight[i] != wanted[i])
			fail("'%s': weight %u of choice %u, not %u", ops,
			     draw->weight[i], i, wanted[i]);
	}
	if (draw->sum != sum)
		fail("'%s': sum %u, not %u", ops, draw->sum, sum);
}

static void refused(const char *ops, enum vt_ops_fault wanted, const char *word)
{
	enum vt_ops_fault got = apply(ops);

	if (got != wanted)
		fail("'%s' gave %d, not %d", ops, got, wanted);
	else if (strlen(word) != at.len || strncmp(at.word, word, at.len))
		fail("'%s' is wrong at '%.*s', not at '%s'", ops, (int)at.len,
		     at.word, word);
}

/* The formula that scenarios drew by before they shared one. */
static unsigned int formula(struct vt_rnd *rnd, const struct vt_choice *table,
			    unsigned int n)
{
	unsigned int i, sum = 0, drawn;

	for (i = 0; i < n; i++)
		sum += table[i].weight;
	drawn = vt_rnd_below(rnd, sum);
	for (i = 0; drawn >= table[i].weight; i++)
		drawn -= table[i].weight;
	return i;
}

static void as_ever(void)
{
	struct vt_rnd old, new;
	unsigned int i, d;

	apply("");
	for (d = 0; d < NR_TABLES; d++) {
		vt_rnd_fork(&old, 42, d);
		vt_rnd_fork(&new, 42, d);
		for (i = 0; i < DRAWS; i++)
			if (formula(&old, draws[d].choices, draws[d].nr) !=
			    vt_draw(&new, &draws[d]))
				fail("table %u, draw %u differs", d, i);
		/* And neither took more numbers than the other. */
		if (old.state != new.state)
			fail("table %u: the streams have parted", d);
	}
}

/* A table of equal weights is what vt_rnd_below() draws. */
static void equal_weights(void)
{
	static const struct vt_choice table[] = {
		{ "a", 1 }, { "b", 1 }, { "c", 1 }, { "d", 1 }, { "e", 1 },
	};
	struct vt_draw draw = VT_DRAW(table);
	struct vt_rnd a = { .state = 1 }, b = { .state = 1 };
	unsigned int i;

	vt_draw_reset(&draw);
	for (i = 0; i < DRAWS; i++)
		if (vt_draw(&a, &draw) != vt_rnd_below(&b, 5))
			fail("draw %u differs", i);
}

static void by_weight(void)
{
	struct vt_rnd rnd = { .state = 7 };
	unsigned int count[4] = {}, i;

	apply("");
	for (i = 0; i < 16 * 2000; i++)
		count[vt_draw(&rnd, &draws[MAIN])]++;
	/* A standard deviation is below 89 for each: seven of them. */
	for (i = 0; i < 4; i++)
		if (count[i] + 623 < 2000 * mains[i].weight ||
		    count[i] > 2000 * mains[i].weight + 623)
			fail("%s came %u times of 32000", mains[i].name, count[i]);
}

static void never_what_is_left_out(void)
{
	struct vt_rnd rnd = { .state = 7 };
	unsigned int i, got;

	apply("land/run:8,land/jump");
	for (i = 0; i < DRAWS; i++) {
		got = vt_draw(&rnd, &draws[MAIN]);
		if (got != 1 && got != 2)
			fail("%u was drawn", got);
	}
}

static void nothing_left_takes_no_number(void)
{
	struct vt_rnd rnd = { .state = 7 };

	apply("land/sing");
	if (vt_draw(&rnd, &draws[MAIN]) != draws[MAIN].nr || rnd.state != 7)
		fail("an empty table was drawn from");
}

static void only_these(void)
{
	want("", &draws[MAIN], 6, 2, 1, 7);
	want("land/walk", &draws[MAIN], 6, 0, 0, 0);
	want("land/walk,land/jump:1000", &draws[MAIN], 6, 0, 1000, 0);
	/* Operations of other tables too, but not ways. */
	want("land/walk", &draws[EXTRA], 0, 7, 0, 0);
	want("land/walk", &draws[WAYS], 1, 3, 0, 0);
	want("land/sing:3", &draws[MAIN], 0, 0, 0, 0);
	want("land/sing:3", &draws[EXTRA], 3, 7, 0, 0);
	want("land/far:2", &draws[WAYS], 2, 0, 0, 0);
	want("land/far:2", &draws[MAIN], 6, 2, 1, 7);
	/* Nor of another scenario. */
	want("land/run", &others[1], 1, 1, 1, 0);
}

static void all_but(void)
{
	want("land/-walk", &draws[MAIN], 0, 2, 1, 7);
	want("land/-walk,land/-swim", &draws[MAIN], 0, 2, 1, 0);
	want("land/-walk", &draws[EXTRA], 1, 7, 0, 0);
	want("land/-sing", &draws[EXTRA], 0, 7, 0, 0);
	want("land/-sing", &draws[MAIN], 6, 2, 1, 7);
	want("land/-far", &draws[WAYS], 0, 3, 0, 0);
	want("land/walk,land/run,land/-run", &draws[MAIN], 6, 0, 0, 0);
}

static void one_name_in_two_tables(void)
{
	want("sea/dive:2", &others[0], 2, 1, 0, 0);
	want("sea/dive:2", &others[1], 2, 0, 0, 0);
	want("sea/-dive", &others[0], 0, 1, 0, 0);
	want("sea/-dive", &others[1], 0, 1, 1, 0);
}

static void what_is_wrong(void)
{
	refused("air/walk", VT_OPS_SCENARIO, "air/walk");
	refused("rubbish", VT_OPS_SCENARIO, "rubbish");
	refused("lan/walk", VT_OPS_SCENARIO, "lan/walk");
	refused("landx/walk", VT_OPS_SCENARIO, "landx/walk");
	refused(",", VT_OPS_SCENARIO, "");
	refused("land/walk,", VT_OPS_SCENARIO, "");
	refused("land/walk,,land/run", VT_OPS_SCENARIO, "");
	refused("land", VT_OPS_NAME, "land");
	refused("land/", VT_OPS_NAME, "land/");
	refused("land/-", VT_OPS_NAME, "land/-");
	refused("land/wal", VT_OPS_NAME, "land/wal");
	refused("land/walks", VT_OPS_NAME, "land/walks");
	refused("land/walk/run", VT_OPS_NAME, "land/walk/run");
	refused("land/run,land/dive,sea/dive", VT_OPS_NAME, "land/dive");
	refused("land/walk:0", VT_OPS_WEIGHT, "land/walk:0");
	refused("land/walk:", VT_OPS_WEIGHT, "land/walk:");
	refused("land/walk:x", VT_OPS_WEIGHT, "land/walk:x");
	refused("land/walk:-1", VT_OPS_WEIGHT, "land/walk:-1");
	refused("land/walk:1001", VT_OPS_WEIGHT, "land/walk:1001");
	refused("land/walk:4294967297", VT_OPS_WEIGHT, "land/walk:4294967297");
	refused("land/walk:1:1", VT_OPS_WEIGHT, "land/walk:1:1");
	refused("land/-walk:2", VT_OPS_WEIGHT, "land/-walk:2");
	refused("land/walk,land/-walk", VT_OPS_NOTHING, "land/walk,land/-walk");
	refused("land/-far,land/-near", VT_OPS_NOTHING, "land/-far,land/-near");
	refused("sea/-dive,sea/-float,sea/-run", VT_OPS_NOTHING,
		"sea/-dive,sea/-float,sea/-run");
}

/* All of one table, when another has some. */
static void all_of_a_table(void)
{
	want("land/-walk,land/-run,land/-jump,land/-swim", &draws[MAIN],
	     0, 0, 0, 0);
}

/* Each value begins anew. */
static void nothing_stays(void)
{
	apply("land/walk:9,land/-far");
	apply("land/nonsense");
	want("", &draws[MAIN], 6, 2, 1, 7);
	want("", &draws[WAYS], 1, 3, 0, 0);
}

static void who_can_look(void)
{
	apply("land/walk,land/sing");
	if (!vt_ops_leave(draws, NR_TABLES, NULL))
		fail("NULL is left out");
	if (!vt_ops_leave(draws, NR_TABLES, "run walk"))
		fail("walk is left out");
	if (!vt_ops_leave(draws, NR_TABLES, "sing"))
		fail("sing is left out");
	if (vt_ops_leave(draws, NR_TABLES, "run jump wal walks"))
		fail("run or jump is left");
}

static void names_in_a_row(void)
{
	char buf[64];

	if (vt_ops_list(&of[0], buf, sizeof(buf)) != strlen(buf) ||
	    strcmp(buf, "walk,run,jump,swim,sing; far,near"))
		fail("'%s'", buf);
	vt_ops_list(&of[1], buf, sizeof(buf));
	if (strcmp(buf, "dive,float,run"))
		fail("'%s'", buf);
	vt_ops_list(&of[0], buf, 8);
	if (strlen(buf) > 7)
		fail("%zu letters in 8", strlen(buf));
}

int main(void)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(as_ever),
		KTAP_CASE(equal_weights),
		KTAP_CASE(by_weight),
		KTAP_CASE(never_what_is_left_out),
		KTAP_CASE(nothing_left_takes_no_number),
		KTAP_CASE(only_these),
		KTAP_CASE(all_but),
		KTAP_CASE(all_of_a_table),
		KTAP_CASE(one_name_in_two_tables),
		KTAP_CASE(what_is_wrong),
		KTAP_CASE(nothing_stays),
		KTAP_CASE(who_can_look),
		KTAP_CASE(names_in_a_row),
	};

	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
