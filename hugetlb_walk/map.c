// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_walk, the mms that share: mounts and files, how they are mapped, and what
 * has to come back when an mm exits (page_leak).
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "compat_hugetlb.h"
#include "space.h"
#include "table.h"

/**
 * hw_mount() - a mount of hugetlbfs that nobody else has
 * @most: how many huge pages it may have
 * @least: how many the machine keeps for it; 0: none
 *
 * A mount with a limit of its own keeps books of its own, which have to balance.
 *
 * Context: may sleep.
 * Return: the mount, or an ERR_PTR.
 */
struct vfsmount *hw_mount(unsigned long most, unsigned long least)
{
	struct file_system_type *type = get_fs_type("hugetlbfs");
	struct vfsmount *mnt;
	char options[64];

	if (!type)
		return ERR_PTR(-ENODEV);
	scnprintf(options, sizeof(options), least ? "pagesize=%lu,size=%lu,min_size=%lu" :
		  "pagesize=%lu,size=%lu", PMD_SIZE, most * PMD_SIZE, least * PMD_SIZE);
	mnt = vfs_kern_mount(type, SB_KERNMOUNT, type->name, options);
	module_put(type->owner);
	return mnt;
}

/**
 * hw_file_open() - a file without a name
 * @mnt: on which mount
 * @f: the file
 * @id: goes into its stamps
 *
 * Context: may sleep.
 * Return: 0 or an errno.
 */
int hw_file_open(struct vfsmount *mnt, struct hw_file *f, u8 id)
{
	struct file *file = file_open_root_mnt(mnt, ".",
					       O_TMPFILE | O_RDWR | O_LARGEFILE,
					       0600);

	if (IS_ERR(file))
		return PTR_ERR(file);
	f->file = file;
	f->mapping = file->f_mapping;
	f->id = id;
	return 0;
}

/**
 * hw_file_close() - give a file back
 * @f: the file, or none
 *
 * Context: the session's; may sleep.
 */
void hw_file_close(struct hw_file *f)
{
	vt_file_put(f->file);
	f->file = NULL;
}

/**
 * hw_map() - map a file, shared, in place of what is there
 * @f: the file
 * @addr: where, and at which offset below a PUD the file begins
 * @len: how much
 * @flags: further ones of MAP_*
 *
 * Context: the mm is in use; may sleep.
 * Return: 0 or an errno.
 */
int hw_map(const struct hw_file *f, unsigned long addr, unsigned long len,
	   unsigned long flags)
{
	return vt_map(f->file, addr, len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | flags, addr & ~PUD_MASK);
}

static int hw_anchor(unsigned long addr)
{
	int ret = vt_map(NULL, addr, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, 0);

	return ret ? ret : put_user(1, (u8 __user *)addr);
}

/**
 * hw_no_page() - count a page that could not be had
 * @run: run
 *
 * It may lie past the end of the file by now, or the machine has none: somebody
 * takes its huge pages away (nr_hugepages) while they are tortured. What page_leak
 * finds says so, as some kernels charge a mount for pages that it could not get.
 *
 * Context: any thread of the run; may be in an mm.
 */
void hw_no_page(struct vt_run *run)
{
	struct hw_state *st = run->priv;
	struct vt_huge_pool pool;

	vt_count(run, HW_C_NO_PAGE, 1);
	vt_huge_pool(st->mnt->mnt_sb, &pool);
	if (pool.free <= 0)
		WRITE_ONCE(st->ran_dry, true);
}

/**
 * hw_mm_new() - an mm that maps a file whole
 * @f: the file
 * @base: where
 * @len: how much
 * @flags: further ones of MAP_*
 *
 * The anchors, one page each, see to it that the page tables above its PMD table
 * stay until it exits.
 *
 * Context: may sleep.
 * Return: the mm, or NULL.
 */
struct mm_struct *hw_mm_new(const struct hw_file *f, unsigned long base,
			    unsigned long len, unsigned long flags)
{
	struct mm_struct *mm = vt_mm_new();
	int ret;

	if (!mm)
		return NULL;
	kthread_use_mm(mm);
	ret = hw_anchor(HW_LOW);
	if (!ret)
		ret = hw_anchor(HW_HIGH);
	if (!ret)
		ret = hw_map(f, base, len, flags);
	kthread_unuse_mm(mm);
	if (!ret)
		return mm;
	vt_mm_put(mm);
	return NULL;
}

/*
 * Is exit_mmap() over, whoever called it? It destroys the tree last, with mmap_lock
 * held for write.
 */
static bool hw_mm_gone(struct mm_struct *mm)
{
	bool empty;

	if (atomic_read(&mm->mm_users))
		return false;
	mmap_read_lock(mm);
	empty = mtree_empty(&mm->mm_mt);
	mmap_read_unlock(mm);
	return empty;
}

/**
 * hw_mm_put() - drop a reference of an mm, and if it was the last see whether
 *	all page tables came back
 * @run: run
 * @mm: the mm
 *
 * Context: may sleep.
 */
void hw_mm_put(struct vt_run *run, struct mm_struct *mm)
{
	unsigned long left;

	mmgrab(mm);
	if (vt_busted(run, HW_PAGE_LEAK))
		mm_inc_nr_pmds(mm);
	vt_mm_put(mm);
	/* swapoff, for one, may have a user's reference for a while. */
	if (hw_mm_gone(mm)) {
		left = mm_pgtables_bytes(mm);
		vt_look_own(run, HW_PAGE_LEAK, true);
		if (left)
			vt_race(run, HW_PAGE_LEAK, mm, 0, left, 0,
				"%lu bytes of page tables left when all is unmapped",
				left);
	}
	/* The kernel itself looks when the mm is freed. */
	if (vt_busted(run, HW_PAGE_LEAK))
		mm_dec_nr_pmds(mm);
	mmdrop(mm);
}

/**
 * hw_slot_set() - publish the mm of a slot
 * @slot: the slot
 * @mm: the mm, or NULL
 *
 * Context: nobody else changes the slot; a reader may have the old mm until a
 * grace period later.
 */
void hw_slot_set(struct hw_slot *slot, struct mm_struct *mm)
{
	WRITE_ONCE(slot->pudp, mm ? hw_pudp(mm, HW_BASE) : NULL);
	/* Who gets the mm finds its page tables: pairs with hw_slot_get(). */
	smp_store_release(&slot->mm, mm);
}

/**
 * hw_slot_get() - get the mm of a slot
 * @slot: slot
 *
 * Context: any.
 * Return: the mm, with a reference; or NULL while it is exchanged.
 */
struct mm_struct *hw_slot_get(struct hw_slot *slot)
{
	struct mm_struct *mm;

	rcu_read_lock();
	mm = READ_ONCE(slot->mm);
	/* The slot's own reference is dropped a grace period after this. */
	if (mm)
		mmget(mm);
	rcu_read_unlock();
	return mm;
}
