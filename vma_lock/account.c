// SPDX-License-Identifier: GPL-2.0-only
/*
 * The accounts: the sums that an mm keeps against its VMAs once nobody else can
 * reach it, and committed memory over bursts of operations that have to leave it
 * as it was.
 *
 * Committed memory is the whole machine's. So nothing else of the test changes a
 * mapping while a burst is made (test->quiet), and a burst that others disturbed
 * is not judged. What was seen to leak is not done again in this test: each time
 * would cost memory for good.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_context.h>
#include <linux/rwsem.h>

#include "account.h"
#include "space.h"
#include "vma_lock.h"

static void vl_books(struct vl_test *test, struct mm_struct *mm, bool exposed,
		     const char *when)
{
	struct vt_books kept, sum;
	bool alone;

	mmap_write_lock(mm);
	/* Somebody else's munmap() lowers some of the sums under the read lock. */
	alone = atomic_read(&mm->mm_users) == 1;
	/* The broken promise: a page too many. */
	if (unlikely(vt_busted(test->run, VL_ACCOUNT)))
		mm->total_vm++;
	vt_books_kept(mm, &kept);
	vt_books_sum(mm, &sum);
	if (unlikely(vt_busted(test->run, VL_ACCOUNT)))
		mm->total_vm--;
	mmap_write_unlock(mm);
	if (!alone)
		return;
	vt_look_own(test->run, VL_ACCOUNT, exposed);
	vt_books_judge(test->run, VL_ACCOUNT, mm, &kept, &sum, when);
}

/**
 * vl_account_rest() - judge the sums of an mm
 * @test: test
 * @space: its last user is the caller
 *
 * Context: may sleep; takes mmap_lock of the mm for write.
 */
void vl_account_rest(struct vl_test *test, struct vl_space *space)
{
	vl_books(test, space->mm, vl_space_changed(space), "at rest");
}

/*
 * The operations. They have an mm of their own, and leave it empty.
 */
#define VL_FROM		VL_BASE
#define VL_TO		(VL_BASE + VL_SIZE)
#define VL_ALL		(2 * VL_SIZE)

#define VL_BURST_TRIES	3	/* while others disturb it */

static long vl_piece(unsigned int page, unsigned int pages, unsigned long prot)
{
	return vt_map(NULL, VL_FROM + page * PAGE_SIZE, pages * PAGE_SIZE, prot,
		      MAP_PRIVATE | MAP_ANONYMOUS, 0);
}

static long vl_move(unsigned int page, unsigned int from, unsigned int to,
		    unsigned long flags)
{
	long ret = vt_syscall(sys_mremap, VL_FROM + page * PAGE_SIZE,
			      from * PAGE_SIZE, to * PAGE_SIZE,
			      MREMAP_MAYMOVE | MREMAP_FIXED | flags, VL_TO);

	return IS_ERR_VALUE(ret) ? ret : 0;
}

/* What was mapped goes; @ret is what came of the operation before. */
static int vl_clean(long ret)
{
	long err = vt_syscall(sys_munmap, VL_FROM, VL_ALL);

	return ret ? ret : err;
}

static int vl_once_shrink_move(void *arg)
{
	long ret = vl_piece(0, 4, PROT_READ | PROT_WRITE);

	return vl_clean(ret ? ret : vl_move(0, 4, 2, 0));
}

static int vl_once_grow_move(void *arg)
{
	long ret = vl_piece(0, 2, PROT_READ | PROT_WRITE);

	return vl_clean(ret ? ret : vl_move(0, 2, 4, 0));
}

/* Private memory of a file whose ->mremap() refuses, see vl_vm_mremap(). */
static int vl_once_refused(struct vl_change *c, unsigned int from, unsigned int to)
{
	long ret;

	ret = vt_map(c->test->file, VL_FROM, from * PAGE_SIZE,
		     PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	if (ret)
		return ret;
	c->w->refuses = true;
	ret = vl_move(0, from, to, 0);
	c->w->refuses = false;
	/* Who was not refused, or by somebody else, tells nothing. */
	return vl_clean(ret == VL_REFUSAL ? 0 : -EAGAIN);
}

static int vl_once_move_refused(void *arg)
{
	return vl_once_refused(arg, 2, 2);
}

static int vl_once_grow_refused(void *arg)
{
	return vl_once_refused(arg, 2, 4);
}

static int vl_once_resize(void *arg)
{
	long ret = vl_piece(0, 2, PROT_READ | PROT_WRITE);

	if (!ret)
		ret = vt_syscall(sys_mremap, VL_FROM, 2 * PAGE_SIZE,
				 4 * PAGE_SIZE, 0);
	if (ret == VL_FROM)
		ret = vt_syscall(sys_mremap, VL_FROM, 4 * PAGE_SIZE,
				 PAGE_SIZE, 0);
	return vl_clean(ret == VL_FROM ? 0 : ret);
}

static int vl_once_dontunmap(void *arg)
{
	long ret = vl_piece(0, 4, PROT_READ | PROT_WRITE);

	return vl_clean(ret ? ret : vl_move(1, 2, 2, MREMAP_DONTUNMAP));
}

static int vl_once_dontunmap_locked(void *arg)
{
	long ret = vl_piece(0, 4, PROT_READ | PROT_WRITE);

	if (!ret)
		ret = vt_has(sys_mlock2) ?
			vt_syscall(sys_mlock2, VL_FROM, 4 * PAGE_SIZE,
				   MLOCK_ONFAULT) : -EOPNOTSUPP;
	return vl_clean(ret ? ret : vl_move(1, 2, 2, MREMAP_DONTUNMAP));
}

/* Two that are apart become one when the gap between them is filled. */
static int vl_once_merge(void *arg)
{
	long ret = vl_piece(0, 1, PROT_READ | PROT_WRITE);

	if (!ret)
		ret = vl_piece(2, 1, PROT_READ | PROT_WRITE);
	if (!ret)
		ret = vl_piece(1, 1, PROT_READ | PROT_WRITE);
	return vl_clean(ret);
}

/* What becomes writable is charged, and the pieces merge again. */
static int vl_once_protect(void *arg)
{
	long ret = vl_piece(0, 4, PROT_READ);

	if (!ret)
		ret = vt_syscall(sys_mprotect, VL_FROM + PAGE_SIZE, 2 * PAGE_SIZE,
				 PROT_READ | PROT_WRITE);
	if (!ret)
		ret = vt_syscall(sys_mprotect, VL_FROM, 4 * PAGE_SIZE, PROT_READ);
	return vl_clean(ret);
}

/* How many VMAs an mm may have: of the empty mm, as no function tells. */
static int vl_most_vmas(struct mm_struct *mm)
{
	int low = 0, high = INT_MAX / 2, mid;

	while (low < high) {
		mid = low + (high - low + 1) / 2;
		WRITE_ONCE(mm->map_count, mid);
		if (vl_piece(0, 1, PROT_READ))
			high = mid - 1;
		else
			low = mid;
		vl_clean(0);
	}
	WRITE_ONCE(mm->map_count, 0);
	return low;
}

/*
 * As if the mm had one VMA less than it may have: it is charged for what becomes
 * writable, split where that begins, and may not be split where it ends.
 */
static int vl_once_protect_refused(void *arg)
{
	struct mm_struct *mm = current->mm;
	struct vl_change *c = arg;
	int more;
	long ret;

	/* Such kernels count the VMAs after each change, and stop at another number. */
	if (IS_ENABLED(CONFIG_DEBUG_VM_MAPLE_TREE))
		return -EOPNOTSUPP;
	if (!c->w->most_vmas)
		c->w->most_vmas = vl_most_vmas(mm);
	ret = vl_piece(0, 4, PROT_READ);
	if (ret)
		return vl_clean(ret);
	more = c->w->most_vmas - 1 - mm->map_count;
	WRITE_ONCE(mm->map_count, mm->map_count + more);
	ret = vt_syscall(sys_mprotect, VL_FROM + PAGE_SIZE, 2 * PAGE_SIZE,
			 PROT_READ | PROT_WRITE);
	WRITE_ONCE(mm->map_count, mm->map_count - more);
	/* Who was not refused, as the limit was raised, tells nothing. */
	return vl_clean(ret == -ENOMEM ? 0 : -EAGAIN);
}

static int vl_once_brk(void *arg)
{
	long ret;

	if (!vt_has(sys_brk))
		return -EOPNOTSUPP;
	ret = vt_syscall(sys_brk, VL_FROM + 4 * PAGE_SIZE);
	if (ret != VL_FROM + 4 * PAGE_SIZE)
		return -ENOMEM;
	ret = vt_syscall(sys_brk, VL_FROM + PAGE_SIZE);
	if (ret == VL_FROM + PAGE_SIZE)
		ret = vt_syscall(sys_brk, VL_FROM);
	return ret == VL_FROM ? 0 : -ENOMEM;
}

static const struct vt_burst vl_bursts[VL_BURSTS] = {
	[VL_B_SHRINK_MOVE] = { "mremap() to a smaller length that moves",
			       vl_once_shrink_move },
	[VL_B_GROW_MOVE] = { "mremap() to a larger length that moves",
			     vl_once_grow_move },
	[VL_B_GROW_REFUSED] = { "mremap() to a larger length, refused by ->mremap()",
				vl_once_grow_refused },
	[VL_B_MOVE_REFUSED] = { "mremap() of the same length, refused by ->mremap()",
				vl_once_move_refused },
	[VL_B_DONTUNMAP_LOCKED] = { "mremap(MREMAP_DONTUNMAP) of locked pages",
				    vl_once_dontunmap_locked },
	[VL_B_DONTUNMAP] = { "mremap(MREMAP_DONTUNMAP)", vl_once_dontunmap },
	[VL_B_RESIZE] = { "mremap() in place", vl_once_resize },
	[VL_B_MERGE] = { "mmap() that merges", vl_once_merge },
	[VL_B_PROTECT] = { "mprotect() to writable and back", vl_once_protect },
	[VL_B_PROTECT_REFUSED] = { "mprotect() to writable, refused for too many VMAs",
				   vl_once_protect_refused },
	[VL_B_BRK] = { "brk()", vl_once_brk },
};

static void vl_burst(struct vt_thread *t, struct vl_change *c, enum vl_burst what)
{
	struct vl_test *test = c->test;
	enum vt_burst_result result;
	unsigned int tries = 0;
	struct mm_struct *mm;

	if (vt_leaky(&test->leaks, what) ||
	    !vt_drawn(&vl_tables[VL_T_BURST], what))
		return;
	mm = vt_mm_new();
	if (!mm)
		return;
	mm->start_brk = VL_FROM;
	mm->brk = VL_FROM;
	vt_quiet_write(t, &test->quiet);
	kthread_use_mm(mm);
	do {
		result = vt_leaks_burst(t->run, VL_ACCOUNT, mm, &test->leaks,
					what, &vl_bursts[what], c);
	} while (result == VT_BURST_UNSURE && ++tries < VL_BURST_TRIES);
	kthread_unuse_mm(mm);
	vt_quiet_end(t, &test->quiet);
	vl_books(test, mm, true, vl_bursts[what].name);
	vt_mm_end(t->run, VL_ACCOUNT, mm, true, vl_bursts[what].name);
}

/**
 * vl_may_leak() - may a writer do what was not seen yet to leave accounts even?
 * @test: test
 * @what: what it would do
 * @pages: how many pages it charges, and may keep
 *
 * Return: as vt_may_leak(); false, too, if "ops" leaves out the burst that judges it.
 */
bool vl_may_leak(struct vl_test *test, enum vl_burst what, unsigned long pages)
{
	return vt_drawn(&vl_tables[VL_T_BURST], what) &&
	       vt_may_leak(&test->leaks, what, pages);
}

#define VL_BURST_NS	(500 * NSEC_PER_MSEC)

/**
 * vl_account_turn() - make a burst now and then
 * @t: thread, the first of the writers
 * @c: the test, and the writer
 *
 * One of each to begin with, then one at a time.
 *
 * Context: the writer's thread, which uses no mm; may sleep.
 */
void vl_account_turn(struct vt_thread *t, struct vl_change *c)
{
	struct vl_writer *w = c->w;

	if (t->idx || !vl_turns(VL_R_BURST) ||
	    ktime_get_mono_fast_ns() < w->next_burst)
		return;
	do {
		vl_burst(t, c, w->bursts % VL_BURSTS);
		vt_tried(t->run, VL_V_TURN, VL_R_BURST, true);
		w->bursts++;
	} while (w->bursts < VL_BURSTS && vt_go(t));
	w->next_burst = ktime_get_mono_fast_ns() +
			VL_BURST_NS / vl_turns(VL_R_BURST);
}
