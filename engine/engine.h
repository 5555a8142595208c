/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a scenario stands on.
 *
 * A scenario is one file that fills in a struct vt_scenario; vma_torture.c
 * lists it. The engine owns everything that is the same for all of them: the
 * life of a test, threads and their pacing, per-CPU counters, the race log,
 * debugfs.
 *
 * The session runs on one ordered workqueue, so ->probe, ->start, ->rest and
 * ->stop of a scenario never run at the same time as each other, always sleep
 * freely, and always in a kernel thread (so that what they fput() or mmput() is
 * gone before the module is).
 */
#ifndef VT_ENGINE_H
#define VT_ENGINE_H

#include <linux/cache.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/rwsem.h>
#include <linux/types.h>

#include "did.h"
#include "draw.h"
#include "flight.h"
#include "hist.h"
#include "patience.h"
#include "rnd.h"
#include "symbols.h"
#include "tried.h"
#include "verdict.h"

struct vt_run;
struct vt_thread;

/**
 * struct vt_params - the parameters of the module, checked, zeros resolved
 *
 * Seconds unless the name says otherwise.
 */
struct vt_params {
	u64 duration;
	u64 nreaders;
	u64 nwriters;
	u64 nmms;
	u64 stat_interval;
	u64 stutter;
	u64 shuffle_interval;
	u64 onoff_interval;
	u64 hold_us;
	u64 seed;
	u64 stop_on_race;
	u64 panic_on_race;
	u64 stall_secs;
	u64 delay_interval_us;
	u64 delay_us;
	u64 autostart;
	u64 verbose;
};

extern struct vt_params vt_params;

/**
 * struct vt_kind - one kind of race, which is one oracle
 * @name: as in race_<name>
 * @promise: what the kernel promises, and where that is documented
 * @by: names of operations, with blanks in between: what it looks at is made by
 *	them, so that one has to be left by the parameter "ops"; NULL: by all
 * @with: the same of the ways in which it is looked at, or operations are done
 */
struct vt_kind {
	const char *name;
	const char *promise;
	const char *by;
	const char *with;
};

/**
 * struct vt_trials - a table of things that a scenario can do, for its coverage list
 * @name: what they are, one word
 * @items: the name of the first; one that is NULL is none
 * @stride: from one name to the next
 * @nr: how many
 * @draw: what they are drawn from, by the same numbers; or NULL
 */
struct vt_trials {
	const char *name;
	const char *const *items;
	size_t stride;
	unsigned int nr;
	const struct vt_draw *draw;
};

/* Of structs with a name, of choices that are drawn from, and of names. */
#define VT_TRIALS(what, table)						\
	{ .name = (what), .items = &(table)[0].name,			\
	  .stride = sizeof((table)[0]), .nr = ARRAY_SIZE(table) }
#define VT_TRIALS_DRAWN(what, table, from)				\
	{ .name = (what), .items = &(table)[0].name,			\
	  .stride = sizeof((table)[0]), .nr = ARRAY_SIZE(table), .draw = (from) }
#define VT_TRIALS_NAMED(what, names, n)					\
	{ .name = (what), .items = &(names)[0],				\
	  .stride = sizeof((names)[0]), .nr = (n) }

#define VT_MAX_TRIALS	8

/**
 * struct vt_scenario - what a scenario is
 * @name: as in the parameter "scenarios"
 * @dir: its directory in debugfs, where that is not @name
 * @by_itself: no test starts or stops it, but vt_session_begin() and
 *	vt_session_end(), and it spawns no threads; it is judged, cleared and
 *	shown as the others are
 * @later: bit set of the kinds that ->probe calls absent and that may be had
 *	later: their files are there from the start
 * @kinds: its races, indexed by the scenario's own enum; "stall" is the
 *	engine's and comes behind them
 * @nr_kinds: how many
 * @counters: its own counters, names of debugfs files
 * @nr_counters: how many
 * @hists: its log2 histograms, names of debugfs files, unit included
 * @nr_hists: how many
 * @trials: the tables of its coverage list, at most VT_MAX_TRIALS
 * @nr_trials: how many
 * @draws: its tables of what threads draw from, by whose names "ops" goes
 * @nr_draws: how many
 * @symbols: optional; unexported functions that only it calls, to be looked up
 *	at load; ends with NULL
 * @needs: VT_NEEDS() of all unexported functions without which it cannot run
 * @probe: optional; what this kernel and machine can do: vt_absent() for an
 *	oracle that cannot be had, vt_skip() for all of it. At load and again
 *	before each start. Returns 0, or an errno if there is no memory to find
 *	that out.
 * @start: set up and vt_spawn() threads, which begin when it has returned 0;
 *	Returns 0 or an errno; ->stop is called either way. None if it runs
 *	@by_itself, as the next two.
 * @rest: optional; all threads are gone: judge what has to balance at rest
 * @stop: free what ->start took, after a failed ->start too
 */
struct vt_scenario {
	const char *name;
	const char *dir;
	bool by_itself;
	u32 later;
	const struct vt_kind *kinds;
	unsigned int nr_kinds;
	const char *const *counters;
	unsigned int nr_counters;
	const char *const *hists;
	unsigned int nr_hists;
	const struct vt_trials *trials;
	unsigned int nr_trials;
	struct vt_draw *draws;
	unsigned int nr_draws;
	struct vt_symbol *const *symbols;
	struct vt_symbol *const *needs;
	int (*probe)(struct vt_run *run);
	int (*start)(struct vt_run *run);
	void (*rest)(struct vt_run *run);
	void (*stop)(struct vt_run *run);
};

#define VT_MAX_KINDS	16
#define VT_MAX_LEFT_OUT	16

/**
 * enum vt_state - where a scenario stands
 * @VT_STOPPED: not started since load or reset
 * @VT_ACTIVE: threads are at work ("running")
 * @VT_DONE: ran and was judged
 * @VT_SKIPPED: cannot run here
 * @VT_BROKEN: could not be set up
 */
enum vt_state { VT_STOPPED, VT_ACTIVE, VT_DONE, VT_SKIPPED, VT_BROKEN };

/**
 * struct vt_run - a scenario at work
 * @sc: what it is
 * @priv: the scenario's own
 * @busted: bit set of the kinds whose promise the scenario shall break itself
 * @cells: per-CPU u64 cells: common, per kind, counters, histogram buckets, the
 *	coverage list
 *
 * What follows is the engine's; scenarios use the functions below.
 */
struct vt_run {
	const struct vt_scenario *sc;
	void *priv;
	u32 busted;
	u64 __percpu *cells;

	unsigned int nr_cells;
	unsigned int trial_cells;	/* the first of the coverage list */
	unsigned int trial_at[VT_MAX_TRIALS];	/* and of each of its tables */
	const char **trial_absent;
	u64 *base;		/* of each cell, its sum when last cleared */
	enum vt_state state;
	bool chosen;
	u32 absent;
	const char *absent_why[VT_MAX_KINDS];
	char skip_why[96];
	atomic_t nr_left_out;
	const char *left_out[VT_MAX_LEFT_OUT];
	u64 start_ns;
	u64 stop_ns;
	u64 first_race_ns;
	struct list_head threads;
	unsigned int nr_threads;
	unsigned int idle_threads;
	u64 bursts;		/* operations of bursts, whoever makes them */
	struct dentry *dir;
};

/**
 * struct vt_sight - what a thread has seen and not judged yet
 * @time_ns: when, since boot; 0: nothing
 * @others: what the other threads did, or NULL if they were not asked
 */
struct vt_sight {
	u64 time_ns;
	struct vt_others *others;
};

/**
 * struct vt_thread - one thread of a run
 * @run: the run
 * @task: its task
 * @rnd: its random stream; only the thread itself draws from it
 * @idx: its number within its role
 * @arg: what vt_spawn() was given
 * @did: its last modifications, for vt_did_begin() and vt_did_end()
 *
 * What else follows is the engine's.
 */
struct vt_thread {
	struct vt_run *run;
	struct task_struct *task;
	struct vt_rnd rnd;
	unsigned int idx;
	void *arg;

	int (*fn)(struct vt_thread *t);
	struct list_head node;
	char role[8];
	/* Written by the thread only, read by whoever watches it. */
	u64 progress ____cacheline_aligned;
	struct vt_dids did;
	struct vt_dids stops;	/* holds, and delays by timers */
	struct vt_sight sight;
	bool paused;
	bool quiet;	/* it waits for a burst of another one, or makes one */
	u64 beats;	/* by a timer of the CPU that it is on (canary.c) */
	/* The watcher's. */
	struct vt_patience patience ____cacheline_aligned;
};

/*
 * Counting. A cell is one u64 per CPU; nothing on these paths is shared between
 * CPUs. All of it may be called in any context.
 */
enum { VT_CELL_OPS, VT_CELL_KINDS };

enum { VT_KIND_LOOKS, VT_KIND_EXPOSED, VT_KIND_MET, VT_KIND_RACES, VT_KIND_CELLS };

static inline unsigned int vt_stall_kind(const struct vt_scenario *sc)
{
	return sc->nr_kinds;
}

static inline unsigned int vt_kind_cell(unsigned int kind, unsigned int what)
{
	return VT_CELL_KINDS + kind * VT_KIND_CELLS + what;
}

static inline unsigned int vt_counter_cell(const struct vt_scenario *sc,
					   unsigned int counter)
{
	return vt_kind_cell(sc->nr_kinds + 1, counter);
}

static inline unsigned int vt_hist_cell(const struct vt_scenario *sc,
					unsigned int hist, unsigned int bucket)
{
	return vt_counter_cell(sc, sc->nr_counters) +
	       hist * VT_HIST_BUCKETS + bucket;
}

/**
 * vt_op() - count an operation of the hammer
 * @run: run
 */
static inline void vt_op(struct vt_run *run)
{
	this_cpu_inc(run->cells[VT_CELL_OPS]);
}

/**
 * vt_look() - count a look of an oracle
 * @run: run
 * @kind: the oracle
 * @exposed: the look overlapped a modification in flight, so that it could
 *	have caught a race
 */
static inline void vt_look(struct vt_run *run, unsigned int kind, bool exposed)
{
	this_cpu_inc(run->cells[vt_kind_cell(kind, VT_KIND_LOOKS)]);
	if (exposed)
		this_cpu_inc(run->cells[vt_kind_cell(kind, VT_KIND_EXPOSED)]);
}

/**
 * vt_look_own() - count a look at a modification of which it is the only one
 * @run: run
 * @kind: the oracle
 * @exposed: there was a modification to look at, not looked at by this oracle
 *	before
 *
 * For who judges what it has done itself.
 */
static inline void vt_look_own(struct vt_run *run, unsigned int kind,
			       bool exposed)
{
	vt_look(run, kind, exposed);
	if (exposed)
		this_cpu_inc(run->cells[vt_kind_cell(kind, VT_KIND_MET)]);
}

/* What exposed looks met: engine/run.c */
void vt_met(struct vt_run *run, u32 kinds, struct vt_flight *f,
	    const struct vt_flight_look *l);
void vt_met_first(struct vt_run *run, u32 kinds);

/**
 * vt_look_into() - count a look of an oracle at a place
 * @run: run
 * @kind: the oracle
 * @exposed: what vt_flight_exposed() or vt_flight_exposed_in() said, or false
 * @f: the place that was looked at
 * @l: the look
 */
static inline void vt_look_into(struct vt_run *run, unsigned int kind,
				bool exposed, struct vt_flight *f,
				const struct vt_flight_look *l)
{
	vt_look(run, kind, exposed);
	if (exposed)
		vt_met(run, BIT(kind), f, l);
}

/**
 * vt_count() - add to one of the scenario's own counters
 * @run: run
 * @counter: index into the scenario's counters
 * @n: how much
 */
static inline void vt_count(struct vt_run *run, unsigned int counter, u64 n)
{
	this_cpu_add(run->cells[vt_counter_cell(run->sc, counter)], n);
}

/**
 * vt_hist() - enter a value into one of the scenario's histograms
 * @run: run
 * @hist: index into the scenario's histograms
 * @v: value, in the unit the histogram's name gives
 */
static inline void vt_hist(struct vt_run *run, unsigned int hist, u64 v)
{
	this_cpu_inc(run->cells[vt_hist_cell(run->sc, hist, vt_hist_bucket(v))]);
}

enum { VT_TRIAL_TRIED, VT_TRIAL_WORKS, VT_TRIAL_CELLS };

static inline unsigned int vt_trial_cell(const struct vt_run *run,
					 unsigned int table, unsigned int i,
					 unsigned int what)
{
	return run->trial_at[table] + i * VT_TRIAL_CELLS + what;
}

/**
 * vt_try() - count that something of the coverage list is tried
 * @run: run
 * @table: index of the scenario's table
 * @i: what of it
 */
static inline void vt_try(struct vt_run *run, unsigned int table, unsigned int i)
{
	this_cpu_inc(run->cells[vt_trial_cell(run, table, i, VT_TRIAL_TRIED)]);
}

/**
 * vt_worked() - count that it worked
 * @run: run
 * @table: index of the scenario's table
 * @i: what of it
 */
static inline void vt_worked(struct vt_run *run, unsigned int table,
			     unsigned int i)
{
	this_cpu_inc(run->cells[vt_trial_cell(run, table, i, VT_TRIAL_WORKS)]);
}

/**
 * vt_tried() - count that something was tried, and whether it worked
 * @run: run
 * @table: index of the scenario's table
 * @i: what of it
 * @worked: it worked
 */
static inline void vt_tried(struct vt_run *run, unsigned int table,
			    unsigned int i, bool worked)
{
	vt_try(run, table, i);
	if (worked)
		vt_worked(run, table, i);
}

void vt_trial_absent(struct vt_run *run, unsigned int table, unsigned int i,
		     const char *why);
void vt_trial_needs(struct vt_run *run, unsigned int table, unsigned int i,
		    const char *names);

u64 vt_sum(const struct vt_run *run, unsigned int cell);
u64 vt_counter_sum(const struct vt_run *run, unsigned int counter);
u64 vt_kind_sum(const struct vt_run *run, unsigned int kind, unsigned int what);

/* Races: engine/race.c */
__printf(8, 9)
void vt_race_during(struct vt_run *run, unsigned int kind, const char *during,
		    struct mm_struct *mm, unsigned long addr, unsigned long w0,
		    unsigned long w1, const char *fmt, ...);
/* For who does not know what was in flight. */
#define vt_race(run, kind, mm, addr, w0, w1, fmt, ...) \
	vt_race_during(run, kind, NULL, mm, addr, w0, w1, fmt, ##__VA_ARGS__)

/* For oracles that have to wait, or to unlock, before they can report it. */
void vt_see(struct vt_run *run);
void vt_unsee(struct vt_run *run);

/* What cannot be had here: for ->probe only. */
void vt_absent(struct vt_run *run, unsigned int kind, const char *why);
void vt_left_out(struct vt_run *run, const char *what);
__printf(2, 3)
void vt_skip(struct vt_run *run, const char *fmt, ...);

/**
 * vt_busted() - shall the scenario break this promise itself?
 * @run: run
 * @kind: kind of race that breaking it has to produce
 */
static inline bool vt_busted(const struct vt_run *run, unsigned int kind)
{
	return run->busted & BIT(kind);
}

/* Threads: engine/thread.c */
struct vt_thread *vt_spawn(struct vt_run *run, const char *role,
			   unsigned int idx, int (*fn)(struct vt_thread *t),
			   void *arg);
int vt_spawn_all(struct vt_run *run, const char *role, unsigned int nr,
		 int (*fn)(struct vt_thread *t), void *arg);
bool vt_go_slow(struct vt_thread *t);

extern unsigned int vt_pause;

/**
 * vt_go() - the condition of every thread's loop
 * @t: the calling thread
 *
 * Counts as progress, gives way to others and takes the pauses that "stutter"
 * asks for. May sleep: hold nothing.
 *
 * Return: false when the thread has to return.
 */
static inline bool vt_go(struct vt_thread *t)
{
	WRITE_ONCE(t->progress, t->progress + 1);
	if (unlikely(READ_ONCE(vt_pause)))
		return vt_go_slow(t);
	cond_resched();
	return !kthread_should_stop();
}

/*
 * A lock behind which one thread makes bursts (vt_burst()), and all others do what
 * would disturb these. Who waits for it gets on as long as the burst does, however
 * long that takes on a slow machine.
 */
static inline void vt_quiet_read(struct vt_thread *t, struct rw_semaphore *lock)
{
	WRITE_ONCE(t->quiet, true);
	down_read(lock);
	WRITE_ONCE(t->quiet, false);
}

static inline void vt_quiet_write(struct vt_thread *t, struct rw_semaphore *lock)
{
	WRITE_ONCE(t->quiet, true);
	down_write(lock);
}

static inline void vt_quiet_end(struct vt_thread *t, struct rw_semaphore *lock)
{
	up_write(lock);
	WRITE_ONCE(t->quiet, false);
}

/* The longest time that a CPU is held with interrupts off, in us. */
#define VT_IRQS_OFF_US	500U

struct vt_thread *vt_thread_of(struct task_struct *task);
void vt_hold(struct vt_thread *t);
void vt_hold_irqs_off(struct vt_thread *t);

/*
 * Words of a user for the log, at most so many, in one line whatever they are:
 * printf("..." VT_WORDS "...", VT_WORDS_ARGS(text, length)).
 */
#define VT_WORDS		"%*pE"
#define VT_WORDS_ARGS(text, len)	(int)min_t(size_t, len, 60), text

#define vt_info(fmt, ...)	pr_info("vma_torture: " fmt, ##__VA_ARGS__)
#define vt_err(fmt, ...)	pr_err("vma_torture: " fmt, ##__VA_ARGS__)

#endif /* VT_ENGINE_H */
