/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Draws: a thread chooses what it does next from a table of names with weights,
 * and the parameter "ops" leaves some of them out or has them come more often.
 *
 * No kernel types: this file and draw.c are compiled in user space too, by the
 * unit tests.
 */
#ifndef VT_DRAW_H
#define VT_DRAW_H

#include <linux/types.h>

#include "rnd.h"

#define VT_DRAW_MAX	24		/* choices in a table */
#define VT_OPS_MAX	1000		/* times that "ops" may multiply a weight by */

/**
 * struct vt_choice - one of the things that a thread chooses from
 * @name: its name, the same in all tables of a scenario where it is one thing;
 *	NULL for a turn in which nothing is done
 * @weight: how often it is drawn, in as many draws as all weights add up to
 */
struct vt_choice {
	const char *name;
	u32 weight;
};

/**
 * struct vt_draw - a table of choices, and the weights in use
 * @choices: the table
 * @nr: how many
 * @how: these are ways to do something: "ops" narrows them by their own names only,
 *	and one has to be left. Operations are narrowed together with those of the
 *	scenario's other tables, and one of all of them has to be left.
 * @named: bit set of those that "ops" names
 * @without: bit set of those that it leaves out by name
 * @sum: of the weights
 * @weight: of each choice as "ops" has it, 0 if it is left out
 *
 * All from @named on is written when the module is loaded, and read from then on.
 */
struct vt_draw {
	const struct vt_choice *choices;
	unsigned int nr;
	bool how;

	u32 named;
	u32 without;
	u32 sum;
	u32 weight[VT_DRAW_MAX];
};

/* The tables of operations, and of ways to do them. Larger ones do not compile. */
#define VT_DRAW(table)							\
	{ .choices = (table), .nr = ARRAY_SIZE(table),			\
	  .weight = { [ARRAY_SIZE(table) - 1] = 0 } }
#define VT_DRAW_HOW(table)						\
	{ .choices = (table), .nr = ARRAY_SIZE(table), .how = true,	\
	  .weight = { [ARRAY_SIZE(table) - 1] = 0 } }

/**
 * vt_draw() - draw from a table
 * @rnd: random stream; one number is taken from it, none if nothing is left
 * @draw: the table
 *
 * Return: index of the choice, or @draw->nr if nothing is left.
 */
static inline unsigned int vt_draw(struct vt_rnd *rnd, const struct vt_draw *draw)
{
	unsigned int i;
	u32 drawn;

	if (!draw->sum)
		return draw->nr;
	drawn = vt_rnd_below(rnd, draw->sum);
	for (i = 0; drawn >= draw->weight[i]; i++)
		drawn -= draw->weight[i];
	return i;
}

/**
 * vt_drawn() - can this choice be drawn?
 * @draw: the table
 * @i: index of the choice
 *
 * Return: false if "ops" leaves it out.
 */
static inline bool vt_drawn(const struct vt_draw *draw, unsigned int i)
{
	return draw->weight[i];
}

/**
 * struct vt_draws - the tables of one scenario
 * @name: of the scenario
 * @draws: the tables
 * @nr: how many
 */
struct vt_draws {
	const char *name;
	struct vt_draw *draws;
	unsigned int nr;
};

/**
 * enum vt_ops_fault - what is wrong with a value of "ops"
 * @VT_OPS_FINE: nothing
 * @VT_OPS_SCENARIO: there is no such scenario
 * @VT_OPS_NAME: the scenario has no such operation
 * @VT_OPS_WEIGHT: the weight is no number, or not from 1 to VT_OPS_MAX
 * @VT_OPS_NOTHING: nothing is left to do
 */
enum vt_ops_fault {
	VT_OPS_FINE, VT_OPS_SCENARIO, VT_OPS_NAME, VT_OPS_WEIGHT, VT_OPS_NOTHING,
};

/**
 * struct vt_ops_at - where a value of "ops" is wrong
 * @scenario: index of the scenario, but for VT_OPS_SCENARIO
 * @word: the entry
 * @len: its length
 */
struct vt_ops_at {
	unsigned int scenario;
	const char *word;
	size_t len;
};

enum vt_ops_fault vt_ops_apply(const struct vt_draws *of, unsigned int nr,
			       const char *ops, struct vt_ops_at *at);
bool vt_ops_leave(const struct vt_draw *draws, unsigned int nr, const char *names);
size_t vt_ops_list(const struct vt_draws *of, char *buf, size_t size);

/**
 * vt_draw_name() - the name of a choice
 * @d: table
 * @i: what was drawn
 */
static inline const char *vt_draw_name(const struct vt_draw *d, unsigned int i)
{
	return d->choices[i].name;
}

#endif /* VT_DRAW_H */
