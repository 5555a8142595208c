// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/vma_torture: the verdict, the numbers, and the control.
 *
 * Failures to create files are not errors, as everywhere with debugfs: a test
 * runs without them. Only where there is debugfs and no memory for all of them
 * the module is not loaded, for nobody could tell what is missing.
 */
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "change.h"
#include "coverage.h"
#include "debugfs.h"
#include "engine.h"
#include "race.h"
#include "session.h"

static struct dentry *vt_root;
static bool vt_no_memory;	/* for one of the files */
static u32 vt_default_mask;
/* Of each run, the oracles that have files: those that could be had at load. */
static u32 vt_listed[VT_MAX_SCENARIOS];

static int vt_verdict_show(struct seq_file *m, void *unused)
{
	m->poll_event = vt_change_read();
	seq_printf(m, "%s\n", vt_verdict_name(vt_session_verdict()));
	return 0;
}

static int vt_verdict_open(struct inode *inode, struct file *file)
{
	return single_open(file, vt_verdict_show, NULL);
}

/*
 * EPOLLPRI when there may be another verdict than was read last. debugfs holds
 * the module for as long as a file is open: rmmod says EBUSY at once, whatever
 * waits here.
 */
static __poll_t vt_verdict_poll(struct file *file, poll_table *wait)
{
	struct seq_file *m = file->private_data;

	return vt_change_poll(file, wait, READ_ONCE(m->poll_event));
}

static const struct file_operations vt_verdict_fops = {
	.owner = THIS_MODULE,
	.open = vt_verdict_open,
	.read = seq_read,
	.poll = vt_verdict_poll,
	.llseek = seq_lseek,
	.release = single_release,
};

static int vt_races_file_show(struct seq_file *m, void *unused)
{
	vt_races_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_races_file);

static int vt_variants_file_show(struct seq_file *m, void *unused)
{
	vt_variants_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_variants_file);

static const char *vt_state_name(enum vt_state state)
{
	switch (state) {
	case VT_STOPPED:	return "stopped";
	case VT_ACTIVE:		return "running";
	case VT_DONE:		return "done";
	case VT_SKIPPED:	return "skipped";
	case VT_BROKEN:		return "stopped";
	}
	return "?";
}

static int vt_state_show(struct seq_file *m, void *unused)
{
	const struct vt_run *run = m->private;
	enum vt_state state = READ_ONCE(run->state);

	if (state == VT_SKIPPED)
		seq_printf(m, "skipped: %s\n", run->skip_why);
	else
		seq_printf(m, "%s\n", vt_state_name(state));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_state);

static int vt_coverage_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	for (i = 0; i < vt_nr_runs; i++)
		vt_trials_list(m, &vt_runs[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_coverage);

static void vt_summary_row(struct seq_file *m, const struct vt_run *run)
{
	u64 ms = vt_run_ms(run), ops = vt_run_ops(run);
	u64 races = vt_run_races(run);

	seq_printf(m, "%-14s %-9s %8llu %12llu %14llu %10llu ", run->sc->name,
		   vt_state_name(READ_ONCE(run->state)), ms / MSEC_PER_SEC,
		   ms ? div64_u64(ops * MSEC_PER_SEC, ms) : 0,
		   vt_run_exposure(run), races);
	if (races)
		seq_printf(m, "%9llu", vt_run_first_race_ms(run));
	else
		seq_printf(m, "%9s", "-");
	seq_printf(m, " %10llu\n", vt_run_met(run));
}

static void vt_summary_notes(struct seq_file *m, const struct vt_run *run)
{
	unsigned int kind, i;
	char buf[96];
	const char *why = vt_run_why(run, buf, sizeof(buf));

	if (*why)
		seq_printf(m, "%s: %s: %s\n", run->sc->name,
			   READ_ONCE(run->state) == VT_SKIPPED ? "skipped" :
			   "incomplete", why);
	for (kind = 0; kind < run->sc->nr_kinds; kind++) {
		u64 races = vt_kind_sum(run, kind, VT_KIND_RACES);

		if (!vt_kind_present(run, kind))
			seq_printf(m, "%s: no oracle for %s: %s\n",
				   run->sc->name, run->sc->kinds[kind].name,
				   run->absent_why[kind]);
		else if (races)
			seq_printf(m, "%s: %s broken %llu times: %s\n",
				   run->sc->name, run->sc->kinds[kind].name,
				   races, run->sc->kinds[kind].promise);
	}
	if (READ_ONCE(run->start_ns))
		vt_trials_notes(m, run);
	for (i = 0; i < ARRAY_SIZE(run->left_out); i++) {
		const char *what = READ_ONCE(run->left_out[i]);

		if (what)
			seq_printf(m, "%s: left out, for it leaks committed memory: %s\n",
				   run->sc->name, what);
	}
	if (run->busted)
		seq_printf(m, "%s: busted on purpose\n", run->sc->name);
}

/* What nobody has asked for since load or reset has no row. */
static bool vt_is_told(const struct vt_run *run)
{
	return !run->sc->by_itself || READ_ONCE(run->chosen);
}

static int vt_summary_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	seq_printf(m, "verdict %s  seed %llu\n",
		   vt_verdict_name(vt_session_verdict()), vt_params.seed);
	seq_printf(m, "%-14s %-9s %8s %12s %14s %10s %9s %10s\n", "scenario",
		   "state", "seconds", "ops/s", "exposure", "races", "first_ms",
		   "met");
	for (i = 0; i < vt_nr_runs; i++)
		if (vt_is_told(&vt_runs[i]))
			vt_summary_row(m, &vt_runs[i]);
	for (i = 0; i < vt_nr_runs; i++)
		if (vt_is_told(&vt_runs[i]))
			vt_summary_notes(m, &vt_runs[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_summary);

/*
 * Files of one u64. The cell's number is the low part of the file's i_private,
 * the run's the high part, so that nothing has to be allocated for it.
 */
#define VT_FILE_OPS		0
#define VT_FILE_EXPOSURE	1
#define VT_FILE_RACES		2
#define VT_FILE_FIRST		3
#define VT_FILE_CELL		4

static void *vt_file_id(const struct vt_run *run, unsigned int what)
{
	return (void *)((run - vt_runs) << 16 | (unsigned long)what);
}

static u64 vt_value(const struct vt_run *run, unsigned int what)
{
	switch (what) {
	case VT_FILE_OPS:
		return vt_run_ops(run);
	case VT_FILE_EXPOSURE:
		return vt_run_exposure(run);
	case VT_FILE_RACES:
		return vt_run_races(run);
	case VT_FILE_FIRST:
		return vt_run_first_race_ms(run);
	default:
		return vt_sum(run, what - VT_FILE_CELL);
	}
}

static int vt_u64_get(void *data, u64 *val)
{
	unsigned long id = (unsigned long)data;

	*val = vt_value(&vt_runs[id >> 16], id & 0xffff);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(vt_u64_fops, vt_u64_get, NULL, "%llu\n");

static int vt_hist_show(struct seq_file *m, void *unused)
{
	unsigned long id = (unsigned long)m->private;
	const struct vt_run *run = &vt_runs[id >> 16];
	unsigned int b;

	for (b = 0; b < VT_HIST_BUCKETS; b++) {
		u64 n = vt_sum(run, vt_hist_cell(run->sc, id & 0xffff, b));

		if (n)
			seq_printf(m, "%llu %llu\n", vt_hist_floor(b), n);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_hist);

static struct dentry *vt_made(struct dentry *file)
{
	if (PTR_ERR_OR_ZERO(file) == -ENOMEM)
		vt_no_memory = true;
	return file;
}

static void vt_file(const char *name, umode_t mode, struct dentry *dir,
		    void *data, const struct file_operations *fops)
{
	vt_made(debugfs_create_file(name, mode, dir, data, fops));
}

static const char *vt_dir(const struct vt_scenario *sc)
{
	return sc->dir ?: sc->name;
}

/*
 * What is counted is named in one place, for the files of one number and for
 * the file that has them all.
 */
typedef void vt_value_fn(struct vt_run *run, const char *name,
			 unsigned int what, struct seq_file *m);

static void vt_u64_file(struct vt_run *run, const char *name, unsigned int what,
			struct seq_file *unused)
{
	vt_made(debugfs_create_file_unsafe(name, 0400, run->dir,
					   vt_file_id(run, what), &vt_u64_fops));
}

static void vt_u64_line(struct vt_run *run, const char *name, unsigned int what,
			struct seq_file *m)
{
	seq_printf(m, "%s/%s %llu\n", vt_dir(run->sc), name, vt_value(run, what));
}

static void vt_each_of_kind(struct vt_run *run, unsigned int kind,
			    vt_value_fn *fn, struct seq_file *m)
{
	static const char *const words[VT_KIND_CELLS] = {
		[VT_KIND_LOOKS] = "looks",
		[VT_KIND_EXPOSED] = "exposure",
		[VT_KIND_RACES] = "race",
		[VT_KIND_MET] = "met",
	};
	const char *name = kind == vt_stall_kind(run->sc) ?
			   "stall" : run->sc->kinds[kind].name;
	unsigned int what;
	char file[48];

	for (what = 0; what < VT_KIND_CELLS; what++) {
		scnprintf(file, sizeof(file), "%s_%s", words[what], name);
		fn(run, file, VT_FILE_CELL + vt_kind_cell(kind, what), m);
	}
}

static void vt_each_value(struct vt_run *run, vt_value_fn *fn, struct seq_file *m)
{
	const struct vt_scenario *sc = run->sc;
	unsigned int i;

	fn(run, "ops", VT_FILE_OPS, m);
	fn(run, "exposure", VT_FILE_EXPOSURE, m);
	fn(run, "races", VT_FILE_RACES, m);
	fn(run, "first_race_ms", VT_FILE_FIRST, m);
	for (i = 0; i <= vt_stall_kind(sc); i++)
		if (vt_listed[run - vt_runs] & BIT(i))
			vt_each_of_kind(run, i, fn, m);
	for (i = 0; i < sc->nr_counters; i++)
		fn(run, sc->counters[i], VT_FILE_CELL + vt_counter_cell(sc, i), m);
}

/*
 * All that has a file of one number: the file's name, its number, in an order
 * that is the module's: what scripts read at once instead of hundreds of files.
 * Each number is as old as the line, no two of them are of one instant while
 * threads count.
 */
static int vt_values_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	for (i = 0; i < vt_nr_runs; i++)
		vt_each_value(&vt_runs[i], vt_u64_line, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_values);

static void vt_run_files(struct vt_run *run)
{
	const struct vt_scenario *sc = run->sc;
	unsigned int i;

	vt_listed[run - vt_runs] = ~run->absent | sc->later;
	run->dir = vt_made(debugfs_create_dir(vt_dir(sc), vt_root));
	vt_file("state", 0400, run->dir, run, &vt_state_fops);
	vt_each_value(run, vt_u64_file, NULL);
	for (i = 0; i < sc->nr_hists; i++)
		vt_file(sc->hists[i], 0400, run->dir, vt_file_id(run, i),
			&vt_hist_fops);
}

/**
 * vt_scenario_mask() - which scenarios a comma list names
 * @list: names; empty for all
 * @mask: bit set of what is named
 *
 * Return: 0, or -EINVAL if it names none that there is.
 */
int vt_scenario_mask(const char *list, u32 *mask)
{
	*mask = 0;
	if (!*list) {
		*mask = vt_default_mask;
		return 0;
	}
	while (*list) {
		size_t len = strcspn(list, ",");
		unsigned int i;

		for (i = 0; i < vt_nr_runs; i++)
			if (!vt_runs[i].sc->by_itself &&
			    strlen(vt_runs[i].sc->name) == len &&
			    !strncmp(vt_runs[i].sc->name, list, len))
				break;
		if (i == vt_nr_runs)
			return -EINVAL;
		*mask |= BIT(i);
		list += len;
		if (*list == ',' && !*++list)
			return -EINVAL;
	}
	return 0;
}

static int vt_control_bad(char *words)
{
	words = strim(words);
	vt_err("control: bad '" VT_WORDS "': allowed are start [scenario,...], stop, reset\n",
	       VT_WORDS_ARGS(words, strlen(words)));
	return -EINVAL;
}

static int vt_control_do(char *words, char *cmd)
{
	char *verb = strim(cmd);
	char *rest = verb + strcspn(verb, " \t");
	u32 mask;

	if (*rest)
		*rest++ = '\0';
	rest = skip_spaces(rest);

	if (!strcmp(verb, "start")) {
		if (vt_scenario_mask(rest, &mask))
			return vt_control_bad(words);
		return vt_session_start(mask);
	}
	if (*rest)
		return vt_control_bad(words);
	if (!strcmp(verb, "stop"))
		vt_session_stop();
	else if (!strcmp(verb, "reset"))
		vt_session_reset();
	else
		return vt_control_bad(words);
	return 0;
}

static ssize_t vt_control_write(struct file *file, const char __user *buf,
				size_t size, loff_t *ppos)
{
	char words[64];
	char *cmd;
	int ret;

	cmd = memdup_user_nul(buf, min_t(size_t, size, 257));
	if (IS_ERR(cmd))
		return PTR_ERR(cmd);
	strscpy(words, skip_spaces(cmd), sizeof(words));
	/* A NUL inside would hide what is behind it. */
	ret = strlen(cmd) == size && size <= 256 ? vt_control_do(words, cmd) :
						   vt_control_bad(words);
	kfree(cmd);

	return ret ? ret : size;
}

static const struct file_operations vt_control_fops = {
	.owner = THIS_MODULE,
	.write = vt_control_write,
	.llseek = noop_llseek,
};

/**
 * vt_debugfs_init() - create all files
 * @default_mask: scenarios that "start" without a name means
 */
void vt_debugfs_init(u32 default_mask)
{
	unsigned int i;

	vt_default_mask = default_mask;
	vt_root = vt_made(debugfs_create_dir("vma_torture", NULL));
	vt_file("summary", 0400, vt_root, NULL, &vt_summary_fops);
	vt_file("values", 0400, vt_root, NULL, &vt_values_fops);
	vt_file("coverage", 0400, vt_root, NULL, &vt_coverage_fops);
	vt_file("races", 0400, vt_root, NULL, &vt_races_file_fops);
	vt_file("variants", 0400, vt_root, NULL, &vt_variants_file_fops);
	vt_file("control", 0200, vt_root, NULL, &vt_control_fops);
	for (i = 0; i < vt_nr_runs; i++)
		vt_run_files(&vt_runs[i]);
}

/**
 * vt_debugfs_file() - one more file beside the verdict
 * @name: its name
 * @mode: its mode
 * @fops: its operations
 *
 * Context: may sleep; after vt_debugfs_init().
 */
void vt_debugfs_file(const char *name, umode_t mode,
		     const struct file_operations *fops)
{
	vt_file(name, mode, vt_root, NULL, fops);
}

/**
 * vt_debugfs_complete() - are all files there, if there is debugfs?
 *
 * The verdict's comes last: when there is one to poll, the load cannot fail any
 * more, and what waits cannot outlive the module.
 *
 * Context: may sleep; after all other files, with nothing behind it that fails.
 * Return: 0 or -ENOMEM.
 */
int vt_debugfs_complete(void)
{
	if (!vt_no_memory)
		vt_file("verdict", 0400, vt_root, NULL, &vt_verdict_fops);
	return vt_no_memory ? -ENOMEM : 0;
}

/**
 * vt_debugfs_exit() - remove all files; nobody is inside when it returns
 */
void vt_debugfs_exit(void)
{
	vt_change_end();
	debugfs_remove(vt_root);
}
