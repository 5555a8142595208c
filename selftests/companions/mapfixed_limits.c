// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_FIXED at the limits of a process: RLIMIT_AS reached to the byte, as many
 * mappings as vm.max_map_count allows, locked memory, and MAP_FIXED_NOREPLACE.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/wait.h>
#include "user.h"

#define PAGES	64

static char *arena;

static void stamp(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		*(uint64_t *)(arena + from * PAGE) = 0x11a17000 + from;
}

static bool stamped(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		if (*(volatile uint64_t *)(arena + from * PAGE) != 0x11a17000 + from)
			return false;
	return true;
}

static void *map(unsigned int from, unsigned int to, int flags)
{
	return mmap(arena + from * PAGE, (to - from) * PAGE, RW,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void start_anew(void)
{
	if (map(0, PAGES, MAP_FIXED) == MAP_FAILED)
		broken("no arena");
	stamp(0, PAGES);
}

/* At the limit a process may replace what it has by as much, but add nothing. */
static void rlimit_as(void)
{
	struct rlimit old, limit;
	unsigned int i, from, to;
	uint64_t random = 1;
	long pages;
	void *p;

	start_anew();
	getrlimit(RLIMIT_AS, &old);
	pages = read_number("/proc/self/statm", NULL);
	if (pages <= 0)
		broken("/proc/self/statm");
	limit = old;
	limit.rlim_cur = (pages - opt_busted) * PAGE;
	if (setrlimit(RLIMIT_AS, &limit))
		broken("RLIMIT_AS");
	for (i = 0; i < 2000 && !ktap_failures; i++) {
		from = rnd(&random) % PAGES;
		to = from + 1 + rnd(&random) % (PAGES - from);
		if (map(from, to, MAP_FIXED) != arena + from * PAGE) {
			fail("replacement %u, of %u pages: %s", i, to - from,
			     strerror(errno));
			break;
		}
		if (*(volatile uint64_t *)(arena + from * PAGE))
			fail("replacement %u holds what was replaced", i);
		stamp(from, to);
		if (!stamped(0, PAGES))
			fail("replacement %u changed its neighbours", i);
	}
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED) {
		munmap(p, PAGE);
		fail("one page more than RLIMIT_AS was mapped");
	} else if (errno != ENOMEM) {
		fail("one page more than RLIMIT_AS: %s", strerror(errno));
	}
	setrlimit(RLIMIT_AS, &old);
	note_line("replacements at RLIMIT_AS", i);
}

/* 0: none of the pages is mapped, 1: all of them, -1: some. */
static int mapped(char *p, unsigned int pages)
{
	unsigned int i, n = 0;
	unsigned char in;

	for (i = 0; i < pages; i++)
		n += !mincore(p + i * PAGE, PAGE, &in);
	return !n ? 0 : n == pages ? 1 : -1;
}

/*
 * A process with all the mappings it may have: a replacement that splits one
 * works, or fails with ENOMEM and leaves the range whole, or whole a hole; and
 * with fewer mappings it works again.
 */
static void map_count(void)
{
	long max = read_number("/proc/sys/vm/max_map_count", NULL);
	unsigned long n = 0;
	char *many, *p;
	int whole;

	if (max < 1024 || max > 1000000) {
		skip("vm.max_map_count is not between 1024 and 1000000");
		return;
	}
	start_anew();
	many = mmap(NULL, (max + 16) * PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (many == MAP_FAILED) {
		skip("not enough address space for vm.max_map_count mappings");
		return;
	}
	for (p = many; n < (unsigned long)max + 16; p += 2 * PAGE, n += 2)
		if (mprotect(p, PAGE, PROT_READ))
			break;
	if (n >= (unsigned long)max + 16)
		fail("more than vm.max_map_count = %ld mappings", max);
	else if (errno != ENOMEM)
		fail("at vm.max_map_count: %s", strerror(errno));

	/* Of other permissions, so that it cannot merge: two more. */
	if (mmap(arena + 8 * PAGE, 8 * PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE |
		 MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
		if (errno != ENOMEM)
			fail("replacement: %s, not ENOMEM", strerror(errno));
		if (opt_busted)
			*(uint64_t *)(arena + 10 * PAGE) = 0;
		whole = mapped(arena + 8 * PAGE, 8);
		if (whole < 0)
			fail("a replacement that failed has left half a hole");
		else if (whole && !stamped(8, 16))
			fail("a replacement that failed has changed the content");
		printf("# refused, the range is %s\n", whole ? "as before" : "a hole");
	} else if (opt_busted) {
		fail("nothing was refused");
	}
	if (!stamped(0, 8) || !stamped(16, PAGES))
		fail("the neighbours have changed");

	munmap(many, (max + 16) * PAGE);
	if (map(4, 20, MAP_FIXED) != arena + 4 * PAGE)
		fail("replacement with room again: %s", strerror(errno));
	note_line("pages in mappings of their own", n);
}

static long locked_kib(void)
{
	return read_number("/proc/self/status", "VmLck:");
}

static void expect_locked(const char *when, long kib)
{
	long is = locked_kib();

	if (is != kib)
		fail("%s: VmLck %ld kB, not %ld", when, is, kib);
}

/* In a process that may lock eight pages; the value is its exit code. */
static int locker(void)
{
	const struct rlimit eight = { 8 * PAGE, 8 * PAGE };
	long kib = PAGE / KIB;
	void *p;

	start_anew();
	if (setrlimit(RLIMIT_MEMLOCK, &eight) ||
	    (!geteuid() && (setresgid(65534, 65534, 65534) ||
			    setresuid(65534, 65534, 65534))))
		broken("cannot do without CAP_IPC_LOCK");
	expect_locked("at first", 0);
	if (mlock(arena, 8 * PAGE))
		broken("mlock");
	expect_locked("8 locked", 8 * kib);
	/* What is new is not locked, what is discarded is no more. */
	map(2, 6, MAP_FIXED);
	if (opt_busted)
		munlock(arena, PAGE);
	expect_locked("4 of them replaced", 4 * kib);
	if (map(2, 6, MAP_FIXED | MAP_LOCKED) == MAP_FAILED)
		fail("MAP_LOCKED within the limit: %s", strerror(errno));
	expect_locked("those locked, too", 8 * kib);
	/* Eight of eight are: whether what goes counts, nothing says. */
	p = map(0, 4, MAP_FIXED | MAP_LOCKED);
	if (p == MAP_FAILED && errno != EAGAIN)
		fail("MAP_LOCKED at the limit: %s, not EAGAIN", strerror(errno));
	if (p == MAP_FAILED && !stamped(0, 2))
		fail("MAP_LOCKED was refused, and the content has changed");
	expect_locked("at the limit", 8 * kib);
	if (map(16, 32, MAP_FIXED | MAP_LOCKED) != MAP_FAILED)
		fail("MAP_LOCKED beyond the limit was allowed");
	else if (errno != EAGAIN)
		fail("MAP_LOCKED beyond the limit: %s, not EAGAIN", strerror(errno));
	expect_locked("beyond the limit", 8 * kib);
	if (!stamped(16, 32))
		fail("a refused MAP_LOCKED has changed the content");
	munmap(arena, 8 * PAGE);
	expect_locked("unmapped", 0);
	return !!ktap_failures;
}

static void mlocked(void)
{
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		broken("fork");
	if (!pid)
		exit(locker());
	if (waitpid(pid, &status, 0) != pid || status)
		fail("the process that locks failed (status 0x%x)", status);
}

/* EEXIST for whatever overlaps, at the very place for whatever does not. */
static void noreplace(void)
{
	int flag = opt_busted ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	unsigned int from, to;
	char *hole;

	start_anew();
	for (from = 0; from < PAGES; from += 7) {
		to = from + 1 + from % 5;
		if (map(from, to, flag) != MAP_FAILED)
			fail("pages %u to %u: replaced", from, to - 1);
		else if (errno != EEXIST)
			fail("pages %u to %u: %s, not EEXIST", from, to - 1,
			     strerror(errno));
	}
	if (!stamped(0, PAGES))
		fail("the content has changed");

	hole = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hole == MAP_FAILED)
		broken("mmap");
	munmap(hole + PAGE, PAGE);
	if (mmap(hole + PAGE, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | flag,
		 -1, 0) != MAP_FAILED || errno != EEXIST)
		fail("half over a mapping: not EEXIST");
	if (mmap(hole + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | flag,
		 -1, 0) != hole + PAGE)
		fail("into a hole that fits: %s", strerror(errno));
	munmap(hole, 3 * PAGE);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(rlimit_as), KTAP_CASE(map_count), KTAP_CASE(mlocked),
		KTAP_CASE(noreplace),
	};

	parse_options(argc, argv,
		      "MAP_FIXED at RLIMIT_AS, vm.max_map_count, RLIMIT_MEMLOCK, and not to replace.",
		      "asks for a page too much, changes a page, unlocks one, replaces");
	arena = reserve(PAGES * PAGE, PAGE);
	/* A replacement that fails may leave a hole, so no range is promised. */
	watch_me(NULL, 0);
	return ktap_run(cases, ARRAY_SIZE(cases));
}
