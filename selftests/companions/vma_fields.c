// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process asks for a range of its mappings holds for that range, and for nothing
 * beside it, however it splits and merges with its neighbours: it is compared with a
 * model of each page after each step, by what is there and what the kernel answers.
 *
 * remapped: remap_file_pages(2) shows the pages of the file that were asked for.
 *
 * heap: brk(2) gives empty pages, keeps those below, takes those above, and changes
 * nothing if it fails: "the system call returns the current break" (brk(2), notes).
 *
 * sealed: what is sealed cannot be unmapped, moved or protected, all else can
 * (Documentation/userspace-api/mseal.rst).
 *
 * bound: get_mempolicy(2) tells of each page what mbind(2) set.
 */
#define _GNU_SOURCE
#include <linux/mempolicy.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "user.h"

#define LANE	32U		/* pages of a worker, or of a process */
#define RWX	(RW | PROT_EXEC)
#define STAMP	0x5a00000000000000UL

static volatile uint64_t *word(char *base, unsigned long page)
{
	return (volatile uint64_t *)(base + page * PAGE);
}

static unsigned int some(struct worker *w, unsigned int n, unsigned int *from)
{
	unsigned int most;

	*from = rnd(&w->rnd) % n;
	most = n - *from;
	return 1 + rnd(&w->rnd) % (most > 8 ? 8 : most);
}

struct seen {
	unsigned long offset;
	bool there, writable, executable;
};

/* What maps says of @n pages, whose mappings nobody else changes. */
static void ask_maps(char *base, unsigned int n, struct seen *seen)
{
	static __thread char text[256 * KIB];
	unsigned long from, to, offset, page;
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t have = 0;
	char *line, perms[8];
	ssize_t got;

	if (fd < 0)
		broken("/proc/self/maps");
	while ((got = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += got;
	close(fd);
	text[have] = 0;
	memset(seen, 0, n * sizeof(*seen));
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%lx-%lx %7s %lx", &from, &to, perms, &offset) != 4 ||
		    to <= (uintptr_t)base || from >= (uintptr_t)base + n * PAGE)
			continue;
		for (page = 0; page < n; page++) {
			unsigned long at = (uintptr_t)base + page * PAGE;

			if (at < from || at >= to)
				continue;
			seen[page].there = true;
			seen[page].writable = perms[1] == 'w';
			seen[page].executable = perms[2] == 'x';
			seen[page].offset = offset + at - from;
		}
	}
}

/* Room with nothing beside it. */
static char *fenced(unsigned int n)
{
	char *p = reserve((n + 2) * PAGE, PAGE);

	mprotect(p, PAGE, PROT_NONE);
	mprotect(p + (n + 1) * PAGE, PAGE, PROT_NONE);
	return p + PAGE;
}

/* The mm is forked, and its mappings beside those that are judged change. */
static void *neighbour(void *arg)
{
	struct worker *w = arg;
	char *own = fenced(LANE);
	unsigned int from, n;
	pid_t pid;

	while (!stopped) {
		n = some(w, LANE, &from);
		mprotect(own + from * PAGE, n * PAGE, rnd(&w->rnd) & 1 ? RW : RWX);
		if (mmap(own + from * PAGE, n * PAGE, RW,
			 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			broken("mmap");
		if (++w->count % 16)
			continue;
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	munmap(own, LANE * PAGE);
	return NULL;
}

static void beside_neighbours(void *(*worker)(void *))
{
	struct worker w[128] = { };
	unsigned long counts[2] = { }, i;

	run_workers(w, 2 * opt_threads, worker, opt_threads, neighbour);
	for (i = 0; i < 2 * opt_threads; i++)
		counts[i >= opt_threads] += w[i].count;
	note_line("steps", counts[0]);
	note_line("changes beside them", counts[1]);
	if (!counts[0] || !counts[1])
		fail("threads that did nothing");
}

static void *remapper(void *arg)
{
	struct worker *w = arg;
	char *base = fenced(LANE);
	unsigned int where[LANE], from, n, to, page;
	bool writable[LANE], mixed;
	struct seen seen[LANE];
	int file = memfd_create("vma_fields", 0);

	if (file < 0 || ftruncate(file, 2 * LANE * PAGE))
		broken("memfd_create");
	for (page = 0; page < 2 * LANE; page++) {
		uint64_t value = STAMP | page;

		if (pwrite(file, &value, sizeof(value), page * PAGE) != sizeof(value))
			broken("pwrite");
	}
	if (mmap(base, LANE * PAGE, RW, MAP_SHARED | MAP_FIXED, file, 0) != base)
		broken("mmap");
	for (page = 0; page < LANE; page++) {
		where[page] = page;
		writable[page] = true;
	}
	for (; !stopped && !ktap_failures; w->count++) {
		n = some(w, LANE, &from);
		to = rnd(&w->rnd) % (2 * LANE - n);
		mixed = false;
		for (page = from; page < from + n; page++)
			mixed |= writable[page] != writable[from];
		if (rnd(&w->rnd) % 3 == 0) {
			bool open = rnd(&w->rnd) & 1;

			if (mprotect(base + from * PAGE, n * PAGE, open ? RW : PROT_READ))
				fail("mprotect: %s", strerror(errno));
			for (page = from; page < from + n; page++)
				writable[page] = open;
		} else if (!syscall(__NR_remap_file_pages, base + from * PAGE, n * PAGE, 0,
				    to, 0)) {
			if (mixed)
				fail("mappings of different kinds were remapped");
			for (page = from; page < from + n; page++)
				where[page] = to + page - from;
		} else if (!mixed) {
			fail("remap_file_pages: %s", strerror(errno));
		}
		ask_maps(base, LANE, seen);
		for (page = 0; page < LANE; page++) {
			uint64_t value = *word(base, page);
			uint64_t want = (STAMP | where[page]) + opt_busted;

			if (value != want)
				fail("page %u holds 0x%lx, not 0x%lx", page, value, want);
			if (seen[page].offset != where[page] * PAGE ||
			    seen[page].writable != writable[page])
				fail("page %u: maps says page %lu of the file, %swritable, and not %u",
				     page, seen[page].offset / PAGE,
				     seen[page].writable ? "" : "not ", where[page]);
		}
	}
	munmap(base, LANE * PAGE);
	close(file);
	return NULL;
}

static void remapped(void)
{
	if (syscall(__NR_remap_file_pages, NULL, 0, 0, 0, 0) && errno == ENOSYS) {
		skip("no remap_file_pages(2) here");
		return;
	}
	beside_neighbours(remapper);
}

/* Processes that do what cannot be undone, or would be in the way of the C library. */

static struct {
	unsigned long steps, refusals;
	struct trouble trouble;
} *common;

#define count(x)	__atomic_add_fetch(&common->x, 1, __ATOMIC_RELAXED)
#define bad(...)	in_trouble(&common->trouble, __VA_ARGS__)

static void in_processes(void (*life)(struct worker *w))
{
	struct worker w = { .rnd = 1 };
	double end = now() + opt_seconds;
	pid_t pid, me = getpid();
	unsigned long lives = 0;
	int status;

	memset(common, 0, sizeof(*common));
	while (now() < end && !common->trouble.nr) {
		w.rnd = ++lives * 0x9e3779b97f4a7c15ULL;
		pid = fork();
		if (pid < 0)
			broken("fork");
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() == me)
				life(&w);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (status)
			bad("a process ended with status 0x%x", status);
	}
	note_line("lives", lives);
	note_line("steps", common->steps);
	note_line("refused", common->refusals);
	if (common->trouble.nr)
		fail("%s (%lu such)", common->trouble.what, common->trouble.nr);
	else if (!common->steps || !common->refusals)
		fail("something was never done");
}

static char *volatile heap_base;

static char *set_break(char *to)
{
	return (char *)syscall(__NR_brk, to);
}

/* Reads what another thread gives and takes: what is there is the page's own. */
static void *heap_reader(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&stopped, __ATOMIC_RELAXED)) {
		unsigned int page = rnd(&w->rnd) % LANE;
		volatile uint64_t value = 0;

		if (!guarded(value = *word(heap_base, page)))
			pause_for(0.001);
		else if (value && value != (STAMP | page))
			bad("page %u of the heap holds 0x%lx, for a reader", page, value);
		w->count++;
	}
	return NULL;
}

static void look_at_heap(char *end, const bool *filled)
{
	unsigned long pages = (end - heap_base + PAGE - 1) / PAGE, page;
	char *is = set_break(NULL);
	struct seen seen[LANE + 2];

	if (is != end)
		bad("the break is 0x%lx, not 0x%lx", (long)is, (long)end);
	ask_maps(heap_base, LANE + 2, seen);
	for (page = 0; page < LANE + 2; page++) {
		volatile uint64_t value = 0;

		if (seen[page].there != (page < pages))
			bad("page %lu of %lu of the heap: %s in maps", page, pages,
			    seen[page].there ? "still" : "not");
		if (guarded(value = *word(heap_base, page)) != (page < pages))
			bad("page %lu of %lu of the heap: %s there", page, pages,
			    page < pages ? "not" : "still");
		else if (page < pages && value != (filled[page] ? STAMP | page : 0))
			bad("page %lu of the heap holds 0x%lx", page, value);
	}
}

static void heap_life(struct worker *w)
{
	bool filled[LANE + 2] = { };
	struct worker reader = { .rnd = w->rnd + 1 };
	unsigned int i, page, from, n;
	char *end, *to, *is;

	/* The C library's part is below, and nothing is asked of it any more. */
	stopped = false;
	errno = pthread_create(&reader.thread, NULL, heap_reader, &reader);
	if (errno)
		broken("no thread");
	end = set_break(NULL);
	end = (char *)(((uintptr_t)end + 2 * PAGE - 1) & ~(PAGE - 1));
	heap_base = end;
	if (set_break(end) != end)
		broken("brk");
	for (i = 0; i < 60 && !common->trouble.nr; i++) {
		/* Not always whole pages. */
		to = heap_base + rnd(&w->rnd) % (LANE * PAGE);
		if (rnd(&w->rnd) & 1)
			to = (char *)((uintptr_t)to & ~(PAGE - 1));
		is = set_break(to);
		if (is != to)
			bad("brk gave 0x%lx, not 0x%lx", (long)is, (long)to);
		end = to;
		for (page = 0; page < LANE; page++)
			if (heap_base + page * PAGE >= end)
				filled[page] = opt_busted && page == 1;
		look_at_heap(end, filled);
		for (page = 0; heap_base + page * PAGE < end; page++) {
			if (rnd(&w->rnd) & 1 && !filled[page]) {
				*word(heap_base, page) = STAMP | page;
				filled[page] = true;
			}
		}
		n = some(w, LANE, &from);
		mprotect(heap_base + from * PAGE, n * PAGE, rnd(&w->rnd) & 1 ? RW : RWX);
		count(steps);
	}
	/* Nothing grows over what is there, and what is sealed is not taken. */
	to = heap_base + (LANE + 1) * PAGE;
	if (mmap(to, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != to)
		broken("mmap");
	if (set_break(to + 1) != end)
		bad("the heap grew over another mapping");
	munmap(to, PAGE);
	look_at_heap(end, filled);
	count(refusals);
	if (end > heap_base && !syscall(__NR_mseal, heap_base, PAGE, 0)) {
		if (set_break(heap_base) != end)
			bad("the heap has lost what is sealed");
		look_at_heap(end, filled);
		count(refusals);
	}
	__atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
	pthread_join(reader.thread, NULL);
}

static void heap(void)
{
	in_processes(heap_life);
}

static bool any_sealed(const bool *sealed, unsigned int from, unsigned int n)
{
	while (n--)
		if (sealed[from++])
			return true;
	return false;
}

/* Tries one change, of which @what says which; 0 or errno. */
static int change(char *at, size_t size, unsigned int what, char *aside)
{
	switch (what) {
	case 0:
	case 1:
		return mprotect(at, size, what ? RW : PROT_READ) ? errno : 0;
	case 2:
		if (munmap(at, size))
			return errno;
		if (mmap(at, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			 -1, 0) != at)
			broken("mmap");
		return 0;
	default:
		if (mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, aside) != aside)
			return errno;
		if (mremap(aside, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at)
			broken("mremap");
		return 0;
	}
}

static void sealed_life(struct worker *w)
{
	char *base = fenced(LANE), *aside = fenced(LANE);
	bool sealed[LANE] = { }, writable[LANE];
	uint64_t values[LANE] = { };
	struct seen seen[LANE];
	unsigned int i, page, from, n, what;
	int err;

	memset(writable, true, sizeof(writable));
	for (i = 0; i < 80 && !common->trouble.nr; i++) {
		n = some(w, LANE, &from);
		what = rnd(&w->rnd) % 4;
		if (i % 10 == 3) {
			if (syscall(__NR_mseal, base + from * PAGE, n * PAGE, 0))
				bad("mseal: %s", strerror(errno));
			for (page = from; page < from + n; page++)
				sealed[page] = true;
			continue;
		}
		/* Of several mappings one may be refused when others are done. */
		if (any_sealed(sealed, from, n) || what > 2)
			n = 1;
		err = change(base + from * PAGE, n * PAGE, what, aside);
		if (sealed[from] != opt_busted ? err != EPERM : err)
			bad("%s page: change %u: %s", sealed[from] ? "a sealed" : "an open", what,
			    strerror(err));
		for (page = from; page < from + n && !err; page++) {
			writable[page] = what < 2 ? what : what == 2 ? true : writable[page];
			values[page] = what == 2 ? 0 : values[page];
		}
		if (err)
			count(refusals);
		ask_maps(base, LANE, seen);
		for (page = 0; page < LANE; page++) {
			if (seen[page].writable != writable[page])
				bad("page %u: maps says %swritable", page,
				    writable[page] ? "not " : "");
			else if (*word(base, page) != values[page])
				bad("page %u holds 0x%lx, not 0x%lx", page, *word(base, page),
				    values[page]);
			else if (writable[page])
				*word(base, page) = values[page] = STAMP | i << 8 | page;
		}
		count(steps);
	}
}

static void sealed(void)
{
	if (syscall(__NR_mseal, 0, 0, 0)) {
		skip("no mseal(2) here, it came with 6.10");
		return;
	}
	in_processes(sealed_life);
}

static void *binder(void *arg)
{
	static const int modes[] = { MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE };
	const unsigned long node = 1;
	struct worker *w = arg;
	char *base = fenced(LANE);
	bool executable[LANE] = { };
	int want[LANE] = { };
	struct seen seen[LANE];
	unsigned int from, n, page;

	for (; !stopped && !ktap_failures; w->count++) {
		unsigned int what = rnd(&w->rnd) % 3, mode = modes[rnd(&w->rnd) % 4];
		char *at;

		n = some(w, LANE, &from);
		at = base + from * PAGE;
		if (what == 0 && mprotect(at, n * PAGE, mode & 1 ? RWX : RW))
			fail("mprotect: %s", strerror(errno));
		if (what == 1 &&
		    mmap(at, n * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
			fail("mmap: %s", strerror(errno));
		if (what == 2 && syscall(__NR_mbind, at, n * PAGE, mode,
					 mode == MPOL_DEFAULT ? NULL : &node, 8, 0))
			fail("mbind: %s", strerror(errno));
		for (page = from; page < from + n; page++) {
			executable[page] = what ? what == 2 && executable[page] : mode & 1;
			want[page] = what == 1 ? MPOL_DEFAULT : what == 2 ? (int)mode : want[page];
		}
		if (opt_busted)
			want[from] = MPOL_LOCAL;
		*word(base, from) = 1;
		ask_maps(base, LANE, seen);
		for (page = 0; page < LANE; page++) {
			int is = -1;

			if (syscall(__NR_get_mempolicy, &is, NULL, 0, base + page * PAGE,
				    MPOL_F_ADDR))
				broken("get_mempolicy");
			if (is != want[page])
				fail("page %u has policy %d, not %d", page, is, want[page]);
			if (seen[page].executable != executable[page])
				fail("page %u: maps says %sexecutable", page,
				     executable[page] ? "not " : "");
		}
	}
	munmap(base, LANE * PAGE);
	return NULL;
}

static void bound(void)
{
	int is;

	if (syscall(__NR_get_mempolicy, &is, NULL, 0, NULL, 0)) {
		skip("no memory policies here (CONFIG_NUMA)");
		return;
	}
	beside_neighbours(binder);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(remapped), KTAP_CASE(heap), KTAP_CASE(sealed), KTAP_CASE(bound),
	};

	opt_seconds = 2;
	parse_options(argc, argv,
		      "What is set for a range holds for it, and for nothing beside it.",
		      "what is expected");
	catch_faults();
	watch_me(NULL, 0);
	common = common_memory(sizeof(*common));
	return ktap_run(cases, ARRAY_SIZE(cases));
}
