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

#include "coverage.h"
#include "debugfs.h"
#include "engine.h"
#include "race.h"
#include "session.h"

static struct dentry *vt_root;
static bool vt_no_memory;	/* for one of the files */
static u32 vt_default_mask;

static int vt_verdict_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%s\n", vt_verdict_name(vt_session_verdict()));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_verdict);

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

static int vt_coverage_list_show(struct seq_file *m, void *unused)
{
	vt_trials_list(m, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vt_coverage_list);

static void vt_summary_row(struct seq_file *m, const struct vt_run *run)
{
	u64 ms = vt_run_ms(run), ops = vt_run_ops(run);
	u64 races = vt_run_races(run);

	seq_printf(m, "%-14s %-9s %8llu %12llu %14llu %10llu ", run->sc->name,
		   vt_state_name(READ_ONCE(run->state)), ms / MSEC_PER_SEC,
		   ms ? div64_u64(ops * MSEC_PER_SEC, ms) : 0,
		   vt_run_exposure(run), races);
	if (races)
		seq_printf(m, "%9llu\n", vt_run_first_race_ms(run));
	else
		seq_printf(m, "%9s\n", "-");
}

static void vt_summary_notes(struct seq_file *m, const struct vt_run *run)
{
	unsigned int kind;
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
	if (run->busted)
		seq_printf(m, "%s: busted on purpose\n", run->sc->name);
}

static int vt_summary_show(struct seq_file *m, void *unused)
{
	const struct vt_run *adopted = vt_session_adopted();
	unsigned int i;

	seq_printf(m, "verdict %s  seed %llu\n",
		   vt_verdict_name(vt_session_verdict()), vt_params.seed);
	seq_printf(m, "%-14s %-9s %8s %12s %14s %10s %9s\n", "scenario", "state",
		   "seconds", "ops/s", "exposure", "races", "first_ms");
	for (i = 0; i < vt_nr_runs; i++)
		vt_summary_row(m, &vt_runs[i]);
	if (adopted)
		vt_summary_row(m, adopted);
	for (i = 0; i < vt_nr_runs; i++)
		vt_summary_notes(m, &vt_runs[i]);
	if (adopted)
		vt_summary_notes(m, adopted);
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

static int vt_u64_get(void *data, u64 *val)
{
	unsigned long id = (unsigned long)data;
	const struct vt_run *run = &vt_runs[id >> 16];
	unsigned int what = id & 0xffff;

	switch (what) {
	case VT_FILE_OPS:
		*val = vt_run_ops(run);
		break;
	case VT_FILE_EXPOSURE:
		*val = vt_run_exposure(run);
		break;
	case VT_FILE_RACES:
		*val = vt_run_races(run);
		break;
	case VT_FILE_FIRST:
		*val = vt_run_first_race_ms(run);
		break;
	default:
		*val = vt_sum(run, what - VT_FILE_CELL);
	}
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

static void vt_u64_file(struct vt_run *run, const char *name, unsigned int what)
{
	vt_made(debugfs_create_file_unsafe(name, 0400, run->dir,
					   vt_file_id(run, what), &vt_u64_fops));
}

static void vt_kind_files(struct vt_run *run, unsigned int kind)
{
	const char *name = kind == vt_stall_kind(run->sc) ?
			   "stall" : run->sc->kinds[kind].name;
	char file[48];

	scnprintf(file, sizeof(file), "race_%s", name);
	vt_u64_file(run, file, VT_FILE_CELL + vt_kind_cell(kind, VT_KIND_RACES));
	scnprintf(file, sizeof(file), "looks_%s", name);
	vt_u64_file(run, file, VT_FILE_CELL + vt_kind_cell(kind, VT_KIND_LOOKS));
	scnprintf(file, sizeof(file), "exposure_%s", name);
	vt_u64_file(run, file,
		    VT_FILE_CELL + vt_kind_cell(kind, VT_KIND_EXPOSED));
}

static void vt_run_files(struct vt_run *run)
{
	const struct vt_scenario *sc = run->sc;
	unsigned int i;

	run->dir = vt_made(debugfs_create_dir(sc->name, vt_root));
	vt_file("state", 0400, run->dir, run, &vt_state_fops);
	if (sc->nr_trials)
		vt_file("coverage_list", 0400, run->dir, run,
			&vt_coverage_list_fops);
	vt_u64_file(run, "ops", VT_FILE_OPS);
	vt_u64_file(run, "exposure", VT_FILE_EXPOSURE);
	vt_u64_file(run, "races", VT_FILE_RACES);
	vt_u64_file(run, "first_race_ms", VT_FILE_FIRST);
	for (i = 0; i <= vt_stall_kind(sc); i++)
		if (vt_kind_present(run, i))
			vt_kind_files(run, i);
	for (i = 0; i < sc->nr_counters; i++)
		vt_u64_file(run, sc->counters[i],
			    VT_FILE_CELL + vt_counter_cell(sc, i));
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
			if (strlen(vt_runs[i].sc->name) == len &&
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
	vt_file("verdict", 0400, vt_root, NULL, &vt_verdict_fops);
	vt_file("summary", 0400, vt_root, NULL, &vt_summary_fops);
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
 * Return: 0 or -ENOMEM.
 */
int vt_debugfs_complete(void)
{
	return vt_no_memory ? -ENOMEM : 0;
}

/**
 * vt_debugfs_exit() - remove all files; nobody is inside when it returns
 */
void vt_debugfs_exit(void)
{
	debugfs_remove(vt_root);
}
