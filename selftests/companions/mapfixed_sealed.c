// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_FIXED over what mseal(2) has sealed: EPERM, and what is sealed is as before
 * (Documentation/userspace-api/mseal.rst), while other threads read it. Of the
 * unsealed rest of the range that document promises nothing, but munmap(2) of
 * it is atomic, and MAP_FIXED is built on the same.
 */
#define _GNU_SOURCE
#include "user.h"

#define PAGES	16
#define FIRST	6		/* sealed: from here ... */
#define LAST	9		/* ... to here */

static char *arena;
static unsigned long refused, looks;

static void stamp(void)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		*(uint64_t *)(arena + i * PAGE) = 0x5ea1ed00 + i;
}

static void look(unsigned int i)
{
	volatile uint64_t value = 0;

	if (!guarded(value = *(volatile uint64_t *)(arena + i * PAGE)))
		fail("%s in page %u", fault_name(), i);
	else if (value != 0x5ea1ed00 + i)
		fail("page %u holds 0x%lx", i, value);
}

/* Any range that has a sealed page in it. */
static void *replacer(void *arg)
{
	struct worker *w = arg;

	while (!stopped) {
		unsigned int from = rnd(&w->rnd) % (LAST + 1), to;
		int flags = MAP_FIXED | MAP_ANONYMOUS |
			    (rnd(&w->rnd) & 1 ? MAP_PRIVATE : MAP_SHARED);

		to = from < FIRST ? FIRST : from;
		to += 1 + rnd(&w->rnd) % (PAGES - to);
		if (mmap(arena + from * PAGE, (to - from) * PAGE, RW, flags,
			 -1, 0) != MAP_FAILED)
			fail("pages %u to %u: replaced", from, to - 1);
		else if (errno != EPERM)
			fail("pages %u to %u: %s, not EPERM", from, to - 1,
			     strerror(errno));
		w->count++;
	}
	return NULL;
}

static void *reader(void *arg)
{
	struct worker *w = arg;

	while (!stopped) {
		look(rnd(&w->rnd) % PAGES);
		w->count++;
	}
	return NULL;
}

/* The arena as /proc/self/maps has it, without where it was split. */
static void maps_of(char *out, size_t size)
{
	unsigned long from, to, last = 0;
	char perms[8], old[8] = "", line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	size_t n = 0;

	out[0] = 0;
	if (!f)
		broken("/proc/self/maps");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3 ||
		    to <= (uintptr_t)arena || from >= (uintptr_t)arena + PAGES * PAGE)
			continue;
		if (from != last || strcmp(perms, old))
			n += snprintf(out + n, size - n, "%lx %s;", from, perms);
		memcpy(old, perms, sizeof(old));
		last = to;
	}
	snprintf(out + n, size - n, "%lx", last);
	fclose(f);
}

static void sealed(void)
{
	struct worker w[128] = { };
	char before[256], after[256];
	unsigned int i;

	if (syscall(__NR_mseal, arena + FIRST * PAGE, 0, 0) && errno == ENOSYS) {
		skip("no mseal(2) here, it came with 6.10");
		return;
	}
	stamp();
	if (!opt_busted &&
	    syscall(__NR_mseal, arena + FIRST * PAGE, (LAST - FIRST + 1) * PAGE, 0))
		broken("mseal");
	maps_of(before, sizeof(before));
	run_workers(w, 2 * opt_threads, replacer, opt_threads, reader);
	maps_of(after, sizeof(after));
	for (i = 0; i < 2 * opt_threads; i++)
		*(i < opt_threads ? &refused : &looks) += w[i].count;
	note_line("refused", refused);
	note_line("looks", looks);
	if (!refused || !looks)
		fail("threads that did nothing");
	if (strcmp(before, after))
		fail("mappings were '%s', are '%s'", before, after);
	for (i = 0; i < PAGES; i++)
		look(i);
}

/* What is beside it is as free as ever. */
static void neighbours(void)
{
	char *p = arena + (LAST + 1) * PAGE;

	if (syscall(__NR_mseal, arena, 0, 0) && errno == ENOSYS) {
		skip("no mseal(2) here, it came with 6.10");
		return;
	}
	if (mmap(p, 2 * PAGE, RW, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != p)
		fail("cannot replace the neighbour: %s", strerror(errno));
	else if (*(volatile uint64_t *)p)
		fail("the new mapping is not empty");
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(sealed), KTAP_CASE(neighbours),
	};

	parse_options(argc, argv,
		      "MAP_FIXED over sealed memory is refused and changes nothing.",
		      "seals nothing");
	catch_faults();
	arena = reserve(PAGES * PAGE, PAGE);
	watch_me(arena, PAGES * PAGE);
	return ktap_run(cases, ARRAY_SIZE(cases));
}
