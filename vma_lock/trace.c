// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bodies of vma_lock's tracepoints.
 */
#include <linux/mm_types.h>

#define CREATE_TRACE_POINTS
#include "trace.h"
