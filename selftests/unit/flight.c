// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which modifications a look overlapped: in every order in which the accesses of
 * writers and readers can follow each other, as far as there is time for that, and
 * with real threads. What is meant to be seen is told by the test's own clock,
 * which counts the accesses.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "flight.h"
#include "ktap.h"

/*
 * Threads that change places before each access, as the choices say.
 */
#define THREADS	4
#define STACK	65536

struct thread {
	ucontext_t context;
	void (*fn)(void);
	bool done;
	unsigned long first;	/* access since it was set to 0, by the clock */
	char stack[STACK];
};

static struct thread threads[THREADS];
static unsigned int running;
static ucontext_t scheduler;
static unsigned long now;	/* accesses so far */

static void thread_main(void)
{
	threads[running].fn();
	threads[running].done = true;
	swapcontext(&threads[running].context, &scheduler);
}

static void give_way(void)
{
	struct thread *t = &threads[running];

	swapcontext(&t->context, &scheduler);
	now++;
	if (!t->first)
		t->first = now;
}

static void thread_make(struct thread *t, void (*fn)(void))
{
	t->fn = fn;
	t->done = false;
	getcontext(&t->context);
	t->context.uc_stack.ss_sp = t->stack;
	t->context.uc_stack.ss_size = STACK;
	t->context.uc_link = NULL;
	makecontext(&t->context, thread_main, 0);
}

/* Random choices; or those of a sequence, to be gone through by next_choices(). */
#define CHOICES	256

static unsigned char choice[CHOICES], choices[CHOICES];
static unsigned int nr_choices;
static bool draw;

static unsigned int choose(unsigned int n)
{
	unsigned int c;

	if (draw)
		return rand() % n;
	if (nr_choices == CHOICES)
		return 0;
	c = choice[nr_choices];
	choices[nr_choices++] = n;
	return c;
}

static bool next_choices(void)
{
	while (nr_choices) {
		nr_choices--;
		if (++choice[nr_choices] < choices[nr_choices])
			return true;
		choice[nr_choices] = 0;
	}
	return false;
}

static void run_once(void (*const fns[])(void), unsigned int n)
{
	unsigned int i, left, c;

	nr_choices = 0;
	now = 0;
	for (i = 0; i < n; i++)
		thread_make(&threads[i], fns[i]);
	unit_switch = give_way;
	for (left = n; left;) {
		c = choose(left);
		for (i = 0; threads[i].done || c; i++)
			c -= !threads[i].done;
		running = i;
		swapcontext(&scheduler, &threads[i].context);
		left -= threads[i].done;
	}
	unit_switch = NULL;
}

/*
 * What happened, by the clock.
 */
struct span {
	unsigned long from, to;		/* 0: has not begun, or not ended */
	unsigned long start, end;	/* range */
};

#define MANY	8

static struct vt_flight place;
static struct span flights[MANY + 1];	/* by number */
static unsigned int met[MANY + 1];	/* readers that were the first of their kind */
static long data[2];			/* what a writer changes; both are equal */

static void reset(void)
{
	memset(&place, 0, sizeof(place));
	memset(flights, 0, sizeof(flights));
	memset(met, 0, sizeof(met));
	memset(data, 0, sizeof(data));
}

static void modify(void)
{
	WRITE_ONCE(data[0], data[0] + 1);
	WRITE_ONCE(data[1], data[1] + 1);
}

/* Each flight that a look met it did overlap, and each was met but once. */
static void judge_look(struct vt_flight_look *l, unsigned long from,
		       unsigned long to, u32 kind)
{
	unsigned int i, j;

	if (l->nr > VT_FLIGHTS)
		fail("%u numbers", l->nr);
	for (i = 0; i < l->nr && i < VT_FLIGHTS; i++) {
		u32 nr = l->nrs[i];

		if (!nr || nr > MANY) {
			fail("number %u was never given out", nr);
			continue;
		}
		for (j = 0; j < i; j++)
			if (l->nrs[j] == nr)
				fail("number %u twice", nr);
		if (!flights[nr].from || flights[nr].from > to ||
		    (flights[nr].to && flights[nr].to < from))
			fail("flight %u, %lu to %lu, is none of look %lu to %lu",
			     nr, flights[nr].from, flights[nr].to, from, to);
		if (vt_flight_meet(&place, nr, 1U << kind))
			met[nr]++;
		if (vt_flight_meet(&place, nr, 1U << kind))
			fail("flight %u is met twice", nr);
	}
}

/* The writer of one modification; several may be at work. */
static void writer(void)
{
	u32 nr;

	threads[running].first = 0;
	nr = vt_flight_begin(&place);
	flights[nr].from = threads[running].first;
	modify();
	vt_flight_end(&place, nr);
	flights[nr].to = now;
}

static void two_in_turn(void)
{
	writer();
	writer();
}

static unsigned int exposed_looks, plain_looks;

static void reader(void)
{
	struct vt_flight_look l;
	unsigned long from;
	bool exposed;
	long a, b;

	threads[running].first = 0;
	vt_flight_look(&place, &l);
	from = threads[running].first;
	a = READ_ONCE(data[0]);
	b = READ_ONCE(data[1]);
	/* A look ends where it reads again how many have begun. */
	threads[running].first = 0;
	exposed = vt_flight_exposed(&place, &l);
	if (exposed) {
		exposed_looks++;
		judge_look(&l, from, threads[running].first, 0);
		return;
	}
	plain_looks++;
	if (l.nr)
		fail("not exposed, and overlapped %u", l.nr);
	if (a != b)
		fail("not exposed, and saw %ld and %ld", a, b);
}

static void want_both(void)
{
	unsigned int i;

	if (!exposed_looks || !plain_looks)
		fail("%u exposed looks and %u others", exposed_looks, plain_looks);
	for (i = 1; i <= MANY; i++)
		if (met[i] > 1)
			fail("flight %u is counted %u times", i, met[i]);
}

static void all_orders_of(void (*const fns[])(void), unsigned int n)
{
	exposed_looks = 0;
	plain_looks = 0;
	draw = false;
	memset(choice, 0, sizeof(choice));
	do {
		reset();
		run_once(fns, n);
		if (atomic_read(&place.begun) != atomic_read(&place.ended))
			fail("all over, and something is in flight");
	} while (next_choices());
	want_both();
}

static void orders_of(void (*const fns[])(void), unsigned int n)
{
	unsigned int i, j;

	exposed_looks = 0;
	plain_looks = 0;
	draw = true;
	for (i = 0; i < 10000; i++) {
		reset();
		run_once(fns, n);
		for (j = 1; j <= MANY; j++)
			if (met[j] > 1)
				fail("flight %u is counted %u times", j, met[j]);
	}
	want_both();
}

static void one_writer(void)
{
	void (*const fns[])(void) = { writer, reader };

	all_orders_of(fns, 2);
}

static void many_threads(void)
{
	void (*const fns[])(void) = { two_in_turn, writer, reader, reader };

	orders_of(fns, 4);
}

/*
 * Ranges: of one writer.
 */
static void range_writer(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		unsigned long start = 10 + 10 * i;
		u32 nr;

		threads[running].first = 0;
		nr = vt_flight_begin_in(&place, start, start + 10);
		flights[nr] = (struct span){ threads[running].first, 0, start,
					     start + 10 };
		WRITE_ONCE(data[0], data[0] + 1);
		vt_flight_end(&place, nr);
		flights[nr].to = now;
	}
}

static void range_reader(void)
{
	unsigned long first = 15, last = 20;
	struct vt_flight_look l;
	unsigned int i;

	threads[running].first = 0;
	vt_flight_look_in(&place, &l);
	if (l.start && (l.end - l.start != 10 || l.start % 10))
		fail("a range of %lu to %lu was never in flight", l.start, l.end);
	READ_ONCE(data[0]);
	if (!vt_flight_exposed_in(&place, &l, first, last)) {
		plain_looks++;
		return;
	}
	exposed_looks++;
	judge_look(&l, threads[running].first, now, 3);
	for (i = 0; i < l.nr; i++) {
		u32 nr = l.nrs[i];

		if (nr && nr <= MANY && (first >= flights[nr].end ||
					 last < flights[nr].start))
			fail("flight %u is somewhere else", nr);
	}
}

static void ranges(void)
{
	void (*const fns[])(void) = { range_writer, range_reader, range_reader };

	orders_of(fns, 3);
}

/* Which of them a look overlapped, to the last, where they are few. */
static void every_one_of_few(void)
{
	struct vt_flight_look l;
	u32 a, b, c, d;

	reset();
	a = vt_flight_begin(&place);
	b = vt_flight_begin(&place);
	vt_flight_end(&place, a);
	vt_flight_look(&place, &l);
	vt_flight_end(&place, b);
	c = vt_flight_begin(&place);
	vt_flight_end(&place, c);
	d = vt_flight_begin(&place);
	if (!vt_flight_exposed(&place, &l) || l.nr != 3)
		fail("%u of b, c and d", l.nr);
	if (l.nrs[0] == a || l.nrs[1] == a || l.nrs[2] == a)
		fail("a was over before");
	if (vt_flight_meet(&place, b, 5) != 5 || vt_flight_meet(&place, b, 7) != 2)
		fail("kinds of b");
	if (vt_flight_meet(&place, d, 1) != 1 || vt_flight_over(&place, d))
		fail("d is in flight");
	vt_flight_end(&place, d);
	if (!vt_flight_over(&place, d) || vt_flight_meet(&place, d, 1))
		fail("d is over, and was met");
}

/* A reader that comes too late finds another one's word, and leaves it alone. */
static void too_late(void)
{
	struct vt_flight_look l;
	unsigned int i;
	u32 first;

	reset();
	first = vt_flight_begin(&place);
	vt_flight_look(&place, &l);
	vt_flight_end(&place, first);
	for (i = 0; i < VT_FLIGHTS; i++)
		vt_flight_end(&place, vt_flight_begin(&place));
	if (vt_flight_meet(&place, first, 1))
		fail("the first one is forgotten, and met");
	if (!vt_flight_exposed(&place, &l))
		fail("not exposed");
	if (vt_flight_meet(&place, first + VT_FLIGHTS, 1) != 1)
		fail("a later one was marked in its place");
}

/* A look that overlapped only what an earlier one did. */
static void again(void)
{
	struct vt_flight_look first, l;
	u32 a, b;

	reset();
	a = vt_flight_begin(&place);
	vt_flight_look(&place, &first);
	if (!vt_flight_exposed(&place, &first))
		fail("not exposed to a");
	vt_flight_look(&place, &l);
	if (!vt_flight_exposed_again(&place, &l, first.begun))
		fail("a is still in flight");
	vt_flight_look(&place, &l);
	b = vt_flight_begin(&place);
	if (vt_flight_exposed_again(&place, &l, first.begun))
		fail("b began meanwhile");
	vt_flight_look(&place, &l);
	if (vt_flight_exposed_again(&place, &l, first.begun))
		fail("b began before");
	if (!vt_flight_exposed(&place, &l) || l.nr != 2)
		fail("%u of a and b", l.nr);
	vt_flight_end(&place, a);
	first = l;
	vt_flight_look(&place, &l);
	if (!vt_flight_exposed_again(&place, &l, first.begun))
		fail("b is still in flight");
	vt_flight_end(&place, b);
	vt_flight_look(&place, &l);
	if (vt_flight_exposed_again(&place, &l, first.begun))
		fail("nothing is in flight");
}

/* Numbers wrap around; more at a time than there are words. */
static void large_numbers(void)
{
	struct vt_flight_look l;
	u32 nr[2 * VT_FLIGHTS];
	unsigned int i;

	reset();
	place.begun.counter = -VT_FLIGHTS;
	place.ended.counter = -VT_FLIGHTS;
	vt_flight_look(&place, &l);
	if (vt_flight_exposed(&place, &l))
		fail("exposed to nothing");
	for (i = 0; i < 2 * VT_FLIGHTS; i++)
		nr[i] = vt_flight_begin(&place);
	if (!vt_flight_exposed(&place, &l) || l.nr != VT_FLIGHTS)
		fail("%u of %u", l.nr, VT_FLIGHTS);
	vt_flight_look(&place, &l);
	for (i = 0; i < 2 * VT_FLIGHTS; i++) {
		if (!vt_flight_exposed(&place, &l))
			fail("not exposed to what was in flight");
		/* The end of those that are forgotten ends no later one. */
		if (i == VT_FLIGHTS)
			vt_flight_look(&place, &l);
		if (!vt_flight_exposed(&place, &l) || l.nr != VT_FLIGHTS)
			fail("%u of %u at the end of number %u", l.nr, VT_FLIGHTS, i);
		vt_flight_end(&place, nr[i]);
	}
	vt_flight_look(&place, &l);
	if (vt_flight_exposed(&place, &l) || l.open)
		fail("all over, and something is in flight");
	if (!vt_flight_over(&place, nr[i - 1]) || vt_flight_over(&place, nr[i - 1] + 1))
		fail("which is over");
}

/*
 * Threads of the system's: who is not exposed saw nothing change, and what all of
 * them met are no more than there were.
 */
#define ROUNDS	20000

static unsigned long met_all, not_exposed;
static bool over;

static void *real_writer(void *arg)
{
	unsigned int i, j;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		u32 nr = vt_flight_begin(&place);

		WRITE_ONCE(data[0], i);
		WRITE_ONCE(data[1], i);
		vt_flight_end(&place, nr);
		for (j = rand() % 64; j; j--)
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *real_reader(void *arg)
{
	struct vt_flight_look l;
	unsigned int i;
	long a, b;

	(void)arg;
	do {
		vt_flight_look(&place, &l);
		a = READ_ONCE(data[0]);
		b = READ_ONCE(data[1]);
		if (!vt_flight_exposed(&place, &l)) {
			__atomic_fetch_add(&not_exposed, 1, __ATOMIC_RELAXED);
			if (a != b)
				fail("not exposed, and saw %ld and %ld", a, b);
			continue;
		}
		for (i = 0; i < l.nr; i++)
			if (vt_flight_meet(&place, l.nrs[i], 1))
				__atomic_fetch_add(&met_all, 1, __ATOMIC_RELAXED);
	} while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE));
	return NULL;
}

static void real_threads(void)
{
	pthread_t w, r[2];
	unsigned int i;

	reset();
	over = false;
	met_all = 0;
	not_exposed = 0;
	for (i = 0; i < 2; i++)
		if (pthread_create(&r[i], NULL, real_reader, NULL))
			exit(1);
	if (pthread_create(&w, NULL, real_writer, NULL))
		exit(1);
	pthread_join(w, NULL);
	for (i = 0; i < 2; i++)
		pthread_join(r[i], NULL);
	if (met_all > ROUNDS)
		fail("%lu of %u flights were met", met_all, ROUNDS);
	if (!not_exposed)
		fail("all looks were exposed");
}

int main(void)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(one_writer),
		KTAP_CASE(many_threads),
		KTAP_CASE(ranges),
		KTAP_CASE(every_one_of_few),
		KTAP_CASE(too_late),
		KTAP_CASE(again),
		KTAP_CASE(large_numbers),
		KTAP_CASE(real_threads),
	};

	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
