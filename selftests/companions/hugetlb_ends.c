// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ends in the middle of a hugetlb mapping: its file, which is truncated while
 * another thread faults, and a page table. One table holds the entries of 1 GiB; two
 * processes share those on both sides of such a seam, and what one of them does to the
 * pages next to the seam on either side is seen by both as it has to be. If one of them
 * maps the file a page further, so that the seams of both lie elsewhere in the file,
 * they share nothing.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "user.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static bool pages_free(void)
{
	if (free_huge_pages() >= 8)
		return true;
	skip("wants 8 free huge pages: sysctl vm.nr_hugepages=8");
	return false;
}

static void pages_back(long before)
{
	if (!huge_pages_back(before))
		fail("%ld huge pages were free, %ld are", before, free_huge_pages());
}

/* The end of a file. */

static struct {
	pthread_barrier_t turn;
	char *page;
	volatile bool over;
} end;

/* It gets an error instead of a signal if the page is past the end. */
static void *fault_at_the_end(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&end.turn);
		if (end.over)
			return arg;
		madvise(end.page, HUGE, MADV_POPULATE_WRITE);
		pthread_barrier_wait(&end.turn);
	}
}

/*
 * A fault begins, and the file ends @us later, or, if that is negative, when the fault
 * is over: can what is past its end be read?
 */
static bool past_the_end(int fd, long us)
{
	const struct timespec nap = { .tv_nsec = 1000 * us };

	if (ftruncate(fd, HUGE))
		broken("ftruncate");
	pthread_barrier_wait(&end.turn);
	if (us < 0)
		pthread_barrier_wait(&end.turn);
	else
		nanosleep(&nap, NULL);
	if (!opt_busted && ftruncate(fd, 0))
		broken("ftruncate");
	if (us >= 0)
		pthread_barrier_wait(&end.turn);
	return guarded((void)*(volatile char *)end.page);
}

static void past_end(void)
{
	long before = free_huge_pages();
	unsigned int tries = 0;
	bool seen = false;
	pthread_t thread;
	double until;
	int fd;

	if (!pages_free())
		return;
	fd = memfd_create("hugetlb_ends", MFD_HUGETLB);
	if (fd < 0)
		broken("memfd_create");
	end.page = mmap(NULL, HUGE, RW, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (end.page == MAP_FAILED)
		broken("mmap");
	end.over = false;
	pthread_barrier_init(&end.turn, NULL, 2);
	errno = pthread_create(&thread, NULL, fault_at_the_end, NULL);
	if (errno)
		broken("no thread");
	watch_me(NULL, 0);
	for (until = now() + opt_seconds; now() < until && !ktap_failures; ) {
		if (past_the_end(fd, -1))
			fail("what is past the end of a file can be read, although nobody faulted");
		if (seen)
			continue;
		seen = past_the_end(fd, tries % 500);
		tries++;
	}
	end.over = true;
	pthread_barrier_wait(&end.turn);
	pthread_join(thread, NULL);
	note_line("tries", tries);
	/* What was left is part of the file again, and goes with its end. */
	if (ftruncate(fd, HUGE) || ftruncate(fd, 0))
		broken("ftruncate");
	munmap(end.page, HUGE);
	close(fd);
	pages_back(before);
	/* Nothing is known of those after 7.3. */
	if (seen && kernel_before(7, 4) && !opt_busted)
		xfail("a fault that meets ftruncate() leaves a page past the end, see docs/findings.md",
		      "what is past the end of a file can be read, after %u tries", tries);
	else if (seen)
		fail("what is past the end of a file can be read, after %u tries", tries);
}

/* The seam of two page tables. */

#define BASE	((char *)(64 * GIB))
#define SEAM	512UL			/* the first page behind it */
#define SIDES	4			/* pages that are used: two on each side */
#define FIRST	(SEAM - SIDES / 2)

enum op { PUNCH, TRUNCATE, PROTECT, DONTNEED, REMAP, NR_OPS };

static const char *const op_names[] = {
	"punched", "truncated", "mprotect", "MADV_DONTNEED", "MAP_FIXED",
};

/* Both processes have it. */
static struct {
	struct trouble trouble;
	volatile unsigned int asked, answered;
	unsigned long first;		/* of the pages that are used */
	volatile bool write;
	uint64_t values[SIDES];
	volatile uint64_t salt;
} *common;

#define bad(...)	in_trouble(&common->trouble, __VA_ARGS__)

static volatile uint64_t *side(unsigned int i)
{
	return (volatile uint64_t *)(BASE + (common->first + i) * HUGE);
}

static uint64_t stamp(uint64_t salt, unsigned int i)
{
	return salt << 8 | (i + 1);
}

/* All sides; what faults is ~0, which no stamp is. */
static void read_sides(uint64_t *values)
{
	unsigned int i;

	for (i = 0; i < SIDES; i++)
		if (!guarded(values[i] = *side(i)))
			values[i] = ~0UL;
}

static void write_sides(const char *who)
{
	unsigned int i;

	for (i = 0; i < SIDES; i++)
		if (!guarded(*side(i) = stamp(common->salt, i)))
			bad("%s at page %u, %s", fault_name(), i, who);
}

static __attribute__((noreturn)) void other_process(pid_t parent)
{
	unsigned int asked;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	watch_me(NULL, 0);
	for (;;) {
		while ((asked = common->asked) == common->answered)
			sched_yield();
		if (common->write)
			write_sides("of who may write");
		read_sides(common->values);
		__atomic_store_n(&common->answered, asked, __ATOMIC_RELEASE);
	}
}

/* All of the file, with as many tables as there are to share. */
static void map_all(int fd)
{
	if (mmap(BASE, 2 * GIB, RW, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE,
		 fd, 0) != BASE)
		broken("mmap");
}

/* The file, and the other process, which maps all of it. */
static pid_t begin_two(unsigned long first, int *fd)
{
	pid_t me = getpid(), pid;

	memset(common, 0, sizeof(*common));
	common->first = first;
	*fd = memfd_create("hugetlb_ends", MFD_HUGETLB);
	if (*fd < 0 || ftruncate(*fd, 2 * GIB))
		broken("memfd_create");
	pid = fork();
	if (pid < 0)
		broken("fork");
	if (!pid) {
		map_all(*fd);
		other_process(me);
	}
	return pid;
}

static void end_two(pid_t pid, int fd, long before)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	if (common->trouble.nr)
		fail("%s (%lu such)", common->trouble.what, common->trouble.nr);
	pages_back(before);
}

/* Let the other one look, or write and look. */
static void ask(bool write)
{
	double end_of_it = now() + 60;

	common->write = write;
	__atomic_store_n(&common->asked, common->asked + 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&common->answered, __ATOMIC_ACQUIRE) != common->asked) {
		if (now() > end_of_it)
			broken("the other process does not answer");
		sched_yield();
	}
}

/* Both see these stamps, and zeroes where @gone says so. */
static void judge(unsigned int gone, const char *when)
{
	uint64_t mine[SIDES];
	unsigned int i;

	ask(false);
	read_sides(mine);
	for (i = 0; i < SIDES; i++) {
		uint64_t want = gone & 1U << i ? 0 : stamp(common->salt, i);

		if (mine[i] != want || common->values[i] != want)
			bad("%s: page %u is 0x%lx, for the other process 0x%lx, not 0x%lx",
			    when, i, mine[i], common->values[i], want);
	}
}

/* Only the two pages at the seam are changed, one in each table. */
static void protect(void)
{
	char *at = BASE + (SEAM - 1) * HUGE;
	unsigned int i;

	if (mprotect(at, 2 * HUGE, PROT_READ))
		broken("mprotect");
	for (i = 0; i < SIDES; i++) {
		bool may = i == 0 || i == SIDES - 1;

		if (guarded(*side(i) = stamp(common->salt, i)) != may)
			bad("mprotect: page %u can%s be written to", i, may ? "not" : "");
	}
	/* The other one may write to all of them, and both see it. */
	common->salt++;
	ask(true);
	judge(0, "mprotect");
	if (mprotect(at, 2 * HUGE, RW))
		broken("mprotect");
	write_sides("writable again");
}

/* Return: bit set of pages that are gone. */
static unsigned int do_op(int fd, enum op op)
{
	char *at = BASE + (SEAM - 1) * HUGE;

	switch (op) {
	case PUNCH:
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (SEAM - 1) * HUGE, 2 * HUGE))
			broken("fallocate");
		return 1U << 1 | 1U << 2;
	case TRUNCATE:
		if (ftruncate(fd, SEAM * HUGE) || ftruncate(fd, 2 * GIB))
			broken("ftruncate");
		return 1U << 2 | 1U << 3;
	case PROTECT:
		protect();
		return 0;
	case DONTNEED:
		if (madvise(at, 2 * HUGE, MADV_DONTNEED))
			broken("MADV_DONTNEED");
		return 0;
	case REMAP:
		if (mmap(at, 2 * HUGE, RW, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd,
			 (SEAM - 1) * HUGE) != at)
			broken("MAP_FIXED");
		return 0;
	default:
		return 0;
	}
}

static void seam(void)
{
	long before = free_huge_pages();
	unsigned long ops[NR_OPS] = {};
	unsigned int op = 0, gone, i;
	double until;
	pid_t pid;
	int fd;

	if (!pages_free())
		return;
	pid = begin_two(FIRST, &fd);
	map_all(fd);
	for (until = now() + opt_seconds; now() < until && !common->trouble.nr; ) {
		common->salt++;
		ask(true);
		judge(0, "written");
		gone = do_op(fd, op);
		if (opt_busted && op == PUNCH)
			*side(1) = 1;
		judge(gone, op_names[op]);
		ops[op]++;
		op = (op + 1) % NR_OPS;
		/* All in one piece, so that the tables can be shared again. */
		if (op == 0) {
			munmap(BASE, 2 * GIB);
			map_all(fd);
		}
	}
	munmap(BASE, 2 * GIB);
	for (i = 0; i < NR_OPS; i++) {
		note_line(op_names[i], ops[i]);
		if (!ops[i] && !common->trouble.nr)
			fail("%s: never", op_names[i]);
	}
	end_two(pid, fd, before);
}

/* The seams of two processes lie at different pages of the file. */

#define SHIFTED	3	/* pages that both map, one further in this process */

static void shifted_round(int fd, unsigned int round)
{
	uint64_t salt = common->salt = round + 1;
	volatile uint64_t value = 0;
	unsigned int i, at;

	ask(true);
	if (mmap(BASE, GIB, RW, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd,
		 (1 - opt_busted) * HUGE) != BASE)
		broken("mmap");
	for (i = 0; i < SHIFTED; i++) {
		volatile uint64_t *p;

		/* In another order each time: who faults first has the table. */
		at = (i + round) % SHIFTED;
		p = (volatile uint64_t *)(BASE + at * HUGE);
		if (!guarded(value = *p))
			bad("%s at page %u, mapped one further", fault_name(), at);
		else if (value != stamp(salt, at + 1))
			bad("page %u, mapped one further, holds 0x%lx, not 0x%lx", at,
			    value, stamp(salt, at + 1));
		*p = stamp(salt + 1, at + 1);
	}
	common->salt = salt + 1;
	ask(false);
	for (i = 1; i < SIDES; i++)
		if (common->values[i] != stamp(salt + 1, i))
			bad("page %u was written to one further, and holds 0x%lx", i,
			    common->values[i]);
	munmap(BASE, GIB);
}

static void shifted(void)
{
	long before = free_huge_pages();
	unsigned int round = 0;
	double until;
	pid_t pid;
	int fd;

	if (!pages_free())
		return;
	pid = begin_two(0, &fd);
	for (until = now() + opt_seconds; now() < until && !common->trouble.nr; round += 2)
		shifted_round(fd, round);
	note_line("rounds", round / 2);
	end_two(pid, fd, before);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(past_end), KTAP_CASE(seam), KTAP_CASE(shifted),
	};

	parse_options(argc, argv, "Truncate hugetlb files, and change what is at the seam of two page tables.",
		      "a file that is not truncated, a page that is written to, and one too few");
	catch_faults();
	common = common_memory(sizeof(*common));
	return ktap_run(cases, ARRAY_SIZE(cases));
}
