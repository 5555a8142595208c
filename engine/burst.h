/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a balance grow with the work? No kernel types: compiled in user space
 * too, by the unit tests.
 *
 * Committed memory is the whole machine's, and others are at work too. So an
 * operation that has to leave it as it was is done in bursts, each followed by a
 * pause that is as long as the burst took, and the balance is read before and
 * after both. Only if no pause moved it at all, and every burst by the same amount
 * for each of its operations, is the operation what moved it.
 *
 * The same amount in every burst would not do: a shell that starts the parts of a
 * pipeline forks at about the pace of the bursts, and each fork is charged the
 * same. So bursts differ in length, and their lengths have no divisor in common:
 * charges of one size would have to come sixteen, seven and twenty-five times.
 */
#ifndef VT_BURST_H
#define VT_BURST_H

#include <linux/types.h>

#define VT_BURST_ROUNDS	3
#define VT_BURST_OPS	16	/* of the first burst, and so of the record */

/**
 * enum vt_burst_result - what bursts of an operation showed
 * @VT_BURST_EVEN: the balance stood still in all bursts and all pauses
 * @VT_BURST_GROWS: the operation makes it grow
 * @VT_BURST_UNSURE: others moved it meanwhile, or the operation cannot be had
 */
enum vt_burst_result { VT_BURST_EVEN, VT_BURST_GROWS, VT_BURST_UNSURE };

/**
 * vt_burst_ops() - how many operations a burst has
 * @round: which burst, below VT_BURST_ROUNDS
 */
static inline long vt_burst_ops(unsigned int round)
{
	static const unsigned char ops[VT_BURST_ROUNDS] = { VT_BURST_OPS, 7, 25 };

	return ops[round];
}

/**
 * vt_burst_fits() - may bursts still show something after one more?
 * @grown: by how much the balance grew in each burst so far
 * @idle: by how much it grew in the pause behind each
 * @round: the last burst
 *
 * Return: false if others moved it.
 */
static inline bool vt_burst_fits(const long *grown, const long *idle,
				 unsigned int round)
{
	return !idle[round] &&
	       grown[round] * vt_burst_ops(0) == grown[0] * vt_burst_ops(round);
}

/**
 * vt_burst_judge() - what moved a balance?
 * @grown: by how much it grew in each burst
 * @idle: by how much it grew in the pause behind each
 *
 * A leak loses at least one unit by each operation.
 *
 * Return: out of enum vt_burst_result.
 */
static inline enum vt_burst_result vt_burst_judge(const long *grown, const long *idle)
{
	unsigned int i;

	for (i = 0; i < VT_BURST_ROUNDS; i++)
		if (!vt_burst_fits(grown, idle, i))
			return VT_BURST_UNSURE;
	if (!grown[0])
		return VT_BURST_EVEN;
	return grown[0] > 0 ? VT_BURST_GROWS : VT_BURST_UNSURE;
}

#endif /* VT_BURST_H */
