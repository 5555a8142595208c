/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of the watch share: who is watched, and who looks.
 */
#ifndef WT_WATCHES_H
#define WT_WATCHES_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched.h>

#include "engine.h"

#define WT_PLACES	64	/* remembered addresses of each mm */

enum wt_kind {
	WT_GAP, WT_ORDER, WT_RANGE, WT_FOREIGN, WT_XA_ZERO, WT_MAP_COUNT,
	WT_REFCOUNT, WT_VMA_LOCK,
};

/**
 * struct wt_target - an mm to look at
 * @mm: mm
 * @start: first address of the range that is never unmapped
 * @end: end of it; 0: there is none
 * @print: a sum over all of the tree when it was last looked at
 * @nr_places: how many of @places are known
 * @places: addresses that were mapped then
 */
struct wt_target {
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	unsigned long print;
	unsigned int nr_places;
	unsigned long places[WT_PLACES];
};

/* How a watch ended. */
enum wt_state { WT_WATCHING, WT_EXITED, WT_EXEC, WT_STOPPED };

/**
 * struct wt_watch - a process that is watched, or was
 * @node: in wt_watches
 * @thread: who looks; NULL when it has been stopped
 * @pid: the process, by its struct pid
 * @nr: and by the number it was called
 * @comm: its name
 * @process: its mm
 * @decoy: an mm of the module's own to break promises in, if that is asked for
 * @rnd: random stream of the thread
 * @told_ns: the first race of all when the thread last looked
 * @tree_after: when to look at the whole tree again, ktime_get_ns()
 * @state: see wt_state_names
 * @looks: how often; only the thread counts, anybody may read, as the next two
 * @exposure: how many of them could have caught a race
 * @races: promises seen broken
 */
struct wt_watch {
	struct list_head node;
	struct task_struct *thread;
	struct pid *pid;
	pid_t nr;
	char comm[TASK_COMM_LEN];
	struct wt_target process;
	struct wt_target decoy;
	struct vt_rnd rnd;
	u64 told_ns;
	u64 tree_after;
	enum wt_state state;
	u64 looks;
	u64 exposure;
	u64 races;
};

extern struct vt_run *wt_run;

#define wt_race(w, kind, mm, addr, w0, w1, fmt, ...) do {		\
	WRITE_ONCE((w)->races, (w)->races + 1);				\
	vt_race(wt_run, kind, mm, addr, w0, w1, "pid %d: " fmt,	\
		(w)->nr, ##__VA_ARGS__);				\
} while (0)

/* What is looked at: look.c */
void wt_look_gap(struct wt_watch *w, struct wt_target *t);
void wt_look_lock(struct wt_watch *w, struct wt_target *t, bool breaks);
void wt_look_tree(struct wt_watch *w, struct wt_target *t);

/* Broken promises in an mm of the module's own: busted.c */
void wt_decoy_new(struct wt_watch *w);
void wt_burst_broken(struct wt_watch *w);

/* Who is watched: watches.c */
extern struct mutex wt_lock;
extern struct list_head wt_watches;
int wt_begin(pid_t nr, unsigned long start, unsigned long end);
int wt_end(pid_t nr);
void wt_forget_all(void);

/* The file that takes commands: file.c */
extern const struct file_operations wt_fops;

#endif /* WT_WATCHES_H */
