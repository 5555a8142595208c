// SPDX-License-Identifier: GPL-2.0-only
/*
 * The call sites of the unexported functions that only fork_fail calls.
 */
#include <linux/static_call.h>

#include "symbols.h"

FF_SYMBOLS(VT_DEFINE_SYMBOL)
VT_SYMBOL_TABLE(ff_symbols, FF_SYMBOLS);
