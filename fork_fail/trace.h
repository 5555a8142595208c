/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of fork_fail, under events/vma_torture: each fork that failed.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vma_torture

#if !defined(FF_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FF_TRACE_H

#include <linux/mm_types.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#include "trace_name.h"

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

#endif /* FF_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH fork_fail
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
