/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of map_fixed, under events/vma_torture: each replacement of the arena, from before mmap() to after it.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vma_torture

#if !defined(MF_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MF_TRACE_H

#include <linux/mm_types.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#include "trace_name.h"

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

#endif /* MF_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH map_fixed
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
