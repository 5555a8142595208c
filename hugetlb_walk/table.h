/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a page table and a huge page say of themselves: the address of a page of
 * the file, its stamp, and the words of a table that may be gone.
 */
#ifndef HW_TABLE_H
#define HW_TABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/types.h>

#include "hugetlb_walk.h"
#include "nofault.h"

/**
 * hw_addr() - where a page of the file is mapped
 * @idx: huge page of the file
 */
static inline unsigned long hw_addr(unsigned int idx)
{
	return HW_BASE + idx * PMD_SIZE;
}

/*
 * Stamps: the first word of a huge page tells whose it is. Zero is a fresh page.
 */
#define HW_MAGIC	0x5654UL

/**
 * hw_stamp() - what is written to the beginning of a huge page
 * @f: its file
 * @idx: huge page of the file
 * @gen: generation of this page
 */
static inline u64 hw_stamp(const struct hw_file *f, unsigned int idx, u32 gen)
{
	return HW_MAGIC << 48 | (u64)f->id << 40 | (u64)idx << 32 | gen;
}

/**
 * hw_stamp_fits() - may this be the beginning of a huge page?
 * @f: its file
 * @idx: huge page of the file
 * @stamp: what was read
 */
static inline bool hw_stamp_fits(const struct hw_file *f, unsigned int idx,
				 u64 stamp)
{
	return !stamp || stamp >> 32 == hw_stamp(f, idx, 0) >> 32;
}

/*
 * Looking at page tables. A table may be gone under the walker if a promise is
 * broken, and with debug_pagealloc what is freed is not mapped in the kernel
 * either: its words are read where they may be missing, for the oracle is to say
 * what it saw.
 */

/**
 * hw_word() - read a word of a page that may be gone
 * @p: where, in the kernel's own map
 *
 * Return: the word; HW_UNREADABLE if there is no memory.
 */
static inline unsigned long hw_word(const unsigned long *p)
{
	unsigned long word;

	return vt_read_nofault(p, &word) ? word : HW_UNREADABLE;
}

/**
 * hw_first_word() - read the stamp of a huge page
 * @folio: the page, which may be gone
 */
static inline u64 hw_first_word(struct folio *folio)
{
	return hw_word(page_address(&folio->page));
}

/**
 * hw_pudp() - find the entry that a PMD table hangs from
 * @mm: mm
 * @addr: address below it
 *
 * Context: the mm's page tables above the PMD table stay where they are.
 * Return: the entry, or NULL.
 */
static inline pud_t *hw_pudp(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;

	if (!pgd_present(READ_ONCE(*pgd)))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(READ_ONCE(*p4d)))
		return NULL;
	return pud_offset(p4d, addr);
}

/**
 * hw_table() - the PMD table that hangs from an entry
 * @pudp: the entry
 *
 * Return: the table, or NULL.
 */
static inline unsigned long *hw_table(pud_t *pudp)
{
	pud_t pud = READ_ONCE(*pudp);

	if (!pud_present(pud) || pud_bad(pud))
		return NULL;
	return (unsigned long *)pud_pgtable(pud);
}

/**
 * hw_same_page() - are two entries present, and of one page?
 * @a: entry
 * @b: entry
 */
static inline bool hw_same_page(pte_t a, pte_t b)
{
	return pte_present(a) && pte_present(b) && pte_pfn(a) == pte_pfn(b);
}

#endif /* HW_TABLE_H */
