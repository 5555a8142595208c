/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When a thread that does not get on is called stalled, and when it only did
 * not get a CPU. No kernel types: compiled in user space too, by the unit tests.
 */
#ifndef VT_PATIENCE_H
#define VT_PATIENCE_H

#include <linux/types.h>

/*
 * How often the CPUs must have had time for a thread like it meanwhile. A lap is
 * when each CPU's canary got round so often since the lap before; the lap that a
 * thread's wait begins in does not count, for it had begun earlier.
 */
#define VT_CANARY_ROUNDS	1000
#define VT_LAP_ROUNDS		100
#define VT_LAPS_WAITED		(VT_CANARY_ROUNDS / VT_LAP_ROUNDS + 1)

/**
 * struct vt_patience - how long one has waited for a thread
 * @seen: its progress when it was last seen to get on
 * @still_ms: for how long it has not, in ms
 * @laps: laps of the canaries when it became suspect
 * @beats: beats that had found it on a CPU then
 * @suspect: it has been still for half of the time that is allowed
 * @starved: it was called starved
 * @judged: it was called stalled
 */
struct vt_patience {
	u64 seen;
	u64 still_ms;
	u64 laps;
	u64 beats;
	bool suspect;
	bool starved;
	bool judged;
};

/* What is known of the time that a thread could have had. */
struct vt_chance {
	u64 laps;	/* of the canaries, so far */
	u64 beats;	/* of all that found this thread on a CPU */
};

/*
 * Whoever is suspect wants the canaries to run. Starved is said once of a thread
 * that was suspect for four times the limit.
 */
enum vt_stillness { VT_GETS_ON, VT_SUSPECT, VT_STARVED, VT_STALLED, VT_JUDGED };

/**
 * vt_patience_had_time() - could the thread have got on since it is suspect?
 * @p: patience with it
 * @now: what is known now
 *
 * Either all CPUs had the time that a thread like it needs, a thousand times
 * over; or it had a CPU itself, at as many instants: then it goes round in
 * circles, and perhaps keeps the canary of its CPU from getting round at all.
 */
static inline bool vt_patience_had_time(const struct vt_patience *p,
					const struct vt_chance *now)
{
	return now->laps - p->laps >= VT_LAPS_WAITED ||
	       now->beats - p->beats >= VT_CANARY_ROUNDS;
}

/**
 * vt_patience_wait() - look whether a thread has got on
 * @p: patience with it
 * @progress: its progress; or ~0 if nobody waits for it, as in a pause
 * @ms: time since the last look, in ms
 * @limit_ms: how long it may be still
 * @now: the time that it could have had so far
 *
 * Return: VT_STALLED and VT_STARVED once each time it stops to get on; who was
 * called starved is still found stalled once there was time enough.
 */
static inline enum vt_stillness vt_patience_wait(struct vt_patience *p,
						 u64 progress, u64 ms,
						 u64 limit_ms,
						 const struct vt_chance *now)
{
	if (progress == ~0ULL || progress != p->seen) {
		*p = (struct vt_patience){ .seen = progress };
		return VT_GETS_ON;
	}
	p->still_ms += ms;
	if (p->judged)
		return VT_JUDGED;
	if (p->still_ms * 2 < limit_ms)
		return VT_GETS_ON;
	if (!p->suspect) {
		p->suspect = true;
		p->laps = now->laps;
		p->beats = now->beats;
	}
	if (p->still_ms >= limit_ms && vt_patience_had_time(p, now)) {
		p->judged = true;
		return VT_STALLED;
	}
	if (p->still_ms >= 4 * limit_ms && !p->starved) {
		p->starved = true;
		return VT_STARVED;
	}
	return VT_SUSPECT;
}

#endif /* VT_PATIENCE_H */
