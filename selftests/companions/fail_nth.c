// SPDX-License-Identifier: GPL-2.0-only
/*
 * One system call whose N-th allocation fails, on a kernel with fault injection
 * (Documentation/fault-injection/fault-injection.rst).
 *
 * A tool of the tests: what came of the call is for them to judge.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAIL_NTH	"/proc/thread-self/fail-nth"

static const char usage[] =
	"usage: fail_nth N insmod FILE [PARAM=VALUE...]\n"
	"       fail_nth N write FILE TEXT\n"
	"\n"
	"Load the module FILE, or write the line TEXT to FILE, in one system call, and\n"
	"let its N-th allocation fail, as far as failslab and fail_page_alloc are told\n"
	"to look at it. Prints\n"
	"\n"
	"  injected|beyond RESULT COUNT\n"
	"\n"
	"RESULT is ok or the name of an error. beyond: there were COUNT allocations,\n"
	"and none failed; else COUNT is N.\n"
	"\n"
	"Exit code: 0 the call was made, whatever came of it, 1 it could not be, 2 usage.\n";

static int trouble(const char *what)
{
	fprintf(stderr, "fail_nth: %s: %s\n", what, strerror(errno));
	return 1;
}

/* All in one line, with @end behind it. */
static char *join(char **words, const char *end)
{
	size_t size = strlen(end) + 1;
	char *line;
	int i;

	for (i = 0; words[i]; i++)
		size += strlen(words[i]) + 1;
	line = calloc(1, size);
	for (i = 0; line && words[i]; i++) {
		if (i)
			strcat(line, " ");
		strcat(line, words[i]);
	}
	return line ? strcat(line, end) : NULL;
}

static long call(int load, int fd, const char *text, size_t len)
{
	if (load)
		return syscall(SYS_finit_module, fd, text, 0);
	return write(fd, text, len);
}

int main(int argc, char **argv)
{
	unsigned long n, left;
	int load, fd, nth, err;
	char buf[32], *end;
	size_t len;
	char *text;
	long ret;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	load = argc >= 4 && !strcmp(argv[2], "insmod");
	if (!load && (argc != 5 || strcmp(argv[2], "write"))) {
		fputs(usage, stderr);
		return 2;
	}
	n = strtoul(argv[1], &end, 10);
	if (*end || n - 1 >= 0x7fffffff) {
		fputs(usage, stderr);
		return 2;
	}

	text = join(argv + 4, load ? "" : "\n");
	if (!text)
		return trouble("no memory");
	len = strlen(text);
	fd = open(argv[3], load ? O_RDONLY | O_CLOEXEC : O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return trouble(argv[3]);
	nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (nth < 0)
		return trouble(FAIL_NTH);

	snprintf(buf, sizeof(buf), "%lu", n);
	if (write(nth, buf, strlen(buf)) < 0)
		return trouble(FAIL_NTH);
	ret = call(load, fd, text, len);
	err = errno;

	memset(buf, 0, sizeof(buf));
	if (pread(nth, buf, sizeof(buf) - 1, 0) <= 0 || write(nth, "0", 1) != 1)
		return trouble(FAIL_NTH);
	left = strtoul(buf, NULL, 10);
	printf("%s %s %lu\n", left ? "beyond" : "injected",
	       ret < 0 ? strerrorname_np(err) : "ok", n - left);
	return 0;
}
