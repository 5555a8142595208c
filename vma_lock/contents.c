// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in memory, at which offset, and who finds its pages: in an mm that nobody
 * else can reach any more one lane is mapped, pages of it get stamps, and after each of
 * a number of operations it has to be what a model says.
 *
 * A lane is as long as a region: anonymous memory, a shmem file, or a private mapping
 * of the module's file, nobody ever writes to which.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_context.h>
#include <linux/page-flags.h>
#include <linux/rmap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "space.h"
#include "vma_lock.h"

#define VL_LANE_OPS	16	/* operations on each lane */
#define VL_LANE_SOME	4	/* pages that are judged after each */

/**
 * struct vl_lane - a lane, and what has to be in it
 * @test: test
 * @mm: mm
 * @rnd: what is drawn from
 * @backing: VL_ANON, VL_SHMEM or VL_FILE_COW
 * @base: where it is
 * @other: where it goes when it is moved
 * @what: the last operation
 * @stamps: what the first word of each page has to be
 * @offs: of anonymous memory, vm_pgoff of each page that has a stamp
 */
struct vl_lane {
	struct vl_test *test;
	struct mm_struct *mm;
	struct vt_rnd rnd;
	enum vl_backing backing;
	unsigned long base;
	unsigned long other;
	const char *what;
	u32 stamps[VL_PAGES];
	pgoff_t offs[VL_PAGES];
};

static unsigned long vl_lane_at(const struct vl_lane *lane, unsigned int page)
{
	return lane->base + page * PAGE_SIZE;
}

static bool vl_lane_map(struct vl_lane *lane, unsigned int page, unsigned int n)
{
	bool shared = lane->backing == VL_SHMEM;
	bool file = lane->backing == VL_FILE_COW;

	memset(&lane->stamps[page], 0, n * sizeof(lane->stamps[0]));
	return !vt_map(file ? lane->test->file : NULL, vl_lane_at(lane, page),
		       n * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       (shared ? MAP_SHARED : MAP_PRIVATE) |
		       (file ? 0 : MAP_ANONYMOUS), file ? page * PAGE_SIZE : 0);
}

static bool vl_lane_protect(struct vl_lane *lane, unsigned int page,
			    unsigned int n, unsigned long prot)
{
	return !vt_syscall(sys_mprotect, vl_lane_at(lane, page), n * PAGE_SIZE,
			   prot);
}

static pgoff_t vl_lane_off(struct vl_lane *lane, unsigned int page)
{
	struct vm_area_struct *vma;
	pgoff_t off = 0;

	mmap_read_lock(lane->mm);
	vma = vma_lookup(lane->mm, vl_lane_at(lane, page));
	if (vma)
		off = linear_page_index(vma, vl_lane_at(lane, page));
	mmap_read_unlock(lane->mm);

	return off;
}

/* Writes to some pages, which may be written to, and remembers what. */
static bool vl_lane_stamp(struct vl_lane *lane, unsigned int page, unsigned int n)
{
	for (; n--; page++) {
		u32 stamp = (u32)vt_rnd_next(&lane->rnd) | 1;

		if (put_user(stamp, (u32 __user *)vl_lane_at(lane, page)))
			return false;
		/* What has an anon_vma keeps its offset when it is moved. */
		if (!lane->stamps[page])
			lane->offs[page] = vl_lane_off(lane, page);
		lane->stamps[page] = stamp;
	}
	return true;
}

static bool vl_lane_move(struct vl_lane *lane, unsigned long from,
			 unsigned long to, unsigned int n)
{
	return !IS_ERR_VALUE(vt_syscall(sys_mremap, from, n * PAGE_SIZE,
					n * PAGE_SIZE,
					MREMAP_MAYMOVE | MREMAP_FIXED, to));
}

/*
 * A piece that was never written to, a gap, a piece that was: what fills the gap
 * makes one VMA of them.
 */
static bool vl_lane_bridge(struct vl_lane *lane, unsigned int page, unsigned int n)
{
	if (vt_syscall(sys_munmap, lane->base, VL_SIZE) ||
	    !vl_lane_map(lane, 0, page) ||
	    !vl_lane_map(lane, page + n, VL_PAGES - page - n) ||
	    !vl_lane_stamp(lane, page + n, VL_PAGES - page - n))
		return false;
	return vl_lane_map(lane, page, n);
}

enum {
	VL_L_READ_ONLY, VL_L_WRITABLE, VL_L_JOIN, VL_L_AWAY, VL_L_MOVE, VL_L_STAMP,
	VL_L_DONTNEED, VL_L_FILL, VL_L_BRIDGE, VL_L_NR,
};

static const char *const vl_lane_ops[VL_L_NR] = {
	[VL_L_READ_ONLY] = "mprotect of a part",
	[VL_L_WRITABLE]	= "mprotect back of a part",
	[VL_L_JOIN]	= "mprotect of all",
	[VL_L_AWAY]	= "mremap of a part and back",
	[VL_L_MOVE]	= "mremap of all",
	[VL_L_STAMP]	= "writing",
	[VL_L_DONTNEED]	= "MADV_DONTNEED",
	[VL_L_FILL]	= "munmap and mmap of a part",
	[VL_L_BRIDGE]	= "mmap between two parts",
};

/* Return: false if the operation failed, and the model is no longer known. */
static bool vl_lane_op(struct vl_lane *lane)
{
	unsigned int op = vt_rnd_below(&lane->rnd, VL_L_NR);
	unsigned int page = 1 + vt_rnd_below(&lane->rnd, VL_PAGES - 2);
	unsigned int n = 1 + vt_rnd_below(&lane->rnd, VL_PAGES - 1 - page);
	unsigned long at = vl_lane_at(lane, page);
	bool shmem = lane->backing == VL_SHMEM;

	/* What is mapped anew of shmem is another file. */
	if (shmem && op >= VL_L_FILL)
		op = VL_L_JOIN;
	lane->what = vl_lane_ops[op];
	switch (op) {
	case VL_L_READ_ONLY:
		return vl_lane_protect(lane, page, n, PROT_READ);
	case VL_L_WRITABLE:
		return vl_lane_protect(lane, page, n, PROT_READ | PROT_WRITE);
	case VL_L_DONTNEED:
		if (vt_syscall(sys_madvise, at, n * PAGE_SIZE, MADV_DONTNEED))
			return false;
		if (!shmem)
			memset(&lane->stamps[page], 0, n * sizeof(lane->stamps[0]));
		return true;
	case VL_L_FILL:
		return !vt_syscall(sys_munmap, at, n * PAGE_SIZE) &&
		       vl_lane_map(lane, page, n);
	case VL_L_BRIDGE:
		return vl_lane_bridge(lane, page, n);
	}

	if (!vl_lane_protect(lane, 0, VL_PAGES, PROT_READ | PROT_WRITE))
		return false;
	switch (op) {
	case VL_L_STAMP:
		return vl_lane_stamp(lane, page, n);
	case VL_L_AWAY:
		/* Several VMAs are not moved at once by all kernels: as it was. */
		at = lane->other + page * PAGE_SIZE;
		return vl_lane_move(lane, vl_lane_at(lane, page), at, n) &&
		       vl_lane_move(lane, at, vl_lane_at(lane, page), n);
	case VL_L_MOVE:
		if (!vl_lane_move(lane, lane->base, lane->other, VL_PAGES))
			return false;
		swap(lane->base, lane->other);
	}
	return true;
}

/* The VMA of a page is there, and has the offset of it. */
static bool vl_lane_offset(struct vl_lane *lane, unsigned int page)
{
	unsigned long addr = vl_lane_at(lane, page);
	pgoff_t is = 0, want = page;
	struct vm_area_struct *vma;

	if (lane->backing == VL_ANON)
		want = lane->offs[page];
	mmap_read_lock(lane->mm);
	vma = vma_lookup(lane->mm, addr);
	if (vma)
		is = linear_page_index(vma, addr);
	mmap_read_unlock(lane->mm);
	if (likely(vma && (is == want || (lane->backing == VL_ANON &&
					  !lane->stamps[page]))))
		return true;
	vt_race(lane->test->run, VL_CONTENTS, lane->mm, addr, is, want,
		"after %s %s: offset 0x%lx instead of 0x%lx", lane->what,
		vma ? "a page is at another" : "no VMA", is, want);
	return false;
}

static bool vl_lane_content(struct vl_lane *lane, unsigned int page)
{
	unsigned long addr = vl_lane_at(lane, page);
	u32 is, want = lane->stamps[page];

	/* Without memory. */
	if (get_user(is, (u32 __user *)addr))
		return true;
	/*
	 * The broken promise: something else was written. To the last page, as nothing
	 * of the lane is judged behind it.
	 */
	if (unlikely(page == VL_PAGES - 1 && vt_busted(lane->test->run, VL_CONTENTS)))
		want++;
	if (likely(is == want))
		return true;
	vt_race(lane->test->run, VL_CONTENTS, lane->mm, addr, is, want,
		"after %s a page reads 0x%x instead of 0x%x", lane->what, is, want);
	return false;
}

/*
 * A page that was written to is found by the anon_vma of its VMA. The reference keeps
 * it from being migrated, collapsed or swapped out while it is looked at.
 */
static bool vl_lane_linked(struct vl_lane *lane, unsigned int page)
{
	unsigned long addr = vl_lane_at(lane, page), root = 0, has = 0;
	struct vm_area_struct *vma;
	struct anon_vma *anon_vma;
	struct folio *folio;
	struct page *p;
	bool good = true;

	if (get_user_pages_fast(addr, 1, 0, &p) != 1)
		return true;
	folio = page_folio(p);
	mmap_read_lock(lane->mm);
	vma = vma_lookup(lane->mm, addr);
	if (vma && folio_test_anon(folio) && !folio_test_ksm(folio)) {
		/* Its low bits tell what kind of pointer it is. */
		anon_vma = (struct anon_vma *)
			((unsigned long)READ_ONCE(folio->mapping) & ~3UL);
		root = (unsigned long)anon_vma->root;
		/* The broken promise: the VMA is taken for one without. */
		if (vma->anon_vma && !vt_busted(lane->test->run, VL_LINKS))
			has = (unsigned long)vma->anon_vma->root;
		good = has == root;
	}
	mmap_read_unlock(lane->mm);
	put_page(p);
	if (unlikely(!good))
		vt_race(lane->test->run, VL_LINKS, lane->mm, addr, has, root,
			"after %s %s", lane->what,
			has ? "the anon_vma of a page has another root than that of its VMA" :
			      "a VMA with an anonymous page has no anon_vma");
	return good;
}

static bool vl_lane_page(struct vl_lane *lane, unsigned int page)
{
	/* Before the page is read, which may fault it in. */
	if (!vl_lane_offset(lane, page))
		return false;
	if (lane->stamps[page] && lane->backing != VL_SHMEM &&
	    !vl_lane_linked(lane, page))
		return false;
	return vl_lane_content(lane, page);
}

/* A few pages after each operation, all after the last one. */
static bool vl_lane_judge(struct vl_lane *lane, bool all)
{
	struct vt_run *run = lane->test->run;
	unsigned int i;

	vt_look_own(run, VL_CONTENTS, true);
	if (lane->backing != VL_SHMEM)
		vt_look_own(run, VL_LINKS, true);
	for (i = 0; i < (all ? VL_PAGES : VL_LANE_SOME); i++)
		if (!vl_lane_page(lane, all ? i : vt_rnd_below(&lane->rnd, VL_PAGES)))
			return false;
	return true;
}

/**
 * vl_contents() - judge what operations leave in memory
 * @test: test
 * @space: its last user is the caller
 *
 * One lane for each mm: the threads of the test wait for the end of an mm.
 *
 * Context: a kernel thread that uses no mm; may sleep; takes mmap_lock of the mm.
 */
void vl_contents(struct vl_test *test, struct vl_space *space)
{
	static const enum vl_backing lanes[] = { VL_ANON, VL_SHMEM, VL_FILE_COW };
	struct vl_lane *lane = kzalloc(sizeof(*lane), GFP_KERNEL);
	unsigned int n;

	if (!lane)
		return;
	lane->test = test;
	lane->mm = space->mm;
	vt_rnd_fork(&lane->rnd, vt_params.seed, vt_rnd_id("contents", space->id));
	/* In turn: the first mm of a run is anonymous, so "links" looks in each run. */
	lane->backing = lanes[(u32)(space->id - 1) % ARRAY_SIZE(lanes)];
	lane->base = vl_region_base(1);
	lane->other = vl_region_base(4);
	kthread_use_mm(space->mm);
	/* All of the space goes, so that no neighbour can be merged with. */
	if (vt_syscall(sys_munmap, VL_BASE, VL_REGIONS * VL_SIZE) ||
	    !vl_lane_map(lane, 0, VL_PAGES) ||
	    !vl_lane_stamp(lane, VL_PAGES / 4, VL_PAGES / 2))
		goto out;
	for (n = 0; n < VL_LANE_OPS; n++)
		if (!vl_lane_op(lane) || !vl_lane_judge(lane, n == VL_LANE_OPS - 1))
			break;
out:
	kthread_unuse_mm(space->mm);
	kfree(lane);
}
