/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has come of one of the things that a scenario can do, and when that is
 * too little for a verdict. No kernel types: compiled in user space too, by the
 * unit tests.
 */
#ifndef VT_TRIED_H
#define VT_TRIED_H

#include <linux/types.h>

/* So often in vain is too often. */
#define VT_TRIED_ENOUGH		20
/* In a run as long as that everything is tried. */
#define VT_TRIED_ALL_MS		30000

/**
 * enum vt_trial_state - what has come of a thing that a scenario can do
 * @VT_TRIAL_ABSENT: it cannot be had here
 * @VT_TRIAL_NEVER_TRIED: its turn has not come yet
 * @VT_TRIAL_NEVER_WORKED: it was tried, and never worked
 * @VT_TRIAL_WORKED: it has worked
 */
enum vt_trial_state {
	VT_TRIAL_ABSENT, VT_TRIAL_NEVER_TRIED, VT_TRIAL_NEVER_WORKED,
	VT_TRIAL_WORKED,
};

/**
 * vt_trial_state() - what has come of it?
 * @absent: it cannot be had here
 * @tried: how often it was tried
 * @worked: and how often it worked
 */
static inline enum vt_trial_state vt_trial_state(bool absent, u64 tried,
						 u64 worked)
{
	if (absent)
		return VT_TRIAL_ABSENT;
	if (worked)
		return VT_TRIAL_WORKED;
	return tried ? VT_TRIAL_NEVER_WORKED : VT_TRIAL_NEVER_TRIED;
}

/**
 * vt_trial_wanting() - is it too little for a verdict?
 * @state: what has come of it
 * @tried: how often it was tried
 * @ms: how long the scenario has run, in ms
 */
static inline bool vt_trial_wanting(enum vt_trial_state state, u64 tried, u64 ms)
{
	switch (state) {
	case VT_TRIAL_NEVER_TRIED:
		return ms >= VT_TRIED_ALL_MS;
	case VT_TRIAL_NEVER_WORKED:
		return tried >= VT_TRIED_ENOUGH;
	case VT_TRIAL_ABSENT:
	case VT_TRIAL_WORKED:
		break;
	}
	return false;
}

static inline const char *vt_trial_state_name(enum vt_trial_state state)
{
	switch (state) {
	case VT_TRIAL_ABSENT:		return "absent";
	case VT_TRIAL_NEVER_TRIED:	return "never_tried";
	case VT_TRIAL_NEVER_WORKED:	return "never_worked";
	case VT_TRIAL_WORKED:		return "worked";
	}
	return "?";
}

#endif /* VT_TRIED_H */
