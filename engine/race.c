// SPDX-License-Identifier: GPL-2.0-only
/*
 * The race log: what was seen, by whom, how often each variant of it, and the
 * stack of the first of each.
 *
 * A variant is one way in which a promise was seen broken: the words of the
 * report, whatever numbers stand in them, and the operation in flight on the
 * other side where the reporter knows it. All races of a variant are counted,
 * however many followed and whatever the ring of records has lost, so that a
 * second bug of a kind is seen among any number of a first one's.
 *
 * Reporting is the one path that takes a lock. It is short, and a kernel that
 * keeps its promises never gets here.
 */
#include <linux/ctype.h>
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
#include "others.h"
#include "race.h"
#include "thread.h"
#include "trace.h"

#define VT_RACE_RECORDS	512
#define VT_STACK_DEPTH	24
/* Variants: so many of one kind, so many of all; the rest of a kind is one. */
#define VT_KIND_VARIANTS	16
#define VT_NAMED_VARIANTS	128
#define VT_RACE_VARIANTS	(VT_NAMED_VARIANTS + 64)

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
 * @during: the operation in flight on the other side, or NULL
 * @variant: vt_variant_id() of it, or 0 if there were too many of its kind
 * @detail: the evidence in words
 * @first: the first of its variant: its stack is in vt_variants
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
	const char *during;
	u32 variant;
	char detail[128];
	bool first;
};

/**
 * struct vt_variant - all races of one variant
 * @rec: the first of them
 * @races: how many there were
 * @depth: entries in @stack
 * @stack: of the first one
 */
struct vt_variant {
	struct vt_record rec;
	u64 races;
	unsigned int depth;
	unsigned long stack[VT_STACK_DEPTH];
};

static DEFINE_RAW_SPINLOCK(vt_race_lock);
static u64 vt_race_seq;				/* all under vt_race_lock */
static struct vt_record vt_records[VT_RACE_RECORDS];
static struct vt_variant vt_variants[VT_RACE_VARIANTS];
static unsigned int vt_nr_variants;

/* With stop_on_race, a race asks the session to end the test. */
static bool vt_stop_asked;

static const char *vt_kind_name(const struct vt_scenario *sc, unsigned int kind)
{
	return kind == vt_stall_kind(sc) ? "stall" : sc->kinds[kind].name;
}

#define VT_RECORD_FMT \
	"addr=0x%lx mm=%p cpu=%d pid=%d comm=%s variant=%08x%s%s detail=\"%s\""
#define VT_RECORD_ARGS(r) \
	(r)->addr, (r)->mm, (r)->cpu, (r)->pid, (r)->comm, (r)->variant, \
	(r)->during ? " during=" : "", (r)->during ?: "", (r)->detail

static u32 vt_hash(u32 hash, unsigned char c)
{
	return (hash ^ c) * 0x01000193;		/* FNV-1a */
}

/*
 * The words of @text without its numbers: what has a digit in it is one sign,
 * whatever it is and however long.
 */
static u32 vt_hash_words(u32 hash, const char *text)
{
	while (*text) {
		const char *end = text;
		bool number = false;

		while (isalnum(*end))
			number |= isdigit(*end++);
		if (number)
			hash = vt_hash(hash, '#');
		else if (end == text)
			hash = vt_hash(hash, *end++);
		else
			for (; text < end; text++)
				hash = vt_hash(hash, *text);
		text = end;
	}
	return vt_hash(hash, 0);
}

/* The same for the same variant in each run, on every kernel. */
static u32 vt_variant_id(const struct vt_record *r)
{
	u32 hash = 0x811c9dc5;

	hash = vt_hash_words(hash, r->sc->name);
	hash = vt_hash_words(hash, vt_kind_name(r->sc, r->kind));
	hash = vt_hash_words(hash, r->during ?: "");
	return vt_hash_words(hash, r->detail) ?: 1;
}

/* Without the lock it may miss one that is just being entered, no more. */
static struct vt_variant *vt_variant_find(const struct vt_record *r, u32 id)
{
	unsigned int i, n;

	/* Pairs with the release in vt_variant_count(): what is found is whole. */
	n = smp_load_acquire(&vt_nr_variants);
	for (i = 0; i < n; i++)
		if (vt_variants[i].rec.sc == r->sc &&
		    vt_variants[i].rec.kind == r->kind &&
		    vt_variants[i].rec.variant == id)
			return &vt_variants[i];
	return NULL;
}

static bool vt_variant_fits(const struct vt_record *r)
{
	unsigned int i, n = 0;

	for (i = 0; i < vt_nr_variants; i++)
		n += vt_variants[i].rec.sc == r->sc &&
		     vt_variants[i].rec.kind == r->kind;
	return n < VT_KIND_VARIANTS && vt_nr_variants < VT_NAMED_VARIANTS;
}

/* Count @r under its variant; it is that one's first if there was none. */
static void vt_variant_count(struct vt_record *r, const unsigned long *stack,
			     unsigned int depth)
{
	struct vt_variant *v = vt_variant_find(r, r->variant);

	if (!v && !vt_variant_fits(r)) {
		r->variant = 0;
		v = vt_variant_find(r, 0);
	}
	if (!v && vt_nr_variants < VT_RACE_VARIANTS) {
		v = &vt_variants[vt_nr_variants];
		r->first = true;
		v->rec = *r;
		v->races = 0;
		v->depth = depth;
		memcpy(v->stack, stack, depth * sizeof(*stack));
		/* Pairs with the acquire in vt_variant_find(). */
		smp_store_release(&vt_nr_variants, vt_nr_variants + 1);
	}
	if (v)
		v->races++;
}

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
 * vt_seen() - the instant at which a race is seen
 *
 * Does nothing: it is a place for a breakpoint, from which a debugger sees both
 * sides of the race.
 *
 * Context: any.
 */
static noinline void vt_seen(void)
{
	/* Keeps the compiler from dropping the calls. */
	asm volatile("");
}

/* Only threads of the run can wait between what they see and what they say of it. */
static struct vt_sight *vt_sight_of(struct vt_run *run)
{
	struct vt_thread *t = vt_thread_in(current, run);

	return t ? &t->sight : NULL;
}

static void vt_sight_take(struct vt_run *run, struct vt_sight *sight)
{
	sight->time_ns = ktime_get_boottime_ns();
	sight->others = vt_others_ask_seldom(run, sight->time_ns);
	vt_seen();
}

/**
 * vt_see() - see what may be a race
 * @run: run of the scenario
 *
 * For an oracle that has to wait, or to release a lock, before it can say whether
 * that is one: the other side is asked now. The time is what the record has.
 *
 * Context: any; vt_race() or vt_unsee() has to follow.
 */
void vt_see(struct vt_run *run)
{
	struct vt_sight *sight = vt_sight_of(run);

	if (!sight)
		return;
	vt_unsee(run);
	vt_sight_take(run, sight);
}

/**
 * vt_unsee() - what vt_see() saw is no race
 * @run: run of the scenario
 *
 * Context: any.
 */
void vt_unsee(struct vt_run *run)
{
	struct vt_sight *sight = vt_sight_of(run);

	if (!sight)
		return;
	if (sight->others)
		vt_others_drop(sight->others);
	*sight = (struct vt_sight) {};
}

/* What was seen already, or else what is now. */
static struct vt_sight vt_sight_now(struct vt_run *run)
{
	struct vt_sight *seen = vt_sight_of(run), now;

	if (!seen || !seen->time_ns) {
		vt_sight_take(run, &now);
	} else {
		now = *seen;
		*seen = (struct vt_sight) {};
	}
	return now;
}

/* The first of a variant has the other side, whenever that was asked last. */
static void vt_sight_keep(struct vt_run *run, struct vt_sight *sight,
			  const struct vt_record *r)
{
	if (r->first && !sight->others)
		sight->others = vt_others_ask(run, sight->time_ns);
	if (!sight->others)
		return;
	if (r->first)
		vt_others_keep(sight->others, r->seq);
	else
		vt_others_drop(sight->others);
}

/**
 * vt_race_during() - a promise was broken
 * @run: run of the scenario that saw it
 * @kind: which of the scenario's promises
 * @during: name of the operation in flight on the other side, a string that
 *	stays, or NULL if that is not known; part of the variant
 * @mm: mm it was seen in, or NULL; only its address is used
 * @addr: user address it was seen at, or 0
 * @w0: first machine word of evidence, for the tracepoint
 * @w1: second machine word of evidence
 * @fmt: the evidence in words, one line without quotes, with its arguments
 *
 * Context: any, interrupts and preemption on or off.
 */
void vt_race_during(struct vt_run *run, unsigned int kind, const char *during,
		    struct mm_struct *mm, unsigned long addr, unsigned long w0,
		    unsigned long w1, const char *fmt, ...)
{
	struct vt_sight sight = vt_sight_now(run);
	struct vt_record rec = {
		.time_ns = sight.time_ns,
		.sc = run->sc,
		.kind = kind,
		.addr = addr,
		.mm = mm,
		.during = during,
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

	rec.variant = vt_variant_id(&rec);
	if (!vt_variant_find(&rec, rec.variant))
		depth = stack_trace_save(stack, VT_STACK_DEPTH, 1);

	raw_spin_lock_irqsave(&vt_race_lock, flags);
	rec.seq = ++vt_race_seq;
	if (!run->first_race_ns)
		run->first_race_ns = rec.time_ns;
	vt_variant_count(&rec, stack, depth);
	vt_records[rec.seq % VT_RACE_RECORDS] = rec;
	raw_spin_unlock_irqrestore(&vt_race_lock, flags);

	vt_sight_keep(run, &sight, &rec);
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
	vt_nr_variants = 0;
	memset(vt_records, 0, sizeof(vt_records));
	vt_others_reset();
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

static void vt_stack_show(struct seq_file *m, u64 seq)
{
	unsigned long stack[VT_STACK_DEPTH];
	unsigned int i, depth = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&vt_race_lock, flags);
	for (i = 0; i < vt_nr_variants; i++) {
		if (vt_variants[i].rec.seq != seq)
			continue;
		depth = vt_variants[i].depth;
		memcpy(stack, vt_variants[i].stack, depth * sizeof(*stack));
	}
	raw_spin_unlock_irqrestore(&vt_race_lock, flags);

	for (i = 0; i < depth; i++)
		seq_printf(m, "    %pS\n", (void *)stack[i]);
}

/* The first record of variant @i and its races; false if there is none. */
static bool vt_variant_get(unsigned int i, struct vt_record *rec, u64 *races)
{
	unsigned long flags;
	bool there;

	raw_spin_lock_irqsave(&vt_race_lock, flags);
	there = i < vt_nr_variants;
	if (there) {
		*rec = vt_variants[i].rec;
		*races = vt_variants[i].races;
	}
	raw_spin_unlock_irqrestore(&vt_race_lock, flags);
	return there;
}

/**
 * vt_variants_show() - the variants of races, one a line, as they came
 * @m: where to
 *
 * Their races add up to what race_<kind> counts.
 *
 * Context: may sleep.
 */
void vt_variants_show(struct seq_file *m)
{
	struct vt_record rec;
	unsigned int i;
	u64 races;

	for (i = 0; vt_variant_get(i, &rec, &races); i++)
		seq_printf(m, "scenario=%s kind=%s variant=%08x races=%llu seq=%llu%s%s detail=\"%s\"\n",
			   rec.sc->name, vt_kind_name(rec.sc, rec.kind),
			   rec.variant, races, rec.seq,
			   rec.during ? " during=" : "", rec.during ?: "",
			   rec.detail);
}

/* A record, and if it is the first of its variant what is kept with that. */
static void vt_whole_show(struct seq_file *m, const struct vt_record *rec)
{
	vt_record_show(m, rec);
	if (!rec->first)
		return;
	vt_stack_show(m, rec->seq);
	vt_others_show(m, rec->seq);
}

/* The first of each variant that has its seq from @from on and below @to. */
static void vt_firsts_show(struct seq_file *m, u64 from, u64 to)
{
	struct vt_record rec;
	unsigned int i;
	u64 races;

	for (i = 0; vt_variant_get(i, &rec, &races); i++)
		if (rec.seq >= from && rec.seq < to)
			vt_whole_show(m, &rec);
}

/*
 * The oldest record that is still there and has a seq of at least @seq.
 * Return: its seq, or 0 if there is none.
 */
static u64 vt_record_get(u64 seq, struct vt_record *rec)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vt_race_lock, flags);
	if (vt_race_seq > VT_RACE_RECORDS)
		seq = max(seq, vt_race_seq - VT_RACE_RECORDS + 1);
	if (seq > vt_race_seq)
		seq = 0;
	else
		*rec = vt_records[seq % VT_RACE_RECORDS];
	raw_spin_unlock_irqrestore(&vt_race_lock, flags);
	return seq;
}

/**
 * vt_races_show() - the last races, oldest first, one a line
 * @m: where to
 *
 * The first of each variant is always among them, however many followed, and has
 * its stack below it, and what the other threads of the run did.
 *
 * Context: may sleep. As many as are kept are shown also where races come in faster
 * than they are shown: those that were overtaken meanwhile are left out.
 */
void vt_races_show(struct seq_file *m)
{
	struct vt_record rec;
	u64 seq, next = 1;
	unsigned int n;

	for (n = 0; n < VT_RACE_RECORDS; n++) {
		seq = vt_record_get(next, &rec);
		if (!seq)
			break;
		if (seq > next)
			vt_firsts_show(m, next, seq);
		vt_whole_show(m, &rec);
		next = seq + 1;
	}
}
