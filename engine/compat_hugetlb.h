/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift of hugetlb: page tables that are shared, the lock of a hugetlb
 * VMA, and the pool that a mount draws from.
 */
#ifndef VT_COMPAT_HUGETLB_H
#define VT_COMPAT_HUGETLB_H

#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/rwsem.h>

#include "compat_rmap.h"

/**
 * vt_hugetlb_sharing() - can hugetlb mappings share page tables here at all?
 */
static inline bool vt_hugetlb_sharing(void)
{
#if defined(CONFIG_HUGETLB_PMD_PAGE_TABLE_SHARING)
	return true;
#elif defined(CONFIG_HUGETLBFS) && defined(CONFIG_ARCH_WANT_HUGE_PMD_SHARE)
	return true;
#else
	return false;
#endif
}

/**
 * vt_vma_is_hugetlb() - does a VMA map huge pages of hugetlbfs?
 * @vma: VMA
 */
static inline bool vt_vma_is_hugetlb(struct vm_area_struct *vma)
{
#ifdef VT_HAVE_VMA_IS_HUGETLB
	return vma_is_hugetlb(vma);
#else
	return is_vm_hugetlb_page(vma);
#endif
}

/**
 * vt_pmd_count_exact() - is there a count of sharers that nobody else moves?
 *
 * Before there was one, the reference count of the page served, which anybody
 * may raise for a moment.
 */
static inline bool vt_pmd_count_exact(void)
{
#if defined(VT_HAVE_PTDESC_PMD_PTS) || defined(VT_HAVE_PT_SHARE_COUNT)
	return true;
#else
	return false;
#endif
}

/**
 * vt_pmd_sharers() - in how many page tables beside the first a table hangs
 * @page: page of a PMD table
 *
 * Context: any. Stable under the file's i_mmap_rwsem; a page that is no longer
 * a page table gives rubbish.
 */
static inline int vt_pmd_sharers(struct page *page)
{
#if defined(VT_HAVE_PTDESC_PMD_PTS)
	return ptdesc_pmd_pts_count(page_ptdesc(page));
#elif defined(VT_HAVE_PT_SHARE_COUNT)
	return atomic_read(&page->pt_share_count);
#else
	return page_ref_count(page) - 1;
#endif
}

/**
 * vt_pmd_sharers_add() - falsify the count of sharers
 * @page: page of a PMD table
 * @n: 1 or -1
 *
 * Context: nobody else can share or unshare: i_mmap_rwsem held for write.
 */
static inline void vt_pmd_sharers_add(struct page *page, int n)
{
#if defined(VT_HAVE_PTDESC_PMD_PTS)
	atomic_add(n, &page_ptdesc(page)->pt_share_count);
#elif defined(VT_HAVE_PT_SHARE_COUNT)
	atomic_add(n, &page->pt_share_count);
#else
	page_ref_add(page, n);
#endif
}

/**
 * vt_hugetlb_vma_rwsem() - the lock of a hugetlb VMA that may share tables
 * @vma: VMA of a hugetlb file
 *
 * Context: mmap_lock, or the VMA's own lock, or its file's i_mmap_rwsem held.
 * Return: what hugetlb_vma_lock_read() would take, or NULL if this VMA has
 * none, in which case it shares nothing.
 */
static inline struct rw_semaphore *
vt_hugetlb_vma_rwsem(struct vm_area_struct *vma)
{
#ifdef CONFIG_HUGETLBFS
	struct hugetlb_vma_lock *lock = vma->vm_private_data;

	if (lock && (vma->vm_flags & VM_MAYSHARE))
		return &lock->rw_sema;
#endif
	return NULL;
}

/**
 * vt_hugetlb_lock_owner() - the VMA that a hugetlb vma lock says it belongs to
 * @vma: VMA of a hugetlb file
 *
 * Context: mmap_lock or the VMA's own lock held.
 * Return: as the lock of @vma has it, or NULL if @vma has no lock.
 */
static inline struct vm_area_struct *
vt_hugetlb_lock_owner(struct vm_area_struct *vma)
{
#ifdef CONFIG_HUGETLBFS
	struct hugetlb_vma_lock *lock = vma->vm_private_data;

	if (vt_hugetlb_vma_rwsem(vma))
		return READ_ONCE(lock->vma);
#endif
	return NULL;
}

/**
 * vt_hugetlb_set_lock_owner() - falsify the VMA that a hugetlb vma lock belongs to
 * @vma: VMA of a hugetlb file, which has a lock
 * @owner: what it is to say
 *
 * Context: mmap_lock and the file's i_mmap_rwsem held for write.
 */
static inline void vt_hugetlb_set_lock_owner(struct vm_area_struct *vma,
					     struct vm_area_struct *owner)
{
#ifdef CONFIG_HUGETLBFS
	struct hugetlb_vma_lock *lock = vma->vm_private_data;

	WRITE_ONCE(lock->vma, owner);
#endif
}

/**
 * vt_hugetlb_index() - where in its file a huge page belongs
 * @folio: huge page in the page cache
 *
 * Return: its index, in huge pages of PMD size.
 */
static inline pgoff_t vt_hugetlb_index(struct folio *folio)
{
	pgoff_t index = READ_ONCE(folio->index);

#ifdef VT_HAVE_HUGETLB_BASE_INDEX
	index >>= PMD_SHIFT - PAGE_SHIFT;
#endif
	return index;
}

/**
 * vt_pin_user_pages() - pin_user_pages() in the mm that is in use
 * @start: user address
 * @nr: number of pages
 * @flags: FOLL_*
 * @pages: where to
 *
 * Context: mmap_lock held for read; may sleep.
 * Return: number of pages pinned, or an errno.
 */
static inline long vt_pin_user_pages(unsigned long start, unsigned long nr,
				     unsigned int flags, struct page **pages)
{
#ifdef VT_HAVE_GUP_VMAS
	return pin_user_pages(start, nr, flags, pages, NULL);
#else
	return pin_user_pages(start, nr, flags, pages);
#endif
}

/**
 * vt_hugetlb_resv_users() - who holds the reservations of a private mapping
 * @vma: private VMA of a hugetlb file
 *
 * VMAs that were split off it hold them too; a child never does.
 *
 * Context: mmap_lock held.
 * Return: how many; 0 if @vma has no reservations of its own.
 */
static inline unsigned int vt_hugetlb_resv_users(struct vm_area_struct *vma)
{
#ifdef CONFIG_HUGETLBFS
	/* The two lowest bits are flags (mm/hugetlb.c, HPAGE_RESV_MASK). */
	unsigned long resv = (unsigned long)vma->vm_private_data & ~3UL;

	if (resv && !(vma->vm_flags & VM_MAYSHARE))
		return kref_read(&((struct resv_map *)resv)->refs);
#endif
	return 0;
}

/**
 * struct vt_huge_pool - what a mount of hugetlbfs draws from
 * @free: huge pages that nobody has or has reserved, on the machine
 * @used: huge pages that files of this mount have or have reserved, those
 *	included that were removed from their file and not freed yet
 */
struct vt_huge_pool {
	long free;
	long used;
};

/**
 * vt_huge_pool() - look at the pool of a mount of hugetlbfs
 * @sb: its super block; the mount has a limit of its own ("size=")
 * @pool: where to
 *
 * Context: may not be in an interrupt.
 */
static inline void vt_huge_pool(struct super_block *sb,
				struct vt_huge_pool *pool)
{
#ifdef CONFIG_HUGETLBFS
	struct hugepage_subpool *own = HUGETLBFS_SB(sb)->spool;
	struct hstate *h = HUGETLBFS_SB(sb)->hstate;

	pool->free = READ_ONCE(h->free_huge_pages) -
		     READ_ONCE(h->resv_huge_pages);
	spin_lock_irq(&own->lock);
	pool->used = own->used_hpages;
	spin_unlock_irq(&own->lock);
#else
	*pool = (struct vt_huge_pool){};
#endif
}

/**
 * struct vt_huge_books - the books of a mount of hugetlbfs
 * @used: huge pages that files of this mount have or have reserved
 * @kept: of its least number ("min_size="), those that the machine keeps for it
 * @least: that least number
 */
struct vt_huge_books {
	long used;
	long kept;
	long least;
};

/**
 * vt_huge_books() - look at the books of a mount of hugetlbfs
 * @sb: its super block; the mount has a limit and a least number of its own
 * @books: where to
 *
 * Context: may not be in an interrupt.
 */
static inline void vt_huge_books(struct super_block *sb, struct vt_huge_books *books)
{
#ifdef CONFIG_HUGETLBFS
	struct hugepage_subpool *own = HUGETLBFS_SB(sb)->spool;

	spin_lock_irq(&own->lock);
	books->used = own->used_hpages;
	books->kept = own->rsv_hpages;
	books->least = own->min_hpages;
	spin_unlock_irq(&own->lock);
#else
	*books = (struct vt_huge_books){};
#endif
}

/**
 * vt_huge_reserved() - huge pages that are reserved on the whole machine
 * @sb: super block of a mount of hugetlbfs, for the size of the pages
 *
 * Context: any; anybody may move it.
 */
static inline long vt_huge_reserved(struct super_block *sb)
{
#ifdef CONFIG_HUGETLBFS
	return READ_ONCE(HUGETLBFS_SB(sb)->hstate->resv_huge_pages);
#else
	return 0;
#endif
}

#endif /* VT_COMPAT_HUGETLB_H */
