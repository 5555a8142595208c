// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process to be watched: it promises an arena that is always mapped, and
 * replaces parts of it all the time.
 *
 * prints "PID START-END", as the file "watch" wants it, and goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGES	64

static const char usage[] =
	"usage: watch_me [--busted] [--exec] SECONDS\n"
	"  --busted  break the promise: unmap a page for a moment now and then\n"
	"  --exec    at the end become another program in the same process\n";

static char *arena;
static long page;

static void replace(int nr, int len)
{
	int prot = PROT_READ | (rand() & 1 ? PROT_WRITE : 0);
	char *at = arena + nr * page;

	if (mmap(at, len * page, prot,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at) {
		perror("mmap");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int busted = 0, exec = 0, i;
	unsigned int n = 0;
	time_t end;

	for (i = 1; i < argc - 1; i++) {
		busted |= !strcmp(argv[i], "--busted");
		exec |= !strcmp(argv[i], "--exec");
	}
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc < 2 || atoi(argv[argc - 1]) < 1) {
		fputs(usage, stderr);
		return 2;
	}
	page = sysconf(_SC_PAGESIZE);
	arena = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	printf("%d %lx-%lx\n", getpid(), (unsigned long)arena,
	       (unsigned long)(arena + PAGES * page));
	fflush(stdout);

	end = time(NULL) + atoi(argv[argc - 1]);
	while (n++ % 1024 || time(NULL) < end) {
		if (busted && n % 64 == 0)
			munmap(arena + rand() % PAGES * page, page);
		replace(rand() % (PAGES - 8), 1 + rand() % 8);
	}
	if (exec)
		execlp("sleep", "sleep", "5", NULL);
	return exec;
}
