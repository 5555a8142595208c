// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other side of a race. Who reports it knows what it saw; what broke the
 * promise is at work in another thread. So with the first race of a variant the
 * stacks of the run's other threads are taken: of one that is off its CPU at
 * once, of one that runs by an interrupt of the CPU it runs on, which is asked
 * for and never waited for.
 *
 * By the time that a report is in words, and its variant known, the other side has
 * long gone on. So it is asked as soon as something is seen, and what that brought
 * is dropped if it was no first race; not more often than VT_SIGHT_NS allows, as
 * there may be thousands of races a second.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/stacktrace.h>
#include <linux/timekeeping.h>

#include "engine.h"
#include "others.h"
#include "symbols.h"
#include "thread.h"

#define VT_OTHERS_RACES	24	/* the first variants; later ones have none */
#define VT_SIGHT_NS	(5 * NSEC_PER_MSEC)
#define VT_OTHERS	6	/* threads of each */
#define VT_OTHERS_DEPTH	28
#define VT_OTHERS_ROUNDS	64	/* threads of each whose rounds are known */

/**
 * struct vt_other - what one thread was doing
 * @csd: asks its CPU
 * @race: what it belongs to
 * @cpu: of the thread, or -1 if it was on none
 * @pid: its pid
 * @comm: its name
 * @after_ns: how long after the race was seen the stack was taken
 * @rounds: how often it had come around its loop since; 0: it was still at what
 *	it was at as the race was seen; -1: not known
 * @did: its last modifications
 * @stops: where the module made it stop last
 * @depth: entries in @stack
 * @stack: as it was
 * @there: all of this has been filled in
 */
struct vt_other {
	call_single_data_t csd;
	struct vt_others *race;
	int cpu;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	u64 after_ns;
	long rounds;
	struct vt_dids did;
	struct vt_dids stops;
	unsigned int depth;
	unsigned long stack[VT_OTHERS_DEPTH];
	bool there;
};

/**
 * struct vt_round - where a thread was as a race was seen
 * @task: its task, only compared
 * @progress: rounds of its loop that it had begun
 */
struct vt_round {
	const struct task_struct *task;
	u64 progress;
};

/**
 * struct vt_others - the other side of one race
 * @taken: in use, by a race or by who has seen what may be one
 * @pending: interrupts that have not come yet
 * @run: whose threads
 * @seq: number of the race; 0: it has none yet
 * @time_ns: when it was seen
 * @nr_rounds: entries in @rounds
 * @rounds: of the run's threads, as it was seen
 * @own: the last modifications of the thread that saw it
 * @own_stops: where the module made that one stop last
 * @side: the other threads
 */
struct vt_others {
	atomic_t taken;
	atomic_t pending;
	struct vt_run *run;
	u64 seq;
	u64 time_ns;
	unsigned int nr_rounds;
	struct vt_round rounds[VT_OTHERS_ROUNDS];
	struct vt_dids own;
	struct vt_dids own_stops;
	struct vt_other side[VT_OTHERS];
};

static struct vt_others vt_others[VT_OTHERS_RACES];
static atomic64_t vt_sight_next;	/* when the next is due, in ns since boot */

/*
 * Before anybody is asked. Only a thread of the run may look at the list of its
 * threads, which changes when there is none.
 */
static void vt_others_rounds(struct vt_others *race)
{
	struct vt_thread *t;

	race->nr_rounds = 0;
	if (!vt_thread_in(current, race->run))
		return;
	list_for_each_entry(t, &race->run->threads, node) {
		struct vt_round *r = &race->rounds[race->nr_rounds];

		if (race->nr_rounds == VT_OTHERS_ROUNDS)
			break;
		r->task = t->task;
		r->progress = READ_ONCE(t->progress);
		race->nr_rounds++;
	}
}

static long vt_rounds_since(const struct vt_others *race,
			    const struct vt_thread *t)
{
	unsigned int i;

	for (i = 0; i < race->nr_rounds; i++)
		if (race->rounds[i].task == t->task)
			return READ_ONCE(t->progress) - race->rounds[i].progress;
	return -1;
}

static u64 vt_others_age(const struct vt_others *race)
{
	return ktime_get_boottime_ns() - race->time_ns;
}

static void vt_other_did(struct vt_other *o, const struct vt_thread *t)
{
	o->did = t->did;
	o->stops = t->stops;
}

static void vt_other_fill(struct vt_other *o, const struct vt_thread *t, int cpu)
{
	const struct task_struct *task = t->task;

	o->cpu = cpu;
	o->pid = task->pid;
	o->rounds = vt_rounds_since(o->race, t);
	memcpy(o->comm, task->comm, sizeof(o->comm));
	o->comm[sizeof(o->comm) - 1] = '\0';
	/* Pairs with the acquire in vt_others_show(): it is all there. */
	smp_store_release(&o->there, true);
}

/* On the other CPU, in the middle of whatever it does, interrupts off. */
static void vt_other_interrupt(void *data)
{
	struct vt_other *o = data;
	struct vt_thread *t = vt_thread_in(current, o->race->run);

	if (t) {
		o->after_ns = vt_others_age(o->race);
		o->depth = stack_trace_save(o->stack, VT_OTHERS_DEPTH, 0);
		vt_other_did(o, t);
		vt_other_fill(o, t, smp_processor_id());
	}
	/* Pairs with vt_others_take(): nothing is written any more. */
	atomic_fetch_sub_release(1, &o->race->pending);
}

/* Those that run: their CPUs are interrupted, the first VT_OTHERS - 1 of them. */
static unsigned int vt_others_interrupt(struct vt_others *race)
{
	int cpu, here = raw_smp_processor_id();
	unsigned int n = 0;

	for_each_online_cpu(cpu) {
		struct vt_other *o = &race->side[n];

		if (cpu == here)
			continue;
		if (n == VT_OTHERS - 1)
			break;
		atomic_inc(&race->pending);
		/* Once: it may be on a queue still, since before a reset. */
		if (!o->csd.func)
			INIT_CSD(&o->csd, vt_other_interrupt, o);
		if (smp_call_function_single_async(cpu, &o->csd))
			atomic_dec(&race->pending);
		else
			n++;
	}
	return n;
}

/*
 * Whether a thread is in a function with a return probe. The unwinder warns when
 * it meets one on the stack of another thread that may run, and none of our looks
 * may be the reason for a warning.
 */
static bool vt_other_is_probed(const struct task_struct *task)
{
#ifdef CONFIG_RETHOOK
	return READ_ONCE(task->rethooks.first);
#else
	return false;
#endif
}

/*
 * Those that do not run, asleep or preempted: where they will go on. As above,
 * only a thread of the run may look at the list.
 */
static void vt_others_asleep(struct vt_others *race, unsigned int n)
{
	struct vt_run *run = race->run;
	struct vt_thread *t;

	if (!vt_has(stack_trace_save_tsk) || !vt_thread_in(current, run))
		return;
	list_for_each_entry(t, &run->threads, node) {
		struct vt_other *o = &race->side[n];

		if (n == VT_OTHERS)
			break;
		if (t->task == current || READ_ONCE(t->task->on_cpu) ||
		    READ_ONCE(t->paused) || vt_other_is_probed(t->task))
			continue;
		o->after_ns = vt_others_age(race);
		o->depth = vt_call(stack_trace_save_tsk)(t->task, o->stack,
							 VT_OTHERS_DEPTH, 0);
		vt_other_did(o, t);
		/* Of one that has been running again neither is of any use. */
		if (!o->depth || READ_ONCE(t->task->on_cpu))
			continue;
		vt_other_fill(o, t, -1);
		n++;
	}
}

static struct vt_others *vt_others_take(void)
{
	unsigned int i;

	for (i = 0; i < VT_OTHERS_RACES; i++) {
		struct vt_others *race = &vt_others[i];

		if (atomic_read(&race->taken) || atomic_cmpxchg(&race->taken, 0, 1))
			continue;
		/*
		 * An interrupt for whoever had it before is still to come.
		 * Pairs with vt_other_interrupt().
		 */
		if (!atomic_read_acquire(&race->pending))
			return race;
		atomic_set(&race->taken, 0);
	}
	return NULL;
}

/**
 * vt_others_ask() - take the stacks of the other threads of a run
 * @run: run of the scenario that sees what may be a race
 * @time_ns: when it is seen, since boot
 *
 * Does not wait: what other CPUs do is known when their interrupts have come.
 *
 * Context: any but NMI.
 * Return: what they are kept in, for vt_others_keep() or vt_others_drop(), or NULL
 * if there is no room.
 */
struct vt_others *vt_others_ask(struct vt_run *run, u64 time_ns)
{
	const struct vt_thread *own = vt_thread_in(current, run);
	struct vt_others *race = vt_others_take();
	unsigned int i;

	if (!race)
		return NULL;
	race->run = run;
	race->time_ns = time_ns;
	for (i = 0; i < VT_OTHERS; i++) {
		race->side[i].race = race;
		race->side[i].there = false;
	}
	vt_others_rounds(race);
	/* Those that run first: they go on meanwhile. */
	i = vt_others_interrupt(race);
	race->own.nr = race->own_stops.nr = 0;
	if (own) {
		race->own = own->did;
		race->own_stops = own->stops;
	}
	vt_others_asleep(race, i);
	return race;
}

/**
 * vt_others_ask_seldom() - vt_others_ask(), if that is due
 * @run: run of the scenario that sees what may be a race
 * @time_ns: when it is seen, since boot
 *
 * For who does not know yet whether it is the first of its variant.
 *
 * Context: any but NMI.
 * Return: as vt_others_ask(); NULL too if others were asked just before.
 */
struct vt_others *vt_others_ask_seldom(struct vt_run *run, u64 time_ns)
{
	s64 next = atomic64_read(&vt_sight_next);

	if ((s64)time_ns < next ||
	    atomic64_cmpxchg(&vt_sight_next, next, time_ns + VT_SIGHT_NS) != next)
		return NULL;
	return vt_others_ask(run, time_ns);
}

/**
 * vt_others_keep() - what others did belongs to a race
 * @race: what they did
 * @seq: number of the race
 *
 * Context: any.
 */
void vt_others_keep(struct vt_others *race, u64 seq)
{
	/* Whose is set up before it can be found. Pairs with vt_others_show(). */
	smp_store_release(&race->seq, seq);
}

/**
 * vt_others_drop() - what others did is not wanted
 * @race: what they did
 *
 * Context: any.
 */
void vt_others_drop(struct vt_others *race)
{
	/* Pairs with the cmpxchg in vt_others_take(): the next has it to itself. */
	atomic_set_release(&race->taken, 0);
}

/* The interrupt itself is no part of what the thread was doing. */
static unsigned int vt_other_skip(const struct vt_other *o)
{
	char name[KSYM_SYMBOL_LEN];
	unsigned int i;

	for (i = 0; i < o->depth; i++) {
		sprint_symbol_no_offset(name, o->stack[i]);
		if (!strncmp(name, "asm_sysvec_", 11))
			return i + 1;
	}
	return 0;
}

/* Times are from the race on. What has no end was in flight. */
static void vt_others_show_did(struct seq_file *m, const struct vt_did *did,
			       u64 time_ns)
{
	seq_printf(m, "  did: what=%s start=0x%lx end=0x%lx begun_ns=%lld", did->what,
		   did->start, did->end, (s64)(did->begun_ns - time_ns));
	if (did->ended_ns)
		seq_printf(m, " ended_ns=%lld", (s64)(did->ended_ns - time_ns));
	if (did->ended_ns && did->ret != VT_DID_STEPS)
		seq_printf(m, " ret=%ld", did->ret);
	seq_putc(m, '\n');
}

/* Both in one order, the oldest first. */
static void vt_others_show_dids(struct seq_file *m, const struct vt_dids *dids,
				const struct vt_dids *stops, u64 time_ns)
{
	unsigned int i = vt_did_first(dids), j = vt_did_first(stops);

	while (i != dids->nr || j != stops->nr) {
		const struct vt_did *did = &dids->last[i % VT_DIDS];
		const struct vt_did *stop = &stops->last[j % VT_DIDS];

		if (j == stops->nr ||
		    (i != dids->nr && did->begun_ns <= stop->begun_ns)) {
			vt_others_show_did(m, did, time_ns);
			i++;
		} else {
			vt_others_show_did(m, stop, time_ns);
			j++;
		}
	}
}

/**
 * vt_others_warm() - ask once in vain
 * @run: run of the scenario
 *
 * What was not called yet is far slower the first time, in an emulator by a third
 * of a millisecond, and what is asked then is over.
 *
 * Context: a thread of the run that begins.
 */
void vt_others_warm(struct vt_run *run)
{
	struct vt_others *race = vt_others_ask(run, ktime_get_boottime_ns());

	if (race)
		vt_others_drop(race);
}

/**
 * vt_others_show() - the other side of a race, if it is known
 * @m: where to
 * @seq: number of the race
 *
 * What the thread that saw it did last. Then a line for each other thread, and
 * below it what that did last and its stack, the innermost function first; or one
 * that says that none was caught.
 *
 * Context: may sleep.
 */
void vt_others_show(struct seq_file *m, u64 seq)
{
	struct vt_others *race = NULL;
	unsigned int i, j, caught = 0;

	for (i = 0; i < VT_OTHERS_RACES && !race; i++)
		/* Pairs with vt_others_keep(). */
		if (smp_load_acquire(&vt_others[i].seq) == seq)
			race = &vt_others[i];
	if (!race)
		return;
	vt_others_show_dids(m, &race->own, &race->own_stops, race->time_ns);
	for (i = 0; i < VT_OTHERS; i++) {
		struct vt_other *o = &race->side[i];

		/* Pairs with vt_other_fill(). */
		if (!smp_load_acquire(&o->there))
			continue;
		caught++;
		seq_printf(m, "  other: cpu=%d pid=%d comm=%s after_ns=%llu rounds=%ld\n",
			   o->cpu, o->pid, o->comm, o->after_ns, o->rounds);
		vt_others_show_dids(m, &o->did, &o->stops, race->time_ns);
		for (j = vt_other_skip(o); j < o->depth; j++)
			seq_printf(m, "      %pS\n", (void *)o->stack[j]);
	}
	if (!caught)
		seq_puts(m, "  others: not caught\n");
}

/**
 * vt_others_wait() - wait until no CPU will be interrupted any more
 *
 * Context: may sleep; nobody asks for anything any more.
 */
void vt_others_wait(void)
{
	unsigned int i;

	/* A CPU that goes offline handles first what it was asked. */
	for (i = 0; i < VT_OTHERS_RACES; i++)
		while (atomic_read(&vt_others[i].pending))
			msleep(20);
}

/**
 * vt_others_reset() - forget all of it
 *
 * An interrupt that is still to come is a thread's of a race that nobody asks for.
 *
 * Context: any; nobody sees anything.
 */
void vt_others_reset(void)
{
	unsigned int i;

	for (i = 0; i < VT_OTHERS_RACES; i++) {
		WRITE_ONCE(vt_others[i].seq, 0);
		vt_others_drop(&vt_others[i]);
	}
	atomic64_set(&vt_sight_next, 0);
}
