/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the trace events of the engine and of the scenarios have in common.
 */
#ifndef VT_TRACE_NAME_H
#define VT_TRACE_NAME_H

/* Room for a name in an event, with its NUL: of a scenario, a kind, a shape. */
#define VT_TRACE_NAME	16

#endif /* VT_TRACE_NAME_H */
