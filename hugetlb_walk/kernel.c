// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, the kernel's own walkers: faults, pins, mincore(), and the CPU
 * that walks the tables when memory is read (stale_tlb).
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "look.h"
#include "symbols.h"

/**
 * hw_fault() - let the kernel fault a page in, for writing
 * @mm: mm
 * @addr: address
 *
 * Context: may sleep.
 * Return: the fault went well.
 */
bool hw_fault(struct mm_struct *mm, unsigned long addr)
{
	vm_fault_t ret = VM_FAULT_SIGSEGV;
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr && vma->vm_flags & VM_WRITE)
		ret = handle_mm_fault(vma, addr, FAULT_FLAG_WRITE, NULL);
	mmap_read_unlock(mm);
	return !(ret & VM_FAULT_ERROR);
}

/**
 * hw_walk_fault() - a fault at a page of the file
 * @t: thread
 * @mm: mm
 *
 * Context: may sleep.
 */
void hw_walk_fault(struct vt_thread *t, struct mm_struct *mm)
{
	if (!hw_fault(mm, hw_addr(vt_rnd_below(&t->rnd, HW_PAGES))))
		hw_no_page(t->run);
	else
		vt_worked(t->run, HW_V_WAY, HW_BY_FAULT);
	vt_count(t->run, HW_C_FAULT, 1);
}

/**
 * hw_walk_pin() - pin a page of the file, and judge which one that is
 * @t: thread
 * @st: all of it
 * @v: the mm
 * @fast: by pin_user_pages_fast()
 *
 * Context: the mm is in use; may sleep.
 */
void hw_walk_pin(struct vt_thread *t, struct hw_state *st,
		 const struct hw_visit *v, bool fast)
{
	struct page *page;
	const char *what;
	struct hw_look l;
	long n;

	hw_look_begin(&l, v, vt_rnd_below(&t->rnd, HW_PAGES));
	if (fast) {
		n = pin_user_pages_fast(hw_addr(l.idx), 1, FOLL_WRITE, &page);
	} else {
		mmap_read_lock(v->mm);
		n = vt_pin_user_pages(hw_addr(l.idx), 1, FOLL_WRITE, &page);
		mmap_read_unlock(v->mm);
	}
	vt_count(t->run, fast ? HW_C_PIN_FAST : HW_C_PIN, 1);
	if (n != 1)
		return;

	vt_worked(t->run, HW_V_WAY, fast ? HW_BY_PIN_FAST : HW_BY_PIN);
	hw_count_look(t->run, HW_WRONG_FOLIO, hw_exposed(&l), &l);
	what = hw_folio_wrong(&st->file, page_folio(page), l.idx, true);
	if (what)
		vt_race(t->run, HW_WRONG_FOLIO, v->mm, hw_addr(l.idx),
			page_to_pfn(page), l.idx, "%s got frame 0x%lx, %s",
			fast ? "pin_user_pages_fast" : "pin_user_pages",
			page_to_pfn(page), what);
	unpin_user_page(page);
}

/**
 * hw_walk_mincore() - the kernel's page walk
 * @t: thread
 *
 * Context: the mm is in use; its low anchor takes the answer. There is
 * sys_mincore().
 */
void hw_walk_mincore(struct vt_thread *t)
{
	if (vt_syscall(sys_mincore, HW_BASE, HW_PAGES * PMD_SIZE, HW_LOW))
		return;
	vt_count(t->run, HW_C_MINCORE, 1);
	vt_worked(t->run, HW_V_WAY, HW_BY_MINCORE);
}

/*
 * Reading the memory itself, through the CPU's own walk of the tables.
 */
static void hw_judge_read(struct vt_run *run, const struct hw_file *f,
			  struct mm_struct *mm, unsigned int idx, u64 seen,
			  u32 gen)
{
	if (hw_stamp_fits(f, idx, seen) && (!seen || (s32)((u32)seen - gen) >= 0))
		return;
	vt_race(run, HW_STALE_TLB, mm, hw_addr(idx), seen, gen,
		"read 0x%llx, when what was there up to generation %u is punched out",
		seen, gen);
}

/**
 * hw_walk_read() - read the pages of the file for a batch, and judge what is
 *	read
 * @t: thread
 * @st: all of it
 * @v: the mm
 *
 * Context: the mm is in use; may sleep.
 */
void hw_walk_read(struct vt_thread *t, struct hw_state *st,
		  const struct hw_visit *v)
{
	const unsigned long *kept[HW_PAGES] = {};
	u32 gens[HW_PAGES], punched;
	unsigned int i, idx;
	unsigned long since;

	if (hw_busted_turn(t, BIT(HW_STALE_TLB))) {
		punched = READ_ONCE(st->punched);
		hw_recall(v, kept);
		wait_event_idle_timeout(st->wait,
					READ_ONCE(st->punched) != punched ||
					kthread_should_stop(), HZ / 4);
	}
	for (idx = 0; idx < HW_PAGES; idx++)
		gens[idx] = READ_ONCE(st->file.gen[idx]);

	since = jiffies;
	for (i = 0; i < HW_BATCH && !hw_enough(since); i++) {
		struct vt_flight_look look;
		bool exposed;
		u64 seen;
		u32 gen;

		vt_flight_look(&st->flight, &look);
		idx = i % HW_PAGES;
		/* Pairs with the release in hw_next_gen(). */
		gen = smp_load_acquire(&st->file.gen[idx]);
		if (kept[idx]) {
			seen = hw_word(kept[idx]);
		} else if (get_user(seen, (u64 __user *)hw_addr(idx))) {
			hw_no_page(t->run);
			continue;
		}
		vt_count(t->run, HW_C_READ, 1);
		exposed = vt_flight_exposed(&st->flight, &look);
		vt_look_into(t->run, HW_STALE_TLB, exposed || gen != gens[idx],
			     &st->flight, &look);
		hw_judge_read(t->run, &st->file, v->mm, idx, seen, gen);
		gens[idx] = gen;
		vt_hold(t);
	}
}
