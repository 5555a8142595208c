/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interval arithmetic of the gap oracle: is a range wholly covered by what a
 * walk returned, piece after piece?
 *
 * Inclusive bounds throughout, as in the maple tree, so that the last address
 * of the address space needs no special case. No kernel types: compiled in user
 * space too, by the unit tests.
 */
#ifndef VT_COVER_H
#define VT_COVER_H

#include <linux/types.h>

/**
 * struct vt_cover - state of one range walk
 * @next: first address not covered yet
 * @last: last address that has to be covered
 * @done: all up to @last is covered
 *
 *        first                              last
 *          |-----------------------------------|
 *   [piece 1][piece 2]    [piece 3]
 *                     ^next
 *                     ....  a gap: piece 3 starts behind next
 */
struct vt_cover {
	unsigned long next;
	unsigned long last;
	bool done;
};

static inline void vt_cover_init(struct vt_cover *c, unsigned long first,
				 unsigned long last)
{
	c->next = first;
	c->last = last;
	c->done = false;
}

/**
 * vt_cover_add() - account for the next piece the walk returned
 * @c: state
 * @first: first address of the piece
 * @last: last address of the piece
 *
 * Pieces come in ascending order, but may overlap what is covered already: a
 * walker that starts over in a tree that changed below it meets the same
 * addresses again, in another entry. That is legal.
 *
 * Return: true if the piece leaves no gap behind it; false if the addresses
 * from c->next to @first - 1 belong to nobody.
 */
static inline bool vt_cover_add(struct vt_cover *c, unsigned long first,
				unsigned long last)
{
	if (c->done)
		return true;
	if (first > c->next)
		return false;
	if (last >= c->last)
		c->done = true;
	else if (last >= c->next)
		c->next = last + 1;
	return true;
}

#endif /* VT_COVER_H */
