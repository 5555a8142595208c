// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: guest-item NAME
 *
 * In a guest: wait until QEMU's fw_cfg item NAME begins with another word than
 * "wait", and print it.
 *
 * A guest that is continued from a snapshot gets the items of the new QEMU's
 * command line, so what differs between two such guests is handed over here.
 * The kernel's driver for fw_cfg is a module that not every kernel has; the
 * device's two I/O ports are all that is needed.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>

#define SELECTOR	0x510
#define DATA		0x511
#define SIGNATURE	0x00
#define DIRECTORY	0x19

struct entry {
	uint32_t size;
	uint16_t key;
	uint16_t reserved;
	char name[56];
};

static void read_more(void *to, size_t size)
{
	unsigned char *byte = to;

	while (size--)
		*byte++ = inb(DATA);
}

static void read_item(uint16_t key, void *to, size_t size)
{
	outw(key, SELECTOR);
	read_more(to, size);
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	char signature[4], text[4096];
	struct entry entry;
	uint32_t nr, size = 0;
	uint16_t key = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: guest-item NAME\n");
		return 2;
	}
	if (ioperm(SELECTOR, 2, 1)) {
		perror("guest-item: ioperm");
		return 2;
	}
	read_item(SIGNATURE, signature, sizeof(signature));
	if (memcmp(signature, "QEMU", sizeof(signature))) {
		fprintf(stderr, "guest-item: no fw_cfg device\n");
		return 2;
	}

	read_item(DIRECTORY, &nr, sizeof(nr));
	for (nr = __builtin_bswap32(nr); nr; nr--) {
		read_more(&entry, sizeof(entry));
		if (strncmp(entry.name, argv[1], sizeof(entry.name)))
			continue;
		key = __builtin_bswap16(entry.key);
		size = __builtin_bswap32(entry.size);
	}
	if (!key || !size || size >= sizeof(text)) {
		fprintf(stderr, "guest-item: no item %s\n", argv[1]);
		return 2;
	}

	for (;;) {
		read_item(key, text, size);
		text[size] = '\0';
		if (strncmp(text, "wait", 4))
			break;
		nanosleep(&pause, NULL);
	}
	printf("%s\n", text);
	return 0;
}
