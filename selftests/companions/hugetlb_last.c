// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last huge pages. Each case leaves so many of the machine's huge pages free
 * as it needs, and not one more, for what the kernel promises about a pool that
 * is used up is not seen in any other:
 *
 * - The owner of a private mapping can write to it after a fork. If there is no
 *   page for a copy, hugetlb_wp() takes the old one from the child, which may be
 *   killed for it when it looks, but never sees anything else there.
 * - Who faults at the same page at the same time waits for the first, and does
 *   not look for a second page (hugetlb_fault_mutex_table).
 * - The pages of a private mapping are free before what replaces it by MAP_FIXED
 *   reserves its own. Those of a shared one go with the last reference to its
 *   file, which is put later; nothing is promised there.
 * - MADV_DONTNEED gives a page back to its own reservation, so that no other
 *   mapping can have it, whatever faults meanwhile; but not while a child has it.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "user.h"

#define PAGES		3	/* that a mapping of several has */
#define ANON		(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB)

/* Parents and their children have it. */
static struct {
	struct trouble trouble;
	unsigned long taken, kept;
	unsigned int ready;
	volatile bool writing, stuck;
} *common;

#define count(x)	__atomic_add_fetch(&common->x, 1, __ATOMIC_RELAXED)
#define bad(...)	in_trouble(&common->trouble, __VA_ARGS__)

/* Room for two mappings. */
static char *arena;

/* The pool. */

static char *rest;
static long rest_pages, free_before, reserved_before;

/* How many huge pages can be reserved. */
static long available(void)
{
	return free_huge_pages() -
	       read_number(POOL "resv_hugepages", NULL);
}

static void *map_huge(long pages)
{
	return mmap(NULL, pages * HUGE, RW, ANON, -1, 0);
}

/* What nobody else may map, a new thread's stack for one, stays ours. */
static void clear_arena(void)
{
	if (mmap(arena, 2 * PAGES * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		 MAP_FIXED | MAP_NORESERVE, -1, 0) != arena)
		broken("cannot clear the arena");
}

/* Until so many can be reserved: the last reference may be dropped by a worker. */
static bool pool_has(long pages)
{
	double end = now() + 5;

	for (; now() < end; pause_for(0.01))
		if (available() == pages)
			return true;
	fail("%ld huge pages can be reserved instead of %ld", available(), pages);
	return false;
}

/* All but these are ours; the room that they took is no part of the case. */
static bool pool_of(long pages)
{
	free_before = free_huge_pages();
	reserved_before = read_number(POOL "resv_hugepages", NULL);
	rest_pages = free_before - reserved_before - pages;
	rest = NULL;
	if (rest_pages < 0) {
		skip("wants 3 free huge pages: sysctl vm.nr_hugepages=3");
		return false;
	}
	if (read_number(POOL "nr_overcommit_hugepages", NULL) > 0) {
		skip("there is no last huge page: sysctl vm.nr_overcommit_hugepages=0");
		return false;
	}
	if (rest_pages) {
		rest = mmap(NULL, rest_pages * HUGE, RW, ANON | MAP_POPULATE, -1, 0);
		if (rest == MAP_FAILED) {
			skip("cannot take the other huge pages");
			return false;
		}
	}
	if (available() == pages)
		return true;
	if (rest)
		munmap(rest, rest_pages * HUGE);
	skip("somebody else uses huge pages");
	return false;
}

static void pool_back(void)
{
	double end = now() + 5;
	long left, reserved;

	if (rest)
		munmap(rest, rest_pages * HUGE);
	do {
		left = free_huge_pages();
		reserved = read_number(POOL "resv_hugepages", NULL);
		if (left == free_before && reserved == reserved_before)
			return;
		pause_for(0.05);
	} while (now() < end);
	fail("%ld huge pages were free and %ld reserved, now %ld and %ld are",
	     free_before, reserved_before, left, reserved);
}

/* What a page holds, in several places. */

static const size_t spots[] = { 0, HUGE / 2 + PAGE, HUGE - sizeof(uint64_t) };

static volatile uint64_t *spot(char *p, unsigned int page, unsigned int i)
{
	return (volatile uint64_t *)(p + page * HUGE + spots[i]);
}

static uint64_t stamp(unsigned int round, unsigned int page, unsigned int i)
{
	return 0x1a57UL << 48 | (uint64_t)round << 16 | page << 8 | i;
}

static bool write_page(char *p, unsigned int page, unsigned int round)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spots); i++)
		if (!guarded(*spot(p, page, i) = stamp(round, page, i)))
			return false;
	return true;
}

enum look { SAME, OTHER, FAULT };

/* Does it hold what was written in that round (0: none)? */
static enum look look_at(char *p, unsigned int page, unsigned int round)
{
	volatile uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spots); i++) {
		if (!guarded(value = *spot(p, page, i)))
			return FAULT;
		if (value != (round ? stamp(round, page, i) : 0))
			return OTHER;
	}
	return SAME;
}

#define FOREVER	(-1)

/* Seconds for what takes milliseconds. */
static int patience = 20;

/* A child that has a mapping of its parent, until that closes the pipe. */

struct child {
	pid_t pid;
	int pipe;
};

static void wait_for_parent(int fd, int seconds)
{
	struct pollfd in = { .fd = fd, .events = POLLIN };

	count(ready);
	if (poll(&in, 1, seconds * 1000))
		return;
	/* With this child goes what its parent is waiting for. */
	common->stuck = common->writing;
	_exit(0);
}

static struct child fork_child(void (*run)(int fd, unsigned int round),
			       unsigned int round)
{
	pid_t me = getpid();
	struct child child;
	int pipes[2];

	if (pipe(pipes))
		broken("pipe");
	child.pid = fork();
	if (child.pid < 0)
		broken("fork");
	if (!child.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pipes[1]);
		if (getppid() == me)
			run(pipes[0], round);
		_exit(0);
	}
	close(pipes[0]);
	child.pipe = pipes[1];
	return child;
}

/* Until so many have what they shall have. */
static void wait_for_children(unsigned int nr)
{
	double end = now() + patience;

	while (__atomic_load_n(&common->ready, __ATOMIC_ACQUIRE) < nr) {
		if (now() > end)
			broken("a child does not start");
		pause_for(0.0002);
	}
}

static void wait_for_end(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		broken("waitpid");
	/* What has lost a page may be killed. */
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGBUS &&
	    WTERMSIG(status) != SIGKILL)
		bad("a child ended by signal %d", WTERMSIG(status));
}

static void end_child(struct child child)
{
	close(child.pipe);
	wait_for_end(child.pid);
}

static void tell_trouble(void)
{
	if (common->trouble.nr)
		fail("%s (%lu such)", common->trouble.what, common->trouble.nr);
}

/* The owner copies. */

enum { TWO = 1, LATE = 2, MOVED = 1 << 30 };	/* what differs by round */

static void robbed_child(int fd, unsigned int round)
{
	char *p = arena, *to = arena + PAGES * HUGE;
	unsigned int page;
	pid_t pid = 0;

	if (round & MOVED) {
		if (mremap(p, PAGES * HUGE, PAGES * HUGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   to) == to)
			p = to;
		else
			bad("a child cannot move its mapping: %s", strerror(errno));
	}
	if (round & TWO) {
		pid = fork();
		if (pid < 0)
			broken("fork");
		if (!pid)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	wait_for_parent(fd, patience);
	for (page = 0; page < PAGES; page++) {
		switch (look_at(p, page, round)) {
		case FAULT:
			count(taken);
			break;
		case SAME:
			count(kept);
			break;
		default:
			bad("round %u: a child sees 0x%lx in page %u", round,
			    *spot(p, page, 0), page);
		}
	}
	if (pid)
		wait_for_end(pid);
}

static void owner_writes(unsigned int round)
{
	unsigned int page;

	common->writing = true;
	for (page = 0; page < PAGES; page++)
		if (!write_page(arena, page, round))
			fail("round %u: %s at page %u of its owner", round,
			     fault_name(), page);
	common->writing = false;
	if (opt_busted)
		*spot(arena, 1, 2) = 0;
	for (page = 0; page < PAGES && !ktap_failures; page++)
		if (look_at(arena, page, round) != SAME)
			fail("round %u: page %u is not what its owner wrote", round, page);
}

static void owner_round(unsigned int round)
{
	struct child child;
	unsigned int page;

	if (mmap(arena, PAGES * HUGE, RW, ANON | MAP_FIXED, -1, 0) != arena) {
		fail("round %u: %u huge pages cannot be mapped", round, PAGES);
		return;
	}
	for (page = 0; page < PAGES; page++)
		if (!write_page(arena, page, round))
			fail("round %u: %s at page %u, which is reserved", round,
			     fault_name(), page);
	common->ready = 0;
	child = fork_child(robbed_child, round);
	wait_for_children(round & TWO ? 2 : 1);
	owner_writes(round + 1);
	/* Now there are pages, but none with what the child had. */
	if (round & LATE)
		clear_arena();
	end_child(child);
	clear_arena();
}

#define SPINS	"an owner's write spins while a child has moved its mapping, see docs/findings.md"

static void rob_children(unsigned int ways)
{
	double end = now() + opt_seconds;
	unsigned int round = 0;

	if (!pool_of(PAGES))
		return;
	memset(common, 0, sizeof(*common));
	do {
		owner_round(++round | ways);
	} while (now() < end && !ktap_failures && !common->trouble.nr &&
		 !common->stuck && pool_has(PAGES));
	note_line("rounds", round);
	note_line("pages that children lost", common->taken);
	note_line("pages that children kept", common->kept);
	tell_trouble();
	if (common->stuck && ways & MOVED && kernel_before(7, 3) && !opt_busted)
		xfail(SPINS, "the owner's write did not end before its child");
	else if (common->stuck)
		fail("the owner's write did not end before its child");
	else if (!common->taken && !ktap_failures)
		fail("no child ever lost a page");
	pool_back();
}

static void owner_copies(void)
{
	rob_children(0);
}

/* A child has the page at another address than its owner. */
static void moved_child(void)
{
	int usual = patience;

	/* There it may never end. */
	if (kernel_before(7, 3))
		patience = 5;
	rob_children(MOVED);
	patience = usual;
}

/* Several touch one page, and meet for it. */

enum { UNRESERVED, RESERVED, PRIVATE, NR_KINDS };

#define OVER	(~0U)

static struct {
	unsigned int round, arrived, done, touchers;
	char *at[2];
	int file;
} meet;

#define load(x)		__atomic_load_n(&meet.x, __ATOMIC_ACQUIRE)
#define store(x, v)	__atomic_store_n(&meet.x, (v), __ATOMIC_RELEASE)
#define add_one(x)	__atomic_add_fetch(&meet.x, 1, __ATOMIC_ACQ_REL)

/* There may be fewer CPUs than threads. */
static void spin(unsigned int *turns)
{
	if (++*turns % 1024 == 0)
		sched_yield();
}

static volatile uint64_t *word(unsigned int nr, unsigned int round, unsigned int mapping)
{
	size_t offset = (round * 37 * PAGE + nr * sizeof(uint64_t)) % HUGE;

	/* Two pages where there is one. */
	if (opt_busted && round % NR_KINDS == UNRESERVED && nr)
		offset += HUGE;
	return (volatile uint64_t *)(meet.at[mapping] + offset);
}

/* What it held; -1: it cannot be touched. */
static uint64_t exchange(volatile uint64_t *p, uint64_t value)
{
	volatile uint64_t old = 0;

	if (!guarded(old = *p; *p = value))
		return -1;
	return old;
}

/* In two mappings of the page by turns. */
static void touch_together(struct worker *w, unsigned int nr, unsigned int round)
{
	volatile uint64_t *p = word(nr, round, round / NR_KINDS % 2 ? nr % 2 : 0);
	unsigned int delay = rnd(&w->rnd) % (1U << rnd(&w->rnd) % 14);
	uint64_t old;

	while (delay--)
		__asm__ volatile("" ::: "memory");
	old = exchange(p, stamp(round, nr, 0));
	if (old == -1UL)
		fail("round %u: %s at a page that another touches", round, fault_name());
	else if (old)
		fail("round %u: a new page holds 0x%lx", round, old);
	w->count++;
}

static bool open_round(unsigned int round)
{
	unsigned int kind = round % NR_KINDS, i;
	int flags = kind == PRIVATE ? ANON : MAP_SHARED;

	if (!pool_has(1))
		return false;
	if (kind == UNRESERVED)
		flags |= MAP_NORESERVE;
	for (i = 0; i < 2; i++) {
		if (kind == PRIVATE && i) {
			meet.at[1] = meet.at[0];
			break;
		}
		meet.at[i] = mmap(NULL, kind == UNRESERVED ? 2 * HUGE : HUGE, RW,
				  flags, kind == PRIVATE ? -1 : meet.file, 0);
		if (meet.at[i] == MAP_FAILED) {
			fail("round %u: a huge page is free and cannot be mapped", round);
			return false;
		}
	}
	return true;
}

static void close_round(unsigned int round)
{
	unsigned int kind = round % NR_KINDS, nr, i;

	for (nr = 0; nr < meet.touchers && !ktap_failures; nr++)
		if (*word(nr, round, 0) != stamp(round, nr, 0))
			fail("round %u: what one wrote is lost", round);
	if (kind != PRIVATE)
		fallocate(meet.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  0, 2 * HUGE);
	for (i = 0; i < (kind == PRIVATE ? 1 : 2); i++)
		munmap(meet.at[i], kind == UNRESERVED ? 2 * HUGE : HUGE);
}

static void *leads(void *arg)
{
	struct worker *w = arg;
	unsigned int round, turns = 0;

	for (round = 1; !stopped && open_round(round); round++) {
		while (load(arrived) < meet.touchers - 1)
			spin(&turns);
		store(arrived, 0);
		store(round, round);
		touch_together(w, 0, round);
		while (load(done) < meet.touchers - 1)
			spin(&turns);
		store(done, 0);
		close_round(round);
	}
	store(round, OVER);
	return NULL;
}

static void *follows(void *arg)
{
	struct worker *w = arg;
	unsigned int round, now, turns = 0;

	for (round = 1;; round++) {
		add_one(arrived);
		do {
			spin(&turns);
			now = load(round);
		} while (now != round && now != OVER);
		if (now == OVER)
			return NULL;
		touch_together(w, w->nr + 1, round);
		add_one(done);
	}
}

static void two_touchers(void)
{
	struct worker w[64] = { };

	if (!pool_of(1))
		return;
	memset(&meet, 0, sizeof(meet));
	meet.touchers = opt_threads < 2 ? 2 : opt_threads;
	meet.file = memfd_create("hugetlb_last", MFD_HUGETLB);
	if (meet.file < 0 || ftruncate(meet.file, 2 * HUGE))
		broken("memfd_create");
	run_workers(w, meet.touchers, leads, 1, follows);
	note_line("rounds", w[0].count);
	if (!w[0].count && !ktap_failures)
		fail("no round");
	close(meet.file);
	pool_back();
}

/* One mapping over another, of the same pages. */

/* Each run of pages that there is. */
static const struct {
	unsigned int first, len;
} runs[] = {
	{ 0, 3 }, { 0, 2 }, { 1, 2 }, { 0, 1 }, { 1, 1 }, { 2, 1 },
};

static bool map_over(unsigned int first, unsigned int len, unsigned int round)
{
	char *at = arena + first * HUGE;

	if (mmap(at, len * HUGE, RW, ANON | MAP_FIXED, -1, 0) == at)
		return true;
	fail("round %u: pages %u to %u cannot be replaced: %s", round, first,
	     first + len - 1, strerror(errno));
	return false;
}

/* What was there before, by the pages that were touched, and what has come over it. */
static void judge_over(unsigned int first, unsigned int len, unsigned int touched,
		       unsigned int round)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++) {
		bool fresh = page - first < len || !(touched & 1 << page);
		enum look look = look_at(arena, page, fresh ? 0 : round);

		if (look == FAULT)
			fail("round %u: %s at page %u, which is reserved", round,
			     fault_name(), page);
		else if (look == OTHER)
			fail("round %u: page %u holds 0x%lx", round, page,
			     *spot(arena, page, 0));
	}
}

static void over_round(unsigned int round)
{
	unsigned int first = runs[round % ARRAY_SIZE(runs)].first;
	unsigned int len = runs[round % ARRAY_SIZE(runs)].len;
	unsigned int touched = round / ARRAY_SIZE(runs) % (1 << PAGES), page;

	/* Over all that the last one has left, which is in pieces. */
	if (!map_over(0, PAGES + opt_busted, round))
		return;
	for (page = 0; page < PAGES; page++)
		if (touched & 1 << page && !write_page(arena, page, round))
			fail("round %u: %s at page %u, which is reserved", round,
			     fault_name(), page);
	if (map_over(first, len, round))
		judge_over(first, len, touched, round);
}

static void fixed_over(void)
{
	double end = now() + opt_seconds;
	unsigned int round = 0;

	if (!pool_of(PAGES))
		return;
	do {
		over_round(++round);
	} while (now() < end && !ktap_failures);
	note_line("rounds", round);
	clear_arena();
	pool_back();
}

/* MADV_DONTNEED against faults, and who wants a page of his own. */

static struct {
	char *at[2];
	bool shared, has_file;
} last;

#define FIRST	1	/* that the page holds */
#define THEN	2

static void *dropper(void *arg)
{
	struct worker *w = arg;

	while (!stopped)
		madvise(last.at[w->count++ % 2], HUGE, MADV_DONTNEED);
	return NULL;
}

#define GIVEN_AWAY "MADV_DONTNEED gave the reservation away before 6.12, see docs/findings.md"

/* Both are what a reservation that was given away looks like. */
#define reservation_lost(...)						\
	do {								\
		if (!opt_busted && !last.shared && kernel_before(6, 12))	\
			xfail(GIVEN_AWAY, __VA_ARGS__);			\
		else							\
			fail(__VA_ARGS__);				\
	} while (0)

static void look_and_touch(char *p)
{
	volatile char value = FIRST;

	if (!guarded(value = *(volatile char *)p; *(volatile char *)p = THEN))
		reservation_lost("%s at the last huge page, which is reserved",
				 fault_name());
	else if (value != THEN && value != (last.has_file ? FIRST : 0))
		fail("the last huge page holds %d", value);
}

/* The second is who faults, the third wants another huge page. */
static void *toucher_or_taker(void *arg)
{
	struct worker *w = arg;
	char *p;

	while (!stopped) {
		w->count++;
		if (!w->nr) {
			look_and_touch(last.at[w->count % 2]);
			continue;
		}
		p = map_huge(1);
		if (p == MAP_FAILED)
			continue;
		reservation_lost("the last huge page was reserved a second time");
		munmap(p, HUGE);
	}
	return NULL;
}

static void fight(void)
{
	struct worker w[3] = { };

	run_workers(w, 3, dropper, 1, toucher_or_taker);
	note_line("MADV_DONTNEED", w[0].count);
	note_line("faults", w[1].count);
	note_line("tries to take it", w[2].count);
}

static void dontneed_private(void)
{
	if (!pool_of(1 + opt_busted))
		return;
	memset(&last, 0, sizeof(last));
	last.at[0] = map_huge(1);
	last.at[1] = last.at[0];
	if (last.at[0] == MAP_FAILED) {
		fail("the last huge page cannot be mapped");
	} else {
		fight();
		munmap(last.at[0], HUGE);
	}
	pool_back();
	/* It takes no race: a program that does not see it there sees nothing. */
	if (!opt_busted && kernel_before(6, 12) && !ktap_expected)
		fail("not seen, although kernels before 6.12 are known for it");
}

/* Two mappings of a file that has the page, shared; or of which one is private. */
static void fight_for_file(bool shared)
{
	char *file_page;
	int fd;

	if (!pool_of((shared ? 1 : 2) + opt_busted))
		return;
	memset(&last, 0, sizeof(last));
	last.shared = shared;
	last.has_file = true;
	fd = memfd_create("hugetlb_last", MFD_HUGETLB);
	if (fd < 0 || ftruncate(fd, HUGE))
		broken("memfd_create");
	file_page = mmap(NULL, HUGE, RW, MAP_SHARED, fd, 0);
	if (file_page == MAP_FAILED || !guarded(*(volatile char *)file_page = FIRST)) {
		fail("the file's huge page cannot be had");
		goto out;
	}
	last.at[0] = mmap(NULL, HUGE, RW, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	last.at[1] = shared ? file_page : last.at[0];
	if (last.at[0] == MAP_FAILED) {
		fail("the last huge page cannot be mapped");
		goto out;
	}
	fight();
	if (*(volatile char *)file_page != (shared ? THEN : FIRST))
		fail("the file's huge page holds %d", *file_page);
	munmap(last.at[0], HUGE);
out:
	if (file_page != MAP_FAILED)
		munmap(file_page, HUGE);
	close(fd);
	pool_back();
}

static void dontneed_shared(void)
{
	fight_for_file(true);
}

static void dontneed_file(void)
{
	fight_for_file(false);
}

/* The owner drops what its child has still: that goes to nobody. */

static void keeping_child(int fd, unsigned int round)
{
	wait_for_parent(fd, FOREVER);
	switch (look_at(arena, 0, round)) {
	case FAULT:
		bad("round %u: %s at a page that a child had", round, fault_name());
		break;
	case OTHER:
		bad("round %u: a child sees 0x%lx", round, *spot(arena, 0, 0));
		break;
	default:
		break;
	}
}

static void keeping_round(unsigned int round)
{
	struct child child;
	char *p;

	if (mmap(arena, HUGE, RW, ANON | MAP_FIXED, -1, 0) != arena ||
	    !write_page(arena, 0, round)) {
		fail("round %u: the last huge page cannot be had", round);
		return;
	}
	common->ready = 0;
	child = fork_child(keeping_child, round);
	wait_for_children(1);
	madvise(arena, HUGE, MADV_DONTNEED);
	if (round & 1)
		clear_arena();
	p = map_huge(1);
	if (p != MAP_FAILED) {
		fail("round %u: the huge page that a child has was reserved", round);
		munmap(p, HUGE);
	}
	end_child(child);
	/* Nobody else wants what has come back. */
	if (!(round & 1) && pool_has(1 + opt_busted) && !write_page(arena, 0, round + 1))
		fail("round %u: %s, although there is a huge page", round, fault_name());
	clear_arena();
}

static void child_keeps(void)
{
	double end = now() + opt_seconds;
	unsigned int round = 0;

	if (!pool_of(1 + opt_busted))
		return;
	memset(common, 0, sizeof(*common));
	do {
		keeping_round(++round);
	} while (now() < end && !ktap_failures && !common->trouble.nr && pool_has(1));
	note_line("rounds", round);
	tell_trouble();
	pool_back();
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(owner_copies), KTAP_CASE(moved_child),
		KTAP_CASE(two_touchers), KTAP_CASE(fixed_over),
		KTAP_CASE(dontneed_private), KTAP_CASE(dontneed_shared),
		KTAP_CASE(dontneed_file), KTAP_CASE(child_keeps),
	};

	parse_options(argc, argv, "Use up the huge pages, and ask for what is promised then.",
		      "a wrong stamp, and a huge page too many or too few");
	catch_faults();
	common = common_memory(sizeof(*common));
	arena = reserve(2 * PAGES * HUGE, HUGE);
	watch_me(NULL, 0);
	return ktap_run(cases, ARRAY_SIZE(cases));
}
