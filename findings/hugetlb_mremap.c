// SPDX-License-Identifier: GPL-2.0-only
/*
 * mremap() of a hugetlb mapping that could share its page table waits for
 * itself for ever: see docs/findings.md.
 *
 * Wants one free huge page. Exit code: 0 the call returned; 1 it hangs, and this
 * child of ours stays in D state until the machine is restarted; 4 could not be
 * tried.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GIB	(1UL << 30)
#define BASE	((char *)(64 * GIB))

static int move(int fd)
{
	char *p = mmap(BASE, GIB, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		return 4;
	*p = 1;
	p = mremap(p, GIB, GIB, MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 4 * GIB);
	return p == MAP_FAILED ? 4 : 0;
}

int main(void)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	int fd = memfd_create("hugetlb_mremap", MFD_HUGETLB), i, status;
	char line[256];
	FILE *stack;
	pid_t child;

	if (fd < 0 || ftruncate(fd, GIB)) {
		perror("memfd_create");
		return 4;
	}
	child = fork();
	if (!child)
		_exit(move(fd));
	/* There is no event for what never ends: five seconds are plenty. */
	for (i = 0; i < 50; i++) {
		if (waitpid(child, &status, WNOHANG) == child) {
			puts("mremap() returned");
			return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
		}
		nanosleep(&tenth, NULL);
	}

	puts("mremap() hangs:");
	snprintf(line, sizeof(line), "/proc/%d/stack", child);
	stack = fopen(line, "r");
	while (stack && fgets(line, sizeof(line), stack))
		fputs(line, stdout);
	return 1;
}
