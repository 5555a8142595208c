// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's own VMAs.
 *
 * Only callbacks that come when readers are excluded judge: ->close, for which
 * the VMA was detached first, and ->open and ->mmap for a VMA that is in no tree
 * yet. (The VMA that ->open splits off of is not locked yet: it is not judged.
 * The one that fork copies is: copy_page_range() wants it so.)
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "vma_lock.h"

static struct vl_obj *vl_obj_get(struct vl_test *test,
				 struct vm_area_struct *vma)
{
	struct vl_obj *obj, *fresh = NULL;

	if (list_empty(&test->spare))
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);

	spin_lock(&test->obj_lock);
	if (fresh) {
		list_add(&fresh->node, &test->objs);
		list_add(&fresh->spare, &test->spare);
	}
	obj = list_first_entry_or_null(&test->spare, struct vl_obj, spare);
	if (obj)
		list_del_init(&obj->spare);
	spin_unlock(&test->obj_lock);

	if (obj)
		WRITE_ONCE(obj->vma, vma);
	return obj;
}

static struct vl_test *vl_test_of(struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

static void vl_vm_open(struct vm_area_struct *vma)
{
	struct vl_test *test = vl_test_of(vma);
	struct vl_obj *copied = vma->vm_private_data;
	struct vm_area_struct *from;

	vl_hook_open(test, vma, copied ? READ_ONCE(copied->vma) : NULL);
	/* A copy of another VMA, object included; may stay without its own. */
	vma->vm_private_data = vl_obj_get(test, vma);
	vl_exclusive(test, vma, false, "open");
	from = vma->vm_mm != current->mm && current->mm ?
	       vma_lookup(current->mm, vma->vm_start) : NULL;
	if (from)
		vl_exclusive(test, from, vl_close_by(test, from), "fork");
}

static void vl_vm_close(struct vm_area_struct *vma)
{
	struct vl_test *test = vl_test_of(vma);
	struct vl_obj *obj = vma->vm_private_data;

	if (obj)
		WRITE_ONCE(obj->vma, NULL);
	vl_exclusive(test, vma, vl_close_by(test, vma), "close");
	vl_hook_close(test, vma);
	if (!obj)
		return;
	spin_lock(&test->obj_lock);
	list_add_tail(&obj->spare, &test->spare);
	spin_unlock(&test->obj_lock);
}

static vm_fault_t vl_vm_fault(struct vm_fault *vmf)
{
	struct vl_test *test = vl_test_of(vmf->vma);
	struct vl_obj *obj = vmf->vma->vm_private_data;

	/* Under the VMA's lock, or under mmap_lock: not closed either way. */
	vt_look(test->run, VL_OVERLAP, false);
	if (obj && READ_ONCE(obj->vma) != vmf->vma)
		vt_race(test->run, VL_OVERLAP, vmf->vma->vm_mm, vmf->address,
			(unsigned long)vmf->vma, vmf->flags,
			"fault in a closed VMA, vma=%p flags=0x%x", vmf->vma,
			vmf->flags);

	vmf->page = test->pages[vmf->pgoff % ARRAY_SIZE(test->pages)];
	get_page(vmf->page);

	return 0;
}

/* Maps nothing; where there is one, the kernel faults under the VMA's lock. */
static vm_fault_t vl_vm_map_pages(struct vm_fault *vmf, pgoff_t first,
				  pgoff_t last)
{
	vl_hook_around(vl_test_of(vmf->vma), vmf, first, last);
	return 0;
}

/* Called when the page tables have moved, and move back if this refuses. */
static int vl_vm_mremap(struct vm_area_struct *vma)
{
	struct vl_test *test = vl_test_of(vma);
	struct vl_writer *w = vl_self(test);

	if (!w)
		return 0;
	vl_hook_moved(test, vma, w);
	return w->refuses ? VL_REFUSAL : 0;
}

const struct vm_operations_struct vl_vm_ops = {
	.open = vl_vm_open,
	.close = vl_vm_close,
	.mremap = vl_vm_mremap,
	.fault = vl_vm_fault,
	.map_pages = vl_vm_map_pages,
};

const struct vm_operations_struct vl_slow_vm_ops = {
	.open = vl_vm_open,
	.close = vl_vm_close,
	.mremap = vl_vm_mremap,
	.fault = vl_vm_fault,
};

static int vl_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vl_test *test = file->private_data;
	struct vl_obj *obj = vl_obj_get(test, vma);

	if (!obj)
		return -ENOMEM;
	vma->vm_private_data = obj;
	vma->vm_ops = file == test->slow ? &vl_slow_vm_ops : &vl_vm_ops;
	vl_exclusive(test, vma, false, "mmap");
	vl_hook_new(test, vma, VL_AT_MMAP);

	return 0;
}

const struct file_operations vl_fops = {
	.mmap = vl_mmap,
};
