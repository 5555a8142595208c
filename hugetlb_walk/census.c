// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, who shares which table: the census, in which counts are judged,
 * splits and locks (share_count, split_shared, lock_owner), and the tally, which counts how often
 * sharing began and ended.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "compat_hugetlb.h"
#include "table.h"
#include "trace.h"

/*
 * The census: who has which table, as told by the VMAs in the file's tree.
 */
struct hw_hang {
	pud_t *pudp;
	unsigned long *table;
	struct mm_struct *mm;
	unsigned long addr;
	bool spanned;
};

struct hw_census {
	unsigned int nr;
	unsigned int most;
	struct hw_hang hangs[];
};

/* One VMA may have many tables, and one table hang below many VMAs. */
static bool hw_census_add(struct hw_census *c, struct vm_area_struct *vma)
{
	unsigned long addr;
	unsigned int i;

	for (addr = vma->vm_start & PUD_MASK; addr < vma->vm_end;
	     addr += PUD_SIZE) {
		pud_t *pudp = hw_pudp(vma->vm_mm, addr);
		unsigned long *table = pudp ? hw_table(pudp) : NULL;

		if (!table)
			continue;
		for (i = 0; i < c->nr && c->hangs[i].pudp != pudp; i++)
			;
		if (i == c->most)
			return false;
		if (i == c->nr)
			c->hangs[c->nr++] = (struct hw_hang) {
				.pudp = pudp, .table = table,
				.mm = vma->vm_mm, .addr = addr,
			};
		if (vma->vm_start <= addr && vma->vm_end >= addr + PUD_SIZE)
			c->hangs[i].spanned = true;
	}
	return true;
}

static unsigned int hw_users(const struct hw_census *c,
			     const unsigned long *table)
{
	unsigned int i, users = 0;

	for (i = 0; i < c->nr; i++)
		users += hw_table(c->hangs[i].pudp) == table;
	return users;
}

/*
 * Context: i_mmap_rwsem held for write. The counts are looked at twice, with
 * time in between: only what stays wrong for as long as nobody may change it is
 * wrong. Return: as hw_census().
 */
static u32 hw_census_judge(struct vt_run *run, struct hw_census *c, bool exposed)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		struct hw_hang *h = &c->hangs[i];
		struct page *page = virt_to_page(h->table);
		int sharers = vt_pmd_sharers(page);

		if (vt_pmd_count_exact()) {
			vt_look(run, HW_SHARE_COUNT, exposed);
			if (hw_users(c, h->table) != sharers + 1) {
				udelay(20);
				sharers = vt_pmd_sharers(page);
				if (hw_table(h->pudp) == h->table &&
				    hw_users(c, h->table) != sharers + 1)
					vt_race(run, HW_SHARE_COUNT, h->mm,
						h->addr, (unsigned long)h->table,
						sharers,
						"table 0x%lx: count %d, yet %u page tables have it",
						(unsigned long)h->table, sharers,
						hw_users(c, h->table));
			}
		}

		vt_look(run, HW_SPLIT_SHARED, exposed);
		if (!h->spanned && sharers > 0 && hw_users(c, h->table) > 1 &&
		    hw_table(h->pudp) == h->table)
			vt_race(run, HW_SPLIT_SHARED, h->mm, h->addr,
				(unsigned long)h->table, sharers,
				"table 0x%lx, shared by %d others, under a VMA that does not span it",
				(unsigned long)h->table, sharers);
	}
	if (!c->nr)
		return 0;
	return BIT(HW_SPLIT_SHARED) |
	       (vt_pmd_count_exact() ? BIT(HW_SHARE_COUNT) : 0);
}

/**
 * hw_census() - judge the counts and splits of all tables of a file
 * @run: run
 * @f: the file
 * @mms: how many map the file
 * @exposed: a change overlaps
 *
 * Context: i_mmap_rwsem held for write, which reclaim may want.
 * Return: bit set of the oracles that looked.
 */
u32 hw_census(struct vt_run *run, const struct hw_file *f, unsigned int mms,
	      bool exposed)
{
	/*
	 * While mremap() moves a mapping, it is found at its old and at its new
	 * address: allow for more VMAs than there are mms.
	 */
	unsigned int most = 4 * mms;
	struct vm_area_struct *vma;
	struct hw_census *c;
	bool whole = true;
	u32 kinds = 0;

	c = kzalloc(struct_size(c, hangs, most), GFP_NOWAIT | __GFP_NOWARN);
	if (!c)
		return 0;
	c->most = most;
	vt_rmap_for_each(vma, f->mapping) {
		whole = hw_census_add(c, vma);
		if (!whole)
			break;
	}
	if (whole) {
		vt_count(run, HW_C_CENSUS, 1);
		kinds = hw_census_judge(run, c, exposed);
		hw_judge_mapped(run, f->mapping);
		vt_look(run, HW_LOCK_OWNER, exposed);
		kinds |= BIT(HW_LOCK_OWNER);
	}
	kfree(c);
	return kinds;
}

/**
 * hw_walk_census() - take the census of the file that the slots map
 * @run: run
 * @st: all of it
 *
 * Context: may sleep.
 */
void hw_walk_census(struct vt_run *run, struct hw_state *st)
{
	struct vt_flight_look look;
	bool exposed;
	u32 kinds;

	vt_flight_look(&st->flight, &look);
	i_mmap_lock_write(st->file.mapping);
	exposed = vt_flight_exposed(&st->flight, &look);
	kinds = hw_census(run, &st->file, st->nr_slots, exposed);
	i_mmap_unlock_write(st->file.mapping);
	if (exposed)
		vt_met(run, kinds, &st->flight, &look);
}

/**
 * hw_tally() - who shares? Counts who began and who ended since the last time
 * @st: all of it
 *
 * Context: may sleep.
 */
void hw_tally(struct hw_state *st)
{
	struct vt_run *run = st->run;
	unsigned int i, now = 0;

	mutex_lock(&st->tally_lock);
	i_mmap_lock_read(st->file.mapping);
	rcu_read_lock();
	for (i = 0; i < st->nr_slots; i++) {
		struct hw_slot *slot = &st->slots[i];
		pud_t *pudp = READ_ONCE(slot->pudp);
		unsigned long *table = pudp ? hw_table(pudp) : NULL;
		int sharers = table ? vt_pmd_sharers(virt_to_page(table)) : 0;

		if (slot->joined && slot->joined != (unsigned long)table) {
			vt_count(run, HW_C_UNSHARES, 1);
			trace_pmd_unshare(READ_ONCE(slot->mm), HW_BASE,
					  slot->joined, sharers);
			slot->joined = 0;
		}
		if (sharers > 0 && !slot->joined) {
			vt_count(run, HW_C_SHARES, 1);
			trace_pmd_share(READ_ONCE(slot->mm), HW_BASE,
					(unsigned long)table, sharers);
		}
		slot->joined = sharers > 0 ? (unsigned long)table : 0;
		now += sharers > 0;
	}
	rcu_read_unlock();
	i_mmap_unlock_read(st->file.mapping);
	/*
	 * shared_now is a gauge, kept in a counter that can only be added to: add
	 * the difference to what it reads now, which "reset" may have made zero.
	 */
	vt_count(run, HW_C_SHARED_NOW,
		 now - vt_counter_sum(run, HW_C_SHARED_NOW));
	mutex_unlock(&st->tally_lock);
}
