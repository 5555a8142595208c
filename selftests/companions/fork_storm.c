// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process whose threads write its memory forks as fast as it can, and its
 * children, and now and then it itself, are killed half-way; while others read
 * maps, smaps and pagemap of all of them, reap them by process_mrelease(2), and
 * swapoff and swapon walk all there is. Then the same in a memory cgroup that is
 * too small, and with vm.overcommit_memory=2.
 *
 * fork(2) promises a copy or an error: a child finds what its parent had, the
 * parent keeps what it has, and after the storm it forks as before.
 */
#define _GNU_SOURCE
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "user.h"

#define PAGES		256
#define VMAS		64	/* that the pages are in */
#define CHILDREN	3	/* at once */
#define STACK		(64 * KIB)
#define OVERCOMMIT	"/proc/sys/vm/overcommit_memory"

/* All processes have it. */
static struct {
	unsigned long forks, refused, killed, released, reads, parents, swaps;
	struct trouble trouble;
	volatile pid_t parent, child;
	volatile bool stop, held;
} *common;

static char *arena;
static size_t ballast;		/* of a parent, where forks have to be refused */
static int overcommit_was = -1;
static char group[64];		/* mount point of our cgroup2 */

#define count(x)	__atomic_add_fetch(&common->x, 1, __ATOMIC_RELAXED)
#define bad(...)	in_trouble(&common->trouble, __VA_ARGS__)

/* The first word of a page is its number, the second is for the threads. */
static uint64_t *page(unsigned int i)
{
	return (uint64_t *)(arena + i * PAGE);
}

static bool intact(const char *who)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		uint64_t value = *(volatile uint64_t *)page(i);

		if (value == (0xf02c0000 | i))
			continue;
		bad("page %u of the %s holds 0x%lx", i, who, value);
		return false;
	}
	return true;
}

static void make_arena(void)
{
	unsigned int i, each = PAGES / VMAS;
	double end = now() + 5;

	arena = mmap(NULL, PAGES * PAGE, RW, (opt_busted ? MAP_SHARED : MAP_PRIVATE) |
		     MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		broken("no arena");
	/* What the dead have held may come back a moment later. */
	while (ballast && mmap(NULL, ballast, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0) == MAP_FAILED) {
		if (errno != ENOMEM || now() > end)
			broken("no ballast");
		pause_for(0.02);
	}
	for (i = 0; i < PAGES; i++)
		*page(i) = 0xf02c0000 | i;
	/* Many mappings to copy. */
	for (i = 0; i < VMAS; i += 2)
		mprotect(page(i * each), each * PAGE, RW | PROT_EXEC);
}

static void *writer(void *arg)
{
	uint64_t random = (uintptr_t)arg;

	while (!common->stop)
		page(rnd(&random) % PAGES)[1]++;
	return NULL;
}

/* With whoever made us, also if that is dead already. */
static void die_with(pid_t maker)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != maker)
		_exit(0);
}

static __attribute__((noreturn)) void child(pid_t maker)
{
	unsigned int i;

	die_with(maker);
	intact("child");
	for (i = 0; i < PAGES; i += 3)
		*page(i) = i;
	/* Until it is killed. */
	for (;;)
		pause();
}

static void reap(pid_t pid)
{
	int pidfd = syscall(__NR_pidfd_open, pid, 0);

	kill(pid, SIGKILL);
	count(killed);
	if (pidfd >= 0) {
		if (!syscall(__NR_process_mrelease, pidfd, 0))
			count(released);
		close(pidfd);
	}
	waitpid(pid, NULL, 0);
}

/* Forks until it is told to stop, or killed. */
static __attribute__((noreturn)) void parent(void)
{
	pid_t pids[CHILDREN] = { }, pid, me = getpid();
	pthread_attr_t attr;
	pthread_t thread;
	uint64_t i;

	make_arena();
	watch_me(arena, PAGES * PAGE);
	/* Each child gets a copy of these, too, which has to be accounted. */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (i = 0; i < opt_threads; i++)
		pthread_create(&thread, &attr, writer, (void *)(uintptr_t)(i + 1));
	for (i = 0; !common->stop; i++) {
		pid_t *slot = &pids[i % CHILDREN];

		if (*slot)
			reap(*slot);
		pid = fork();
		if (!pid)
			child(me);
		*slot = pid > 0 ? pid : 0;
		if (pid > 0) {
			common->child = pid;
			count(forks);
		} else if (errno == ENOMEM || errno == EAGAIN) {
			count(refused);
			pause_for(0.001);
		} else {
			bad("fork: %s", strerror(errno));
		}
		/* Some while they are still being made. */
		if (pid > 0 && i % 2 && !kill(pid, SIGKILL))
			count(killed);
		if (i % 8 == 0 && !intact("parent"))
			break;
	}
	for (i = 0; i < CHILDREN; i++)
		if (pids[i])
			reap(pids[i]);
	intact("parent");
	_exit(0);
}

static void read_all(const char *what, pid_t pid)
{
	char path[64], buf[8192];
	ssize_t n, all = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	if (!strcmp(what, "pagemap"))
		lseek(fd, (uintptr_t)arena / PAGE * sizeof(uint64_t), SEEK_SET);
	while (all < 64 * 1024 && (n = read(fd, buf, sizeof(buf))) > 0)
		all += n;
	close(fd);
	count(reads);
}

static __attribute__((noreturn)) void reader(void)
{
	static const char *const files[] = { "maps", "smaps", "pagemap" };
	unsigned int i;

	for (i = 0; !common->stop; i++) {
		pid_t pid = i & 1 ? common->child : common->parent;

		if (pid)
			read_all(files[i % 3], pid);
	}
	_exit(0);
}

static __attribute__((noreturn)) void swapper(void)
{
	const char *call;

	while (!common->stop) {
		call = swap_on_and_off(0.2);
		if (call) {
			bad("%s %s: %s", call, opt_swap, strerror(errno));
			break;
		}
		count(swaps);
	}
	swapoff(opt_swap);
	_exit(0);
}

static pid_t spawn(void (*fn)(void), bool in_group)
{
	pid_t me = getpid(), pid;
	double end = now() + 5;
	char procs[96];

	/* What the dead have held may come back a moment later. */
	while ((pid = fork()) < 0 && errno == ENOMEM && now() < end)
		pause_for(0.02);
	if (pid < 0)
		broken("fork");
	if (pid)
		return pid;
	die_with(me);
	if (in_group) {
		snprintf(procs, sizeof(procs), "%s/fork_storm/cgroup.procs", group);
		if (!write_text(procs, "0"))
			broken("%s", procs);
	}
	fn();
	_exit(0);
}

static void ended(const char *who, pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == pid && status &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		bad("the %s ended with status 0x%x", who, status);
}

/* The least that has to happen; on a slow machine it takes longer. */
static bool seen_enough(void)
{
	return common->reads && common->killed &&
	       (common->refused || !ballast || opt_busted);
}

static void storm(bool in_group)
{
	double end = now() + opt_seconds, turn = now() + opt_seconds / 3.0;
	double last = end + 20;
	pid_t readers[2], swap = 0, pid;
	unsigned int i;

	memset(common, 0, sizeof(*common));
	/* Where it will be: all parents are copies of this process. */
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		readers[i] = spawn(reader, false);
	/* What is swapped to counts as memory: there would be enough. */
	if (opt_swap && !ballast)
		swap = spawn(swapper, false);
	pid = common->parent = spawn(parent, in_group);
	common->parents++;
	while (!common->trouble.nr &&
	       (now() < end || (!seen_enough() && now() < last))) {
		bool due = now() >= turn && seen_enough();

		pause_for(0.02);
		if (!due && waitpid(pid, NULL, WNOHANG) != pid)
			continue;
		/* It goes with all of its threads, in whatever it does. */
		if (due) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			turn += opt_seconds / 3.0;
		}
		pid = common->parent = spawn(parent, in_group);
		common->parents++;
	}
	common->stop = true;
	ended("parent", pid);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		ended("reader", readers[i]);
	if (swap)
		ended("swapper", swap);
	note_line("forks", common->forks);
	note_line("refused", common->refused);
	note_line("killed", common->killed);
	note_line("released", common->released);
	note_line("reads", common->reads);
	note_line("parents", common->parents);
	if (swap)
		note_line("swapoffs", common->swaps);
	if (!seen_enough())
		fail("nothing was read, nobody killed, or no fork refused");
	if (common->trouble.nr)
		fail("%s (%lu such)", common->trouble.what, common->trouble.nr);
}

/* After it a fork works as before, if there is memory. */
static void fork_works(void)
{
	double end = now() + 5;
	int status;
	pid_t pid;

	while ((pid = fork()) < 0 && now() < end)
		pause_for(0.02);
	if (!pid)
		_exit(42);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 42)
		fail("a fork after the storm: %s", strerror(errno));
}

static void killed(void)
{
	storm(false);
	fork_works();
}

/* The reason why there is no memory cgroup of that size, or NULL. */
static const char *make_group(const char *size)
{
	char path[96];

	snprintf(group, sizeof(group), "/tmp/fork_storm.XXXXXX");
	if (!mkdtemp(group)) {
		group[0] = 0;
		return "no directory in /tmp";
	}
	if (mount("none", group, "cgroup2", 0, NULL))
		return "no cgroup2, or not allowed to mount it";
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", group);
	if (!write_text(path, "+memory"))
		return "no memory controller in cgroup2";
	snprintf(path, sizeof(path), "%s/fork_storm", group);
	if (mkdir(path, 0755))
		return "cannot make a memory cgroup";
	snprintf(path, sizeof(path), "%s/fork_storm/memory.max", group);
	if (!write_text(path, size))
		return "cannot limit a memory cgroup";
	/* What is swapped out would make room. */
	snprintf(path, sizeof(path), "%s/fork_storm/memory.swap.max", group);
	write_text(path, "0");
	return NULL;
}

static void remove_group(void)
{
	char path[96];
	double end = now() + 5;

	if (!group[0])
		return;
	snprintf(path, sizeof(path), "%s/fork_storm", group);
	/* The dead leave it a moment after they were waited for. */
	while (rmdir(path) && errno == EBUSY && now() < end)
		pause_for(0.02);
	umount(group);
	rmdir(group);
	group[0] = 0;
}

static void tight_cgroup(void)
{
	const char *why = make_group("6M");

	if (why)
		skip(why);
	else
		storm(true);
	remove_group();
	fork_works();
}

static long group_has(const char *file, const char *what)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/fork_storm/%s", group, file);
	return read_number(path, what);
}

/* Each child takes more, until the OOM killer ends it, or who forks them. */
static __attribute__((noreturn)) void eater(void)
{
	pid_t me = getpid(), pid;
	char *more;

	make_arena();
	while (!common->stop) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		pid = fork();
		if (!pid) {
			die_with(me);
			if (!intact("child"))
				_exit(0);
			more = mmap(NULL, STACK, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (more != MAP_FAILED)
				memset(more, 1, STACK);
			for (;;)
				pause();
		}
		if (pid > 0)
			count(forks);
		else
			count(refused);
		if (!intact("parent"))
			break;
	}
	_exit(0);
}

/* Whom it kills is in the group; what it takes from them is there again. */
static void oom_in_cgroup(void)
{
	double end = now() + opt_seconds;
	long kills, left = 0;
	pid_t pid, bystander;
	const char *why;
	int status;

	if (!ktap_only) {
		skip("only if it is named, for the kernel's log tells of it");
		return;
	}
	why = make_group("4M");
	if (why) {
		skip(why);
		remove_group();
		return;
	}
	memset(common, 0, sizeof(*common));
	bystander = spawn(reader, false);
	while (!common->trouble.nr && now() < end) {
		pid = common->parent = spawn(eater, true);
		common->parents++;
		while (now() < end && !common->trouble.nr && waitpid(pid, &status, WNOHANG) != pid)
			pause_for(0.01);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	common->stop = true;
	if (waitpid(bystander, &status, 0) != bystander || status)
		bad("who is not in the group ended with status 0x%x", status);
	kills = group_has("memory.events", "oom_kill");
	for (end = now() + 5; now() < end; pause_for(0.02)) {
		left = group_has("memory.current", NULL);
		if (left < (long)MIB)
			break;
	}
	if (left >= (long)MIB)
		bad("%ld bytes are left of processes that are gone", left);
	note_line("forks", common->forks);
	note_line("refused", common->refused);
	note_line("parents", common->parents);
	note_line("killed by OOM", kills);
	if (common->trouble.nr)
		fail("%s (%lu such)", common->trouble.what, common->trouble.nr);
	else if (kills < 1)
		fail("the OOM killer has killed nobody");
	remove_group();
	fork_works();
}

static void put_back(void)
{
	char text[16];

	if (overcommit_was < 0)
		return;
	snprintf(text, sizeof(text), "%d\n", overcommit_was);
	write_text(OVERCOMMIT, text);
	overcommit_was = -1;
}

static void interrupted(int sig)
{
	if (common)
		common->stop = true;
	put_back();
	remove_group();
	_exit(128 + sig);
}

/*
 * Has SIZE bytes until it is killed; in a process of its own, for of a process
 * with much memory the kernel wants more to be left (vm.user_reserve_kbytes).
 */
static pid_t hold(size_t size)
{
	pid_t me = getpid(), pid = fork();

	if (pid < 0)
		broken("fork");
	if (pid)
		return pid;
	die_with(me);
	if (mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		bad("no %zu bytes to hold: %s", size, strerror(errno));
	common->held = true;
	for (;;)
		pause();
}

/* What is held beside leaves room for a parent and one child, not for three. */
static void no_overcommit(void)
{
	long limit, committed, room;
	pid_t holder = 0;

	overcommit_was = read_number(OVERCOMMIT, NULL);
	if (overcommit_was < 0 || !write_text(OVERCOMMIT, "2\n")) {
		overcommit_was = -1;
		skip("cannot write " OVERCOMMIT);
		return;
	}
	/*
	 * The sum of what is committed is off by up to 0.4 % of memory, as CPUs
	 * have their own share of it: all but the ballast is less than that.
	 */
	ballast = read_number("/proc/meminfo", "MemTotal:") / 64 * KIB;
	room = 5 * ballast / 2 / KIB;
	limit = read_number("/proc/meminfo", "CommitLimit:");
	committed = read_number("/proc/meminfo", "Committed_AS:");
	memset(common, 0, sizeof(*common));
	if (limit - committed > room) {
		holder = hold((limit - committed - room) * KIB);
		while (!common->held)
			pause_for(0.01);
	}
	storm(false);
	ballast = 0;
	if (holder) {
		kill(holder, SIGKILL);
		waitpid(holder, NULL, 0);
	}
	put_back();
	fork_works();
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(killed), KTAP_CASE(tight_cgroup), KTAP_CASE(oom_in_cgroup),
		KTAP_CASE(no_overcommit),
	};

	opt_seconds = 3;
	parse_options(argc, argv,
		      "Fork under SIGKILL, in a cgroup that is too small, without overcommit.\n"
		      "--swap DEVICE is swapped on and off meanwhile.",
		      "children write what their parent has");
	common = common_memory(sizeof(*common));
	when_interrupted(interrupted);
	return ktap_run(cases, ARRAY_SIZE(cases));
}
