/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the companions share: options, a run of some seconds, being watched by
 * the module, and what bookworm's C library does not name yet. Each of them is
 * one file, so all of it is here, with the results of ../unit/ktap.h.
 */
#ifndef COMPANIONS_USER_H
#define COMPANIONS_USER_H

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "../unit/ktap.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KIB		1024UL
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define PAGE		4096UL
#define HUGE		(2 * MIB)
#define RW		(PROT_READ | PROT_WRITE)
#define POOL		"/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define WATCH_FILE	"/sys/kernel/debug/vma_torture/watch"

#ifndef __NR_mseal
#define __NR_mseal	462
#endif
#ifndef __NR_pidfd_open
#define __NR_pidfd_open	434
#endif
#ifndef __NR_process_mrelease
#define __NR_process_mrelease	448
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000
#endif

static unsigned int opt_seconds = 4, opt_threads = 2;
static bool opt_busted, opt_watch;
/* For the programs that take it: a device for swapon(2). */
static const char *opt_swap __attribute__((unused));

/* Set when the time of a case is over. */
static volatile bool stopped;

/* For what can only be the test's own trouble, not the kernel's. */
static __attribute__((unused, noreturn, format(printf, 1, 2)))
void broken(const char *fmt, ...)
{
	va_list args;
	int err = errno;

	printf("Bail out! ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf(": %s\n", strerror(err));
	fflush(stdout);
	_exit(1);
}

/**
 * struct trouble - what went wrong, in memory that several processes share
 * @nr: how often
 * @what: the first time
 */
struct trouble {
	unsigned long nr;
	char what[128];
};

static __attribute__((unused, format(printf, 2, 3)))
void in_trouble(struct trouble *t, const char *fmt, ...)
{
	va_list args;

	if (__atomic_add_fetch(&t->nr, 1, __ATOMIC_RELAXED) > 1)
		return;
	va_start(args, fmt);
	vsnprintf(t->what, sizeof(t->what), fmt, args);
	va_end(args);
}

static inline void note_line(const char *what, unsigned long n)
{
	printf("# %s: %lu\n", what, n);
}

/**
 * parse_options() - the options that all companions have
 * @argc: main()'s
 * @argv: main()'s
 * @what: what is tried, for --help
 * @breaks: what --busted breaks, for --help
 */
static void parse_options(int argc, char **argv, const char *what,
			  const char *breaks)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "swap", required_argument, NULL, 'S' },
		{ "case", required_argument, NULL, 'c' },
		{ "busted", no_argument, NULL, 'b' },
		{ "watch", no_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "s:t:c:bwh", options, NULL)) != -1) {
		switch (c) {
		case 's':
			opt_seconds = atoi(optarg);
			break;
		case 't':
			opt_threads = atoi(optarg);
			break;
		case 'S':
			opt_swap = optarg;
			break;
		case 'c':
			ktap_only = optarg;
			break;
		case 'b':
			opt_busted = true;
			break;
		case 'w':
			opt_watch = true;
			break;
		case 'h':
			printf("usage: %s [OPTION...]\n\n%s\n\n"
			       "  -s, --seconds N  of each case (%u)\n"
			       "  -t, --threads N  of each kind (%u)\n"
			       "  -c, --case NAME  only this one\n"
			       "  -b, --busted     must fail: %s\n"
			       "  -w, --watch      by vma_torture, if it is loaded\n"
			       "  -h, --help\n\n"
			       "KTAP on stdout. Exit code: 0 passed, 1 failed, 4 skipped.\n",
			       argv[0], what, opt_seconds, opt_threads, breaks);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind != argc || opt_seconds - 1 >= 86400 ||
	    opt_threads - 1 >= 64) {
		fprintf(stderr, "%s: 1 to 86400 seconds, 1 to 64 threads (see --help)\n",
			argv[0]);
		exit(2);
	}
}

/**
 * watch_me() - ask the module to watch this process
 * @start: of what is mapped from now on until the process ends
 * @size: of it; 0: nothing is promised
 */
static __attribute__((unused)) void watch_me(const void *start, size_t size)
{
	char line[80];
	int fd, len;

	if (!opt_watch)
		return;
	fd = open(WATCH_FILE, O_WRONLY);
	if (fd < 0) {
		printf("# not watched: %s: %s\n", WATCH_FILE, strerror(errno));
		return;
	}
	if (size)
		len = snprintf(line, sizeof(line), "%d 0x%lx-0x%lx\n", getpid(),
			       (unsigned long)start, (unsigned long)start + size);
	else
		len = snprintf(line, sizeof(line), "%d\n", getpid());
	/* It watches so many and no more, which is no fault of ours. */
	if (write(fd, line, len) != len && errno != ENOSPC)
		broken("cannot be watched: '%s'", line);
	close(fd);
}

/* Of what it is known for; a kernel that has no such name is new. */
static __attribute__((unused)) bool kernel_before(int major, int minor)
{
	struct utsname u;
	int this_major, this_minor;

	uname(&u);
	if (sscanf(u.release, "%d.%d", &this_major, &this_minor) != 2)
		return false;
	return this_major < major || (this_major == major && this_minor < minor);
}

/* Names are there for everybody, if the addresses are not. */
static __attribute__((unused)) bool kernel_has(const char *symbol)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char name[128];
	bool has = false;

	while (f && !has && fscanf(f, "%*s %*s %127s%*[^\n]", name) == 1)
		has = !strcmp(name, symbol);
	if (f)
		fclose(f);
	return has;
}

/* Seconds since some time ago. */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static inline void pause_for(double seconds)
{
	struct timespec t = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (time_t)seconds) * 1e9),
	};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* What is in swap comes back; returns the call that failed for no good reason, or NULL. */
static __attribute__((unused)) const char *swap_on_and_off(double seconds)
{
	if (swapon(opt_swap, 0))
		return "swapon";
	pause_for(seconds);
	return swapoff(opt_swap) && errno != ENOMEM && errno != EINTR ? "swapoff" : NULL;
}

/* A step of a random stream. */
static inline uint32_t rnd(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

struct worker {
	pthread_t thread;
	unsigned int nr;
	uint64_t rnd;
	unsigned long count;
	void *arg;
};

/**
 * run_workers() - threads that run until the time is over, or something failed
 * @w: workers; the caller sets arg
 * @n: how many
 * @first: what the first @nfirst run; it looks at stopped
 * @nfirst: how many run @first
 * @rest: what the others run
 */
static __attribute__((unused))
void run_workers(struct worker *w, unsigned int n, void *(*first)(void *),
		 unsigned int nfirst, void *(*rest)(void *))
{
	double end = now() + opt_seconds;
	unsigned int i;

	stopped = false;
	for (i = 0; i < n; i++) {
		w[i].nr = i < nfirst ? i : i - nfirst;
		w[i].rnd = 0x9e3779b97f4a7c15ULL * (i + 1);
		errno = pthread_create(&w[i].thread, NULL,
				       i < nfirst ? first : rest, &w[i]);
		if (errno)
			broken("no thread");
	}
	while (now() < end && !ktap_failures)
		pause_for(0.05);
	stopped = true;
	for (i = 0; i < n; i++)
		pthread_join(w[i].thread, NULL);
}

/* SIGSEGV and SIGBUS of a thread that has said where to go on. */
static __thread sigjmp_buf fault_jump;
static __thread volatile sig_atomic_t fault_expected;
static __thread void *volatile fault_addr;
static __thread volatile int fault_signal;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!fault_expected) {
		signal(sig, SIG_DFL);
		return;
	}
	fault_signal = sig;
	fault_addr = info->si_addr;
	siglongjmp(fault_jump, 1);
}

static __attribute__((unused)) void catch_faults(void)
{
	struct sigaction act = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	sigaction(SIGSEGV, &act, NULL);
	sigaction(SIGBUS, &act, NULL);
}

static inline const char *fault_name(void)
{
	return fault_signal == SIGSEGV ? "SIGSEGV" : "SIGBUS";
}

/*
 * Runs the statement; the value is 0 if it faulted. Not for what changes local
 * variables that are used after it. What says so is volatile, for else it may be set
 * ahead of a statement that faults, and stays set.
 */
#define guarded(statement)						\
	({								\
		volatile bool ok_ = false;				\
									\
		if (!sigsetjmp(fault_jump, 0)) {			\
			fault_expected = 1;				\
			statement;					\
			ok_ = true;					\
		}							\
		fault_expected = 0;					\
		ok_;							\
	})

/**
 * reserve() - find room, aligned, that nothing else will be put into
 * @size: of it
 * @align: power of two
 *
 * Return: where; it is mapped readable and writable
 */
static __attribute__((unused)) char *reserve(size_t size, size_t align)
{
	char *p = mmap(NULL, size + align, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		broken("no %zu bytes", size);
	p = (char *)(((uintptr_t)p + align - 1) & ~(align - 1));
	if (mmap(p, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
		 MAP_NORESERVE, -1, 0) != p)
		broken("no arena");
	return p;
}

/* Memory, zero, that a program shares with all the children it will have. */
static __attribute__((unused)) void *common_memory(size_t size)
{
	void *p = mmap(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		broken("mmap");
	return p;
}

/* What a program has to put back, it puts back then as well. */
static __attribute__((unused)) void when_interrupted(void (*put_back)(int))
{
	signal(SIGINT, put_back);
	signal(SIGTERM, put_back);
	signal(SIGHUP, put_back);
}

/* A number in a file of /proc or /sys, behind "NAME:" if that is given; -1: none. */
static __attribute__((unused)) long read_number(const char *path, const char *name)
{
	static __thread char buf[8192];
	const char *at = buf;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = 0;
	if (name) {
		at = strstr(buf, name);
		if (!at)
			return -1;
		at += strlen(name);
		while (*at && *at != '-' && (*at < '0' || *at > '9'))
			at++;
	}
	return atol(at);
}

static __attribute__((unused)) long free_huge_pages(void)
{
	return read_number(POOL "free_hugepages", NULL);
}

/* The last reference to a huge page may be dropped by a worker of the kernel. */
static __attribute__((unused)) bool huge_pages_back(long before)
{
	double end = now() + 5;

	for (; now() < end; pause_for(0.05))
		if (free_huge_pages() == before)
			return true;
	return false;
}

static __attribute__((unused)) bool write_text(const char *path, const char *text)
{
	ssize_t n, len = strlen(text);
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return false;
	n = write(fd, text, len);
	close(fd);
	return n == len;
}

#endif /* COMPANIONS_USER_H */
