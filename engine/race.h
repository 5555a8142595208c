/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The race log, as the rest of the engine sees it.
 */
#ifndef VT_RACE_H
#define VT_RACE_H

#include <linux/types.h>

struct seq_file;

void vt_races_reset(void);
bool vt_race_wants_stop(void);
void vt_races_show(struct seq_file *m);
void vt_variants_show(struct seq_file *m);

#endif /* VT_RACE_H */
