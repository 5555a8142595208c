// SPDX-License-Identifier: GPL-2.0-only
/*
 * mprotect: a writer splits and merges one mapping by mprotect() while readers look
 * its pages up under mmap_lock.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>

#include "engine.h"
#include "scenarios.h"
#include "space.h"

#define MP_BASE		0x10000000UL
#define MP_PAGES	64UL

enum { MP_GONE };

static const struct vt_kind mp_kinds[] = {
	[MP_GONE] = { "gone", "mprotect() unmaps nothing, whatever it splits (mprotect(2))" },
};

/**
 * struct mp_state - a mapping and how often it was changed
 * @mm: it lives here
 * @flights: changes begun and ended: odd while one is in flight. Only the writer
 *	writes it; mmap_lock orders it for readers well enough to count looks.
 */
struct mp_state {
	struct mm_struct *mm;
	unsigned long flights;
};

static unsigned long mp_map(unsigned long addr, unsigned long len)
{
	return vm_mmap(NULL, addr, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, 0);
}

static int mp_writer(struct vt_thread *t)
{
	struct mp_state *state = t->arg;

	kthread_use_mm(state->mm);
	while (vt_go(t)) {
		unsigned long addr = MP_BASE + vt_rnd_below(&t->rnd, MP_PAGES) * PAGE_SIZE;

		WRITE_ONCE(state->flights, state->flights + 1);
		if (vt_busted(t->run, MP_GONE)) {
			vm_munmap(addr, PAGE_SIZE);
			mp_map(addr, PAGE_SIZE);
		} else {
			vt_syscall(sys_mprotect, addr, PAGE_SIZE, PROT_READ);
			vt_syscall(sys_mprotect, addr, PAGE_SIZE, PROT_READ | PROT_WRITE);
		}
		WRITE_ONCE(state->flights, state->flights + 1);
		vt_op(t->run);
	}
	kthread_unuse_mm(state->mm);
	return 0;
}

static int mp_reader(struct vt_thread *t)
{
	struct mp_state *state = t->arg;

	while (vt_go(t)) {
		unsigned long addr = MP_BASE + vt_rnd_below(&t->rnd, MP_PAGES) * PAGE_SIZE;
		unsigned long before = READ_ONCE(state->flights);
		struct vm_area_struct *vma;

		mmap_read_lock(state->mm);
		vma = vma_lookup(state->mm, addr);
		mmap_read_unlock(state->mm);
		vt_look(t->run, MP_GONE, (before & 1) || READ_ONCE(state->flights) != before);
		if (!vma)
			vt_race(t->run, MP_GONE, state->mm, addr, 0, 0, "no VMA under mmap_lock");
	}
	return 0;
}

static int mp_start(struct vt_run *run)
{
	struct mp_state *state = kzalloc(sizeof(*state), GFP_KERNEL);
	struct vt_thread *t;
	unsigned long addr;
	unsigned int i;

	run->priv = state;
	if (!state)
		return -ENOMEM;
	state->mm = vt_mm_new();
	if (!state->mm)
		return -ENOMEM;
	kthread_use_mm(state->mm);
	addr = mp_map(MP_BASE, MP_PAGES * PAGE_SIZE);
	kthread_unuse_mm(state->mm);
	if (IS_ERR_VALUE(addr))
		return addr;
	t = vt_spawn(run, "w", 0, mp_writer, state);
	for (i = 0; i < vt_params.nreaders && !IS_ERR(t); i++)
		t = vt_spawn(run, "r", i, mp_reader, state);
	return PTR_ERR_OR_ZERO(t);
}

static void mp_stop(struct vt_run *run)
{
	struct mp_state *state = run->priv;

	if (state)
		vt_mm_put(state->mm);
	kfree(state);
	run->priv = NULL;
}

const struct vt_scenario mprotect_torture = {
	.name = "mprotect",
	.kinds = mp_kinds,
	.nr_kinds = ARRAY_SIZE(mp_kinds),
	.needs = VT_NEEDS(VT_NEED_SPACE, VT_NEED(sys_mprotect)),
	.start = mp_start,
	.stop = mp_stop,
};
