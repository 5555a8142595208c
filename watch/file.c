// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file "watch": commands that begin and end watches, and how each stands.
 */
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/uaccess.h>

#include "engine.h"
#include "watches.h"

static const char *const wt_state_names[] = {
	[WT_WATCHING] = "watching",
	[WT_EXITED] = "exited",
	[WT_EXEC] = "exec",
	[WT_STOPPED] = "stopped",
};

static int wt_bad(const char *words)
{
	vt_err("watch: bad '" VT_WORDS "': allowed are PID [START-END], stop [PID]; START and END hexadecimal, of whole pages\n",
	       VT_WORDS_ARGS(words, strlen(words)));
	return -EINVAL;
}

static bool wt_parse_pid(const char *text, pid_t *nr)
{
	return isdigit(*text) && !kstrtoint(text, 10, nr) && *nr > 0;
}

static bool wt_parse_range(char *text, unsigned long *start, unsigned long *end)
{
	char *from = strsep(&text, "-");

	return text && isxdigit(*from) && isxdigit(*text) &&
	       !kstrtoul(from, 16, start) && !kstrtoul(text, 16, end) &&
	       *start < *end && PAGE_ALIGNED(*start) && PAGE_ALIGNED(*end);
}

static int wt_command(const char *words, char *line)
{
	unsigned long start = 0, end = 0;
	char *verb = strim(line);
	char *rest = verb + strcspn(verb, " \t");
	bool stop;
	pid_t nr = 0;
	int ret;

	if (*rest)
		*rest++ = '\0';
	rest = skip_spaces(rest);
	stop = !strcmp(verb, "stop");
	if (stop ? *rest && !wt_parse_pid(rest, &nr) :
		   !wt_parse_pid(verb, &nr) ||
		   (*rest && !wt_parse_range(rest, &start, &end)))
		return wt_bad(words);

	mutex_lock(&wt_lock);
	ret = stop ? wt_end(nr) : wt_begin(nr, start, end);
	mutex_unlock(&wt_lock);
	return ret;
}

static ssize_t wt_write(struct file *file, const char __user *buf, size_t size,
			loff_t *ppos)
{
	char line[128], words[128];
	int ret;

	if (size >= sizeof(line))
		return wt_bad("more than a line");
	if (copy_from_user(line, buf, size))
		return -EFAULT;
	line[size] = '\0';
	/* A NUL inside would hide what is behind it. */
	if (strlen(line) != size)
		return wt_bad(line);
	strscpy(words, line, sizeof(words));
	ret = wt_command(strim(words), line);
	return ret ? ret : size;
}

static int wt_show(struct seq_file *m, void *unused)
{
	struct wt_watch *w;

	mutex_lock(&wt_lock);
	list_for_each_entry(w, &wt_watches, node) {
		seq_printf(m, "pid=%d comm=", w->nr);
		/* Processes may be called anything. */
		seq_escape(m, w->comm, " \t\n\\");
		seq_printf(m, " state=%s ", wt_state_names[READ_ONCE(w->state)]);
		if (w->process.end)
			seq_printf(m, "range=0x%lx-0x%lx ", w->process.start,
				   w->process.end);
		else
			seq_puts(m, "range=none ");
		seq_printf(m, "looks=%llu exposure=%llu races=%llu\n",
			   READ_ONCE(w->looks), READ_ONCE(w->exposure),
			   READ_ONCE(w->races));
	}
	mutex_unlock(&wt_lock);
	return 0;
}

static int wt_open(struct inode *inode, struct file *file)
{
	return single_open(file, wt_show, NULL);
}

const struct file_operations wt_fops = {
	.owner = THIS_MODULE,
	.open = wt_open,
	.read = seq_read,
	.write = wt_write,
	.llseek = seq_lseek,
	.release = single_release,
};
