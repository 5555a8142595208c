// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run, which is a scenario at work: its counters, what it can and cannot do
 * here, and what the verdict over it rests on. When runs begin and end is the
 * session's.
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "coverage.h"
#include "engine.h"
#include "run.h"

/*
 * Sums over the CPUs.
 */

/**
 * vt_sum() - the value of a cell
 * @run: run
 * @cell: number of the cell
 *
 * Exact at rest; a snapshot while threads count.
 */
u64 vt_sum(const struct vt_run *run, unsigned int cell)
{
	unsigned int cpu;
	u64 sum = 0;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(run->cells, cpu)[cell]);
	return sum - READ_ONCE(run->base[cell]);
}

/**
 * vt_counter_sum() - the value of one of the scenario's own counters
 * @run: run
 * @counter: index into the scenario's counters
 */
u64 vt_counter_sum(const struct vt_run *run, unsigned int counter)
{
	return vt_sum(run, vt_counter_cell(run->sc, counter));
}

/**
 * vt_kind_sum() - looks, exposed looks, modifications met or races of an oracle
 * @run: run
 * @kind: the oracle
 * @what: VT_KIND_LOOKS, VT_KIND_EXPOSED, VT_KIND_MET or VT_KIND_RACES
 */
u64 vt_kind_sum(const struct vt_run *run, unsigned int kind, unsigned int what)
{
	return vt_sum(run, vt_kind_cell(kind, what));
}

/**
 * vt_run_ops() - operations of the hammer so far
 * @run: run
 */
u64 vt_run_ops(const struct vt_run *run)
{
	return vt_sum(run, VT_CELL_OPS);
}

/**
 * vt_run_races() - races of all kinds so far, stalls included
 * @run: run
 */
u64 vt_run_races(const struct vt_run *run)
{
	unsigned int kind;
	u64 sum = 0;

	for (kind = 0; kind <= vt_stall_kind(run->sc); kind++)
		sum += vt_kind_sum(run, kind, VT_KIND_RACES);
	return sum;
}

/* Of all oracles but "stall", which does not look at the kernel's data. */
static u64 vt_run_oracles_sum(const struct vt_run *run, unsigned int what)
{
	unsigned int kind;
	u64 sum = 0;

	for (kind = 0; kind < run->sc->nr_kinds; kind++)
		sum += vt_kind_sum(run, kind, what);
	return sum;
}

/**
 * vt_run_exposure() - looks so far that could have caught a race
 * @run: run
 *
 * Added up over the oracles, without "stall".
 */
u64 vt_run_exposure(const struct vt_run *run)
{
	return vt_run_oracles_sum(run, VT_KIND_EXPOSED);
}

/**
 * vt_run_met() - modifications so far that a look could have caught a race in
 * @run: run
 *
 * Added up over the oracles, as vt_run_exposure() is.
 */
u64 vt_run_met(const struct vt_run *run)
{
	return vt_run_oracles_sum(run, VT_KIND_MET);
}

/**
 * vt_run_ms() - how long the run has gone on, or went on, in ms
 * @run: run
 */
u64 vt_run_ms(const struct vt_run *run)
{
	u64 start = READ_ONCE(run->start_ns), stop = READ_ONCE(run->stop_ns);

	if (!start)
		return 0;
	if (!stop)
		stop = ktime_get_boottime_ns();
	return (stop - start) / NSEC_PER_MSEC;
}

/**
 * vt_run_first_race_ms() - when the first race was seen, in ms after the start
 * @run: run
 *
 * Return: 0 if there was none.
 */
u64 vt_run_first_race_ms(const struct vt_run *run)
{
	u64 start = READ_ONCE(run->start_ns), first = READ_ONCE(run->first_race_ns);

	return first > start ? (first - start) / NSEC_PER_MSEC : 0;
}

/**
 * vt_kind_present() - can this kernel have this oracle?
 * @run: run
 * @kind: the oracle, "stall" included
 */
bool vt_kind_present(const struct vt_run *run, unsigned int kind)
{
	return !(run->absent & BIT(kind));
}

static unsigned int vt_blind_kind(const struct vt_run *run, unsigned int from)
{
	unsigned int kind;

	for (kind = from; kind < run->sc->nr_kinds; kind++)
		if (vt_kind_present(run, kind) &&
		    !vt_kind_sum(run, kind, VT_KIND_EXPOSED))
			break;
	return kind;
}

/**
 * vt_run_facts() - what the verdict over a run rests on
 * @run: run
 * @f: where to put it
 */
void vt_run_facts(const struct vt_run *run, struct vt_facts *f)
{
	enum vt_state state = READ_ONCE(run->state);
	unsigned int kind = 0;

	*f = (struct vt_facts){
		.chosen = run->chosen,
		.skipped = state == VT_SKIPPED,
		/* What is chosen and not started yet is being set up. */
		.running = state == VT_ACTIVE || state == VT_STOPPED,
		.failed_start = state == VT_BROKEN,
		.races = vt_run_races(run),
	};
	if (state != VT_DONE)
		return;
	f->idle_threads = run->idle_threads;
	f->untried = vt_trials_wanting(run, NULL, 0);
	while ((kind = vt_blind_kind(run, kind)) < run->sc->nr_kinds) {
		f->blind_oracles++;
		kind++;
	}
}

/**
 * vt_run_why() - why a scenario was not a success, if it was not
 * @run: run
 * @buf: where the words may be put
 * @size: its size
 *
 * Return: the words, empty if there is nothing to say.
 */
const char *vt_run_why(const struct vt_run *run, char *buf, size_t size)
{
	unsigned int kind;

	buf[0] = '\0';
	switch (READ_ONCE(run->state)) {
	case VT_SKIPPED:
		return run->skip_why;
	case VT_BROKEN:
		return "could not be set up";
	case VT_DONE:
		if (run->idle_threads) {
			scnprintf(buf, size, "%u of %u threads made no progress",
				  run->idle_threads, run->nr_threads);
			break;
		}
		kind = vt_blind_kind(run, 0);
		if (kind < run->sc->nr_kinds)
			scnprintf(buf, size,
				  "%s never looked while anything changed",
				  run->sc->kinds[kind].name);
		else
			vt_trials_wanting(run, buf, size);
		break;
	default:
		break;
	}
	return buf;
}

/**
 * vt_met_first() - count modifications that were met for the first time
 * @run: run
 * @kinds: bit set of the oracles whose looks had not met it before
 *
 * Context: any.
 */
void vt_met_first(struct vt_run *run, u32 kinds)
{
	for (; kinds; kinds &= kinds - 1)
		this_cpu_inc(run->cells[vt_kind_cell(__ffs(kinds), VT_KIND_MET)]);
}

/**
 * vt_met() - count the modifications that an exposed look overlapped
 * @run: run
 * @kinds: bit set of the oracles that looked
 * @f: the place that was looked at
 * @l: the look, which vt_flight_exposed() or vt_flight_exposed_in() has ended
 *
 * Each is counted once for each oracle, however many looks overlapped it.
 *
 * Context: any.
 */
void vt_met(struct vt_run *run, u32 kinds, struct vt_flight *f,
	    const struct vt_flight_look *l)
{
	unsigned int i;
	u32 first;

	for (i = 0; i < l->nr; i++) {
		first = vt_flight_meet(f, l->nrs[i], kinds);
		if (unlikely(first))
			vt_met_first(run, first);
	}
}

/*
 * For ->probe.
 */

/**
 * vt_absent() - this kernel cannot have one of the oracles
 * @run: run
 * @kind: the oracle
 * @why: in a few words, for the summary; kept by reference
 */
void vt_absent(struct vt_run *run, unsigned int kind, const char *why)
{
	run->absent |= BIT(kind);
	run->absent_why[kind] = why;
}

/**
 * vt_skip() - the scenario cannot run here
 * @run: run
 * @fmt: why, and what the user can do about it
 */
void vt_skip(struct vt_run *run, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(run->skip_why, sizeof(run->skip_why), fmt, args);
	va_end(args);
	run->state = VT_SKIPPED;
}

/* What the parameter "ops" leaves nothing for need not look. */
static void vt_run_narrow(struct vt_run *run)
{
	const struct vt_scenario *sc = run->sc;
	unsigned int kind;

	for (kind = 0; kind < sc->nr_kinds; kind++)
		if (vt_kind_present(run, kind) &&
		    !(vt_ops_leave(sc->draws, sc->nr_draws, sc->kinds[kind].by) &&
		      vt_ops_leave(sc->draws, sc->nr_draws, sc->kinds[kind].with)))
			vt_absent(run, kind, "left out by ops=");
}

/**
 * vt_left_out() - the scenario does something no more, for it costs memory for good
 * @run: run
 * @what: what it does no more; kept by reference, for the summary
 *
 * Context: any; once for each @what.
 */
void vt_left_out(struct vt_run *run, const char *what)
{
	unsigned int i = atomic_fetch_inc(&run->nr_left_out);

	if (i < ARRAY_SIZE(run->left_out))
		WRITE_ONCE(run->left_out[i], what);
	vt_info("%s: %s leaks committed memory: left out from here on\n",
		run->sc->name, what);
}

/**
 * vt_run_probe() - ask what of a run this kernel and machine can do
 * @run: run, no test of it active
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM if there is no memory to ask with, which says nothing
 * about the kernel.
 */
int vt_run_probe(struct vt_run *run)
{
	struct vt_symbol *const *need = run->sc->needs;

	run->state = VT_STOPPED;
	run->absent = 0;
	vt_trials_forget(run);
	atomic_set(&run->nr_left_out, 0);
	memset(run->left_out, 0, sizeof(run->left_out));
	while (need && *need && (*need)->found)
		need++;
	if (need && *need && !vt_symbols_usable())
		vt_skip(run, "no kprobes or kallsyms to find the kernel's functions with");
	else if (need && *need)
		vt_skip(run, "this kernel has no function %s", (*need)->name);
	else if (run->sc->probe && run->sc->probe(run))
		run->state = VT_BROKEN;
	vt_run_narrow(run);
	vt_trials_narrow(run);
	return run->state == VT_BROKEN ? -ENOMEM : 0;
}

/**
 * vt_run_forget() - as if it had never run
 * @run: run, at rest
 * @chosen: is it part of the test that is about to start?
 *
 * Asks anew what can be done here; why it could not be asked is lost where the
 * run is not chosen, for the next start asks again.
 *
 * Context: the session's; may sleep.
 */
void vt_run_forget(struct vt_run *run, bool chosen)
{
	run->chosen = chosen;
	run->start_ns = 0;
	run->stop_ns = 0;
	run->idle_threads = 0;
	if (vt_run_probe(run) && !chosen)
		run->state = VT_STOPPED;
}

/**
 * vt_run_begin() - a run by itself begins, or goes on
 * @run: run, at rest
 *
 * Context: the session's; may sleep.
 */
void vt_run_begin(struct vt_run *run)
{
	if (!run->chosen)
		vt_run_forget(run, true);
	if (!run->start_ns)
		WRITE_ONCE(run->start_ns, ktime_get_boottime_ns());
	WRITE_ONCE(run->stop_ns, 0);
	WRITE_ONCE(run->state, VT_ACTIVE);
}

/**
 * vt_run_end() - a run by itself has ended
 * @run: run
 *
 * Context: the session's.
 */
void vt_run_end(struct vt_run *run)
{
	WRITE_ONCE(run->stop_ns, ktime_get_boottime_ns());
	WRITE_ONCE(run->state, VT_DONE);
}

/**
 * vt_run_clear() - count from zero
 * @run: run; its threads may be counting
 *
 * Only the threads that count write the cells, so a cell cannot be set to zero:
 * its sum is remembered in ->base, and subtracted whenever it is read.
 *
 * Context: any.
 */
void vt_run_clear(struct vt_run *run)
{
	unsigned int cell;

	for (cell = 0; cell < run->nr_cells; cell++)
		WRITE_ONCE(run->base[cell], run->base[cell] + vt_sum(run, cell));
	WRITE_ONCE(run->first_race_ns, 0);
}

/**
 * vt_run_init() - a run, nothing counted yet
 * @run: run
 * @sc: what it is a run of
 * @busted: the kinds to break
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; vt_run_exit() is right in both cases.
 */
int vt_run_init(struct vt_run *run, const struct vt_scenario *sc, u32 busted)
{
	run->sc = sc;
	run->busted = busted;
	INIT_LIST_HEAD(&run->threads);
	run->nr_cells = vt_hist_cell(sc, sc->nr_hists, 0);
	vt_trials_place(run, run->nr_cells);
	run->nr_cells += vt_trials_nr(sc) * VT_TRIAL_CELLS;
	run->trial_absent = kcalloc(vt_trials_nr(sc) + 1, sizeof(*run->trial_absent),
				    GFP_KERNEL);
	run->cells = __alloc_percpu(run->nr_cells * sizeof(u64), SMP_CACHE_BYTES);
	run->base = kcalloc(run->nr_cells, sizeof(*run->base), GFP_KERNEL);
	return run->cells && run->base && run->trial_absent ? 0 : -ENOMEM;
}

/**
 * vt_run_exit() - give back what vt_run_init() took
 * @run: run, at rest
 */
void vt_run_exit(struct vt_run *run)
{
	free_percpu(run->cells);
	kfree(run->base);
	kfree(run->trial_absent);
}
