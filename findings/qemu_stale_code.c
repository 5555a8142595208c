// SPDX-License-Identifier: GPL-2.0-only
/*
 * An emulator with a thread for each CPU runs code that another CPU has overwritten:
 * see docs/findings.md. No bug of a kernel.
 *
 * A function returns a number that another thread writes into its code, by a second
 * mapping of the page. Who has seen which number was written, has serialized its CPU
 * since, and calls the function, has to get that number or a later one.
 *
 * usage: qemu_stale_code [SECONDS], on x86-64 and more than one CPU. Exit code:
 * 0 none was stale; 1 one was; 4 could not be tried.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096

/* Three nops, so that the number is aligned, and mov $number, %eax; ret. */
static const unsigned char code[] = {
	0x90, 0x90, 0x90, 0xb8, 0, 0, 0, 0, 0xc3
};

static uint32_t *number;	/* in the code, as it is written */
static uint32_t (*function)(void);
static uint32_t written;
static bool over;
static long calls, stale;

static void serialize(void)
{
	uint32_t eax = 0, ecx = 0;

	__asm__ __volatile__("cpuid" : "+a" (eax), "+c" (ecx) : : "ebx", "edx", "memory");
}

static void *caller(void *arg)
{
	uint32_t want, got;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		/* Pairs with the release in main(): the code has that number. */
		want = __atomic_load_n(&written, __ATOMIC_ACQUIRE);
		serialize();
		got = function();
		calls++;
		if ((int32_t)(got - want) < 0)
			stale++;
	}
	return arg;
}

static bool prepare(void)
{
	int fd = memfd_create("code", 0);
	unsigned char *page;

	if (fd < 0 || ftruncate(fd, PAGE))
		return false;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	function = (uint32_t (*)(void))mmap(NULL, PAGE, PROT_READ | PROT_EXEC,
					    MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || (void *)function == MAP_FAILED)
		return false;
	memcpy(page, code, sizeof(code));
	number = (uint32_t *)(page + 4);
	return true;
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 20;
	pthread_t thread;
	uint32_t n = 0;
	time_t end;
	int i;

	if (seconds < 1) {
		fprintf(stderr, "usage: qemu_stale_code [SECONDS]\n");
		return 4;
	}
	if (!prepare() || pthread_create(&thread, NULL, caller, NULL)) {
		perror("qemu_stale_code");
		return 4;
	}
	for (end = time(NULL) + seconds; time(NULL) < end; ) {
		__atomic_store_n(number, ++n, __ATOMIC_RELAXED);
		__atomic_store_n(&written, n, __ATOMIC_RELEASE);
		/* For the other one to run it between two writes. */
		for (i = 0; i < 100; i++)
			__builtin_ia32_pause();
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("%u writes, %ld calls, %ld of them stale\n", n, calls, stale);
	return stale != 0;
}
