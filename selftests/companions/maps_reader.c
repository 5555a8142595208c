// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/maps, read in pieces, and PROCMAP_QUERY, while threads of the
 * process replace mappings by MAP_FIXED. Documentation/filesystems/proc.rst:
 * "If there is something at a given vaddr during the entirety of the life of
 * the smaps/maps walk, there will be some output for it." So there is some for
 * each page of what is never unmapped. Pieces that are printed twice, because
 * they grew between two reads, are counted only; so are those that kernels are
 * known to pass over, see docs/findings.md, as long as they are rare: in one read
 * of RARE. Pages that are unmapped for a moment, as --busted has it, are more than
 * that, and fail.
 */
#define _GNU_SOURCE
#include <linux/types.h>
#include <sys/ioctl.h>
#include "user.h"

#define PAGES	64
#define RARE	20

/* <linux/fs.h> has it since 6.11. */
struct query {
	__u64 size, query_flags, query_addr;
	__u64 vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	__u32 dev_major, dev_minor, vma_name_size, build_id_size;
	__u64 vma_name_addr, build_id_addr;
};

#define QUERY		_IOWR('f', 17, struct query)
#define OR_NEXT		0x10

static char *arena;
static unsigned long overlaps, passed_over;
static const char *file;
static bool may_pass_over;	/* maps, of kernels that read it without mmap_lock */

static void *replacer(void *arg)
{
	static const int prots[] = { PROT_READ, RW, RW | PROT_EXEC };
	struct worker *w = arg;

	while (!stopped) {
		unsigned int from = rnd(&w->rnd) % PAGES;
		unsigned int n = 1 + rnd(&w->rnd) % (PAGES - from);

		/* Few at a time, so that there are many. */
		if (w->count & 7)
			n = 1;
		if (opt_busted)
			munmap(arena + from * PAGE, n * PAGE);
		if (mmap(arena + from * PAGE, n * PAGE, prots[rnd(&w->rnd) % 3],
			 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			fail("mmap: %s", strerror(errno));
		w->count++;
	}
	return NULL;
}

/* A line of maps or smaps; the value is where the output ends so far. */
static unsigned long judge(const char *line, unsigned long next)
{
	unsigned long start = (uintptr_t)arena, end = start + PAGES * PAGE;
	unsigned long from, to;
	char perms[8];

	if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3 ||
	    (perms[0] != 'r' && perms[0] != '-') || to <= start)
		return next;
	if (from < next && from >= start)
		__atomic_fetch_add(&overlaps, 1, __ATOMIC_RELAXED);
	if (next < end && from > next) {
		if (may_pass_over && next > start && from < end)
			__atomic_fetch_add(&passed_over, 1, __ATOMIC_RELAXED);
		else
			fail("%s: nothing from 0x%lx to 0x%lx of 0x%lx-0x%lx", file,
			     next, from < end ? from : end, start, end);
	}
	return to > next ? to : next;
}

/* By pieces of a size of its own, which never end with the line. */
static void *text_reader(void *arg)
{
	struct worker *w = arg;
	char piece[4096], line[8192];

	while (!stopped) {
		size_t want = 64 + rnd(&w->rnd) % (sizeof(piece) - 64), have = 0;
		unsigned long next = (uintptr_t)arena;
		int fd = open(file, O_RDONLY);
		ssize_t n, i;

		if (fd < 0)
			broken("%s", file);
		while ((n = read(fd, piece, want)) > 0) {
			for (i = 0; i < n; i++) {
				if (piece[i] != '\n') {
					if (have < sizeof(line) - 1)
						line[have++] = piece[i];
					continue;
				}
				line[have] = 0;
				have = 0;
				next = judge(line, next);
			}
		}
		if (n < 0)
			fail("read: %s", strerror(errno));
		if (next < (uintptr_t)arena + PAGES * PAGE)
			fail("%s: nothing from 0x%lx on", file, next);
		close(fd);
		w->count++;
	}
	return NULL;
}

static void *asker(void *arg)
{
	struct worker *w = arg;
	int fd = open(file, O_RDONLY);

	if (fd < 0)
		broken("%s", file);
	while (!stopped) {
		struct query q = {
			.size = sizeof(q),
			.query_flags = rnd(&w->rnd) & 1 ? OR_NEXT : 0,
			.query_addr = (uintptr_t)arena +
				      rnd(&w->rnd) % (PAGES * PAGE),
		};

		if (ioctl(fd, QUERY, &q))
			fail("nothing at 0x%llx: %s", q.query_addr, strerror(errno));
		else if (q.vma_start > q.query_addr || q.vma_end <= q.query_addr)
			fail("0x%llx-0x%llx at 0x%llx", q.vma_start, q.vma_end,
			     q.query_addr);
		w->count++;
	}
	close(fd);
	return NULL;
}

static unsigned long hammer(const char *path, void *(*reader)(void *))
{
	unsigned long counts[2] = { }, i;
	struct worker w[128] = { };

	file = path;
	overlaps = 0;
	passed_over = 0;
	run_workers(w, 2 * opt_threads, replacer, opt_threads, reader);
	for (i = 0; i < 2 * opt_threads; i++)
		counts[i >= opt_threads] += w[i].count;
	note_line("replacements", counts[0]);
	note_line("reads", counts[1]);
	note_line("printed twice", overlaps);
	if (!counts[0] || !counts[1])
		fail("threads that did nothing");
	return counts[1];
}

static void maps(void)
{
	unsigned long reads;

	may_pass_over = kernel_has("lock_next_vma");
	reads = hammer("/proc/self/maps", text_reader);
	may_pass_over = false;
	note_line("passed over", passed_over);
	if (!passed_over)
		return;
	if (passed_over <= 1 + reads / RARE)
		xfail("what grows while it is read is passed over, see docs/findings.md",
		      "passed over %lu times in %lu reads", passed_over, reads);
	else
		fail("passed over %lu times in %lu reads, known is one in %d", passed_over,
		     reads, RARE);
}

static void smaps(void)
{
	hammer("/proc/self/smaps", text_reader);
}

static void procmap_query(void)
{
	struct query q = { .size = sizeof(q), .query_addr = (uintptr_t)arena };
	int fd = open("/proc/self/maps", O_RDONLY), ret = ioctl(fd, QUERY, &q);

	close(fd);
	if (ret && errno == ENOTTY) {
		skip("no PROCMAP_QUERY here, it came with 6.11");
		return;
	}
	hammer("/proc/self/maps", asker);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(maps), KTAP_CASE(smaps), KTAP_CASE(procmap_query),
	};

	opt_seconds = 2;
	parse_options(argc, argv,
		      "What is never unmapped is in /proc/PID/maps, whoever replaces it.",
		      "replaces by munmap() and mmap()");
	arena = reserve(PAGES * PAGE, PAGE);
	watch_me(arena, PAGES * PAGE);
	return ktap_run(cases, ARRAY_SIZE(cases));
}
