/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What engine/ headers without kernel types need of <asm/barrier.h>.
 */
#ifndef UNIT_ASM_BARRIER_H
#define UNIT_ASM_BARRIER_H

/* Stronger than the kernel's: C knows none that orders loads alone. */
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
/* Likewise, of stores. */
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
/* Before an atomic_inc(), which orders nothing here either. */
#define smp_mb__before_atomic()	__atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif /* UNIT_ASM_BARRIER_H */
