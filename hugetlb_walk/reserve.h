/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A round of reservations, as it is done (reserve.c) and as it is judged (books.c).
 */
#ifndef HW_RESERVE_H
#define HW_RESERVE_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/types.h>

#include "compat_hugetlb.h"
#include "hugetlb_walk.h"
#include "space.h"

#define HW_KEPT		(HW_BASE + 2 * PUD_SIZE)	/* more than there is to be (busted) */

/**
 * struct hw_turn - one round of reservations
 * @t: thread
 * @st: all of it
 * @file: what is mapped
 * @op: what is done
 * @nr: huge pages that are mapped with reservation
 * @held: huge pages that were freed before it, and that others seem to hold
 * @freed: huge pages that were freed in it so far, which others may hold for a while
 * @touch: touch one of them
 * @judged: the file's mount has books that nobody else moves
 * @busted: something is reserved of which the judgement knows nothing
 * @wrong: the books were not what they are to be, which has been reported
 */
struct hw_turn {
	struct vt_thread *t;
	struct hw_state *st;
	struct file *file;
	enum hw_reserve_op op;
	unsigned int nr;
	unsigned int held;
	unsigned int freed;
	bool touch;
	bool judged;
	bool busted;
	bool wrong;
};

/**
 * hw_reserve_sb() - super block of the mount whose books nobody else moves
 * @st: all of it
 */
static inline struct super_block *hw_reserve_sb(const struct hw_state *st)
{
	return st->reserve.mnt->mnt_sb;
}

/**
 * hw_books_are() - are a mount's books what they are to be?
 * @books: the books
 * @used: huge pages of it that are to be used or reserved
 */
static inline bool hw_books_are(const struct vt_huge_books *books, long used)
{
	return books->used == used && books->kept == books->least - used;
}

/**
 * hw_reserve_map() - map the file of a round, from its beginning
 * @u: the round
 * @addr: where
 * @nr: how many huge pages
 * @flags: MAP_SHARED or MAP_PRIVATE
 *
 * Context: the mm is in use; may sleep.
 * Return: 0 or an errno.
 */
static inline long hw_reserve_map(const struct hw_turn *u, unsigned long addr,
				  unsigned int nr, unsigned long flags)
{
	return vt_map(u->file, addr, nr * PMD_SIZE, PROT_READ | PROT_WRITE, flags, 0);
}

/* reserve.c: what is done */
enum hw_reserve_op hw_reserve_draw(struct vt_rnd *rnd, unsigned long ops);
void hw_reserve_did(struct hw_turn *u);
void hw_reserve_spin(s64 ns);
long hw_reserve_once(struct hw_turn *u);

/* books.c: what is judged */
void hw_books_judge(struct hw_turn *u, long used, const char *when);
void hw_reserve_trial(struct vt_thread *t, struct hw_state *st);

#endif /* HW_RESERVE_H */
