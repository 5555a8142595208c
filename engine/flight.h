/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which modifications are in flight in a place, which of them a look overlapped,
 * and which of those no look of the same kind had overlapped before. No kernel
 * types: compiled in user space too, by the unit tests.
 *
 * A place is what one modification changes as a whole, or a range in it: a part
 * of an address space, an mm. Modifications in a place are numbered from 1 as
 * they begin. A writer does
 *
 *	nr = vt_flight_begin(place);
 *	the modification
 *	vt_flight_end(place, nr);
 *
 * and a reader
 *
 *	vt_flight_look(place, &look);
 *	whatever an oracle reads
 *	if (vt_flight_exposed(place, &look))
 *		the look overlapped the modifications look.nrs[]
 *
 * Why a look that is not exposed overlapped nothing:
 *
 *  - The writer adds 1 to ->begun before the modification, and this is a full
 *    barrier; the reader reads ->begun again after what it looked at, with
 *    smp_rmb() between. So if the look has seen anything of a modification, it
 *    also sees that this one has begun.
 *  - The writer adds 1 to ->ended after the modification, with a full barrier
 *    between; the reader reads ->ended first, which is an acquire. So whatever
 *    it counts as ended is in effect for all that it looks at.
 *
 * As many as had begun by the end of a look, less those that had ended before it,
 * is how many it overlapped. If that is none, then nothing was changed meanwhile.
 *
 * Which ones they were is in ->last[], a word for each of the last VT_FLIGHTS to
 * begin: its number, whether it is in flight still, and the kinds whose looks
 * have met it. A look overlapped those that it saw in flight as it began, and
 * those with a number that had not been given out by then. If more than
 * VT_FLIGHTS overlap one look, some are not told: it then meets too few, and
 * never one that it did not overlap.
 *
 * The word is written by the reader that is the first of its kind to meet a
 * modification, and by no other: readers share what they read, not what they
 * write. The number in it makes sure that a late reader marks no later
 * modification.
 */
#ifndef VT_FLIGHT_H
#define VT_FLIGHT_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/barrier.h>

#define VT_FLIGHTS	4	/* remembered of a place; a power of 2 */

/* A word of ->last: number, VT_FLIGHT_OPEN, kinds. */
#define VT_FLIGHT_NR	32	/* bits below the number */
#define VT_FLIGHT_OPEN	(1L << 31)
#define VT_FLIGHT_KINDS	0xffffL

/**
 * struct vt_flight - what is in flight in a place
 * @begun: modifications that have begun; also the number of the last one
 * @ended: modifications that have ended
 * @start: of the range that the last one changes, where a place has but one
 *	writer and its modifications have ranges; else unused
 * @end: end of that range
 * @last: a word for each of the last, by number
 *
 * All zeroes: nothing has ever been in flight.
 */
struct vt_flight {
	atomic_t begun;
	atomic_t ended;
	unsigned long start;
	unsigned long end;
	atomic_long_t last[VT_FLIGHTS];
};

/**
 * struct vt_flight_look - a look, from its begin to its end
 * @begun: modifications that had begun as it began
 * @ended: modifications that had ended as it began
 * @open: bit set over ->last: seen in flight as it began
 * @nr: at its end, how many of @nrs there are
 * @nrs: numbers of the modifications that it overlapped
 * @start: of the range of modification @begun, in flight or not; 0 if not known
 * @end: end of that range; 0 if not known
 */
struct vt_flight_look {
	u32 begun;
	u32 ended;
	u32 open;
	u32 nr;
	u32 nrs[VT_FLIGHTS];
	unsigned long start;
	unsigned long end;
};

static inline u32 vt_flight_word_nr(long word)
{
	return (unsigned long)word >> VT_FLIGHT_NR;
}

static inline long vt_flight_word(u32 nr, long rest)
{
	return (long)((unsigned long)nr << VT_FLIGHT_NR) | rest;
}

/* Is a number later than another one? They wrap around. */
static inline bool vt_flight_after(u32 nr, u32 other)
{
	return (int)(nr - other) > 0;
}

/**
 * vt_flight_begin_in() - a modification of a range begins
 * @f: the place, in which nobody else modifies anything meanwhile
 * @start: of the range
 * @end: of the range, exclusive
 *
 * Return: the number of the modification.
 */
static inline u32 vt_flight_begin_in(struct vt_flight *f, unsigned long start,
				     unsigned long end)
{
	/*
	 * Full barrier: begun before anything is changed, the range included.
	 * Pairs with smp_rmb() in vt_flight_exposed(), vt_flight_exposed_in() and
	 * vt_flight_range().
	 */
	u32 nr = atomic_inc_return(&f->begun);

	WRITE_ONCE(f->start, start);
	WRITE_ONCE(f->end, end);
	/* The range before its number. Pairs with vt_flight_range(). */
	smp_wmb();
	atomic_long_set(&f->last[nr % VT_FLIGHTS],
			vt_flight_word(nr, VT_FLIGHT_OPEN));
	return nr;
}

/**
 * vt_flight_begin() - a modification begins
 * @f: the place; others may be modifying it too
 *
 * Return: the number of the modification.
 */
static inline u32 vt_flight_begin(struct vt_flight *f)
{
	/*
	 * Full barrier: begun before anything is changed. Pairs with smp_rmb() in
	 * vt_flight_exposed().
	 */
	u32 nr = atomic_inc_return(&f->begun);

	atomic_long_set(&f->last[nr % VT_FLIGHTS],
			vt_flight_word(nr, VT_FLIGHT_OPEN));
	return nr;
}

/**
 * vt_flight_end() - a modification has ended
 * @f: the place
 * @nr: number of the modification
 */
static inline void vt_flight_end(struct vt_flight *f, u32 nr)
{
	atomic_long_t *last = &f->last[nr % VT_FLIGHTS];
	long word = atomic_long_read(last);

	/* Readers may be marking it; a later one may have its place. */
	while (vt_flight_word_nr(word) == nr &&
	       !atomic_long_try_cmpxchg(last, &word, word & ~VT_FLIGHT_OPEN))
		;
	/*
	 * All of the modification before it has ended. Pairs with the acquire in
	 * vt_flight_look() and vt_flight_over().
	 */
	smp_mb__before_atomic();
	atomic_inc(&f->ended);
}

/**
 * vt_flight_over() - have as many ended as had begun at some time?
 * @f: the place
 * @nr: the number of those that had begun
 *
 * In a place with one writer: is modification @nr over? If it is, what the writer
 * wrote before vt_flight_end() is seen.
 *
 * Return: true if so.
 */
static inline bool vt_flight_over(const struct vt_flight *f, u32 nr)
{
	/* Pairs with the barrier in vt_flight_end(). */
	return !vt_flight_after(nr, atomic_read_acquire(&f->ended));
}

/**
 * vt_flight_look() - a look begins
 * @f: the place
 * @l: the look
 */
static inline void vt_flight_look(const struct vt_flight *f,
				  struct vt_flight_look *l)
{
	unsigned int i;

	/*
	 * What has ended is in effect for all that follows. Pairs with the barrier
	 * in vt_flight_end().
	 */
	l->ended = atomic_read_acquire(&f->ended);
	l->begun = atomic_read(&f->begun);
	l->open = 0;
	if (l->begun == l->ended)
		return;
	for (i = 0; i < VT_FLIGHTS; i++)
		if (atomic_long_read(&f->last[i]) & VT_FLIGHT_OPEN)
			l->open |= 1U << i;
}

/**
 * vt_flight_exposed() - did a look that ends here overlap a modification?
 * @f: the place
 * @l: the look; which ones it overlapped is noted there
 *
 * Return: true if so.
 */
static inline bool vt_flight_exposed(const struct vt_flight *f,
				     struct vt_flight_look *l)
{
	unsigned int i;
	u32 until;

	/*
	 * The look's loads come first. Pairs with the full barrier in
	 * vt_flight_begin() and vt_flight_begin_in().
	 */
	smp_rmb();
	until = atomic_read(&f->begun);
	l->nr = 0;
	if (until == l->ended)
		return false;
	for (i = 0; i < VT_FLIGHTS; i++) {
		u32 nr = vt_flight_word_nr(atomic_long_read(&f->last[i]));

		/* Begun behind this look: read later than @until. */
		if (vt_flight_after(nr, until))
			continue;
		/* The one that was in flight there, or one begun since. */
		if ((l->open & (1U << i)) || vt_flight_after(nr, l->begun))
			l->nrs[l->nr++] = nr;
	}
	return true;
}

/**
 * vt_flight_exposed_again() - did a look that ends here overlap modifications, and
 *	only such as an earlier look did?
 * @f: the place
 * @l: the look
 * @begun: ->begun of an exposed look of the same reader, at the same place
 *
 * None has begun since that look began: so what is in flight was in flight then.
 * Costs less than to find out which ones they are.
 *
 * Return: true if so; false says nothing.
 */
static inline bool vt_flight_exposed_again(const struct vt_flight *f,
					   const struct vt_flight_look *l,
					   u32 begun)
{
	/* As in vt_flight_exposed(). */
	smp_rmb();
	return l->begun == begun && l->ended != begun &&
	       (u32)atomic_read(&f->begun) == begun;
}

/**
 * vt_flight_range() - what is the range of a modification?
 * @f: the place, which has one writer
 * @nr: number of the modification, the last that was seen to have begun
 * @start: of its range
 * @end: of its range, exclusive
 *
 * Return: its word, or 0 if the range cannot be told: it is being written, or
 * there is a later one already.
 */
static inline long vt_flight_range(const struct vt_flight *f, u32 nr,
				   unsigned long *start, unsigned long *end)
{
	/* Its range is there. Pairs with smp_wmb() in vt_flight_begin_in(). */
	long word = atomic_long_read_acquire(&f->last[nr % VT_FLIGHTS]);

	*start = READ_ONCE(f->start);
	*end = READ_ONCE(f->end);
	/* And no later one's. Pairs with the barrier in vt_flight_begin_in(). */
	smp_rmb();
	if (vt_flight_word_nr(word) == nr && (u32)atomic_read(&f->begun) == nr)
		return word;
	*start = 0;
	*end = 0;
	return 0;
}

/**
 * vt_flight_look_in() - a look begins, in a place whose modifications have ranges
 * @f: the place, which has one writer
 * @l: the look; the range in flight, or that was last, is noted there
 */
static inline void vt_flight_look_in(const struct vt_flight *f,
				     struct vt_flight_look *l)
{
	/* As in vt_flight_look(). */
	l->ended = atomic_read_acquire(&f->ended);
	l->begun = atomic_read_acquire(&f->begun);
	l->open = !!(vt_flight_range(f, l->begun, &l->start, &l->end) &
		     VT_FLIGHT_OPEN);
}

/**
 * vt_flight_exposed_in() - did a look that ends here overlap a modification of
 *	something that it looked at?
 * @f: the place, which has one writer
 * @l: the look; which ones it overlapped is noted there
 * @first: first of what was looked at
 * @last: last of what was looked at
 *
 * Of modifications that began meanwhile only the last one's range is known.
 *
 * Return: true if so.
 */
static inline bool vt_flight_exposed_in(const struct vt_flight *f,
					struct vt_flight_look *l,
					unsigned long first, unsigned long last)
{
	unsigned long start, end;
	u32 until;

	l->nr = 0;
	if (l->open && first < l->end && last >= l->start)
		l->nrs[l->nr++] = l->begun;
	/* As in vt_flight_exposed(). */
	smp_rmb();
	until = atomic_read(&f->begun);
	if (until != l->begun && vt_flight_range(f, until, &start, &end) &&
	    first < end && last >= start)
		l->nrs[l->nr++] = until;
	return l->nr;
}

/**
 * vt_flight_meet() - a look has met a modification
 * @f: the place
 * @nr: number of the modification, out of a look's nrs[]
 * @kinds: bit set of kinds that looked, of VT_FLIGHT_KINDS
 *
 * Return: bit set of those of @kinds that had not met it before.
 */
static inline u32 vt_flight_meet(struct vt_flight *f, u32 nr, u32 kinds)
{
	atomic_long_t *last = &f->last[nr % VT_FLIGHTS];
	long word = atomic_long_read(last);
	u32 fresh;

	do {
		fresh = kinds & VT_FLIGHT_KINDS & ~word;
		if (!fresh || vt_flight_word_nr(word) != nr)
			return 0;
	} while (!atomic_long_try_cmpxchg(last, &word, word | fresh));
	return fresh;
}

#endif /* VT_FLIGHT_H */
