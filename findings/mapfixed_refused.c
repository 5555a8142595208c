// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap(MAP_FIXED | MAP_PRIVATE) for writing, over memory that is accounted, of a
 * file that refuses to be mapped: the charge of what was replaced is never given
 * back. See docs/findings.md. A socket is such a file: no privilege is
 * needed.
 *
 * Committed_AS is the whole machine's: run it where nothing else happens. Exit
 * code: 0 it stays as it is; 1 each of the refusals left its part of it behind; 4
 * could not be tried.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SIZE	(8UL << 20)
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

/* What is there is to be replaced, is not, and is unmapped in the end. */
static int once(int sock)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	if (mmap(p, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, sock,
		 0) != MAP_FAILED || errno != ENODEV)
		return -1;
	return munmap(p, SIZE);
}

int main(void)
{
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	int i, leaks = 0;

	/* What stdio itself wants is there before anything is counted. */
	setvbuf(stdout, NULL, _IONBF, 0);
	if (sock < 0 || committed() < 0 || once(sock)) {
		perror("mmap");
		return 4;
	}
	for (i = 0; i < ROUNDS; i++) {
		long before = committed(), grown;

		if (once(sock)) {
			perror("mmap");
			return 4;
		}
		grown = committed() - before;
		printf("Committed_AS: %+ld kB after a refused replacement of %lu kB and munmap()\n",
		       grown, SIZE >> 10);
		leaks += grown >= (long)(SIZE >> 10) / 2;
	}
	return leaks == ROUNDS;
}
