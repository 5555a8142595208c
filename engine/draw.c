// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parameter "ops": a comma list of scenario/name, scenario/name:times and
 * scenario/-name.
 *
 *   vma_lock/mremap:8,vma_lock/munmap	only these two of vma_lock's operations, the
 *					first eight times as often as it would come
 *   map_fixed/-refuse			all of map_fixed's operations but that
 *
 * No kernel types: compiled in user space too, by the unit tests.
 */
#include <linux/string.h>
#include <linux/types.h>

#include "draw.h"

static bool vt_word_is(const char *name, const char *word, size_t len)
{
	return name && strlen(name) == len && !strncmp(name, word, len);
}

/* The weights of the table itself. */
static void vt_draw_reset(struct vt_draw *draw)
{
	unsigned int i;

	draw->named = 0;
	draw->without = 0;
	draw->sum = 0;
	for (i = 0; i < draw->nr; i++) {
		draw->weight[i] = draw->choices[i].weight;
		draw->sum += draw->weight[i];
	}
}

/* Enter what was said of a name. Returns false if there is no such name. */
static bool vt_draws_name(const struct vt_draws *of, const char *word, size_t len,
			  bool without, u32 times)
{
	bool found = false;
	unsigned int d, i;

	for (d = 0; d < of->nr; d++) {
		struct vt_draw *draw = &of->draws[d];

		for (i = 0; i < draw->nr; i++) {
			if (!vt_word_is(draw->choices[i].name, word, len))
				continue;
			found = true;
			if (without)
				draw->without |= 1U << i;
			else
				draw->named |= 1U << i;
			draw->weight[i] = draw->choices[i].weight * times;
		}
	}
	return found;
}

/* A weight: digits only, from 1 to VT_OPS_MAX. Returns 0 if it is none. */
static u32 vt_ops_times(const char *word, size_t len)
{
	u32 times = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9' || times > VT_OPS_MAX)
			return 0;
		times = 10 * times + (word[i] - '0');
	}
	return times <= VT_OPS_MAX ? times : 0;
}

static enum vt_ops_fault vt_ops_entry(const struct vt_draws *of, unsigned int nr,
				      struct vt_ops_at *at)
{
	const char *word = at->word, *end = at->word + at->len, *colon;
	bool without = false;
	u32 times = 1;

	while (word < end && *word != '/')
		word++;
	for (at->scenario = 0; at->scenario < nr; at->scenario++)
		if (vt_word_is(of[at->scenario].name, at->word, word - at->word))
			break;
	if (at->scenario == nr)
		return VT_OPS_SCENARIO;

	if (word < end)
		word++;
	if (word < end && *word == '-') {
		without = true;
		word++;
	}
	for (colon = word; colon < end && *colon != ':'; colon++)
		;
	/* What is left out has no weight. */
	if (colon < end)
		times = without ? 0 : vt_ops_times(colon + 1, end - colon - 1);
	if (!vt_draws_name(&of[at->scenario], word, colon - word, without, times))
		return VT_OPS_NAME;
	return times ? VT_OPS_FINE : VT_OPS_WEIGHT;
}

/*
 * Leave out what was not named where others were, and what shall be left out.
 * Returns false if nothing that has a name is left.
 */
static bool vt_draw_narrow(struct vt_draw *draw, bool named)
{
	bool left = false;
	unsigned int i;

	draw->sum = 0;
	for (i = 0; i < draw->nr; i++) {
		bool out = draw->without & 1U << i ||
			   (named && !(draw->named & 1U << i));

		if (out && draw->choices[i].name)
			draw->weight[i] = 0;
		left |= draw->choices[i].name && draw->weight[i];
		draw->sum += draw->weight[i];
	}
	return left;
}

static bool vt_draws_narrow(const struct vt_draws *of)
{
	bool named = false, ops = false, left = false;
	unsigned int d;

	for (d = 0; d < of->nr; d++)
		named |= !of->draws[d].how && of->draws[d].named;
	for (d = 0; d < of->nr; d++) {
		struct vt_draw *draw = &of->draws[d];

		if (draw->how) {
			if (!vt_draw_narrow(draw, draw->named))
				return false;
			continue;
		}
		ops = true;
		left |= vt_draw_narrow(draw, named);
	}
	return left || !ops;
}

/**
 * vt_ops_apply() - set the weights of all draws
 * @of: the tables of each scenario
 * @nr: how many scenarios
 * @ops: value of the parameter; empty: the tables as they are
 * @at: where it is wrong, if it is
 *
 * Context: any; nobody draws meanwhile.
 * Return: what is wrong; then the weights are not to be used.
 */
enum vt_ops_fault vt_ops_apply(const struct vt_draws *of, unsigned int nr,
			       const char *ops, struct vt_ops_at *at)
{
	enum vt_ops_fault fault;
	unsigned int s, d;

	for (s = 0; s < nr; s++)
		for (d = 0; d < of[s].nr; d++)
			vt_draw_reset(&of[s].draws[d]);

	at->word = ops;
	while (*at->word) {
		at->len = strcspn(at->word, ",");
		fault = vt_ops_entry(of, nr, at);
		if (fault)
			return fault;
		at->word += at->len;
		if (!*at->word)
			break;
		at->word++;
		/* A comma at the end promises one more. */
		if (!*at->word) {
			at->len = 0;
			return VT_OPS_SCENARIO;
		}
	}
	at->word = ops;
	at->len = strlen(ops);
	for (at->scenario = 0; at->scenario < nr; at->scenario++)
		if (!vt_draws_narrow(&of[at->scenario]))
			return VT_OPS_NOTHING;
	return VT_OPS_FINE;
}

static bool vt_ops_has(const struct vt_draw *draws, unsigned int nr,
		       const char *word, size_t len)
{
	unsigned int d, i;

	for (d = 0; d < nr; d++)
		for (i = 0; i < draws[d].nr; i++)
			if (vt_word_is(draws[d].choices[i].name, word, len) &&
			    draws[d].weight[i])
				return true;
	return false;
}

/**
 * vt_ops_leave() - does "ops" leave one of these?
 * @draws: the tables of a scenario
 * @nr: how many
 * @names: names with blanks in between; NULL stands for whatever there is
 *
 * Return: false if all of them are left out.
 */
bool vt_ops_leave(const struct vt_draw *draws, unsigned int nr, const char *names)
{
	if (!names)
		return true;
	while (*names) {
		size_t len = strcspn(names, " ");

		if (vt_ops_has(draws, nr, names, len))
			return true;
		names += len + !!names[len];
	}
	return false;
}

/* Does a table up to this choice have its name already, among the same sort? */
static bool vt_ops_listed(const struct vt_draws *of, unsigned int draw,
			  unsigned int choice)
{
	const char *name = of->draws[draw].choices[choice].name;
	unsigned int d, i;

	for (d = 0; d <= draw; d++) {
		if (of->draws[d].how != of->draws[draw].how)
			continue;
		for (i = 0; i < (d == draw ? choice : of->draws[d].nr); i++)
			if (of->draws[d].choices[i].name &&
			    vt_word_is(of->draws[d].choices[i].name, name,
				       strlen(name)))
				return true;
	}
	return false;
}

static size_t vt_ops_add(char *buf, size_t size, size_t at, const char *words)
{
	size_t len = strlen(words);

	if (at + len < size) {
		memcpy(buf + at, words, len + 1);
		at += len;
	}
	return at;
}

/**
 * vt_ops_list() - the names that a scenario has
 * @of: its tables
 * @buf: where to put them
 * @size: its size, at least 1
 *
 * Operations first, and behind a semicolon each those that are narrowed by
 * themselves.
 *
 * Return: the length; names that do not fit are not there.
 */
size_t vt_ops_list(const struct vt_draws *of, char *buf, size_t size)
{
	const char *between = "";
	unsigned int how, d, i;
	size_t at = 0;

	buf[0] = '\0';
	for (how = 0; how < 2; how++)
		for (d = 0; d < of->nr; d++) {
			const struct vt_draw *draw = &of->draws[d];

			if (draw->how != how)
				continue;
			if (how)
				between = at ? "; " : "";
			for (i = 0; i < draw->nr; i++) {
				if (!draw->choices[i].name ||
				    vt_ops_listed(of, d, i))
					continue;
				at = vt_ops_add(buf, size, at, between);
				at = vt_ops_add(buf, size, at,
						draw->choices[i].name);
				between = ",";
			}
		}
	return at;
}
