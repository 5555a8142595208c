// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a command with it and all its processes watched by vma_torture: whoever
 * appears below it is reported to the module, until all have ended. Processes
 * that live for less than a poll (10 ms) may be missed; what they had in common
 * with their parent, the parent has, too.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DIR_OF_OURS	"/sys/kernel/debug/vma_torture/"
#define MAX		4096

static struct {
	pid_t pid;
	bool watched, seen, again;
} known[MAX];

static unsigned int nr_known;
static unsigned long watched, missed, full;
static int watch_fd;

static bool tell(const char *fmt, pid_t pid)
{
	char line[32];
	int len = snprintf(line, sizeof(line), fmt, pid);

	return write(watch_fd, line, len) == len;
}

static void found(pid_t pid)
{
	unsigned int i;

	for (i = 0; i < nr_known && known[i].pid != pid; i++)
		;
	if (i == MAX)
		return;
	if (i == nr_known) {
		known[nr_known++].pid = pid;
		known[i].watched = false;
		known[i].again = false;
	}
	known[i].seen = true;
	if (known[i].watched)
		return;
	if (tell("%d\n", pid)) {
		known[i].watched = true;
		watched += !known[i].again;
	} else if (errno == ENOSPC) {
		/* Again when others have gone. */
		full++;
	} else {
		missed++;
	}
}

/* All below PID; a process that goes away meanwhile has no more children. */
static void scan(pid_t pid, unsigned int depth)
{
	char path[320], *at, *next;
	static char buf[64][4096];
	struct dirent *d;
	DIR *tasks;
	ssize_t n;
	long child;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = depth < 64 ? opendir(path) : NULL;
	if (!tasks)
		return;
	while ((d = readdir(tasks))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid,
			 d->d_name);
		fd = d->d_name[0] == '.' ? -1 : open(path, O_RDONLY);
		if (fd < 0)
			continue;
		n = read(fd, buf[depth], sizeof(buf[depth]) - 1);
		close(fd);
		buf[depth][n > 0 ? n : 0] = 0;
		for (at = buf[depth]; (child = strtol(at, &next, 10)); at = next) {
			found(child);
			scan(child, depth + 1);
		}
	}
	closedir(tasks);
}

/* An exec ends a watch: what the process has become is to be watched too. */
static void watch_after_exec(void)
{
	FILE *f = fopen(DIR_OF_OURS "watch", "r");
	char line[1024];
	unsigned int i;
	int pid;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "pid=%d ", &pid) != 1)
			continue;
		for (i = 0; i < nr_known && known[i].pid != pid; i++)
			;
		if (i == nr_known)
			continue;
		/* The last line about a process is the one that counts. */
		known[i].watched = !strstr(line, " state=exec ");
		known[i].again = true;
	}
	fclose(f);
}

/* Room for others: what the module keeps of those that have ended. */
static void forget_dead(void)
{
	unsigned int i;

	for (i = 0; i < nr_known; i++) {
		if (known[i].seen) {
			known[i].seen = false;
			continue;
		}
		if (known[i].watched)
			tell("stop %d\n", known[i].pid);
		known[i--] = known[--nr_known];
	}
}

/* How many times PREFIX stands in one of the module's files; -1: no file. */
static long lines_with(const char *file, const char *prefix, bool print)
{
	FILE *f = fopen(file, "r");
	char line[1024];
	long n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, prefix))
			continue;
		n++;
		if (print && n <= 5)
			fprintf(stderr, "stress_watch: %s", line);
	}
	fclose(f);
	return n;
}

static void usage(const char *name, FILE *to)
{
	fprintf(to,
		"usage: %s COMMAND [ARGUMENT...]\n\n"
		"Run COMMAND with all its processes watched by vma_torture, which must be\n"
		"loaded (autostart=0 will do). What was seen goes to stderr.\n\n"
		"Exit code: 1 if the watch saw a race, 4 if it cannot watch, else COMMAND's.\n",
		name);
}

int main(int argc, char **argv)
{
	const struct timespec poll = { .tv_nsec = 10000000 };
	long before, after;
	int status, rc;
	pid_t pid, got;

	if (argc < 2 || argv[1][0] == '-') {
		bool help = argc == 2 && (!strcmp(argv[1], "--help") ||
					  !strcmp(argv[1], "-h"));

		usage(argv[0], help ? stdout : stderr);
		return help ? 0 : 2;
	}
	watch_fd = open(DIR_OF_OURS "watch", O_WRONLY | O_CLOEXEC);
	if (watch_fd < 0) {
		fprintf(stderr, "stress_watch: " DIR_OF_OURS "watch: %s\n",
			strerror(errno));
		return 4;
	}
	/* Orphans become ours, so that none is lost. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* Ctrl-C is for the command; its end is ours. */
	signal(SIGINT, SIG_IGN);
	before = lines_with(DIR_OF_OURS "races", "scenario=watch", false);
	pid = fork();
	if (!pid) {
		signal(SIGINT, SIG_DFL);
		execvp(argv[1], argv + 1);
		fprintf(stderr, "stress_watch: %s: %s\n", argv[1], strerror(errno));
		_exit(127);
	}
	if (pid < 0) {
		perror("stress_watch: fork");
		return 2;
	}
	rc = 0;
	for (;;) {
		watch_after_exec();
		scan(getpid(), 0);
		forget_dead();
		got = waitpid(-1, &status, WNOHANG);
		if (got == pid)
			rc = WIFEXITED(status) ? WEXITSTATUS(status) :
						 128 + WTERMSIG(status);
		if (got < 0 && errno == ECHILD)
			break;
		if (!got)
			nanosleep(&poll, NULL);
	}
	after = lines_with(DIR_OF_OURS "races", "scenario=watch", false);
	fprintf(stderr,
		"stress_watch: %lu processes watched, %lu gone too soon, %lu waits for room, %ld races; the command: %d\n",
		watched, missed, full, after - before, rc);
	if (after > before) {
		lines_with(DIR_OF_OURS "races", "scenario=watch", true);
		return 1;
	}
	return rc;
}
