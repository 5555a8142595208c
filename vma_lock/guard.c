// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gap below a stack: it does not grow into it, and no mapping whose place the
 * kernel chooses comes to lie in it. In an mm that nobody else can reach any more.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_context.h>

#include "space.h"
#include "vma_lock.h"

#define VL_GUARD_ROUNDS	4
#define VL_GUARD_MOST	(SZ_4M / 2)	/* of the room below the stack */
#define VL_GUARD_BESIDE	16	/* pages beyond the gap that are tried too */

/**
 * vl_guard_find() - how large the gap below a stack is on this kernel
 *
 * Context: may sleep; once what the kernel does not export can be looked up.
 * Return: its size, or 0 if there is none, or it cannot be found.
 */
unsigned long vl_guard_find(void)
{
	const unsigned long *gap = (const unsigned long *)vt_lookup("stack_guard_gap");

	return gap && *gap <= VL_GUARD_MOST ? *gap : 0;
}

/* Where the stack begins now, or 0. */
static unsigned long vl_stack_start(struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	unsigned long start = 0;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, VL_STACK_START);
	if (vma)
		start = vma->vm_start;
	mmap_read_unlock(mm);
	return start;
}

/* The stack is asked to grow towards another mapping. */
static void vl_guard_growth(struct vl_test *test, struct mm_struct *mm, struct vt_rnd *rnd)
{
	unsigned long pages = 1 + vt_rnd_below(rnd, test->guard / PAGE_SIZE + VL_GUARD_BESIDE);
	unsigned long below = VL_STACK_START - pages * PAGE_SIZE, start;
	unsigned long at = below + vt_rnd_below(rnd, pages) * PAGE_SIZE;

	/* Where whoever asks for it wants a mapping it may be, the gap or not. */
	if (vt_map(NULL, below - PAGE_SIZE, PAGE_SIZE, PROT_READ,
		   MAP_PRIVATE | MAP_ANONYMOUS, 0) ||
	    vl_map_region(test, VL_STACK))
		return;
	vl_fault_under_mmap_lock(test->run, mm, at,
				 FAULT_FLAG_DEFAULT | FAULT_FLAG_USER | FAULT_FLAG_WRITE);
	start = vl_stack_start(mm);
	/* The broken promise: it has grown to just above the other one. */
	if (unlikely(vt_busted(test->run, VL_GUARD_GAP)))
		start = below;
	vt_tried(test->run, VL_V_GUARD, VL_BY_GROWTH, start);
	vt_look_own(test->run, VL_GUARD_GAP, at - below < test->guard);
	if (unlikely(start && start < VL_STACK_START && start - below < test->guard))
		vt_race(test->run, VL_GUARD_GAP, mm, start, below, test->guard,
			"a stack grew to 0x%lx bytes above another mapping, the gap is 0x%lx",
			start - below, test->guard);
	vt_syscall(sys_munmap, below - PAGE_SIZE, PAGE_SIZE);
}

/* A page that the kernel has placed. @how says in what way. It is unmapped. */
static void vl_judge_place(struct vl_test *test, struct mm_struct *mm, unsigned long stack,
			   unsigned long got, const char *how)
{
	if (unlikely(got < stack && stack - got - PAGE_SIZE < test->guard))
		vt_race(test->run, VL_GUARD_GAP, mm, got, stack, test->guard,
			"%s 0x%lx bytes below a stack, the gap is 0x%lx", how,
			stack - got - PAGE_SIZE, test->guard);
	vt_syscall(sys_munmap, got, PAGE_SIZE);
}

/* A mapping is asked for at a place near below the stack, and nobody insists on it. */
static void vl_guard_hint(struct vl_test *test, struct mm_struct *mm, struct vt_rnd *rnd)
{
	unsigned long pages = 1 + vt_rnd_below(rnd, test->guard / PAGE_SIZE + VL_GUARD_BESIDE);
	unsigned long start = VL_STACK_START, hint = start - pages * PAGE_SIZE, got;

	if (vl_map_region(test, VL_STACK))
		return;
	got = vm_mmap(NULL, hint, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	vt_tried(test->run, VL_V_GUARD, VL_BY_HINT, !IS_ERR_VALUE(got));
	if (IS_ERR_VALUE(got))
		return;
	vt_look_own(test->run, VL_GUARD_GAP, start - hint - PAGE_SIZE < test->guard);
	vl_judge_place(test, mm, start, got, "a mapping was placed");
}

/* A mapping is asked for when the highest place that is free is just below a stack. */
static void vl_guard_search(struct vl_test *test, struct mm_struct *mm)
{
	unsigned long len = VL_STACK_PAGES * PAGE_SIZE, stack, got;

	stack = vm_mmap(NULL, 0, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(stack))
		return;
	if (vt_map(NULL, stack, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, 0))
		goto out;
	got = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	vt_tried(test->run, VL_V_GUARD, VL_BY_SEARCH, !IS_ERR_VALUE(got));
	if (IS_ERR_VALUE(got))
		goto out;
	vt_look_own(test->run, VL_GUARD_GAP, got < stack);
	vl_judge_place(test, mm, stack, got, "a place was found");
out:
	vt_syscall(sys_munmap, stack, len);
}

/**
 * vl_guard() - judge whether the gap below a stack is kept
 * @test: test
 * @space: its last user is the caller
 *
 * Context: a kernel thread that uses no mm; may sleep; takes mmap_lock of the mm.
 */
void vl_guard(struct vl_test *test, struct vl_space *space)
{
	unsigned long room = VL_STACK_BASE - SZ_4M;
	struct vt_rnd rnd;
	unsigned int i;

	if (!test->guard)
		return;
	vt_rnd_fork(&rnd, vt_params.seed, vt_rnd_id("guard", space->id));
	kthread_use_mm(space->mm);
	for (i = 0; i < VL_GUARD_ROUNDS; i++) {
		/* Whatever it had grown to. */
		if (vt_syscall(sys_munmap, room, VL_STACK_BASE + VL_SIZE - room))
			break;
		if (i % 2)
			vl_guard_hint(test, space->mm, &rnd);
		else
			vl_guard_growth(test, space->mm, &rnd);
	}
	vl_guard_search(test, space->mm);
	kthread_unuse_mm(space->mm);
}
