/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What engine/ headers without kernel types need of <asm/barrier.h>.
 */
#ifndef UNIT_ASM_BARRIER_H
#define UNIT_ASM_BARRIER_H

#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb__before_atomic()	__atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif /* UNIT_ASM_BARRIER_H */
