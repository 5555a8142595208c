// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that share the page table of one hugetlb file, and do to their
 * mappings all that makes the kernel unshare it, while they and others read it
 * through page faults, vmsplice(2), process_vm_readv(2), mincore(2) and pagemap.
 * A page holds its own stamp, or 0 if a hole was punched, and never another's;
 * at the end all huge pages are free again.
 *
 * Nothing here moves a mapping to where it could share a page table by mremap():
 * that deadlocks, see docs/findings.md.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "user.h"

#define PAGES	4		/* huge pages of the file that are used */
#define PROCS	3
#define BASE	((char *)(64 * GIB))
#define ASIDE	((char *)(80 * GIB + 6 * HUGE))	/* no place to share */
#define STAMP	0x5add1e0000000000UL

enum op {
	PROTECT, MOVE, DONTNEED, PUNCH, UFFD, REMAP, SPLICE, PEEK, MINCORE,
	PAGEMAP, NR_OPS
};

static const char *const op_names[] = {
	"mprotect", "mremap", "MADV_DONTNEED", "punched", "userfaultfd",
	"MAP_FIXED", "vmsplice", "process_vm_readv", "mincore", "pagemap",
};

/* All processes have it. */
static struct {
	unsigned long ops[NR_OPS], exits, looks;
	struct trouble trouble;
	volatile bool stop;
	volatile pid_t pids[PROCS];
} *common;

static int file = -1, shm = -1;

#define count(x)	__atomic_add_fetch(&common->x, 1, __ATOMIC_RELAXED)
#define bad(...)	in_trouble(&common->trouble, __VA_ARGS__)

static void judge(unsigned int page, uint64_t value, const char *by)
{
	count(looks);
	if (value && value != (STAMP | page))
		bad("page %u holds 0x%lx, by %s", page, value, by);
}

static uint64_t *place(unsigned int page)
{
	return (uint64_t *)(BASE + page * HUGE);
}

static void attach(void)
{
	void *p;

	if (shm >= 0)
		p = shmat(shm, BASE, SHM_REMAP);
	else
		p = mmap(BASE, GIB, RW, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
			 file, 0);
	if (p != BASE)
		bad("cannot map the file again: %s", strerror(errno));
}

static uint64_t read_or_stamp(unsigned int page)
{
	uint64_t value = *(volatile uint64_t *)place(page);

	if (!value)
		*(volatile uint64_t *)place(page) = STAMP | page;
	return value;
}

static void touch(unsigned int page)
{
	volatile uint64_t value = 0;

	if (!guarded(value = read_or_stamp(page))) {
		bad("%s at page %u", fault_name(), page);
		return;
	}
	judge(page, value, "a fault");
}

static void splice_page(unsigned int page)
{
	struct iovec iov = { place(page), sizeof(uint64_t) };
	uint64_t value;
	int pipes[2];

	if (pipe(pipes))
		return;
	if (vmsplice(pipes[1], &iov, 1, 0) == sizeof(value) &&
	    read(pipes[0], &value, sizeof(value)) == sizeof(value))
		judge(page, value, "vmsplice");
	close(pipes[0]);
	close(pipes[1]);
}

/* Of whoever is there: it may be gone, or have it unmapped just now. */
static void peek(unsigned int page, unsigned int who)
{
	struct iovec here, there = { place(page), sizeof(uint64_t) };
	pid_t pid = common->pids[who];
	uint64_t value = 0;

	here.iov_base = &value;
	here.iov_len = sizeof(value);
	if (pid && process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof(value))
		judge(page, value, "process_vm_readv");
}

static void punch(unsigned int page)
{
	if (shm >= 0)
		madvise(place(page), HUGE, MADV_REMOVE);
	else
		fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  page * HUGE, HUGE);
}

/* Registering unshares; nothing is touched here until it is over. */
static bool uffd_register(void)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)BASE, GIB },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	bool done;

	if (fd < 0)
		return false;
	done = !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg);
	close(fd);
	return done;
}

static void move(unsigned int page)
{
	void *p = mremap(place(page), HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 ASIDE);
	volatile uint64_t value = 0;

	if (p == MAP_FAILED)
		return;
	if (!guarded(value = *(volatile uint64_t *)ASIDE))
		bad("%s at page %u, moved aside", fault_name(), page);
	else
		judge(page, value, "a fault aside");
	munmap(ASIDE, HUGE);
	if (shm >= 0)
		munmap(BASE, GIB);
	attach();
}

static bool do_op(enum op op, uint64_t *random)
{
	unsigned int page = rnd(random) % PAGES;
	unsigned char in[HUGE / PAGE];
	uint64_t entry;
	int fd;

	switch (op) {
	case PROTECT:
		return !mprotect(place(page), HUGE, PROT_READ) &&
		       !mprotect(place(page), HUGE, RW);
	case MOVE:
		move(page);
		return true;
	case DONTNEED:
		return !madvise(place(page), HUGE, MADV_DONTNEED);
	case PUNCH:
		punch(page);
		return true;
	case UFFD:
		return uffd_register();
	case REMAP:
		attach();
		return true;
	case SPLICE:
		splice_page(page);
		return true;
	case PEEK:
		peek(page, rnd(random) % PROCS);
		return true;
	case MINCORE:
		return !mincore(place(page), HUGE, in);
	case PAGEMAP:
		fd = open("/proc/self/pagemap", O_RDONLY);
		if (fd < 0)
			return false;
		page = pread(fd, &entry, sizeof(entry),
			     (uintptr_t)place(page) / PAGE * sizeof(entry)) ==
		       sizeof(entry);
		close(fd);
		return page;
	default:
		return false;
	}
}

static __attribute__((noreturn))
void sharer(unsigned int nr, unsigned int life, pid_t maker)
{
	uint64_t random = (nr + 1) * 0x9e3779b97f4a7c15ULL + life * 77777;
	unsigned int i, ops = 20 + rnd(&random) % 200;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != maker)
		_exit(0);
	attach();
	watch_me(NULL, 0);
	for (i = 0; i < ops && !common->stop; i++) {
		enum op op = rnd(&random) % NR_OPS;
		unsigned int page;

		/* All of it, or nothing is there to share. */
		for (page = 0; page < PAGES; page++)
			touch(page);
		if (do_op(op, &random))
			count(ops[op]);
		if (opt_busted && i == 10)
			*place(1) = STAMP | 2;
	}
	_exit(0);
}

static void start(unsigned int nr, unsigned int life)
{
	pid_t me = getpid(), pid = fork();

	if (pid < 0)
		broken("fork");
	if (!pid)
		sharer(nr, life, me);
	common->pids[nr] = pid;
}

static void storm(void)
{
	long free_before = free_huge_pages();
	unsigned int i, lives = 0;
	int status;
	double end;
	pid_t pid;

	memset(common, 0, sizeof(*common));
	end = now() + opt_seconds;
	for (i = 0; i < PROCS; i++)
		start(i, lives++);
	while (now() < end && !common->trouble.nr) {
		pause_for(0.02);
		/* Now and then one goes where it stands. */
		if (lives % 5 == 0)
			kill(common->pids[lives % PROCS], SIGKILL);
		for (i = 0; i < PROCS; i++) {
			pid = waitpid(common->pids[i], &status, WNOHANG);
			if (pid <= 0)
				continue;
			if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
				bad("a process ended by signal %d", WTERMSIG(status));
			common->exits++;
			start(i, lives++);
		}
	}
	common->stop = true;
	for (i = 0; i < PROCS; i++)
		waitpid(common->pids[i], &status, 0);
	for (i = 0; i < NR_OPS; i++) {
		note_line(op_names[i], common->ops[i]);
		if (!common->ops[i] && i == UFFD)
			printf("# userfaultfd cannot be used here\n");
		else if (!common->ops[i] && opt_seconds >= 3 && !common->trouble.nr)
			fail("%s: never", op_names[i]);
	}
	note_line("exits", common->exits);
	note_line("looks", common->looks);
	if (common->trouble.nr)
		fail("%s (%lu such)", common->trouble.what, common->trouble.nr);
	if (file >= 0)
		close(file);
	if (shm >= 0)
		shmctl(shm, IPC_RMID, NULL);
	file = -1;
	shm = -1;
	if (huge_pages_back(free_before))
		return;
	/* Nothing is known of those between 6.1 and 6.12. */
	if (kernel_before(6, 12) && !common->trouble.nr && !opt_busted)
		xfail("a split lets a page table be shared by who does not span it before 6.12, see docs/findings.md",
		      "%ld huge pages were free, %ld are", free_before,
		      free_huge_pages());
	else
		fail("%ld huge pages were free, %ld are", free_before,
		     free_huge_pages());
}

static bool pages_free(void)
{
	if (free_huge_pages() >= 2 * PAGES + PROCS)
		return true;
	skip("wants 11 free huge pages: sysctl vm.nr_hugepages=11");
	return false;
}

static void by_mmap(void)
{
	if (!pages_free())
		return;
	file = memfd_create("hugetlb_share", MFD_HUGETLB);
	if (file < 0 || ftruncate(file, GIB))
		broken("memfd_create");
	storm();
}

static void by_shmat(void)
{
	if (!pages_free())
		return;
	shm = shmget(IPC_PRIVATE, GIB, SHM_HUGETLB | SHM_NORESERVE | IPC_CREAT | 0600);
	if (shm < 0) {
		skip("no hugetlb segment of 1 GiB: sysctl kernel.shmmax, kernel.shmall");
		return;
	}
	storm();
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(by_mmap), KTAP_CASE(by_shmat),
	};

	parse_options(argc, argv, "Share and unshare hugetlb page tables.",
		      "a wrong stamp");
	catch_faults();
	common = common_memory(sizeof(*common));
	return ktap_run(cases, ARRAY_SIZE(cases));
}
