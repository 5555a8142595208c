// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fault that allocates a page of a hugetlb file while ftruncate(2) takes the page
 * away leaves it behind the end of the file, and HugePages_Rsvd at -1: see
 * docs/findings.md. If there is no free huge page when the file goes, that is for good.
 *
 * usage: hugetlb_reserve [keep] [late]. The pool is emptied by nr_hugepages, for
 * which it wants to be root; with "keep" it is not. With "late" the file is truncated
 * when the fault is over.
 *
 * Wants one free huge page. HugePages_Rsvd is the whole machine's: run it where
 * nothing else has huge pages. Exit code: 0 it is what it was when all is unmapped and
 * closed; 1 it is not; 4 could not be tried.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE	(2UL << 20)
#define TRIES	2000
#define NR	"/proc/sys/vm/nr_hugepages"

static pthread_barrier_t turn;
static char *page;

static long number(const char *path, const char *format)
{
	FILE *f = fopen(path, "r");
	unsigned long n = -1;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, format, &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static long reserved(void)
{
	return number("/proc/meminfo", "HugePages_Rsvd: %lu");
}

static bool set_pool(long pages)
{
	FILE *f = fopen(NR, "w");

	if (!f)
		return false;
	fprintf(f, "%ld\n", pages);
	return !fclose(f);
}

/* A fault that returns an error instead of a signal if it is past the end. */
static void *fault(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&turn);
		madvise(page, PAGE, MADV_POPULATE_WRITE);
		pthread_barrier_wait(&turn);
	}
	return arg;
}

/* Has the file a page when it has been truncated, some us after the fault began? */
static bool left_over(int fd, long us, bool late)
{
	const struct timespec nap = { .tv_nsec = 1000 * us };
	struct stat st;

	pthread_barrier_wait(&turn);
	if (late)
		pthread_barrier_wait(&turn);
	else
		nanosleep(&nap, NULL);
	if (ftruncate(fd, 0))
		perror("ftruncate");
	if (!late)
		pthread_barrier_wait(&turn);
	return !fstat(fd, &st) && !st.st_size && st.st_blocks;
}

int main(int argc, char **argv)
{
	int fd = memfd_create("hugetlb_reserve", MFD_HUGETLB), tries, i;
	long pool = number(NR, "%lu"), before = reserved();
	bool keep = false, late = false, left = false;
	pthread_t thread;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "keep")) {
			keep = true;
		} else if (!strcmp(argv[i], "late")) {
			late = true;
		} else {
			printf("usage: hugetlb_reserve [keep] [late]\n");
			return strcmp(argv[i], "--help") ? 4 : 0;
		}
	}
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (fd < 0 || page == MAP_FAILED || ftruncate(fd, PAGE) ||
	    madvise(page, PAGE, MADV_POPULATE_WRITE) || ftruncate(fd, 0)) {
		perror("a huge page");
		return 4;
	}
	pthread_barrier_init(&turn, NULL, 2);
	if (pthread_create(&thread, NULL, fault, NULL))
		return 4;

	for (tries = 0; tries < TRIES && !left; tries++) {
		if (ftruncate(fd, PAGE)) {
			perror("ftruncate");
			return 4;
		}
		/* If the fault is only just past its look at i_size, all is counted. */
		left = left_over(fd, tries % 500, late) && reserved() != before;
	}
	printf("%s after %d tries, HugePages_Rsvd: %+ld\n",
	       left ? "a page past the end" : "none", tries, reserved() - before);

	if (!keep && !set_pool(0)) {
		perror(NR);
		return 4;
	}
	munmap(page, PAGE);
	close(fd);
	printf("unmapped and closed, HugePages_Rsvd: %+ld\n", reserved() - before);
	if (!keep)
		set_pool(pool);
	return reserved() != before;
}
