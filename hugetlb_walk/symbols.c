// SPDX-License-Identifier: GPL-2.0-only
/*
 * The call sites of the unexported functions that only hugetlb_walk calls.
 */
#include <linux/static_call.h>

#include "symbols.h"

HW_SYMBOLS(VT_DEFINE_SYMBOL)
VT_SYMBOL_TABLE(hw_symbols, HW_SYMBOLS);
