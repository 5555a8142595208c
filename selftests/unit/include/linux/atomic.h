/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What engine/ headers without kernel types need of <linux/atomic.h>.
 */
#ifndef UNIT_LINUX_ATOMIC_H
#define UNIT_LINUX_ATOMIC_H

#include <stdbool.h>

#include "unit_step.h"

typedef struct { int counter; } atomic_t;
typedef struct { long counter; } atomic_long_t;

static inline int atomic_read(const atomic_t *v)
{
	unit_step();
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline int atomic_read_acquire(const atomic_t *v)
{
	unit_step();
	return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);
}

static inline int atomic_inc_return(atomic_t *v)
{
	unit_step();
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);
}

static inline void atomic_inc(atomic_t *v)
{
	unit_step();
	__atomic_add_fetch(&v->counter, 1, __ATOMIC_RELAXED);
}

static inline long atomic_long_read(const atomic_long_t *v)
{
	unit_step();
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline long atomic_long_read_acquire(const atomic_long_t *v)
{
	unit_step();
	return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);
}

static inline void atomic_long_set(atomic_long_t *v, long to)
{
	unit_step();
	__atomic_store_n(&v->counter, to, __ATOMIC_RELAXED);
}

static inline bool atomic_long_try_cmpxchg(atomic_long_t *v, long *old, long to)
{
	unit_step();
	return __atomic_compare_exchange_n(&v->counter, old, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

#endif /* UNIT_LINUX_ATOMIC_H */
