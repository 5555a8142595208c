/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, under events/vma_torture. Integers, enums and fixed arrays only:
 * __assign_str() is not the same on all kernels.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vma_torture

#if !defined(VT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VT_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#define VT_TRACE_NAME	16

TRACE_EVENT(race,
	TP_PROTO(const char *scenario, const char *kind, struct mm_struct *mm,
		 unsigned long addr, unsigned long w0, unsigned long w1),
	TP_ARGS(scenario, kind, mm, addr, w0, w1),
	TP_STRUCT__entry(
		__array(char, scenario, VT_TRACE_NAME)
		__array(char, kind, VT_TRACE_NAME)
		__field(struct mm_struct *, mm)
		__field(unsigned long, addr)
		__field(unsigned long, w0)
		__field(unsigned long, w1)
	),
	TP_fast_assign(
		strscpy_pad(__entry->scenario, scenario, VT_TRACE_NAME);
		strscpy_pad(__entry->kind, kind, VT_TRACE_NAME);
		__entry->mm = mm;
		__entry->addr = addr;
		__entry->w0 = w0;
		__entry->w1 = w1;
	),
	TP_printk("%s/%s mm=%p addr=0x%lx w0=0x%lx w1=0x%lx",
		  __entry->scenario, __entry->kind, __entry->mm, __entry->addr,
		  __entry->w0, __entry->w1)
);

TRACE_EVENT(map_fixed_begin,
	TP_PROTO(struct mm_struct *mm, unsigned long start, unsigned long end,
		 const char *shape, const char *backing),
	TP_ARGS(mm, start, end, shape, backing),
	TP_STRUCT__entry(
		__field(struct mm_struct *, mm)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__array(char, shape, VT_TRACE_NAME)
		__array(char, backing, VT_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->mm = mm;
		__entry->start = start;
		__entry->end = end;
		strscpy_pad(__entry->shape, shape, VT_TRACE_NAME);
		strscpy_pad(__entry->backing, backing, VT_TRACE_NAME);
	),
	TP_printk("mm=%p [0x%lx-0x%lx) %s %s", __entry->mm, __entry->start,
		  __entry->end, __entry->shape, __entry->backing)
);

TRACE_EVENT(map_fixed_end,
	TP_PROTO(struct mm_struct *mm, unsigned long start, unsigned long end,
		 int error),
	TP_ARGS(mm, start, end, error),
	TP_STRUCT__entry(
		__field(struct mm_struct *, mm)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->mm = mm;
		__entry->start = start;
		__entry->end = end;
		__entry->error = error;
	),
	TP_printk("mm=%p [0x%lx-0x%lx) error=%d", __entry->mm, __entry->start,
		  __entry->end, __entry->error)
);

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

TRACE_EVENT(fork_fail,
	TP_PROTO(struct mm_struct *mm, const char *way, const char *position,
		 unsigned long addr, int error),
	TP_ARGS(mm, way, position, addr, error),
	TP_STRUCT__entry(
		__field(struct mm_struct *, mm)
		__array(char, way, VT_TRACE_NAME)
		__array(char, position, VT_TRACE_NAME)
		__field(unsigned long, addr)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->mm = mm;
		strscpy_pad(__entry->way, way, VT_TRACE_NAME);
		strscpy_pad(__entry->position, position, VT_TRACE_NAME);
		__entry->addr = addr;
		__entry->error = error;
	),
	TP_printk("mm=%p %s %s addr=0x%lx error=%d", __entry->mm, __entry->way,
		  __entry->position, __entry->addr, __entry->error)
);

DECLARE_EVENT_CLASS(pmd_table,
	TP_PROTO(struct mm_struct *mm, unsigned long addr, unsigned long table,
		 int sharers),
	TP_ARGS(mm, addr, table, sharers),
	TP_STRUCT__entry(
		__field(struct mm_struct *, mm)
		__field(unsigned long, addr)
		__field(unsigned long, table)
		__field(int, sharers)
	),
	TP_fast_assign(
		__entry->mm = mm;
		__entry->addr = addr;
		__entry->table = table;
		__entry->sharers = sharers;
	),
	TP_printk("mm=%p addr=0x%lx table=0x%lx sharers=%d", __entry->mm,
		  __entry->addr, __entry->table, __entry->sharers)
);

/* An mm was seen to begin and to end sharing a page table of huge pages. */
DEFINE_EVENT(pmd_table, pmd_share,
	TP_PROTO(struct mm_struct *mm, unsigned long addr, unsigned long table,
		 int sharers),
	TP_ARGS(mm, addr, table, sharers)
);

DEFINE_EVENT(pmd_table, pmd_unshare,
	TP_PROTO(struct mm_struct *mm, unsigned long addr, unsigned long table,
		 int sharers),
	TP_ARGS(mm, addr, table, sharers)
);

TRACE_EVENT(walk,
	TP_PROTO(struct mm_struct *mm, unsigned long addr, const char *under,
		 unsigned long table, unsigned long pte, bool exposed),
	TP_ARGS(mm, addr, under, table, pte, exposed),
	TP_STRUCT__entry(
		__field(struct mm_struct *, mm)
		__field(unsigned long, addr)
		__array(char, under, VT_TRACE_NAME)
		__field(unsigned long, table)
		__field(unsigned long, pte)
		__field(bool, exposed)
	),
	TP_fast_assign(
		__entry->mm = mm;
		__entry->addr = addr;
		strscpy_pad(__entry->under, under, VT_TRACE_NAME);
		__entry->table = table;
		__entry->pte = pte;
		__entry->exposed = exposed;
	),
	TP_printk("mm=%p addr=0x%lx under %s table=0x%lx pte=0x%lx exposed=%d",
		  __entry->mm, __entry->addr, __entry->under, __entry->table,
		  __entry->pte, __entry->exposed)
);

#endif /* VT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
