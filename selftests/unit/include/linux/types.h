/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What engine/ headers without kernel types need of <linux/types.h>.
 */
#ifndef UNIT_LINUX_TYPES_H
#define UNIT_LINUX_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t u32;
typedef uint64_t u64;

#endif /* UNIT_LINUX_TYPES_H */
