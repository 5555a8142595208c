/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine's tracepoint, under events/vma_torture; each scenario has its own
 * events in a trace.h of its folder. Integers, enums and fixed arrays only:
 * __assign_str() is not the same on all kernels.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vma_torture

#if !defined(VT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VT_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#include "trace_name.h"

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

#endif /* VT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
