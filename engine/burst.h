/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a balance grow with the work? No kernel types: compiled in user space
 * too, by the unit tests.
 *
 * Committed memory is the whole machine's, and others are at work too. So an
 * operation that has to leave it as it was is done in bursts, each followed by a
 * pause that is as long as the burst took, and the balance is read before and
 * after both. Only if every burst moved it by the same amount, and no pause
 * moved it at all, is the operation what moved it: noise that keeps still in
 * every pause and repeats itself to the page in every burst does not occur.
 */
#ifndef VT_BURST_H
#define VT_BURST_H

#include <linux/types.h>

#define VT_BURST_ROUNDS	3
#define VT_BURST_OPS	16

/**
 * enum vt_burst_result - what bursts of an operation showed
 * @VT_BURST_EVEN: the balance stood still in all bursts and all pauses
 * @VT_BURST_GROWS: the operation makes it grow
 * @VT_BURST_UNSURE: others moved it meanwhile, or the operation cannot be had
 */
enum vt_burst_result { VT_BURST_EVEN, VT_BURST_GROWS, VT_BURST_UNSURE };

/**
 * vt_burst_judge() - what moved a balance?
 * @grown: by how much it grew in each burst
 * @idle: by how much it grew in the pause behind each
 * @rounds: how many there were of both
 * @ops: operations in a burst; a leak loses at least one unit by each of them
 *
 * Return: out of enum vt_burst_result.
 */
static inline enum vt_burst_result
vt_burst_judge(const long *grown, const long *idle, unsigned int rounds, long ops)
{
	unsigned int i;

	for (i = 0; i < rounds; i++)
		if (idle[i] || grown[i] != grown[0])
			return VT_BURST_UNSURE;
	if (!grown[0])
		return VT_BURST_EVEN;
	return grown[0] >= ops ? VT_BURST_GROWS : VT_BURST_UNSURE;
}

#endif /* VT_BURST_H */
