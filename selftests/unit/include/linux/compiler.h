/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What engine/ headers without kernel types need of <linux/compiler.h>.
 */
#ifndef UNIT_LINUX_COMPILER_H
#define UNIT_LINUX_COMPILER_H

#include "unit_step.h"

#define READ_ONCE(x)							\
	({ unit_step(); __atomic_load_n(&(x), __ATOMIC_RELAXED); })
#define WRITE_ONCE(x, v)						\
	do {								\
		unit_step();						\
		__atomic_store_n(&(x), v, __ATOMIC_RELAXED);		\
	} while (0)

#endif /* UNIT_LINUX_COMPILER_H */
