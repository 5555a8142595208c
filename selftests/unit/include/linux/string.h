/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What engine/ files without kernel types need of <linux/string.h>.
 */
#include <string.h>
