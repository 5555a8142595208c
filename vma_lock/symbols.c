// SPDX-License-Identifier: GPL-2.0-only
/*
 * The call sites of the unexported functions that only vma_lock calls.
 */
#include <linux/static_call.h>

#include "symbols.h"

VL_SYMBOLS(VT_DEFINE_SYMBOL)
VT_SYMBOL_TABLE(vl_symbols, VL_SYMBOLS);
