// SPDX-License-Identifier: GPL-2.0-only
/*
 * mremap() that makes a private writable mapping smaller and moves it charges
 * what is cut off once more, and nobody ever gives that back: see
 * docs/findings.md.
 *
 * Committed_AS is the whole machine's: run it where nothing else happens. Exit
 * code: 0 it stays as it is; 1 each of the moves left its part of it behind; 4
 * could not be tried.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>

#define KEPT	(8UL << 20)
#define ROUNDS	3

static long committed(void)
{
	FILE *meminfo = fopen("/proc/meminfo", "r");
	char line[128];
	long kb = -1;

	while (meminfo && fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "Committed_AS: %ld kB", &kb) == 1)
			break;
	if (meminfo)
		fclose(meminfo);
	return kb;
}

/* Twice of what is kept is mapped, half of it moves, all is unmapped. */
static int once(void)
{
	char *p = mmap(NULL, 2 * KEPT, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *q = mmap(NULL, KEPT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || q == MAP_FAILED)
		return -1;
	if (mremap(p, 2 * KEPT, KEPT, MREMAP_MAYMOVE | MREMAP_FIXED, q) != q)
		return -1;
	return munmap(q, KEPT);
}

int main(void)
{
	int i, leaks = 0;

	/* What stdio itself wants is there before anything is counted. */
	setvbuf(stdout, NULL, _IONBF, 0);
	if (committed() < 0 || once()) {
		perror("mremap");
		return 4;
	}
	for (i = 0; i < ROUNDS; i++) {
		long before = committed(), grown;

		if (once()) {
			perror("mremap");
			return 4;
		}
		grown = committed() - before;
		printf("Committed_AS: %+ld kB after %lu kB were cut off and %lu kB moved and unmapped\n",
		       grown, KEPT >> 10, KEPT >> 10);
		leaks += grown >= (long)(KEPT >> 10) / 2;
	}
	return leaks == ROUNDS;
}
