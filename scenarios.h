/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of scenarios: X(name), where name##_torture is a struct vt_scenario
 * and in name##_torture.c. A new scenario is a line here and an object in Kbuild.
 */
#ifndef VT_SCENARIOS_H
#define VT_SCENARIOS_H

#include "engine.h"

#define VT_SCENARIOS(X)							\
	X(map_fixed)							\
	X(vma_lock)							\
	X(fork_fail)							\
	X(hugetlb_walk)

#define X(name) extern const struct vt_scenario name##_torture;
VT_SCENARIOS(X)
#undef X

#endif /* VT_SCENARIOS_H */
