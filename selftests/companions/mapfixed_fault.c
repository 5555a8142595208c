// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads read and write an arena while others replace parts of it by
 * MAP_FIXED. mmap(2): "the overlapped part of the existing mapping(s) will be
 * discarded", nothing is said of a moment with neither: a SIGSEGV is a failure,
 * and so is content that a completed replacement has discarded.
 *
 * A page holds in its first word the number of the replacement that mapped it,
 * written before (files) or after (anonymous memory, which is 0 until then) it
 * was mapped; the second word is for the threads to write. Who looks knows the
 * last number that was completed before, and the last that was begun after.
 */
#define _GNU_SOURCE
#include "user.h"

#define UNITS	16		/* of replacing; a page, or a huge page */
#define SLOTS	4		/* copies of the arena in a file */
#define ARENA	(UNITS * HUGE)

enum kind { ANON, FILE_PRIVATE, SHMEM, ANON_HUGE, HUGETLB };

static char *arena;		/* never unmapped from here on */

static struct {
	enum kind kind;
	size_t unit;
	int fd;
	char *file;		/* the same, for us */
	uint64_t next;		/* numbers of replacements, never used twice */
	struct {
		uint64_t begun, done;
	} unit_of[UNITS];
	unsigned long replaced, looks;
} run;

#define get(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define set(x, v)	__atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

static volatile uint64_t *word(unsigned int unit, unsigned int nr)
{
	return (uint64_t *)(arena + unit * run.unit) + nr;
}

static bool put(unsigned int unit, uint64_t nr)
{
	return guarded(*word(unit, 0) = nr);
}

static void replace(unsigned int from, unsigned int to)
{
	int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, fd = -1;
	char *start = arena + from * run.unit;
	size_t size = (to - from) * run.unit;
	uint64_t nr = __atomic_add_fetch(&run.next, 1, __ATOMIC_SEQ_CST);
	off_t offset = 0;
	unsigned int i;

	for (i = from; i < to; i++)
		set(run.unit_of[i].begun, nr);
	if (run.kind == FILE_PRIVATE || run.kind == SHMEM) {
		flags = MAP_FIXED | (run.kind == SHMEM ? MAP_SHARED : MAP_PRIVATE);
		fd = run.fd;
		offset = (nr % SLOTS * UNITS + from) * run.unit;
		for (i = 0; i < to - from; i++)
			*(volatile uint64_t *)(run.file + offset + i * run.unit) = nr;
	} else if (run.kind == HUGETLB) {
		flags |= MAP_HUGETLB | MAP_NORESERVE;
	}
	if (opt_busted)
		munmap(start, size);
	if (mmap(start, size, RW, flags, fd, offset) != start) {
		fail("mmap: %s", strerror(errno));
		stopped = true;
		return;
	}
	if (run.kind == ANON_HUGE)
		madvise(start, size, MADV_HUGEPAGE);
	if (fd < 0) {
		for (i = from; i < to; i++) {
			if (!put(i, nr))
				fail("%s at %p, written by who mapped it",
				     fault_name(), fault_addr);
		}
	}
	for (i = from; i < to; i++)
		set(run.unit_of[i].done, nr);
}

/* Each replacer has a part for itself. */
static void *replacer(void *arg)
{
	struct worker *w = arg;
	unsigned int each = UNITS / opt_threads, from, to;

	while (!stopped) {
		from = rnd(&w->rnd) % each;
		to = from + 1 + rnd(&w->rnd) % (each - from);
		replace(w->nr * each + from, w->nr * each + to);
		w->count++;
	}
	return NULL;
}

static void look(unsigned int unit, bool write)
{
	uint64_t done = get(run.unit_of[unit].done), begun;
	volatile uint64_t value = 0;

	if (!guarded(if (write) *word(unit, 1) = 1; value = *word(unit, 0))) {
		fail("%s at %p (unit %u)", fault_name(), fault_addr, unit);
		return;
	}
	begun = get(run.unit_of[unit].begun);
	/* Fresh anonymous memory is 0, but only while it is being replaced. */
	if (!value && begun > done)
		return;
	if (value < done || value > begun)
		fail("unit %u holds %lu, of %lu done before and %lu begun after",
		     unit, value, done, begun);
}

static void *toucher(void *arg)
{
	struct worker *w = arg;

	while (!stopped) {
		look(rnd(&w->rnd) % UNITS, rnd(&w->rnd) & 1);
		w->count++;
	}
	return NULL;
}

static void hammer(enum kind kind, size_t unit)
{
	unsigned int n = opt_threads < UNITS ? opt_threads : UNITS, i;
	unsigned long replaced = 0, looks = 0;
	struct worker w[2 * UNITS] = { };
	char name[] = "mapfixed_fault.XXXXXX";

	run.kind = kind;
	run.unit = unit;
	run.fd = -1;
	opt_threads = n;
	if (kind == FILE_PRIVATE) {
		run.fd = mkstemp(name);
		if (run.fd >= 0)
			unlink(name);
	} else if (kind == SHMEM) {
		run.fd = memfd_create("mapfixed_fault", 0);
	}
	if (kind == FILE_PRIVATE || kind == SHMEM) {
		if (run.fd < 0 || ftruncate(run.fd, SLOTS * UNITS * unit))
			broken("no file here");
		run.file = mmap(NULL, SLOTS * UNITS * unit, RW, MAP_SHARED, run.fd, 0);
		if (run.file == MAP_FAILED)
			broken("cannot map the file");
	}
	replace(0, UNITS);
	if (!ktap_failures)
		run_workers(w, 2 * n, replacer, n, toucher);
	for (i = 0; i < 2 * n; i++)
		*(i < n ? &replaced : &looks) += w[i].count;
	note_line("replacements", replaced);
	note_line("looks", looks);
	if (!replaced || !looks)
		fail("threads that did nothing");
	if (run.fd >= 0) {
		munmap(run.file, SLOTS * UNITS * unit);
		close(run.fd);
	}
}

static void anonymous(void)
{
	hammer(ANON, PAGE);
}

static void private_file(void)
{
	hammer(FILE_PRIVATE, PAGE);
}

static void shmem(void)
{
	hammer(SHMEM, PAGE);
}

static void huge_ranges(void)
{
	hammer(ANON_HUGE, HUGE);
}

static void hugetlb(void)
{
	/* What was replaced may be given back a moment late. */
	if (free_huge_pages() < 2 * UNITS - 4) {
		skip("wants 28 free huge pages: sysctl vm.nr_hugepages=28");
		return;
	}
	hammer(HUGETLB, HUGE);
	/* The others need them, too. */
	run.kind = ANON;
	replace(0, UNITS);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(anonymous), KTAP_CASE(private_file), KTAP_CASE(shmem),
		KTAP_CASE(huge_ranges), KTAP_CASE(hugetlb),
	};

	opt_seconds = 2;
	parse_options(argc, argv,
		      "Read and write what others replace by MAP_FIXED: no signal, nothing stale.",
		      "replaces by munmap() and mmap()");
	catch_faults();
	arena = reserve(ARENA, HUGE);
	watch_me(arena, ARENA);
	return ktap_run(cases, ARRAY_SIZE(cases));
}
