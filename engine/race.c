// SPDX-License-Identifier: GPL-2.0-only
/*
 * The race log: what was seen, by whom, and the stack of the first of each kind.
 *
 * Reporting is the one path that takes a lock. It is short, and a kernel that
 * keeps its promises never gets here.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/panic.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>

#include "engine.h"
#include "race.h"
#include "trace.h"

#define VT_RACE_RECORDS	512
#define VT_RACE_FIRSTS	64
#define VT_STACK_DEPTH	24

/**
 * struct vt_record - one race
 * @seq: number of the race since load or reset, from 1; 0: none
 * @time_ns: since boot
 * @sc: scenario
 * @kind: of @sc
 * @addr: user address, or 0
 * @mm: only its address is used
 * @cpu: of who saw it, as are the next two
 * @pid: its pid
 * @comm: its name
 * @detail: the evidence in words
 * @first: the first of its kind: its stack is in vt_firsts
 */
struct vt_record {
	u64 seq;
	u64 time_ns;
	const struct vt_scenario *sc;
	unsigned int kind;
	unsigned long addr;
	struct mm_struct *mm;
	int cpu;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	char detail[128];
	bool first;
};

struct vt_first {
	struct vt_record rec;
	unsigned int depth;
	unsigned long stack[VT_STACK_DEPTH];
};

static DEFINE_RAW_SPINLOCK(vt_race_lock);
static u64 vt_race_seq;				/* all under vt_race_lock */
static struct vt_record vt_records[VT_RACE_RECORDS];
static struct vt_first vt_firsts[VT_RACE_FIRSTS];
static unsigned int vt_nr_firsts;

/* With stop_on_race, a race asks the session to end the test. */
static bool vt_stop_asked;

static const char *vt_kind_name(const struct vt_scenario *sc, unsigned int kind)
{
	return kind == vt_stall_kind(sc) ? "stall" : sc->kinds[kind].name;
}

#define VT_RECORD_FMT \
	"addr=0x%lx mm=%p cpu=%d pid=%d comm=%s detail=\"%s\""
#define VT_RECORD_ARGS(r) \
	(r)->addr, (r)->mm, (r)->cpu, (r)->pid, (r)->comm, (r)->detail

static void vt_race_print(const struct vt_record *r, const unsigned long *stack,
			  unsigned int depth)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 5);
	unsigned int i;

	if (!r->first && !__ratelimit(&limit))
		return;

	pr_alert("vma_torture: RACE %s/%s " VT_RECORD_FMT "\n", r->sc->name,
		 vt_kind_name(r->sc, r->kind), VT_RECORD_ARGS(r));
	for (i = 0; i < depth; i++)
		pr_alert("vma_torture:   %pS\n", (void *)stack[i]);
}

/**
 * vt_race() - a promise was broken
 * @run: run of the scenario that saw it
 * @kind: which of the scenario's promises
 * @mm: mm it was seen in, or NULL; only its address is used
 * @addr: user address it was seen at, or 0
 * @w0: first machine word of evidence, for the tracepoint
 * @w1: second machine word of evidence
 * @fmt: the evidence in words, one line without quotes, with its arguments
 *
 * Context: any, interrupts and preemption on or off.
 */
void vt_race(struct vt_run *run, unsigned int kind, struct mm_struct *mm,
	     unsigned long addr, unsigned long w0, unsigned long w1,
	     const char *fmt, ...)
{
	struct vt_record rec = {
		.time_ns = ktime_get_boottime_ns(),
		.sc = run->sc,
		.kind = kind,
		.addr = addr,
		.mm = mm,
		.cpu = raw_smp_processor_id(),
		.pid = current->pid,
	};
	unsigned long stack[VT_STACK_DEPTH];
	unsigned int depth = 0;
	unsigned long flags;
	va_list args;

	this_cpu_inc(run->cells[vt_kind_cell(kind, VT_KIND_RACES)]);
	trace_race(run->sc->name, vt_kind_name(run->sc, kind), mm, addr, w0, w1);

	memcpy(rec.comm, current->comm, sizeof(rec.comm));
	rec.comm[sizeof(rec.comm) - 1] = '\0';
	va_start(args, fmt);
	vscnprintf(rec.detail, sizeof(rec.detail), fmt, args);
	va_end(args);

	if (!(READ_ONCE(run->stack_kept) & BIT(kind)))
		depth = stack_trace_save(stack, VT_STACK_DEPTH, 1);

	raw_spin_lock_irqsave(&vt_race_lock, flags);
	rec.seq = ++vt_race_seq;
	if (!run->first_race_ns)
		run->first_race_ns = rec.time_ns;
	if (!(run->stack_kept & BIT(kind)) && vt_nr_firsts < VT_RACE_FIRSTS) {
		struct vt_first *first = &vt_firsts[vt_nr_firsts++];

		run->stack_kept |= BIT(kind);
		rec.first = true;
		first->rec = rec;
		first->depth = depth;
		memcpy(first->stack, stack, depth * sizeof(*stack));
	}
	vt_records[rec.seq % VT_RACE_RECORDS] = rec;
	raw_spin_unlock_irqrestore(&vt_race_lock, flags);

	vt_race_print(&rec, stack, rec.first ? depth : 0);

	if (vt_params.panic_on_race)
		panic("vma_torture: RACE %s/%s: %s", run->sc->name,
		      vt_kind_name(run->sc, kind), rec.detail);
	if (vt_params.stop_on_race)
		WRITE_ONCE(vt_stop_asked, true);
}

/**
 * vt_races_reset() - forget all races
 *
 * Context: any. The counters of the runs are cleared by the caller.
 */
void vt_races_reset(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vt_race_lock, flags);
	vt_race_seq = 0;
	vt_nr_firsts = 0;
	memset(vt_records, 0, sizeof(vt_records));
	raw_spin_unlock_irqrestore(&vt_race_lock, flags);
	WRITE_ONCE(vt_stop_asked, false);
}

/**
 * vt_race_wants_stop() - has there been a race that shall end the test?
 *
 * Context: any.
 */
bool vt_race_wants_stop(void)
{
	return READ_ONCE(vt_stop_asked);
}

static void vt_record_show(struct seq_file *m, const struct vt_record *r)
{
	seq_printf(m, "seq=%llu time_ns=%llu scenario=%s kind=%s " VT_RECORD_FMT "\n",
		   r->seq, r->time_ns, r->sc->name, vt_kind_name(r->sc, r->kind),
		   VT_RECORD_ARGS(r));
}

static void vt_first_show(struct seq_file *m, u64 seq)
{
	struct vt_first first;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&vt_race_lock, flags);
	first.depth = 0;
	for (i = 0; i < vt_nr_firsts; i++)
		if (vt_firsts[i].rec.seq == seq)
			first = vt_firsts[i];
	raw_spin_unlock_irqrestore(&vt_race_lock, flags);

	for (i = 0; i < first.depth; i++)
		seq_printf(m, "    %pS\n", (void *)first.stack[i]);
}

/**
 * vt_races_show() - the last races, oldest first, one a line
 * @m: where to
 *
 * The first of each kind is always among them, however many followed, and has
 * its stack below it.
 *
 * Context: may sleep. Races that come in meanwhile may be missed or be seen.
 */
void vt_races_show(struct seq_file *m)
{
	struct vt_record rec;
	unsigned long flags;
	u64 seq, end, oldest;
	unsigned int i;

	raw_spin_lock_irqsave(&vt_race_lock, flags);
	end = vt_race_seq;
	raw_spin_unlock_irqrestore(&vt_race_lock, flags);
	oldest = end > VT_RACE_RECORDS ? end - VT_RACE_RECORDS + 1 : 1;

	for (i = 0; i < VT_RACE_FIRSTS; i++) {
		raw_spin_lock_irqsave(&vt_race_lock, flags);
		rec = vt_firsts[i].rec;
		if (i >= vt_nr_firsts || rec.seq >= oldest)
			rec.seq = 0;
		raw_spin_unlock_irqrestore(&vt_race_lock, flags);
		if (!rec.seq)
			continue;
		vt_record_show(m, &rec);
		vt_first_show(m, rec.seq);
	}

	for (seq = oldest; seq <= end; seq++) {
		raw_spin_lock_irqsave(&vt_race_lock, flags);
		rec = vt_records[seq % VT_RACE_RECORDS];
		raw_spin_unlock_irqrestore(&vt_race_lock, flags);
		if (rec.seq != seq)	/* overtaken, or reset */
			continue;
		vt_record_show(m, &rec);
		if (rec.first)
			vt_first_show(m, seq);
	}
}
