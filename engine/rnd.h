/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seeded random streams, one per thread, so that a run can be repeated.
 *
 * No kernel types beyond u32 and u64: this file is compiled in user space too,
 * by the unit tests.
 */
#ifndef VT_RND_H
#define VT_RND_H

#include <linux/types.h>

/**
 * struct vt_rnd - one stream of pseudo-random numbers, owned by one thread
 * @state: splitmix64 state; any value is a good one, zero included
 */
struct vt_rnd {
	u64 state;
};

/**
 * vt_rnd_next() - the next 64 bits of a stream
 * @r: stream
 *
 * splitmix64: full period, passes BigCrush, and needs no warm-up, so streams
 * that differ in one bit of their seed are unrelated from the first number on.
 */
static inline u64 vt_rnd_next(struct vt_rnd *r)
{
	u64 z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/**
 * vt_rnd_below() - a number in [0, @n)
 * @r: stream
 * @n: bound, at least 1
 *
 * Multiply and shift instead of a division; the bias is below n / 2^32.
 */
static inline u32 vt_rnd_below(struct vt_rnd *r, u32 n)
{
	return ((vt_rnd_next(r) >> 32) * n) >> 32;
}

/**
 * vt_rnd_one_in() - true once in @n draws on average
 * @r: stream
 * @n: at least 1
 */
static inline bool vt_rnd_one_in(struct vt_rnd *r, u32 n)
{
	return vt_rnd_below(r, n) == 0;
}

/**
 * vt_rnd_fork() - seed the stream of one thread
 * @r: stream to set
 * @seed: the run's seed
 * @id: what tells this thread from all others of the run
 */
static inline void vt_rnd_fork(struct vt_rnd *r, u64 seed, u64 id)
{
	struct vt_rnd mix = { .state = id };

	r->state = seed ^ vt_rnd_next(&mix);
}

/**
 * vt_rnd_id() - what tells a stream from others by its name
 * @name: whose it is, none is used twice
 * @nr: number of it among those of that name
 *
 * Return: @id for vt_rnd_fork(), which is no small number: those are the delays'.
 */
static inline u64 vt_rnd_id(const char *name, u64 nr)
{
	struct vt_rnd mix = { .state = nr };
	u64 id = 0xcbf29ce484222325ULL;		/* FNV-1a */

	while (*name)
		id = (id ^ (unsigned char)*name++) * 0x100000001b3ULL;
	return id ^ vt_rnd_next(&mix);
}

#endif /* VT_RND_H */
