/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread did last: its modifications, each from begin to end, and where the
 * module itself made it stop. Only the thread itself writes that; it is read once a
 * race was seen, by an interrupt of the CPU that the thread is on, or while the
 * thread is on none.
 */
#ifndef VT_DID_H
#define VT_DID_H

#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

#define VT_DIDS		8	/* places for those of a thread; a power of 2 */
#define VT_DID_STEPS	LONG_MIN	/* of several steps, without a result of all */

/**
 * struct vt_did - one modification
 * @what: which, a string that stays
 * @start: of the range
 * @end: of the range, exclusive; 0 if it has none
 * @begun_ns: since boot
 * @ended_ns: since boot; 0: it has not ended
 * @ret: what it returned, or VT_DID_STEPS
 */
struct vt_did {
	const char *what;
	unsigned long start;
	unsigned long end;
	u64 begun_ns;
	u64 ended_ns;
	long ret;
};

/**
 * struct vt_dids - the last ones of a thread
 * @nr: how many there have been
 * @last: those, by number; the next one's place may be half written
 */
struct vt_dids {
	unsigned int nr;
	struct vt_did last[VT_DIDS];
};

/**
 * vt_did_first() - the number of the oldest that is remembered
 * @d: of a thread
 */
static inline unsigned int vt_did_first(const struct vt_dids *d)
{
	return d->nr < VT_DIDS ? 0 : d->nr - (VT_DIDS - 1);
}

/**
 * vt_did_begin() - a modification begins
 * @d: of the thread that does it
 * @what: which, a string that stays
 * @start: of the range
 * @end: of the range, exclusive; 0 if it has none
 *
 * Context: the thread's own.
 */
static inline void vt_did_begin(struct vt_dids *d, const char *what,
				unsigned long start, unsigned long end)
{
	d->last[d->nr % VT_DIDS] = (struct vt_did) {
		.what = what,
		.start = start,
		.end = end,
		.begun_ns = ktime_get_boottime_ns(),
	};
	/* An interrupt of this CPU finds it whole. */
	barrier();
	WRITE_ONCE(d->nr, d->nr + 1);
}

/**
 * vt_did_end() - the modification that began last has ended
 * @d: of the thread that did it
 * @ret: what it returned, or VT_DID_STEPS
 *
 * Context: the thread's own.
 */
static inline void vt_did_end(struct vt_dids *d, long ret)
{
	struct vt_did *last = &d->last[(d->nr - 1) % VT_DIDS];

	last->ret = ret;
	/* An interrupt of this CPU that sees the end sees the result. */
	barrier();
	WRITE_ONCE(last->ended_ns, ktime_get_boottime_ns());
}

/**
 * vt_did_note() - remember what is over
 * @d: of the thread that did it
 * @what: which, a string that stays
 * @begun_ns: since boot
 *
 * Context: the thread's own, or an interrupt of it; interrupts are off, as those
 * may write here too.
 */
static inline void vt_did_note(struct vt_dids *d, const char *what, u64 begun_ns)
{
	d->last[d->nr % VT_DIDS] = (struct vt_did) {
		.what = what,
		.begun_ns = begun_ns,
		.ended_ns = ktime_get_boottime_ns(),
		.ret = VT_DID_STEPS,
	};
	WRITE_ONCE(d->nr, d->nr + 1);
}

#endif /* VT_DID_H */
