// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, what is a race in a look: the table was freed or has moved, its
 * entry has moved, or the page that the entry leads to is not the file's.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
#include <linux/pagemap.h>

#include "compat_hugetlb.h"
#include "look.h"
#include "trace.h"

/**
 * hw_folio_wrong() - what is wrong with the page an entry leads to, if anything
 * @f: the file that is mapped
 * @folio: the page
 * @idx: where in the file it should be
 * @may_be_cut_off: it may have left the file
 *
 * Context: any; the page is there.
 * Return: what is wrong, in words, or NULL.
 */
const char *hw_folio_wrong(const struct hw_file *f, struct folio *folio,
			   unsigned int idx, bool may_be_cut_off)
{
	struct address_space *mapping = READ_ONCE(folio->mapping);

	if (mapping == f->mapping) {
		if (vt_hugetlb_index(folio) != idx)
			return "the file's page of another index";
	} else if (mapping) {
		return "a page of another file";
	} else if (!may_be_cut_off) {
		return "a page of no file";
	}
	if (!hw_stamp_fits(f, idx, hw_first_word(folio)))
		return "a page with another one's content";
	return NULL;
}

/**
 * hw_wrong_folio() - report a page that an entry should not lead to
 * @run: run
 * @l: look that met the entry
 * @under: what was held
 * @what: what hw_folio_wrong() said
 *
 * Context: any.
 */
void hw_wrong_folio(struct vt_run *run, struct hw_look *l, const char *under,
		    const char *what)
{
	vt_race(run, HW_WRONG_FOLIO, l->mm, hw_addr(l->idx),
		(unsigned long)l->table, pte_val(l->entry),
		"under %s entry 0x%lx of table 0x%lx is %s", under,
		(unsigned long)pte_val(l->entry), (unsigned long)l->table, what);
}

/* What is wrong with the page that the entry of a look leads to, if anything. */
static const char *hw_look_wrong(const struct hw_look *l, const struct hw_file *f)
{
	unsigned long pfn = pte_pfn(l->entry);

	if (!pfn_valid(pfn))
		return "no memory";
	return hw_folio_wrong(f, page_folio(pfn_to_page(pfn)), l->idx, false);
}

static const char *hw_table_freed(const struct hw_state *st,
				  const struct hw_look *l, pte_t now, bool typed)
{
	if (pte_val(now) == HW_POISON)
		return "was given to others";
	if (pte_val(now) == HW_UNREADABLE)
		return "is no memory any more";
	if (st->counted && !page_ref_count(l->page))
		return "is a free page";
	if (st->typed && typed && !PageTable(l->page))
		return "is no page table any more";
	return NULL;
}

/*
 * May a migration, or a memory failure, have made @now of an entry that was
 * present? It leaves an entry that is neither present nor empty, and puts it back
 * to a copy of the page, with its stamp; or back to the page itself. What is there
 * after a punch is a fresh page, or has the stamp of a later generation.
 */
static bool hw_migrated(struct hw_look *l, pte_t now)
{
	unsigned long pfn = pte_pfn(now);
	u64 stamp;

	if (pte_val(now) == HW_POISON || pte_val(now) == HW_UNREADABLE ||
	    pte_none(now))
		return false;
	if (!pte_present(now))
		return true;
	if (!pfn_valid(pfn))
		return false;
	stamp = hw_first_word(page_folio(pfn_to_page(pfn)));
	/* A page that was not stamped yet, while nobody here changed anything. */
	if (!stamp)
		return !hw_exposed(l);
	return stamp >> 32 == l->stamp >> 32 && (s32)((u32)stamp - (u32)l->stamp) <= 0;
}

/**
 * hw_judge() - look again, and judge
 * @run: run
 * @l: what was found at first
 * @f: the file that is mapped
 * @rule: what is judged, and its name
 * @judges: bit set of kinds, those of @rule or fewer
 *
 * Context: any. The protection under which @l began still holds.
 */
void hw_judge(struct vt_run *run, struct hw_look *l, const struct hw_file *f,
	      const struct hw_rule *rule, u32 judges)
{
	unsigned long addr = hw_addr(l->idx);
	unsigned long *table = hw_table(l->pudp);
	pte_t now = __pte(hw_word(&l->table[l->idx]));
	bool exposed = l->shared && hw_exposed(l);
	const struct hw_state *st = run->priv;
	const char *what, *wrong = NULL;

	/* Before it is seen whether the entry still leads there. */
	if (judges & BIT(HW_WRONG_FOLIO) && pte_present(l->entry)) {
		wrong = hw_look_wrong(l, f);
		/*
		 * The page first, then the entry. Pairs with whoever clears an
		 * entry before its page can become another's.
		 */
		smp_rmb();
		if (wrong)
			now = __pte(hw_word(&l->table[l->idx]));
	}

	if (l->shared)
		vt_count(run, HW_C_JUDGED, 1);
	trace_walk(l->mm, addr, rule->name, (unsigned long)l->table,
		   pte_val(l->entry), exposed);

	if (judges & BIT(HW_TABLE_FREED)) {
		hw_count_look(run, HW_TABLE_FREED, exposed, l);
		what = hw_table_freed(st, l, now, rule->typed);
		if (what) {
			vt_race(run, HW_TABLE_FREED, l->mm, addr,
				(unsigned long)l->table, pte_val(now),
				"under %s table 0x%lx %s, entry 0x%lx",
				rule->name, (unsigned long)l->table, what,
				(unsigned long)pte_val(now));
			return;
		}
	}

	if (judges & BIT(HW_TABLE_MOVED)) {
		hw_count_look(run, HW_TABLE_MOVED, exposed, l);
		if (table != l->table) {
			vt_race(run, HW_TABLE_MOVED, l->mm, addr,
				(unsigned long)l->table, (unsigned long)table,
				"under %s table 0x%lx became 0x%lx, %sshared",
				rule->name, (unsigned long)l->table,
				(unsigned long)table, l->shared ? "" : "not ");
			return;
		}
	}

	if (!pte_present(l->entry))
		return;
	if (rule->migrates && !hw_same_page(l->entry, now) && hw_migrated(l, now)) {
		vt_count(run, HW_C_MIGRATING, 1);
		return;
	}

	if (judges & (BIT(HW_ENTRY_MOVED) | BIT(HW_NO_SYNC))) {
		unsigned int kind = judges & BIT(HW_NO_SYNC) ? HW_NO_SYNC :
							       HW_ENTRY_MOVED;

		if (kind == HW_ENTRY_MOVED || l->shared) {
			hw_count_look(run, kind, exposed, l);
			if (!hw_same_page(l->entry, now)) {
				vt_race(run, kind, l->mm, addr,
					pte_val(l->entry), pte_val(now),
					"under %s entry 0x%lx of table 0x%lx became 0x%lx",
					rule->name,
					(unsigned long)pte_val(l->entry),
					(unsigned long)l->table,
					(unsigned long)pte_val(now));
				return;
			}
		}
	}

	if (judges & BIT(HW_WRONG_FOLIO)) {
		hw_count_look(run, HW_WRONG_FOLIO, exposed, l);
		if (wrong)
			hw_wrong_folio(run, l, rule->name, wrong);
	}
}
