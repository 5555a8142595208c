/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log2 histograms. Bucket 0 holds the value 0, bucket n the values from
 * 2^(n-1) to 2^n - 1; the last bucket holds all that is larger.
 *
 * No kernel types: compiled in user space too, by the unit tests.
 */
#ifndef VT_HIST_H
#define VT_HIST_H

#include <linux/types.h>

#define VT_HIST_BUCKETS 40

/**
 * vt_hist_bucket() - the bucket a value belongs to
 * @v: value, in whatever unit the histogram has
 */
static inline unsigned int vt_hist_bucket(u64 v)
{
	unsigned int b = v ? 64 - __builtin_clzll(v) : 0;

	return b < VT_HIST_BUCKETS ? b : VT_HIST_BUCKETS - 1;
}

/**
 * vt_hist_floor() - the smallest value a bucket holds
 * @b: bucket, below VT_HIST_BUCKETS
 */
static inline u64 vt_hist_floor(unsigned int b)
{
	return b ? 1ULL << (b - 1) : 0;
}

#endif /* VT_HIST_H */
