// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: poll_verdict
 *
 * Prints the module's verdict, and again whenever poll() says that there may be
 * another: the word, and what poll() said, PRI, HUP or ERR. Ends with HUP. It
 * waits without a time limit: where it is not woken it prints nothing.
 *
 * Exit code: 0 with HUP, 1 no such file or it cannot be polled.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VERDICT		"/sys/kernel/debug/vma_torture/verdict"

static int show(int fd, short events)
{
	char word[32];
	ssize_t n = pread(fd, word, sizeof(word) - 1, 0);

	if (n <= 0) {
		perror("poll_verdict: read");
		return -1;
	}
	word[n] = '\0';
	word[strcspn(word, "\n")] = '\0';
	printf("%s%s%s%s\n", word, events & POLLPRI ? " PRI" : "",
	       events & POLLHUP ? " HUP" : "", events & POLLERR ? " ERR" : "");
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct pollfd p = { .events = POLLPRI };

	if (argc != 1) {
		printf("usage: poll_verdict\nprints the module's verdict whenever there may be another one\n");
		return strcmp(argv[1], "--help") ? 1 : 0;
	}
	p.fd = open(VERDICT, O_RDONLY);
	if (p.fd < 0) {
		perror(VERDICT);
		return 1;
	}
	/* What was never read is news. */
	if (poll(&p, 1, 0) != 1) {
		fprintf(stderr, "poll_verdict: what was not read yet is not ready\n");
		return 1;
	}
	for (;;) {
		if (show(p.fd, p.revents))
			return 1;
		if (p.revents & POLLHUP)
			return 0;
		if (poll(&p, 1, -1) != 1) {
			perror("poll_verdict: poll");
			return 1;
		}
	}
}
