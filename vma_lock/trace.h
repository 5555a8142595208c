/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of vma_lock, under events/vma_torture: each attempt to lock a VMA, and each release.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vma_torture

#if !defined(VL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VL_TRACE_H

#include <linux/mm_types.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#include "trace_name.h"

TRACE_EVENT(vma_lock_acquire,
	TP_PROTO(struct mm_struct *mm, unsigned long addr,
		 struct vm_area_struct *vma, bool hit),
	TP_ARGS(mm, addr, vma, hit),
	TP_STRUCT__entry(
		__field(struct mm_struct *, mm)
		__field(unsigned long, addr)
		__field(struct vm_area_struct *, vma)
		__field(bool, hit)
	),
	TP_fast_assign(
		__entry->mm = mm;
		__entry->addr = addr;
		__entry->vma = vma;
		__entry->hit = hit;
	),
	TP_printk("mm=%p addr=0x%lx vma=%p %s", __entry->mm, __entry->addr,
		  __entry->vma, __entry->hit ? "hit" : "miss")
);

TRACE_EVENT(vma_lock_release,
	TP_PROTO(struct mm_struct *mm, unsigned long addr,
		 struct vm_area_struct *vma, u64 hold_ns),
	TP_ARGS(mm, addr, vma, hold_ns),
	TP_STRUCT__entry(
		__field(struct mm_struct *, mm)
		__field(unsigned long, addr)
		__field(struct vm_area_struct *, vma)
		__field(u64, hold_ns)
	),
	TP_fast_assign(
		__entry->mm = mm;
		__entry->addr = addr;
		__entry->vma = vma;
		__entry->hold_ns = hold_ns;
	),
	TP_printk("mm=%p addr=0x%lx vma=%p hold_ns=%llu", __entry->mm,
		  __entry->addr, __entry->vma, __entry->hold_ns)
);

#endif /* VL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH vma_lock
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
