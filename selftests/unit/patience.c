// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a thread is called stalled: never one that had no CPU, always one that
 * had, and once.
 */
#include "ktap.h"
#include "patience.h"

#define LIMIT_MS	3000
#define TICK_MS		100

/* What happened to a thread that was watched for some ticks. */
struct seen {
	unsigned int stalled, starved;
	u64 stalled_ms;
};

/* @progress_each: ticks between its progress, 0: none; laps and beats per tick. */
static struct seen watch(unsigned int ticks, unsigned int progress_each,
			 unsigned int laps_each, unsigned int beats)
{
	struct vt_patience p = {};
	struct vt_chance now = { .laps = 17, .beats = 4 };
	struct seen s = {};
	u64 progress = 5;
	unsigned int i;

	for (i = 1; i <= ticks; i++) {
		if (progress_each && i % progress_each == 0)
			progress++;
		if (laps_each && i % laps_each == 0)
			now.laps++;
		now.beats += beats;
		switch (vt_patience_wait(&p, progress, TICK_MS, LIMIT_MS, &now)) {
		case VT_STALLED:
			s.stalled++;
			if (!s.stalled_ms)
				s.stalled_ms = p.still_ms;
			break;
		case VT_STARVED:
			s.starved++;
			break;
		default:
			break;
		}
	}
	return s;
}

static void no_cpu_no_stall(void)
{
	struct seen s = watch(100000, 0, 0, 0);

	if (s.stalled)
		fail("stalled without a lap of the canaries");
	if (s.starved != 1)
		fail("said to be starved %u times", s.starved);
}

static void time_and_no_progress(void)
{
	struct seen s = watch(10000, 0, 1, 0);

	if (s.stalled != 1 || s.starved)
		fail("stalled %u times, starved %u", s.stalled, s.starved);
	if (s.stalled_ms != LIMIT_MS)
		fail("after %llu ms", (unsigned long long)s.stalled_ms);
}

/* However short the limit: not before so many rounds. */
static void slow_canaries(void)
{
	unsigned int each;

	for (each = 5; each < 50; each++) {
		struct seen s = watch(10000, 0, each, 0);
		u64 least = (u64)(VT_CANARY_ROUNDS / VT_LAP_ROUNDS) * each * TICK_MS;

		if (s.stalled != 1)
			fail("a lap each %u ticks: stalled %u times", each, s.stalled);
		else if (s.stalled_ms < least)
			fail("a lap each %u ticks: after %llu ms", each,
			     (unsigned long long)s.stalled_ms);
	}
}

/* In circles on its CPU, so that the canary there never comes around. */
static void in_circles(void)
{
	struct seen s = watch(10000, 0, 0, 50);

	if (s.stalled != 1)
		fail("stalled %u times", s.stalled);
}

static void who_gets_on_is_let_be(void)
{
	struct seen s = watch(10000, LIMIT_MS / TICK_MS - 1, 1, 100);

	if (s.stalled || s.starved)
		fail("stalled %u times, starved %u", s.stalled, s.starved);
}

/* Time that the CPUs had before it stopped to get on is not time it had. */
static void earlier_laps(void)
{
	struct vt_patience p = {};
	struct vt_chance now = { .laps = 1000, .beats = 100000 };
	unsigned int i;

	for (i = 0; i < 1000; i++)
		if (vt_patience_wait(&p, 0, TICK_MS, LIMIT_MS, &now) == VT_STALLED)
			fail("at tick %u", i);
}

static void a_pause_is_no_stillness(void)
{
	struct vt_patience p = {};
	struct vt_chance now = {};
	unsigned int i;

	for (i = 0; i < 1000; i++, now.laps++)
		if (vt_patience_wait(&p, ~0ULL, TICK_MS, LIMIT_MS, &now) != VT_GETS_ON)
			fail("at tick %u", i);
}

/* Seen to get on, and still again: that is another stall. */
static void again(void)
{
	struct vt_patience p = {};
	struct vt_chance now = {};
	unsigned int i, n = 0;

	for (i = 0; i < 1000; i++, now.laps++)
		n += vt_patience_wait(&p, i / 500, TICK_MS, LIMIT_MS, &now) == VT_STALLED;
	if (n != 2)
		fail("%u stalls", n);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(no_cpu_no_stall),
	KTAP_CASE(time_and_no_progress),
	KTAP_CASE(slow_canaries),
	KTAP_CASE(in_circles),
	KTAP_CASE(who_gets_on_is_let_be),
	KTAP_CASE(earlier_laps),
	KTAP_CASE(a_pause_is_no_stillness),
	KTAP_CASE(again),
};

int main(void)
{
	return ktap_run(cases, sizeof(cases) / sizeof(*cases));
}
