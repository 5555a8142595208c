// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who looks at mappings, or changes what is in them, under the lock of one VMA or
 * under none, while other threads split, merge, replace and move mappings.
 *
 * one_read: one read(2) of /proc/PID/maps has something for all that is mapped, in
 * order, and shows what one mprotect(2) does to two VMAs done or not done; borders: even
 * if the border of two VMAs moves. Documentation/filesystems/proc.rst: "consistent output
 * can be achieved only in the single read call", and "no two regions will ever overlap".
 *
 * foreign: process_vm_readv(2), /proc/PID/mem and vmsplice(2) give what was at that
 * address during the call; process_vm_writev(2) and /proc/PID/mem write there or fail,
 * and never to what a child has of that page.
 *
 * advised: process_madvise(2) and madvise(2) do what they say to the ranges that they
 * are given, and nothing to pages beside these, or to another process's contents.
 *
 * filled: UFFDIO_COPY, UFFDIO_ZEROPAGE and UFFDIO_MOVE fill pages of what is registered
 * ("ENOENT: No virtual memory area"), and never those of a mapping that has replaced it.
 *
 * protected: what UFFDIO_WRITEPROTECT protects cannot be written until that is undone.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "user.h"

#ifndef __NR_process_madvise
#define __NR_process_madvise	440
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

/* <linux/userfaultfd.h> has it since 6.8. */
struct move_arg {
	__u64 dst, src, len, mode;
	__s64 move;
};

#define MOVE		_IOWR(UFFDIO, 0x05, struct move_arg)
#define RWX		(RW | PROT_EXEC)
#define STAMP		0x5a00000000000000UL
#define WRITTEN		0x3300000000000000UL
#define OWN		0x7700000000000000UL

/* Each worker has pages of its own, all of them in one arena of PAGES. */
#define LANE		32U
#define MOST		(64 * LANE)

static char *arena;
static unsigned long pages;

static volatile uint64_t *word(unsigned long page, unsigned int nr)
{
	return (volatile uint64_t *)(arena + page * PAGE) + nr;
}

/* By a file of /proc/PID/mem, or by itself. */
static bool write_word(volatile uint64_t *at, uint64_t value, int fd)
{
	if (fd < 0)
		return guarded(*at = value);
	return pwrite(fd, &value, sizeof(value), (uintptr_t)at) == sizeof(value);
}

static void note_work(const char *first, const char *rest, const struct worker *w)
{
	unsigned long counts[2] = { };
	unsigned int i;

	for (i = 0; i < 2 * opt_threads; i++)
		counts[i >= opt_threads] += w[i].count;
	note_line(first, counts[0]);
	note_line(rest, counts[1]);
	if (!counts[0] || !counts[1])
		fail("threads that did nothing");
}

/* A thread that was woken up waits for the next tick, if nobody makes room for it. */
static void let_go(void)
{
	sched_yield();
}

/* Splits and merges, which nobody can see who reads and writes; and now and then a fork. */
static void *disturber(void *arg)
{
	struct worker *w = arg;
	pid_t pid;

	while (!stopped) {
		unsigned long from = rnd(&w->rnd) % pages;
		unsigned long n = 1 + rnd(&w->rnd) % (pages - from);
		unsigned int what = rnd(&w->rnd) % 64;

		if (n > 2 * LANE && what % 8)
			n = 1 + n % LANE;
		if (!what) {
			pid = fork();
			if (!pid)
				_exit(0);
			if (pid > 0)
				waitpid(pid, NULL, 0);
		} else if (what < 16) {
			madvise(arena + from * PAGE, n * PAGE,
				what & 1 ? MADV_DONTFORK : MADV_DOFORK);
		} else if (mprotect(arena + from * PAGE, n * PAGE, what & 1 ? RW : RWX)) {
			fail("mprotect: %s", strerror(errno));
		}
		let_go();
		w->count++;
	}
	return NULL;
}

/*
 * Four parts, lowest of all that is mapped, so that one read begins with them: the first
 * two do not merge with each other, and the third is replaced all the time, by what does
 * not merge with its neighbours, or by what is one with the last.
 */
#define LOW	((char *)MIB)
#define PART	(4 * PAGE)

static unsigned long mixed, twice, missing;
static bool merges;

static void *changer(void *arg)
{
	struct worker *w = arg;
	char *third = LOW + 2 * PART;

	while (!stopped) {
		unsigned int what = rnd(&w->rnd);
		int flags = what & 2 && merges ? MAP_PRIVATE : MAP_SHARED;

		if (opt_busted)
			munmap(third, PART);
		if (what & 1 && mprotect(LOW, 2 * PART, what & 2 ? RW : PROT_READ))
			fail("mprotect: %s", strerror(errno));
		if ((!(what & 1) || opt_busted) &&
		    mmap(third, PART, RW, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != third)
			fail("mmap: %s", strerror(errno));
		w->count++;
	}
	return NULL;
}

static void judge_text(const char *text)
{
	unsigned long next = (uintptr_t)LOW, end = next + 4 * PART, from, to, before = 0;
	char perms[2][8] = { }, spare[8];

	for (; text && next < end; text = strchr(text, '\n')) {
		char *perm = next == (uintptr_t)LOW ? perms[0] :
			     next == (uintptr_t)LOW + PART ? perms[1] : spare;

		text += *text == '\n';
		if (sscanf(text, "%lx-%lx %7s", &from, &to, perm) != 3)
			break;
		if (from < before)
			fail("0x%lx-0x%lx comes behind 0x%lx", from, to, before);
		if (from > next)
			__atomic_fetch_add(&missing, 1, __ATOMIC_RELAXED);
		if (from < next)
			__atomic_fetch_add(&twice, 1, __ATOMIC_RELAXED);
		before = from;
		next = to > next ? to : next;
	}
	if (next < end)
		fail("nothing from 0x%lx on", next);
	if (perms[0][1] != perms[1][1])
		__atomic_fetch_add(&mixed, 1, __ATOMIC_RELAXED);
}

static void *read_once(void *arg)
{
	struct worker *w = arg;
	char text[4096];

	while (!stopped) {
		int fd = open("/proc/self/maps", O_RDONLY);
		ssize_t n;

		if (fd < 0)
			broken("/proc/self/maps");
		n = read(fd, text, sizeof(text) - 1);
		if (n <= 0)
			broken("read");
		text[n] = 0;
		judge_text(text);
		close(fd);
		w->count++;
	}
	return NULL;
}

static void read_low(bool merging)
{
	const int flags = MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	struct worker w[128] = { };
	unsigned long wrong;

	merges = merging;
	mixed = 0;
	twice = 0;
	missing = 0;
	if (mmap(LOW, PART, RW, flags | MAP_PRIVATE, -1, 0) != LOW ||
	    mmap(LOW + PART, PART, RW, flags | MAP_SHARED, -1, 0) != LOW + PART ||
	    mmap(LOW + 2 * PART, PART, RW, flags | MAP_SHARED, -1, 0) != LOW + 2 * PART ||
	    mmap(LOW + 3 * PART, PART, RW, flags | MAP_PRIVATE, -1, 0) != LOW + 3 * PART) {
		skip("nothing can be mapped at 1 MiB: sysctl vm.mmap_min_addr");
		return;
	}
	run_workers(w, 2 * opt_threads, changer, opt_threads, read_once);
	munmap(LOW, 4 * PART);
	note_work("changes", "reads", w);
	note_line("half done", mixed);
	note_line("overlaps", twice);
	note_line("passed over", missing);
	/* Where no border moves, nothing is passed over or printed twice. */
	wrong = merging ? mixed + twice + missing : mixed;
	if (!merging && twice + missing)
		fail("in %lu reads something is missing, in %lu twice", missing, twice);
	if (wrong && kernel_has("lock_next_vma") && !opt_busted)
		xfail("one read is no snapshot where maps is read VMA by VMA, see docs/findings.md",
		      "%lu reads show what never was", wrong);
	else if (wrong)
		fail("%lu reads show what never was", wrong);
}

static void one_read(void)
{
	read_low(false);
}

static void borders(void)
{
	read_low(true);
}

/* What a process does to its own mappings, and others to it from outside. */

#define GROUP	8U		/* pages: anonymous and of a file in turn, the last a fence */

static struct {
	uint64_t begun[MOST], done[MOST];	/* generations of a page */
	unsigned long looks, writes, moves, spliced, forks;
	struct trouble trouble;
	volatile bool ready;
} *common;

static int file = -1;
static pid_t target;
static bool no_attach;		/* no process_vm_readv(2) in this kernel */
static __thread int mem = -1;

#define count(x)	__atomic_add_fetch(&common->x, 1, __ATOMIC_RELAXED)
#define bad(...)	in_trouble(&common->trouble, __VA_ARGS__)

static bool is_fence(unsigned long page)
{
	return page % GROUP == GROUP - 1;
}

static bool of_file(unsigned long page)
{
	return page % 2 && !is_fence(page);
}

static uint64_t stamp(unsigned long page, uint64_t generation)
{
	return STAMP | generation << 24 | page;
}

static void map_page(unsigned long page)
{
	char *at = arena + page * PAGE;
	char *p = of_file(page) ?
		mmap(at, PAGE, RW, MAP_SHARED | MAP_FIXED, file, page * PAGE) :
		mmap(at, PAGE, is_fence(page) ? PROT_NONE : RW,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p != at)
		broken("mmap");
}

/* What it holds changes only between begun and done. */
static void new_content(unsigned long page, bool replace)
{
	uint64_t next = common->done[page] + 1;

	__atomic_store_n(&common->begun[page], next, __ATOMIC_SEQ_CST);
	if (replace)
		map_page(page);
	else
		mprotect(arena + page * PAGE, PAGE, RW);
	*word(page, 0) = stamp(page, next);
	__atomic_store_n(&common->done[page], next, __ATOMIC_SEQ_CST);
}

/* A page cannot be gone from where it was, and come back as another. */
static void move_page(unsigned long page)
{
	char *at = arena + page * PAGE, *aside = at + pages * PAGE;

	if (mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, aside) != aside ||
	    mremap(aside, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at)
		bad("mremap: %s", strerror(errno));
	count(moves);
}

static void look_at_own(unsigned long page)
{
	uint64_t value = *word(page, 0), other = *word(page, 1);

	if (value != stamp(page, common->done[page]))
		bad("page %lu holds 0x%lx", page, value);
	if (other && (other & ~0xffffff000000UL) != (WRITTEN | page))
		bad("page %lu was given 0x%lx", page, other);
}

/* Nobody writes to a child's memory, so none of it changes. */
static void fork_apart(unsigned long first)
{
	uint64_t before[LANE] = { };
	unsigned long page;
	pid_t pid = fork();

	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (pid)
		return;
	for (page = 0; page < LANE; page++)
		if (!is_fence(page) && !of_file(page))
			before[page] = *word(first + page, 1);
	pause_for(0.002);
	for (page = 0; page < LANE; page++)
		if (!is_fence(page) && !of_file(page) && *word(first + page, 1) != before[page])
			bad("page %lu of a child was given 0x%lx", first + page,
			    *word(first + page, 1));
	count(forks);
	_exit(0);
}

static void *host(void *arg)
{
	static const int prots[] = { PROT_READ, RW, RWX };
	struct worker *w = arg;
	unsigned long first = w->nr * LANE;

	while (!stopped) {
		unsigned long page = first + rnd(&w->rnd) % LANE;
		unsigned long n = 1 + rnd(&w->rnd) % (GROUP - 1);
		unsigned int what = rnd(&w->rnd) % 16;

		if (is_fence(page))
			continue;
		if (page % GROUP + n > GROUP - 1)
			n = GROUP - 1 - page % GROUP;
		if (what < 6)
			mprotect(arena + page * PAGE, n * PAGE, prots[what % 3]);
		else if (what < 8)
			move_page(page);
		else if (what < 12 && of_file(page))
			madvise(arena + page * PAGE, PAGE, MADV_DONTNEED);
		else if (what < 12)
			new_content(page, true);
		else if (what < 14)
			new_content(page, false);
		else if (rnd(&w->rnd) % 8)
			map_page(page | 1);
		else
			fork_apart(first);
		look_at_own(page);
		w->count++;
	}
	return NULL;
}

/* What was read of @n pages from @page on, between a look at what was done and now. */
static void judge_pages(unsigned long page, unsigned long n, const char *text,
			const uint64_t *done, const char *by)
{
	for (unsigned long i = 0; i < n; i++, page++) {
		uint64_t begun = __atomic_load_n(&common->begun[page], __ATOMIC_SEQ_CST);
		uint64_t value = *(const uint64_t *)(text + i * PAGE), generation;
		bool right;

		count(looks);
		if (is_fence(page)) {
			if (value)
				bad("0x%lx behind a fence, by %s", value, by);
			continue;
		}
		generation = (value & ~stamp(page, 0)) >> 24;
		/* It is empty only from when it was replaced until it was written. */
		if (value)
			right = value == stamp(page + opt_busted, generation) &&
				generation >= done[i] && generation <= begun;
		else
			right = done[i] < begun && !of_file(page);
		if (!right)
			bad("page %lu holds 0x%lx, by %s, and not %lu to %lu", page, value, by,
			    done[i], begun);
	}
}

static void note_done(unsigned long page, unsigned long n, uint64_t *done)
{
	for (unsigned long i = 0; i < n; i++)
		done[i] = __atomic_load_n(&common->done[page + i], __ATOMIC_SEQ_CST);
}

#define AT_ONCE	16UL

/* The pipe has the pages themselves, so what is read is as of when it is read. */
static void *splicer(void *arg)
{
	static __thread char text[AT_ONCE * PAGE] __attribute__((aligned(8)));
	struct worker *w = arg;
	uint64_t done[AT_ONCE];
	int pipes[2];
	ssize_t n;

	if (pipe(pipes))
		broken("pipe");
	while (!stopped) {
		unsigned long page = rnd(&w->rnd) % pages, most = 1 + rnd(&w->rnd) % AT_ONCE;
		struct iovec iov = { arena + page * PAGE, 0 };
		ssize_t have = 0;

		if (most > pages - page)
			most = pages - page;
		iov.iov_len = most * PAGE;
		note_done(page, most, done);
		n = vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK);
		while (have < n) {
			ssize_t got = read(pipes[0], text + have, n - have);

			if (got <= 0)
				broken("a pipe");
			have += got;
		}
		if (n > 0) {
			judge_pages(page, n / PAGE, text, done, "vmsplice");
			for (; n > 0; n -= PAGE, page++)
				if (is_fence(page))
					bad("vmsplice read what nobody may read");
			count(spliced);
		}
		w->count++;
	}
	return NULL;
}

static ssize_t transfer(unsigned long at, void *here, size_t size, bool by_mem, bool write)
{
	struct iovec local = { here, size }, remote = { arena + at, size };
	char path[40];

	if (!by_mem)
		return write ? process_vm_writev(target, &local, 1, &remote, 1, 0) :
			       process_vm_readv(target, &local, 1, &remote, 1, 0);
	if (mem < 0) {
		snprintf(path, sizeof(path), "/proc/%d/mem", target);
		mem = open(path, O_RDWR);
		if (mem < 0)
			broken("%s", path);
	}
	return write ? pwrite(mem, here, size, (uintptr_t)arena + at) :
		       pread(mem, here, size, (uintptr_t)arena + at);
}

static void *peeker(void *arg)
{
	static __thread char text[AT_ONCE * PAGE] __attribute__((aligned(8)));
	struct worker *w = arg;
	uint64_t done[AT_ONCE];

	while (!stopped && !common->trouble.nr) {
		unsigned long page = rnd(&w->rnd) % pages, most = 1 + rnd(&w->rnd) % AT_ONCE;
		bool by_mem = no_attach || rnd(&w->rnd) & 1;
		ssize_t n;

		if (most > pages - page)
			most = pages - page;
		note_done(page, most, done);
		n = transfer(page * PAGE, text, most * PAGE, by_mem, false);
		if (n > 0)
			judge_pages(page, n / PAGE, text, done,
				    by_mem ? "mem" : "process_vm_readv");
		for (; n > 0 && !by_mem; n -= PAGE, page++)
			if (is_fence(page))
				bad("process_vm_readv read what nobody may read");
		w->count++;
	}
	if (mem >= 0)
		close(mem);
	return NULL;
}

/* Of a page only one worker writes the second word. */
static void *poker(void *arg)
{
	struct worker *w = arg;

	/* Only a tracer writes to what is read-only, with CONFIG_PROC_MEM_FORCE_PTRACE. */
	if (!w->nr && ptrace(PTRACE_SEIZE, target, NULL, NULL))
		broken("ptrace");
	while (!stopped && !common->trouble.nr) {
		unsigned long page = w->nr * LANE + rnd(&w->rnd) % LANE;
		bool by_mem = no_attach || rnd(&w->rnd) & 1;
		uint64_t value = WRITTEN | (w->count & 0xffffff) << 24 | page, done, back;

		/* Through /proc/PID/mem, which asks for no permission, they can be written. */
		if (is_fence(page)) {
			if (!no_attach &&
			    transfer(page * PAGE + 8, &value, 8, false, true) > 0)
				bad("process_vm_writev wrote behind a fence");
			continue;
		}
		note_done(page, 1, &done);
		if (transfer(page * PAGE + 8, &value, 8, by_mem, true) == 8 &&
		    transfer(page * PAGE + 8, &back, 8, by_mem, false) == 8 &&
		    done == __atomic_load_n(&common->begun[page], __ATOMIC_SEQ_CST)) {
			if (back != value)
				bad("page %lu: 0x%lx was written, 0x%lx is there", page,
				    value, back);
			count(writes);
		}
		w->count++;
	}
	if (mem >= 0)
		close(mem);
	return NULL;
}

static __attribute__((noreturn)) void be_target(pid_t maker)
{
	struct worker w[128] = { };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != maker)
		_exit(0);
	watch_me(NULL, 0);
	common->ready = true;
	opt_seconds += 60;
	run_workers(w, 2 * opt_threads, host, opt_threads, splicer);
	_exit(0);
}

static void foreign(void)
{
	struct worker w[128] = { };
	unsigned long page;
	double end = now() + 10;
	pid_t me = getpid();
	char byte;

	pages = opt_threads * LANE;
	memset(common, 0, sizeof(*common));
	arena = reserve(2 * pages * PAGE, PAGE);
	munmap(arena + pages * PAGE, pages * PAGE);
	file = memfd_create("lock_users", 0);
	if (file < 0 || ftruncate(file, pages * PAGE))
		broken("memfd_create");
	for (page = 0; page < pages; page++) {
		map_page(page);
		if (!is_fence(page))
			new_content(page, false);
	}
	target = fork();
	if (target < 0)
		broken("fork");
	if (!target)
		be_target(me);
	while (!common->ready && now() < end)
		pause_for(0.01);
	no_attach = transfer(0, &byte, 1, false, false) < 0 && errno == ENOSYS;
	run_workers(w, 2 * opt_threads, peeker, opt_threads, poker);
	kill(target, SIGKILL);
	waitpid(target, NULL, 0);
	munmap(arena, pages * PAGE);
	close(file);
	if (no_attach)
		printf("# no process_vm_readv(2) here, /proc/PID/mem alone is used\n");
	note_work("reads", "writes", w);
	note_line("judged", common->looks);
	note_line("written and read back", common->writes);
	note_line("moves", common->moves);
	note_line("spliced", common->spliced);
	note_line("forks", common->forks);
	if (common->trouble.nr)
		fail("%s (%lu such)", common->trouble.what, common->trouble.nr);
	else if (!common->looks || !common->writes || !common->moves || !common->spliced)
		fail("something was never done");
}

/* Advice: what each page should hold is known. */

enum state { HOLDS, ZERO, EITHER, GUARDED };

#define ADVISED	(HUGE / PAGE)

static int self_fd = -1;
static unsigned long by_process;
static bool guards;

static void look_at_advised(unsigned long page, unsigned char *state, int advice)
{
	volatile uint64_t value = 0;
	bool there = guarded(value = *word(page, 0));

	if (there == (*state == GUARDED))
		fail("page %lu: %s guarded, after advice %d", page, there ? "not" : "is",
		     advice);
	else if (there && value != (STAMP | page) && (*state == HOLDS || value))
		fail("page %lu holds 0x%lx, after advice %d", page, value, advice);
	else if (there && value && *state == ZERO)
		fail("page %lu holds 0x%lx, and should be empty, after advice %d", page,
		     value, advice);
	if (there && *state == EITHER && !value)
		*state = ZERO;
}

static void apply_advice(unsigned char *state, int advice)
{
	if (advice == MADV_GUARD_INSTALL)
		*state = GUARDED;
	else if (advice == MADV_GUARD_REMOVE && *state == GUARDED)
		*state = ZERO;
	else if (advice == MADV_DONTNEED && *state != GUARDED)
		*state = ZERO;
	else if (advice == MADV_FREE && *state == HOLDS)
		*state = EITHER;
}

/**
 * struct advice - one piece of it
 * @what: MADV_*
 * @n: how many of the ranges are used
 * @from: where they begin, as pages of the worker's lane
 * @size: how many pages they have
 */
struct advice {
	int what;
	unsigned int n;
	unsigned int from[3], size[3];
};

static void draw_advice(struct worker *w, struct advice *a)
{
	static const int whats[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT,
		MADV_GUARD_INSTALL, MADV_GUARD_REMOVE, MADV_GUARD_REMOVE,
	};
	unsigned int i;

	a->n = 1 + rnd(&w->rnd) % 3;
	a->what = whats[rnd(&w->rnd) % (guards ? ARRAY_SIZE(whats) : ARRAY_SIZE(whats) - 3)];
	for (i = 0; i < a->n; i++) {
		a->from[i] = rnd(&w->rnd) % ADVISED;
		a->size[i] = 1 + rnd(&w->rnd) % (ADVISED - a->from[i]);
		if (rnd(&w->rnd) % 8 && a->size[i] > 8)
			a->size[i] = 1 + a->size[i] % 8;
	}
	if (rnd(&w->rnd) % 64)
		return;
	a->what = MADV_COLLAPSE;
	a->n = 1;
	a->from[0] = 0;
	a->size[0] = ADVISED;
}

/* The value is how many of the ranges have been advised. */
static unsigned int give_advice(char *base, const struct advice *a)
{
	struct iovec ranges[3];
	size_t all = 0;
	unsigned int i;
	ssize_t ret;

	for (i = 0; i < a->n; i++) {
		ranges[i].iov_base = base + a->from[i] * PAGE;
		ranges[i].iov_len = a->size[i] * PAGE;
		all += ranges[i].iov_len;
	}
	ret = syscall(__NR_process_madvise, self_fd, ranges, a->n, a->what, 0);
	if (ret == (ssize_t)all) {
		__atomic_fetch_add(&by_process, 1, __ATOMIC_RELAXED);
		return a->n;
	}
	/* Or not, as it comes; it changes no content. */
	if (a->what == MADV_COLLAPSE)
		return 0;
	if (ret >= 0 || errno != EINVAL) {
		fail("advice %d: %zd of %zu bytes, %s", a->what, ret, all, strerror(errno));
		return 0;
	}
	/* Not by process_madvise(2) on this kernel. */
	if (madvise(ranges[0].iov_base, ranges[0].iov_len, a->what))
		fail("madvise %d: %s", a->what, strerror(errno));
	return 1;
}

static void *adviser(void *arg)
{
	struct worker *w = arg;
	unsigned long first = w->nr * ADVISED;
	unsigned char state[ADVISED] = { };
	unsigned int i, n, page;
	struct advice a;

	for (page = 0; page < ADVISED; page++)
		*word(first + page, 0) = STAMP | (first + page);
	while (!stopped && !ktap_failures) {
		draw_advice(w, &a);
		n = give_advice(arena + first * PAGE, &a);
		for (i = 0; i < n; i++)
			for (page = a.from[i]; page < a.from[i] + a.size[i]; page++)
				apply_advice(&state[page], a.what);
		/* The pages beside a range, too. */
		for (i = 0; i < n; i++) {
			page = a.from[i] ? a.from[i] - 1 : 0;
			for (; page < ADVISED && page <= a.from[i] + a.size[i]; page++)
				look_at_advised(first + page, &state[page], a.what);
		}
		/* Some at random, and these are written again. */
		for (i = 0; i < 16; i++) {
			page = rnd(&w->rnd) % ADVISED;
			look_at_advised(first + page, &state[page], a.what);
			if (state[page] == GUARDED)
				continue;
			if (!write_word(word(first + page, 0), STAMP | (first + page), -1))
				fail("page %lu cannot be written", first + page);
			state[page] = HOLDS;
			if (opt_busted)
				madvise(arena + (first + page) * PAGE, PAGE, MADV_DONTNEED);
		}
		w->count++;
	}
	return NULL;
}

/* Who is advised by another keeps what it has, and what would take it is refused. */
static void advise_another(void)
{
	static const int advices[] = {
		MADV_COLD, MADV_PAGEOUT, MADV_COLLAPSE, MADV_DONTNEED, MADV_FREE,
		MADV_GUARD_INSTALL, MADV_REMOVE,
	};
	struct iovec range = { arena, HUGE };
	pid_t pid, me = getpid();
	unsigned long page;
	int go[2], status, fd;
	unsigned int i;
	char byte;

	if (pipe(go))
		broken("pipe");
	for (page = 0; page < ADVISED; page++)
		*word(page, 0) = STAMP | page;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		if (getppid() != me || read(go[0], &byte, 1) < 0)
			_exit(0);
		for (page = 0; page < ADVISED; page++)
			if (*word(page, 0) != (STAMP | page))
				_exit(3);
		_exit(0);
	}
	close(go[0]);
	fd = pid < 0 ? -1 : syscall(__NR_pidfd_open, pid, 0);
	if (fd < 0)
		broken("pidfd_open");
	for (i = 0; i < ARRAY_SIZE(advices); i++)
		if (syscall(__NR_process_madvise, fd, &range, 1, advices[i], 0) > 0 && i > 2)
			fail("advice %d is taken from another process", advices[i]);
	close(go[1]);
	close(fd);
	waitpid(pid, &status, 0);
	if (status)
		fail("another process has lost what it had (status 0x%x)", status);
}

static void advised(void)
{
	struct worker w[128] = { };

	pages = opt_threads * ADVISED;
	by_process = 0;
	arena = reserve(pages * PAGE, HUGE);
	*word(0, 0) = 0;
	guards = !madvise(arena, PAGE, MADV_GUARD_INSTALL) &&
		 !madvise(arena, PAGE, MADV_GUARD_REMOVE);
	if (!guards)
		printf("# no MADV_GUARD_INSTALL here, it came with 6.13\n");
	advise_another();
	self_fd = syscall(__NR_pidfd_open, getpid(), 0);
	if (self_fd < 0)
		broken("pidfd_open");
	run_workers(w, 2 * opt_threads, adviser, opt_threads, disturber);
	close(self_fd);
	munmap(arena, pages * PAGE);
	note_work("advices", "splits and merges", w);
	note_line("by process_madvise", by_process);
	if (!by_process)
		fail("process_madvise(2) was never possible");
}

/* Pages that userfaultfd fills. */

static int uffd = -1, source = -1;
static char *view;		/* of source */
static bool can_move;
static unsigned long fills[3];

/* Every fourth is empty. */
static uint64_t filling(unsigned long page)
{
	return page % 4 == 3 ? 0 : STAMP | page;
}

static bool open_uffd(__u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api)) {
		skip("no userfaultfd(2), or not this use: sysctl vm.unprivileged_userfaultfd");
		if (uffd >= 0)
			close(uffd);
		return false;
	}
	return true;
}

static bool register_range(unsigned long page, unsigned long n, __u64 mode)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)arena + page * PAGE, n * PAGE },
		.mode = mode,
	};

	return !ioctl(uffd, UFFDIO_REGISTER, &reg);
}

static bool fill_failed(const char *by, int err)
{
	if (err != ENOENT && err != EAGAIN && err != EEXIST)
		fail("%s: %s", by, strerror(err));
	return false;
}

static bool fill_by_copy(struct worker *w, unsigned long page, unsigned long n)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)arena + page * PAGE,
		.src = (uintptr_t)view + page * PAGE,
		.len = n * PAGE,
	};

	if (opt_busted) {
		copy.src ^= PAGE;
		copy.len = PAGE;
	}
	/* A source that is not there is read with no lock held. */
	if (rnd(&w->rnd) & 1)
		madvise(view + page * PAGE, n * PAGE, MADV_DONTNEED);
	if (!ioctl(uffd, UFFDIO_COPY, &copy))
		return true;
	return fill_failed("UFFDIO_COPY", errno);
}

static bool fill_by_zeroes(unsigned long page)
{
	struct uffdio_zeropage zero = {
		.range = { (uintptr_t)arena + (page | 3) * PAGE, PAGE },
	};

	if (!ioctl(uffd, UFFDIO_ZEROPAGE, &zero))
		return true;
	return fill_failed("UFFDIO_ZEROPAGE", errno);
}

static bool fill_by_move(volatile uint64_t *from, unsigned long page)
{
	struct move_arg move = {
		.dst = (uintptr_t)arena + page * PAGE,
		.src = (uintptr_t)from,
		.len = PAGE,
	};
	int err;

	*from = filling(page);
	if (!ioctl(uffd, MOVE, &move)) {
		if (*from)
			fail("page %lu is still where it was moved from", page);
		return true;
	}
	err = errno;
	if (*from != filling(page))
		fail("page %lu could not be moved, and is lost", page);
	/* It cannot go to what is not registered; and who else has the page makes it busy. */
	if (err != EINVAL && err != EBUSY)
		fill_failed("UFFDIO_MOVE", err);
	return false;
}

static void *filler(void *arg)
{
	struct worker *w = arg;
	unsigned long first = w->nr * LANE;
	volatile uint64_t *from = (void *)reserve(PAGE, PAGE);

	while (!stopped) {
		unsigned long page = rnd(&w->rnd) % LANE, n = 1 + rnd(&w->rnd) % 8;
		unsigned int what = rnd(&w->rnd) % 4;
		bool done;

		if (n > LANE - page)
			n = LANE - page;
		if (what == 2 && !can_move)
			what = 0;
		if (what == 1)
			done = fill_by_zeroes(first + page);
		else if (what == 2)
			done = fill_by_move(from, first + page);
		else
			done = fill_by_copy(w, first + page, what ? n : 1);
		if (done)
			__atomic_fetch_add(&fills[what % 3], 1, __ATOMIC_RELAXED);
		let_go();
		w->count++;
	}
	munmap((void *)from, PAGE);
	return NULL;
}

enum kind { ALONE, REGISTERED, IN_FILE };

static void look_at_filled(unsigned long page, enum kind kind, uint64_t own)
{
	volatile uint64_t value = 0;
	uint64_t in_file;

	if (kind == ALONE) {
		if (*word(page, 0) != own)
			fail("page %lu is not registered, held 0x%lx, and holds 0x%lx", page,
			     own, *word(page, 0));
		return;
	}
	if (!guarded(value = *word(page, 0)))
		return;
	if (value != filling(page))
		fail("page %lu was filled with 0x%lx", page, value);
	if (kind == IN_FILE && (pread(file, &in_file, 8, page * PAGE) != 8 ||
				in_file != filling(page)))
		fail("page %lu was filled, and not in the file", page);
}

static void *replacer(void *arg)
{
	struct worker *w = arg;
	unsigned long first = w->nr * LANE, page;
	uint64_t own[LANE] = { };
	enum kind kinds[LANE] = { };

	while (!stopped) {
		unsigned long from = rnd(&w->rnd) % LANE, n = 1 + rnd(&w->rnd) % 8;
		enum kind kind = rnd(&w->rnd) % 3;
		char *at = arena + (first + from) * PAGE;

		if (n > LANE - from)
			n = LANE - from;
		if (kind == IN_FILE)
			fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (first + from) * PAGE, n * PAGE);
		if (mmap(at, n * PAGE, RW,
			 MAP_FIXED | (kind == IN_FILE ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS),
			 kind == IN_FILE ? file : -1,
			 kind == IN_FILE ? (first + from) * PAGE : 0) != at)
			broken("mmap");
		if (kind != ALONE &&
		    !register_range(first + from, n, UFFDIO_REGISTER_MODE_MISSING))
			fail("UFFDIO_REGISTER: %s", strerror(errno));
		for (page = from; page < from + n; page++) {
			kinds[page] = kind;
			own[page] = 0;
		}
		/* What is filled at a time ends not far behind, or begins not far in front. */
		for (page = from > 8 ? from - 8 : 0; page < LANE && page < from + n + 8; page++) {
			look_at_filled(first + page, kinds[page], own[page]);
			if (kinds[page] != ALONE || rnd(&w->rnd) & 1)
				continue;
			own[page] = OWN | (w->count & 0xffff) << 24 | page;
			*word(first + page, 0) = own[page];
		}
		w->count++;
	}
	return NULL;
}

static void filled(void)
{
	struct uffdio_register reg;
	struct worker w[128] = { };
	unsigned long page;

	if (!open_uffd(UFFD_FEATURE_SIGBUS))
		return;
	pages = opt_threads * LANE;
	memset(fills, 0, sizeof(fills));
	arena = reserve(pages * PAGE, PAGE);
	view = reserve(pages * PAGE, PAGE);
	/* What it can do is said where it registers. */
	reg = (struct uffdio_register){
		.range = { (uintptr_t)view, pages * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	can_move = !ioctl(uffd, UFFDIO_REGISTER, &reg) && reg.ioctls & 1UL << 5;
	if (!can_move)
		printf("# no UFFDIO_MOVE here, it came with 6.8\n");
	source = memfd_create("lock_users", 0);
	file = memfd_create("lock_users", 0);
	if (source < 0 || file < 0 || ftruncate(source, pages * PAGE) ||
	    ftruncate(file, pages * PAGE))
		broken("memfd_create");
	if (mmap(view, pages * PAGE, RW, MAP_SHARED | MAP_FIXED, source, 0) != view)
		broken("mmap");
	for (page = 0; page < pages; page++)
		*(uint64_t *)(view + page * PAGE) = filling(page);
	run_workers(w, 2 * opt_threads, replacer, opt_threads, filler);
	munmap(arena, pages * PAGE);
	munmap(view, pages * PAGE);
	close(source);
	close(file);
	close(uffd);
	note_work("replacements", "attempts", w);
	note_line("copied", fills[0]);
	note_line("empty", fills[1]);
	note_line("moved", fills[2]);
	if (!fills[0] || !fills[1] || (can_move && !fills[2]))
		fail("something was never done");
}

static unsigned long refused;

static void *protector(void *arg)
{
	struct worker *w = arg;
	unsigned long first = w->nr * LANE, page;
	uint64_t values[LANE];
	bool closed[LANE] = { };
	int self = open("/proc/self/mem", O_RDWR);

	if (self < 0)
		broken("/proc/self/mem");
	for (page = 0; page < LANE; page++) {
		values[page] = STAMP | page;
		*word(first + page, 0) = values[page];
	}
	while (!stopped) {
		unsigned long from = rnd(&w->rnd) % LANE, n = 1 + rnd(&w->rnd) % 8;
		struct uffdio_writeprotect wp = { };
		unsigned int i;
		int err;

		if (n > LANE - from)
			n = LANE - from;
		wp.range.start = (uintptr_t)arena + (first + from) * PAGE;
		wp.range.len = n * PAGE;
		wp.mode = rnd(&w->rnd) % 2 ? UFFDIO_WRITEPROTECT_MODE_WP : 0;
		err = ioctl(uffd, UFFDIO_WRITEPROTECT, &wp);
		/* Before 6.4 all of it has to be in one VMA. */
		if (err && errno == ENOENT && n > 1) {
			n = 1;
			wp.range.len = PAGE;
			err = ioctl(uffd, UFFDIO_WRITEPROTECT, &wp);
		}
		if (err) {
			fail("UFFDIO_WRITEPROTECT: %s", strerror(errno));
			break;
		}
		for (page = from; page < from + n; page++)
			closed[page] = wp.mode;
		for (i = 0; i < LANE; i++) {
			uint64_t next = STAMP | w->count << 24 | i;
			bool written;

			page = rnd(&w->rnd) % LANE;
			written = write_word(word(first + page, 0), next, i % 8 ? -1 : self);
			if (written == closed[page] && !opt_busted)
				fail("page %lu is %s and %s be written", page,
				     closed[page] ? "protected" : "open",
				     written ? "can" : "cannot");
			if (written && !closed[page])
				values[page] = next;
			else
				__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
			if (*word(first + page, 0) != values[page])
				fail("page %lu holds 0x%lx, not 0x%lx", page,
				     *word(first + page, 0), values[page]);
			if (opt_busted)
				values[page]++;
		}
		w->count++;
	}
	close(self);
	return NULL;
}

static void protected(void)
{
	struct worker w[128] = { };

	if (!open_uffd(UFFD_FEATURE_SIGBUS | UFFD_FEATURE_PAGEFAULT_FLAG_WP))
		return;
	pages = opt_threads * LANE;
	refused = 0;
	arena = reserve(pages * PAGE, PAGE);
	if (!register_range(0, pages, UFFDIO_REGISTER_MODE_WP))
		broken("UFFDIO_REGISTER");
	run_workers(w, 2 * opt_threads, protector, opt_threads, disturber);
	munmap(arena, pages * PAGE);
	close(uffd);
	note_work("protected or not", "splits and merges", w);
	note_line("writes refused", refused);
	if (!refused)
		fail("no write was refused");
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(one_read), KTAP_CASE(borders), KTAP_CASE(foreign),
		KTAP_CASE(advised), KTAP_CASE(filled), KTAP_CASE(protected),
	};

	opt_seconds = 3;
	parse_options(argc, argv,
		      "Who looks under a VMA's lock while mappings change sees what is there.",
		      "what is there, or what is expected");
	catch_faults();
	watch_me(NULL, 0);
	common = common_memory(sizeof(*common));
	return ktap_run(cases, ARRAY_SIZE(cases));
}
