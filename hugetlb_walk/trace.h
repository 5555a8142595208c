/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of hugetlb_walk, under events/vma_torture: page tables shared and unshared, and walks of them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vma_torture

#if !defined(HW_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HW_TRACE_H

#include <linux/mm_types.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#include "trace_name.h"

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

#endif /* HW_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH hugetlb_walk
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
