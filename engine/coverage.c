// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coverage list: of all the ways in which a scenario looks, changes and is
 * shaped, which were tried, and which of those ever worked.
 *
 * A test that never did what it is there to do finds nothing, and that must not
 * look like success. A walker may find no way to what it is to walk on a kernel
 * in which a function has got another name; an operation may be refused each
 * time for a reason that nobody thought of.
 *
 * A scenario names the tables it draws from, tells what of them cannot be had
 * here, and counts what it tries and what works. The counts are per CPU, like
 * all others.
 */
#include <linux/printk.h>
#include <linux/seq_file.h>

#include "coverage.h"
#include "engine.h"
#include "run.h"

static const char *vt_trial_name(const struct vt_trials *table, unsigned int i)
{
	return *(const char *const *)((const char *)table->items + i * table->stride);
}

/**
 * vt_trials_nr() - how many things there are in all tables of a scenario
 * @sc: scenario
 */
unsigned int vt_trials_nr(const struct vt_scenario *sc)
{
	unsigned int i, nr = 0;

	for (i = 0; i < sc->nr_trials; i++)
		nr += sc->trials[i].nr;
	return nr;
}

/**
 * vt_trials_place() - say where the counts of a run are
 * @run: run
 * @cell: the first cell of the counts
 */
void vt_trials_place(struct vt_run *run, unsigned int cell)
{
	unsigned int i;

	run->trial_cells = cell;
	for (i = 0; i < run->sc->nr_trials; i++) {
		run->trial_at[i] = cell;
		cell += run->sc->trials[i].nr * VT_TRIAL_CELLS;
	}
}

/* Where the reason is, why something of a table is absent. */
static const char **vt_trial_why(const struct vt_run *run, unsigned int table,
				 unsigned int i)
{
	unsigned int cell = vt_trial_cell(run, table, i, VT_TRIAL_TRIED);

	return &run->trial_absent[(cell - run->trial_cells) / VT_TRIAL_CELLS];
}

/**
 * vt_trials_forget() - nothing is absent
 * @run: run
 */
void vt_trials_forget(struct vt_run *run)
{
	unsigned int i;

	for (i = 0; i < vt_trials_nr(run->sc); i++)
		WRITE_ONCE(run->trial_absent[i], NULL);
}

/**
 * vt_trial_absent() - something cannot be had here
 * @run: run
 * @table: index of the scenario's table
 * @i: what of it
 * @why: in a few words, without quotes; kept by reference
 *
 * Context: ->probe or ->start of the scenario.
 */
void vt_trial_absent(struct vt_run *run, unsigned int table, unsigned int i,
		     const char *why)
{
	WRITE_ONCE(*vt_trial_why(run, table, i), why);
}

static void vt_trial_left_out(struct vt_run *run, unsigned int table,
			      unsigned int i)
{
	if (!READ_ONCE(*vt_trial_why(run, table, i)))
		vt_trial_absent(run, table, i, "left out by ops=");
}

/**
 * vt_trial_needs() - something comes only where "ops" leaves one of these
 * @run: run
 * @table: index of the scenario's table
 * @i: what of it
 * @names: of what threads draw, with blanks in between
 *
 * What is drawn itself needs itself, and no call of this.
 *
 * Context: ->probe of the scenario.
 */
void vt_trial_needs(struct vt_run *run, unsigned int table, unsigned int i,
		    const char *names)
{
	if (!vt_ops_leave(run->sc->draws, run->sc->nr_draws, names))
		vt_trial_left_out(run, table, i);
}

/**
 * vt_trials_narrow() - what the parameter "ops" leaves out is absent
 * @run: run
 *
 * Context: when the scenario has been probed: its own reasons go first.
 */
void vt_trials_narrow(struct vt_run *run)
{
	unsigned int table, i;

	for (table = 0; table < run->sc->nr_trials; table++) {
		const struct vt_trials *t = &run->sc->trials[table];

		for (i = 0; t->draw && i < t->nr; i++)
			if (!vt_drawn(t->draw, i))
				vt_trial_left_out(run, table, i);
	}
}

/* What is known of one thing. */
struct vt_trial {
	const struct vt_trials *table;
	const char *name;
	const char *absent;
	u64 tried;
	u64 worked;
	enum vt_trial_state state;
};

/* False if there is no such thing. */
static bool vt_trial_get(const struct vt_run *run, unsigned int table,
			 unsigned int i, struct vt_trial *t)
{
	t->table = &run->sc->trials[table];
	t->name = vt_trial_name(t->table, i);
	if (!t->name)
		return false;
	t->absent = READ_ONCE(*vt_trial_why(run, table, i));
	t->worked = vt_sum(run, vt_trial_cell(run, table, i, VT_TRIAL_WORKS));
	t->tried = vt_sum(run, vt_trial_cell(run, table, i, VT_TRIAL_TRIED));
	t->state = vt_trial_state(t->absent, t->tried, t->worked);
	return true;
}

#define vt_for_each_trial(run, table, i, t)				\
	for ((table) = 0; (table) < (run)->sc->nr_trials; (table)++)	\
		for ((i) = 0; (i) < (run)->sc->trials[table].nr; (i)++)	\
			if (vt_trial_get(run, table, i, t))

/**
 * vt_trials_wanting() - what is missing for a verdict
 * @run: run
 * @first: where to put the first of it in words, or NULL
 * @size: size of that
 *
 * Return: how many.
 */
unsigned int vt_trials_wanting(const struct vt_run *run, char *first, size_t size)
{
	unsigned int table, i, nr = 0;
	u64 ms = vt_run_ms(run);
	struct vt_trial t;

	vt_for_each_trial(run, table, i, &t) {
		if (!vt_trial_wanting(t.state, t.tried, ms))
			continue;
		if (!nr++ && first)
			scnprintf(first, size,
				  t.state == VT_TRIAL_NEVER_TRIED ? "%s %s was never tried" :
				  "%s %s was tried and never worked",
				  t.table->name, t.name);
	}
	return nr;
}

/**
 * vt_trials_list() - all of it, one a line, the scenario in front
 * @m: where to
 * @run: run
 */
void vt_trials_list(struct seq_file *m, const struct vt_run *run)
{
	unsigned int table, i;
	struct vt_trial t;

	vt_for_each_trial(run, table, i, &t) {
		seq_printf(m, "%s %s %s %s tried=%llu worked=%llu", run->sc->name,
			   t.table->name, t.name, vt_trial_state_name(t.state),
			   t.tried, t.worked);
		if (t.absent)
			seq_printf(m, " why=\"%s\"", t.absent);
		seq_putc(m, '\n');
	}
}

static void vt_trials_note(struct seq_file *m, const struct vt_run *run,
			   enum vt_trial_state state, const char *words)
{
	unsigned int table, i, nr = 0;
	struct vt_trial t;

	vt_for_each_trial(run, table, i, &t) {
		if (t.state != state)
			continue;
		if (!nr++)
			seq_printf(m, "%s: %s:", run->sc->name, words);
		seq_printf(m, " %s/%s", t.table->name, t.name);
	}
	if (nr)
		seq_putc(m, '\n');
}

/**
 * vt_trials_notes() - what was never tried or never worked, for the summary
 * @m: where to
 * @run: run that has begun
 */
void vt_trials_notes(struct seq_file *m, const struct vt_run *run)
{
	vt_trials_note(m, run, VT_TRIAL_NEVER_TRIED, "never tried");
	vt_trials_note(m, run, VT_TRIAL_NEVER_WORKED, "tried and never worked");
}
