// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel answers about huge pages of a file while other processes share
 * its page table, unshare it, punch holes, migrate, and wait for userfaultfd.
 *
 * answers: a process whose own mappings nobody changes asks mincore(2), pagemap and
 * smaps about pages that it has touched, while others share its page table and
 * leave it by all that unshares.
 *
 * punched_elsewhere: a hole is gone from each mapping of each process once
 * fallocate(2) or ftruncate(2) has returned, wherever that begins in the file; all
 * other pages keep their content.
 *
 * migrated: what was written is there after a page was migrated under its writers.
 * Where there is one node only, MADV_SOFT_OFFLINE migrates: each time it takes 4 KiB
 * of memory out of use until the next boot, so it is done a few times and no more.
 *
 * fault_waits: who faults on a page that userfaultfd provides does not sleep on if
 * that was provided before it was seen to wait.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "user.h"

#define SMALL	(HUGE / PAGE)		/* pages of 4 KiB in a huge one */
#define PAGES	4			/* huge pages of the file that are used */
#define PROCS	4
#define BASE	((char *)(64 * GIB))	/* a place to share */
#define ALONE	((char *)(80 * GIB + 6 * HUGE))	/* none, for its offset */
#define ASIDE	((char *)(96 * GIB + 6 * HUGE))
#define STAMP	0x5add1e0000000000UL

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY	1
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif
#ifndef MPOL_MF_MOVE_ALL
#define MPOL_MF_MOVE_ALL	4
#endif

/* All processes have it. */
static struct {
	unsigned long looks, ops, lives, moved, refused, truncated;
	struct trouble trouble;
	volatile bool stop;
	int no_migration;		/* errno */
	volatile uint32_t phase[PAGES];
} *common;

static int file = -1;
/* To be restored at the end; 0: nobody changes it. */
static long pool_size;

#define count(x)	__atomic_add_fetch(&common->x, 1, __ATOMIC_RELAXED)
#define bad(...)	in_trouble(&common->trouble, __VA_ARGS__)

typedef void (*life_fn)(unsigned int nr, uint64_t random);

static bool going(void)
{
	return !common->stop && !common->trouble.nr;
}

/* Pages of the file from first on, at a place of one's own. */
static void map_at(char *to, unsigned int first, size_t size)
{
	if (mmap(to, size, RW, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file,
		 first * HUGE) != to)
		bad("cannot map the file: %s", strerror(errno));
}

static volatile uint64_t *word(char *base, unsigned int page)
{
	return (volatile uint64_t *)(base + page * HUGE);
}

/* At first each page has its stamp. */
static bool make_file(void)
{
	unsigned int page;

	memset(common, 0, sizeof(*common));
	if (free_huge_pages() < 2 * PAGES) {
		skip("wants 8 free huge pages: sysctl vm.nr_hugepages=11");
		return false;
	}
	file = memfd_create("hugetlb_answers", MFD_HUGETLB);
	if (file < 0 || ftruncate(file, GIB))
		broken("memfd_create");
	map_at(ALONE, 0, PAGES * HUGE);
	for (page = 0; page < PAGES; page++)
		*word(ALONE, page) = STAMP | page;
	munmap(ALONE, PAGES * HUGE);
	return true;
}

static pid_t start(life_fn fn, unsigned int nr)
{
	uint64_t random = 0x9e3779b97f4a7c15ULL * count(lives);
	pid_t me = getpid(), pid = fork();

	if (pid < 0)
		broken("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != me)
		_exit(0);
	watch_me(NULL, 0);
	fn(nr, random);
	_exit(0);
}

static bool has_ended(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		bad("a process ended by signal %d", WTERMSIG(status));
	return true;
}

/* All huge pages are free again, and as many as there were. */
static void settle(long free_before)
{
	double end;
	char text[32];

	note_line("looks", common->looks);
	note_line("operations", common->ops);
	if (common->trouble.nr)
		fail("%s (%lu such)", common->trouble.what, common->trouble.nr);
	else if (!common->looks)
		fail("nothing was looked at");
	close(file);
	file = -1;
	/* The last reference may be dropped by a worker of the kernel. */
	for (end = now() + 5; now() < end; pause_for(0.05)) {
		if (pool_size && read_number(POOL "nr_hugepages", NULL) < pool_size) {
			snprintf(text, sizeof(text), "%ld", pool_size);
			write_text(POOL "nr_hugepages", text);
		}
		if (free_huge_pages() >= free_before)
			return;
	}
	fail("%ld huge pages were free, %ld are", free_before,
	     free_huge_pages());
}

/* Lets processes live until the time is over, and sees that all of them end. */
static void crowd(const life_fn *fns, unsigned int n, long free_before)
{
	double end = now() + opt_seconds;
	pid_t pids[PROCS];
	unsigned int i, left = n;

	for (i = 0; i < n; i++)
		pids[i] = start(fns[i], i);
	while (now() < end && going()) {
		pause_for(0.02);
		for (i = 0; i < n; i++)
			if (has_ended(pids[i]))
				pids[i] = start(fns[i], i);
	}
	common->stop = true;
	for (end = now() + 10; left && now() < end; pause_for(0.02))
		for (i = 0; i < n; i++)
			if (pids[i] && has_ended(pids[i])) {
				pids[i] = 0;
				left--;
			}
	for (i = 0; i < n; i++) {
		if (!pids[i])
			continue;
		bad("process %u makes no progress", i);
		kill(pids[i], SIGKILL);
		for (end = now() + 5; now() < end && !has_ended(pids[i]); )
			pause_for(0.02);
	}
	settle(free_before);
}

/* What a process that nobody disturbs is told about its pages. */

#define IS_PRESENT	(1UL << 63)
#define FRAME		((1UL << 55) - 1)

static void ask_mincore(char *base)
{
	unsigned char in[PAGES * SMALL];
	unsigned int i;

	if (mincore(base, PAGES * HUGE, in)) {
		bad("mincore: %s", strerror(errno));
		return;
	}
	for (i = 0; i < PAGES * SMALL; i++)
		if (!(in[i] & 1))
			break;
	if (i < PAGES * SMALL)
		bad("mincore: page %u is not resident%s", i / (unsigned int)SMALL,
		    base == ALONE ? ", where none is shared" : "");
	count(looks);
}

/*
 * What pagemap says of some pages of 4 KiB, in a huge page; the frame of the first.
 * Nothing but a migration takes a frame away, and its entry is not present.
 */
static bool ask_frame(int fd, char *at, unsigned int n, uint64_t *frame)
{
	uint64_t entry[SMALL];
	unsigned int i;

	if (pread(fd, entry, n * sizeof(*entry), (uintptr_t)at / PAGE *
		  sizeof(*entry)) != (ssize_t)(n * sizeof(*entry)))
		return false;
	*frame = entry[0] & FRAME;
	for (i = 0; i < n; i++)
		if (!(entry[i] & IS_PRESENT) ||
		    (*frame && (entry[i] & FRAME) != *frame + i))
			return false;
	return true;
}

/*
 * One page of the file has one frame, wherever it is mapped. It may be migrated
 * between two questions, so they are asked again, for longer than that takes.
 */
static void ask_pagemap(int fd, uint64_t *random)
{
	unsigned int page = rnd(random) % PAGES, first = rnd(random) % SMALL;
	unsigned int i, n = rnd(random) % (SMALL - first) + 1;
	size_t off = page * HUGE + first * PAGE;
	uint64_t here = 0, there = 0;
	bool said = false;

	for (i = 0; i < 20; i++) {
		said = ask_frame(fd, BASE + off, n, &here) &&
		       ask_frame(fd, ALONE + page * HUGE, 1, &there);
		/* Without privilege all frames are 0. */
		there += there ? first : 0;
		if (said && here == there)
			break;
		pause_for(0.005);
	}
	if (i == 20 && !said)
		bad("pagemap: page %u is not present, or in pieces", page);
	else if (i == 20)
		bad("pagemap: page %u is frame 0x%lx here and 0x%lx there", page,
		    here, there);
	count(looks);
}

static void ask_smaps(char *base)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	long kib, sum = 0, parts = 0;
	unsigned long start, end;
	bool in = false;
	char line[256];

	if (!smaps)
		return;
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			in = start == (uintptr_t)base;
		else if (in && (sscanf(line, "Shared_Hugetlb: %ld", &kib) == 1 ||
				sscanf(line, "Private_Hugetlb: %ld", &kib) == 1)) {
			sum += kib;
			parts++;
		}
	}
	fclose(smaps);
	if (parts == 2 && sum != (long)(PAGES * HUGE / KIB))
		bad("smaps: %ld kB of huge pages, %lu were touched%s", sum,
		    PAGES * HUGE / KIB, base == ALONE ? ", where none is shared" : "");
	count(looks);
}

static void touch_all(char *base)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++) {
		uint64_t value = *word(base, page);

		if (value != (STAMP | page))
			bad("page %u holds 0x%lx", page, value);
	}
}

static void looker(unsigned int nr, uint64_t random)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	unsigned int i;

	map_at(BASE, 0, GIB);
	map_at(ALONE, 0, PAGES * HUGE);
	/* It sees many tables that are shared, not one for all the time. */
	for (i = 0; i < 300 && going(); i++) {
		if (!i) {
			touch_all(BASE);
			touch_all(ALONE);
		}
		if (opt_busted && i == 100)
			madvise(BASE + HUGE, HUGE, MADV_DONTNEED);
		ask_mincore(i % 8 ? BASE : ALONE);
		if (fd >= 0)
			ask_pagemap(fd, &random);
		if (i % 8 == nr)
			ask_smaps(BASE);
		if (i % 64 == 9)
			ask_smaps(ALONE);
	}
}

static void uffd_register(void)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)BASE, GIB },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return;
	if (!ioctl(fd, UFFDIO_API, &api))
		ioctl(fd, UFFDIO_REGISTER, &reg);
	close(fd);
}

/* Who shares a page table with whom, and how each leaves it. */
static void sharer(unsigned int nr, uint64_t random)
{
	unsigned int ops = 20 + rnd(&random) % 200;
	/* There a split has consequences of its own, see docs/findings.md. */
	bool split = !kernel_before(6, 12);

	(void)nr;
	map_at(BASE, 0, GIB);
	while (ops-- && going()) {
		size_t at = 0, size = GIB;

		touch_all(BASE);
		/* Now it shares, until it does one of those. */
		pause_for(rnd(&random) % 4 * 0.001);
		if (split && rnd(&random) % 4 == 0) {
			at = rnd(&random) % PAGES * HUGE;
			size = HUGE;
		}
		switch (rnd(&random) % 6) {
		case 0:
			mprotect(BASE + at, size, PROT_READ);
			mprotect(BASE + at, size, RW);
			break;
		case 1:
			map_at(BASE, 0, GIB);
			break;
		case 2:
			munmap(BASE, GIB);
			map_at(BASE, 0, GIB);
			break;
		case 3:
			if (mremap(BASE + at, size, size, MREMAP_MAYMOVE |
				   MREMAP_FIXED, ASIDE) != ASIDE)
				break;
			if (size == GIB)
				touch_all(ASIDE);
			munmap(ASIDE, size);
			map_at(BASE, 0, GIB);
			break;
		case 4:
			madvise(BASE + at, size, MADV_DONTNEED);
			break;
		default:
			uffd_register();
		}
		count(ops);
	}
}

static void answers(void)
{
	static const life_fn fns[] = { looker, sharer, sharer, sharer };
	long free_before = free_huge_pages();

	if (make_file())
		crowd(fns, ARRAY_SIZE(fns), free_before);
}

/* Holes, and who has mapped the file from where. */

/*
 * Each page goes from phase 4k, when it holds that number and its own, to 4k + 1,
 * when it is being removed, 4k + 2, when it has been and may not be seen any more,
 * and 4k + 4.
 */
#define IN(page, k)	(STAMP | (uint64_t)(k) << 8 | (page))

static const struct window {
	unsigned long at;
	unsigned int first, pages;
	size_t size;
} windows[] = {
	{ 64 * GIB, 0, PAGES, GIB },			/* shared */
	{ 66 * GIB, 1, PAGES - 1, 3 * HUGE },
	{ 67 * GIB + 7 * HUGE, 2, 1, HUGE },
	{ 68 * GIB + HUGE, 0, 2, 2 * HUGE },
	{ 70 * GIB, 3, 1, GIB - 3 * HUGE },
};

static void map_window(const struct window *w)
{
	map_at((char *)w->at, w->first, w->size);
}

static void set_phase(unsigned int page, uint32_t phase)
{
	__atomic_store_n(&common->phase[page], phase, __ATOMIC_SEQ_CST);
}

static uint32_t get_phase(unsigned int page)
{
	return __atomic_load_n(&common->phase[page], __ATOMIC_SEQ_CST);
}

/* Whether it could be done; the signal is in fault_signal. */
static __attribute__((noinline))
bool can_read(const volatile uint64_t *at, volatile uint64_t *value)
{
	return guarded(*value = *at);
}

static __attribute__((noinline))
bool can_write(volatile uint64_t *at, uint64_t value)
{
	return guarded(*at = value);
}

static void judge_window(const struct window *w, unsigned int i)
{
	unsigned int page = w->first + i, from, to;
	volatile uint64_t seen = 0;
	bool still, done;
	uint64_t value;

	from = get_phase(page);
	done = can_read(word((char *)w->at, i), &seen);
	to = get_phase(page);
	value = seen;
	count(looks);
	still = from == to && from % 4 == 0;
	if (!done) {
		if (still || fault_signal != SIGBUS)
			bad("%s at page %u", fault_name(), page);
		return;
	}
	if (!value) {
		if (still)
			bad("page %u is empty, mapped from page %u on", page, w->first);
		return;
	}
	/* The oldest and the newest content that it could have. */
	from = from % 4 == 1 ? from - 1 : (from + 3) & ~3U;
	to = to % 4 == 1 ? to - 1 : (to + 3) & ~3U;
	if (value < IN(page, from) || value > IN(page, to) || (value & 0xff) != page)
		bad("page %u holds 0x%lx in phase %u to %u, mapped from page %u on",
		    page, value, from, to, w->first);
}

static void *window_thread(void *arg)
{
	struct worker *me = arg;

	while (going()) {
		const struct window *w = &windows[rnd(&me->rnd) % ARRAY_SIZE(windows)];
		unsigned int i = rnd(&me->rnd) % w->pages;

		judge_window(w, i);
		/* What it drops it finds again; who changes it waits for its lock. */
		if (rnd(&me->rnd) % 8 == 0)
			madvise((void *)(w->at + i * HUGE), HUGE, MADV_DONTNEED);
	}
	return NULL;
}

/* Two threads, which disturb each other's faults. */
static void window_reader(unsigned int nr, uint64_t random)
{
	struct worker w[2] = { { .rnd = random }, { .rnd = ~random } };
	unsigned int i;

	(void)nr;
	for (i = 0; i < ARRAY_SIZE(windows); i++)
		map_window(&windows[i]);
	errno = pthread_create(&w[1].thread, NULL, window_thread, &w[1]);
	if (errno)
		broken("no thread");
	window_thread(&w[0]);
	pthread_join(w[1].thread, NULL);
}

/* One that maps anew, so that what is looked for is gone sometimes. */
static void window_mapper(unsigned int nr, uint64_t random)
{
	unsigned int i;

	(void)nr;
	for (i = 0; i < ARRAY_SIZE(windows); i++)
		map_window(&windows[i]);
	while (going()) {
		const struct window *w = &windows[rnd(&random) % ARRAY_SIZE(windows)];

		for (i = 0; i < w->pages; i++)
			judge_window(w, i);
		map_window(w);
	}
}

static void stamp_again(unsigned int page)
{
	uint32_t next = get_phase(page) + 2;
	unsigned int tries;

	/* A page that was removed may be in use for a moment more. */
	for (tries = 0; tries < 1000; tries++) {
		if (can_write(word(ALONE, page), IN(page, next))) {
			set_phase(page, next);
			return;
		}
		pause_for(0.001);
	}
	bad("%s at page %u, which was to be filled again", fault_name(), page);
}

static void puncher(unsigned int nr, uint64_t random)
{
	(void)nr;
	map_at(ALONE, 0, PAGES * HUGE);
	while (going()) {
		unsigned int page, first = rnd(&random) % PAGES, last = first;
		bool cut = rnd(&random) % 8 == 0;
		int err = 0;

		if (cut)
			last = PAGES - 1;
		for (page = first; page <= last; page++)
			set_phase(page, get_phase(page) + 1);
		if (opt_busted)
			pause_for(0.02);
		else if (cut)
			err = ftruncate(file, first * HUGE) || ftruncate(file, GIB);
		else
			err = fallocate(file, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, first * HUGE, HUGE);
		if (err)
			bad("cannot punch a hole: %s", strerror(errno));
		for (page = first; page <= last; page++)
			set_phase(page, get_phase(page) + 1);
		/* Long enough to be seen, short enough for many. */
		pause_for(rnd(&random) % 4 ? 0 : opt_busted ? 0.02 : 0.0005);
		for (page = first; page <= last && going(); page++)
			stamp_again(page);
		count(ops);
		if (cut)
			count(truncated);
	}
}

static void punched_elsewhere(void)
{
	static const life_fn fns[] = {
		puncher, window_reader, window_mapper
	};
	long free_before = free_huge_pages();

	if (!make_file())
		return;
	crowd(fns, ARRAY_SIZE(fns), free_before);
	note_line("truncated", common->truncated);
	if (!common->ops && !common->trouble.nr)
		fail("no hole was punched");
}

/* Pages that move under who writes them. */

/* Of each page and process, at both of its ends, as it takes time to copy. */
static void writer(unsigned int nr, uint64_t random)
{
	static uint64_t own[PAGES][2];
	unsigned long turns = 0;

	map_at(BASE, 0, GIB);
	map_at(ALONE, 0, PAGES * HUGE);
	while (going()) {
		unsigned int page = rnd(&random) % PAGES, end = rnd(&random) % 2;
		volatile uint64_t *at = word(rnd(&random) % 2 ? BASE : ALONE, page);
		unsigned int i;

		if (*at != (STAMP | page))
			bad("page %u holds 0x%lx", page, *at);
		at += (end ? HUGE - PAGE : 0) / sizeof(*at) + nr + 1;
		for (i = 0; i < 64; i++) {
			if (*at != own[page][end]) {
				bad("page %u: 0x%lx was written, it holds 0x%lx",
				    page, own[page][end], *at);
				return;
			}
			*at = ++own[page][end];
		}
		if (opt_busted && ++turns == 1000)
			++*at;
		count(looks);
	}
}

/* Of pages that are migrated it says so at once, or after a moment. */
static void resident(unsigned int nr, uint64_t random)
{
	unsigned int i, page;
	unsigned char in[SMALL];

	(void)nr;
	map_at(ALONE, 0, PAGES * HUGE);
	touch_all(ALONE);
	while (going()) {
		page = rnd(&random) % PAGES;
		for (i = 0; i < 50; i++) {
			if (!mincore(ALONE + page * HUGE, HUGE, in) && in[0] & 1)
				break;
			pause_for(0.005);
		}
		if (i == 50)
			bad("mincore: page %u is not resident", page);
		count(looks);
		pause_for(0.001);
	}
}

static bool other_node(void)
{
	return !access("/sys/devices/system/node/node1", F_OK);
}

/* To the other node if there is one: what is taken out of use is lost. */
static bool migrate(unsigned int page)
{
	void *at = ALONE + page * HUGE;
	int status = -1, node;

	if (other_node()) {
		if (syscall(__NR_move_pages, 0, 1UL, &at, NULL, &status, 0) || status < 0)
			return false;
		node = !status;
		return !syscall(__NR_move_pages, 0, 1UL, &at, &node, &status,
				MPOL_MF_MOVE_ALL) && status == node;
	}
	if (!madvise(at, PAGE, MADV_SOFT_OFFLINE))
		return true;
	if (errno == EINVAL || errno == EPERM || errno == EOPNOTSUPP)
		common->no_migration = errno;
	return false;
}

#define MIGRATIONS	8

static void migrator(unsigned int nr, uint64_t random)
{
	unsigned int i, most = other_node() ? 100 * MIGRATIONS : MIGRATIONS;
	char text[32];

	(void)nr;
	snprintf(text, sizeof(text), "%ld", pool_size);
	map_at(ALONE, 0, PAGES * HUGE);
	touch_all(ALONE);
	for (i = 0; i < most && going() && !common->no_migration; i++) {
		pause_for(opt_seconds * 0.9 / most);
		if (migrate(rnd(&random) % PAGES))
			count(moved);
		else
			count(refused);
		count(ops);
		/* The next one wants a free huge page as well. */
		if (read_number(POOL "nr_hugepages", NULL) < pool_size &&
		    !write_text(POOL "nr_hugepages", text))
			break;
	}
	while (going() && !common->no_migration)
		pause_for(0.05);
	if (common->no_migration)
		common->stop = true;
}

static void migrated(void)
{
	static const life_fn fns[] = { migrator, writer, writer, resident };
	long free_before = free_huge_pages();

	if (geteuid()) {
		skip("wants root, for MADV_SOFT_OFFLINE");
		return;
	}
	if (!make_file())
		return;
	pool_size = read_number(POOL "nr_hugepages", NULL);
	crowd(fns, ARRAY_SIZE(fns), free_before);
	pool_size = 0;
	note_line("migrated", common->moved);
	note_line("not migrated", common->refused);
	if (common->no_migration)
		skip("no MADV_SOFT_OFFLINE: CONFIG_MEMORY_FAILURE, vm.enable_soft_offline");
	else if (common->moved || common->trouble.nr || opt_busted)
		return;
	else if (other_node())
		skip("no huge page can be moved to the other node");
	else
		fail("no page was migrated");
}

/* Who waits for a page, and who brings it. */

#define TOUCHERS	2
#define ALIASES		8		/* mappings of the same pages */
#define SLOTS		(ALIASES * PAGES)
#define ARENA		((char *)(72 * GIB))

static struct {
	int fd;
	char *source;
	pthread_barrier_t barrier;
	volatile pid_t tid[TOUCHERS], handler, provider;
	volatile unsigned int slot[TOUCHERS];
	unsigned int done;
	volatile unsigned long steps;
	unsigned long events, copies, continues, existed;
} wait_for;

#define wait_count(x)	__atomic_add_fetch(&wait_for.x, 1, __ATOMIC_RELAXED)

/*
 * A page that is in the file already has only to be mapped. Whoever finds it mapped
 * wakes nobody: userfaultfd_must_wait() is there for that.
 */
static void provide(unsigned int slot)
{
	bool wakes = !opt_busted || common->trouble.nr;
	struct uffdio_continue map;
	struct uffdio_copy copy;
	unsigned int tries;

	for (tries = 0; tries < 1000; tries++) {
		map = (struct uffdio_continue){
			.range = { (uintptr_t)ARENA + slot * HUGE, HUGE },
			.mode = wakes ? 0 : UFFDIO_CONTINUE_MODE_DONTWAKE,
		};
		if (!ioctl(wait_for.fd, UFFDIO_CONTINUE, &map)) {
			wait_count(continues);
			return;
		}
		if (errno == EEXIST) {
			wait_count(existed);
			return;
		}
		copy = (struct uffdio_copy){
			.dst = (uintptr_t)ARENA + slot * HUGE,
			.src = (uintptr_t)wait_for.source + slot % PAGES * HUGE,
			.len = HUGE,
			.mode = wakes ? 0 : UFFDIO_COPY_MODE_DONTWAKE,
		};
		if (!ioctl(wait_for.fd, UFFDIO_COPY, &copy)) {
			wait_count(copies);
			return;
		}
		if (errno != EEXIST)
			sched_yield();
	}
	bad("page %u cannot be provided: %s", slot % PAGES, strerror(errno));
}

/* By whom they are told that a page is missing. */
static void *handler(void *arg)
{
	struct pollfd ready = { .fd = wait_for.fd, .events = POLLIN };
	struct uffd_msg msg;

	(void)arg;
	wait_for.handler = syscall(__NR_gettid);
	while (!stopped) {
		if (poll(&ready, 1, 100) <= 0 ||
		    read(wait_for.fd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		if (msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		wait_count(events);
		provide((msg.arg.pagefault.address - (uintptr_t)ARENA) / HUGE);
	}
	return NULL;
}

/* One who does not wait until it is told, at the same pages as who faults. */
static void *provider(void *arg)
{
	struct worker *me = arg;
	unsigned int slot, i;

	wait_for.provider = syscall(__NR_gettid);
	for (;;) {
		pthread_barrier_wait(&wait_for.barrier);
		if (stopped)
			return NULL;
		for (slot = 0; slot < SLOTS; slot++) {
			for (i = rnd(&me->rnd) % 256; i; i--)
				asm volatile("" ::: "memory");
			provide(slot);
		}
		wait_count(done);
	}
}

static void *toucher(void *arg)
{
	struct worker *me = arg;
	unsigned int slot;
	uint64_t value;

	wait_for.tid[me->nr] = syscall(__NR_gettid);
	for (;;) {
		pthread_barrier_wait(&wait_for.barrier);
		if (stopped)
			return NULL;
		for (slot = 0; slot < SLOTS; slot++) {
			wait_for.slot[me->nr] = slot;
			value = *word(ARENA, slot);
			if (value != (STAMP | slot % PAGES))
				bad("page %u holds 0x%lx", slot % PAGES, value);
			wait_count(steps);
			count(looks);
		}
		wait_for.slot[me->nr] = SLOTS;
		wait_count(done);
	}
}

static bool sleeps(pid_t tid)
{
	char path[64], line[128] = "";
	const char *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	if (read(fd, line, sizeof(line) - 1) < 0)
		*line = 0;
	close(fd);
	state = strrchr(line, ')');
	return state && state[1] && state[2] == 'S';
}

/*
 * Nothing has moved for long: is it that one sleeps at a page that is there, and
 * nobody is just about to wake it?
 */
static void judge_waits(bool very_long)
{
	unsigned int i, slot;
	unsigned char in;

	if (!sleeps(wait_for.handler) || !sleeps(wait_for.provider))
		return;
	for (i = 0; i < TOUCHERS; i++) {
		slot = wait_for.slot[i];
		if (slot >= SLOTS || !sleeps(wait_for.tid[i]))
			continue;
		if (!mincore(ARENA + slot * HUGE, PAGE, &in) && in & 1)
			bad("a thread waits for page %u, which is there",
			    slot % PAGES);
		else if (very_long)
			bad("a thread waits for page %u, which nobody brings",
			    slot % PAGES);
	}
}

/* Nothing is removed while anybody faults, or one could wait for it rightly. */
static void one_round(unsigned int round)
{
	struct uffdio_range all = { (uintptr_t)ARENA, SLOTS * HUGE };
	unsigned long steps = 0;
	unsigned int quiet = 0;

	madvise(ARENA, SLOTS * HUGE, MADV_DONTNEED);
	if (round % 16 == 0)
		fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			  PAGES * HUGE);
	wait_for.done = 0;
	pthread_barrier_wait(&wait_for.barrier);
	while (__atomic_load_n(&wait_for.done, __ATOMIC_ACQUIRE) < TOUCHERS + 1) {
		pause_for(quiet > 20 ? 0.01 : 0.0001);
		if (steps != wait_for.steps)
			quiet = 0;
		steps = wait_for.steps;
		/* 2 s and more, in which this thread at least had a CPU 200 times. */
		if (++quiet > 220 && quiet % 20 == 0)
			judge_waits(quiet > 4000);
		/* Now that it is told, they shall come to an end. */
		if (common->trouble.nr)
			ioctl(wait_for.fd, UFFDIO_WAKE, &all);
	}
	count(ops);
}

static bool uffd_open(void)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)ARENA, SLOTS * HUGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR,
	};
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_MINOR_HUGETLBFS,
	};
	unsigned int i;

	wait_for.fd = syscall(__NR_userfaultfd,
			      O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (wait_for.fd < 0 || ioctl(wait_for.fd, UFFDIO_API, &api)) {
		if (wait_for.fd >= 0)
			close(wait_for.fd);
		skip("no userfaultfd with minor faults of huge pages");
		return false;
	}
	for (i = 0; i < ALIASES; i++)
		map_at(ARENA + i * PAGES * HUGE, 0, PAGES * HUGE);
	if (ioctl(wait_for.fd, UFFDIO_REGISTER, &reg))
		broken("UFFDIO_REGISTER");
	return true;
}

static void run_rounds(void)
{
	struct worker w[TOUCHERS + 2] = { };
	double end = now() + opt_seconds;
	unsigned int i, round = 0;

	memset(wait_for.source, 0, PAGES * HUGE);
	for (i = 0; i < PAGES; i++)
		*word(wait_for.source, i) = STAMP | i;
	stopped = false;
	pthread_barrier_init(&wait_for.barrier, NULL, TOUCHERS + 2);
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		w[i].nr = i;
		w[i].rnd = 0x9e3779b97f4a7c15ULL * (i + 1);
		errno = pthread_create(&w[i].thread, NULL, i < TOUCHERS ? toucher :
				       i == TOUCHERS ? provider : handler, &w[i]);
		if (errno)
			broken("no thread");
	}
	while (now() < end && going())
		one_round(round++);
	stopped = true;
	pthread_barrier_wait(&wait_for.barrier);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		pthread_join(w[i].thread, NULL);
	pthread_barrier_destroy(&wait_for.barrier);
}

static void fault_waits(void)
{
	long free_before = free_huge_pages();

	if (!make_file())
		return;
	memset(&wait_for, 0, sizeof(wait_for));
	wait_for.source = mmap(NULL, PAGES * HUGE, RW, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
	if (wait_for.source == MAP_FAILED)
		broken("mmap");
	if (uffd_open()) {
		run_rounds();
		close(wait_for.fd);
	}
	note_line("events", wait_for.events);
	note_line("copied", wait_for.copies);
	note_line("mapped", wait_for.continues);
	note_line("there already", wait_for.existed);
	munmap(ARENA, SLOTS * HUGE);
	munmap(wait_for.source, PAGES * HUGE);
	if (ktap_skipped)
		close(file);
	else
		settle(free_before);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(answers), KTAP_CASE(punched_elsewhere),
		KTAP_CASE(migrated), KTAP_CASE(fault_waits),
	};

	parse_options(argc, argv,
		      "Ask about huge pages whose page table is shared, and wait for them.\n"
		      "As root, with one NUMA node, it takes up to 8 pages of 4 KiB out of use\n"
		      "until the next boot.",
		      "a page dropped, a hole not punched, a lost write, nobody woken");
	catch_faults();
	common = common_memory(sizeof(*common));
	return ktap_run(cases, ARRAY_SIZE(cases));
}
