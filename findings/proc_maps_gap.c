// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/maps leaves out what is mapped all the time: see docs/findings.md.
 *
 * Of two neighbours the lower one grows and shrinks at the expense of the upper
 * one, by mprotect(). Both threads have one CPU, and who changes the mappings goes
 * before who reads: it wakes up when the reader lets go of the lower VMA, and is
 * done before that one asks for the next. Wants to be root, for SCHED_FIFO.
 *
 * Exit code: 0 all was there in each of ten seconds' reads; 1 something was left
 * out; 4 could not be tried.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PART	(16 * 4096UL)	/* always lower, changing hands, always upper */
#define RW	(PROT_READ | PROT_WRITE)

static char *arena;
static bool stop;

static void *grow_and_shrink(void *arg)
{
	const struct timespec nap = { .tv_nsec = 50000 };
	bool *low = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		*low = !*low;
		if (mprotect(arena + PART, PART, *low ? RW : PROT_READ))
			break;
		nanosleep(&nap, NULL);
	}
	return NULL;
}

/* Into @text; false if a part of the arena is not there. */
static bool all_there(char *text, size_t size)
{
	unsigned long next = (unsigned long)arena, from, to;
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t len = 0;
	ssize_t n;
	char *line;

	while ((n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from <= next &&
		    to > next)
			next = to;
	}
	return next >= (unsigned long)arena + 3 * PART;
}

int main(void)
{
	struct sched_param first = { .sched_priority = 1 };
	static char text[1 << 16];
	unsigned long reads = 0;
	bool low = false, all;
	pthread_attr_t attr;
	pthread_t thread;
	time_t end;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	arena = mmap(NULL, 3 * PART, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED || mprotect(arena + PART, 2 * PART, PROT_READ) ||
	    sched_setaffinity(0, sizeof(cpu), &cpu)) {
		perror("proc_maps_gap");
		return 4;
	}
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &first);
	if (pthread_create(&thread, &attr, grow_and_shrink, &low)) {
		puts("no thread that goes first: wants to be root");
		return 4;
	}

	end = time(NULL) + 10;
	do {
		all = all_there(text, sizeof(text));
		reads++;
	} while (all && time(NULL) < end);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);

	if (all) {
		printf("%p-%p was there in each of %lu reads\n", arena,
		       arena + 3 * PART, reads);
		return 0;
	}
	printf("%p-%p is mapped, and is not in read %lu of /proc/self/maps:\n%s",
	       arena, arena + 3 * PART, reads, text);
	return 1;
}
