// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping of a hugetlb file that is read-only comes to share a page table with
 * one that mprotect(2) is about to make read-only, and can be written to then:
 * see docs/findings.md.
 *
 * usage: hugetlb_protect FILE [SECONDS], with FILE on a hugetlbfs of 2 MiB pages
 * of which two are free, and more than one CPU. Exit code: 0 none was written to;
 * 1 one was; 4 could not be tried.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	(2UL << 20)
#define LEN	(1UL << 30)	/* what one page table maps */
#define BASE	((char *)(1UL << 40))
#define OTHERS	2

static sigjmp_buf refused;

static void on_fault(int sig)
{
	siglongjmp(refused, sig);
}

static bool map(int fd, int prot)
{
	return mmap((void *)BASE, LEN, prot,
		    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == BASE;
}

/* Becomes read-only, and writable again, and writes. */
static void other(int fd)
{
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!map(fd, PROT_READ | PROT_WRITE))
		_exit(4);
	for (i = 0; ; i++) {
		__atomic_store_n(BASE, i, __ATOMIC_RELAXED);
		__atomic_store_n(BASE + PAGE, i, __ATOMIC_RELAXED);
		if (mprotect((void *)BASE, LEN, PROT_READ) ||
		    mprotect((void *)BASE, LEN, PROT_READ | PROT_WRITE))
			_exit(4);
	}
}

/* Nothing that is mapped here is ever anything but read-only. */
static bool written(int fd)
{
	if (!map(fd, PROT_READ)) {
		perror("mmap");
		exit(4);
	}
	/* It needs a page table, shared or not. */
	(void)__atomic_load_n(BASE, __ATOMIC_RELAXED);
	if (sigsetjmp(refused, 1))
		return false;
	__atomic_store_n(BASE + PAGE - 1, 1, __ATOMIC_RELAXED);
	return true;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_fault };
	long tries = 0, seconds = argc > 2 ? atol(argv[2]) : 60;
	int fd, i;
	time_t end;

	if (argc < 2 || seconds < 1) {
		fprintf(stderr, "usage: hugetlb_protect FILE [SECONDS]\n");
		return 4;
	}
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, LEN)) {
		perror(argv[1]);
		return 4;
	}
	for (i = 0; i < OTHERS; i++)
		if (!fork())
			other(fd);
	sigaction(SIGSEGV, &act, NULL);
	end = time(NULL) + seconds;
	for (; time(NULL) < end; tries++) {
		if (waitpid(-1, NULL, WNOHANG) > 0) {
			fprintf(stderr, "one of the others has ended\n");
			return 4;
		}
		if (written(fd)) {
			printf("written to a read-only mapping, after %ld tries\n",
			       tries);
			return 1;
		}
	}
	printf("none of %ld was written to\n", tries);
	return 0;
}
