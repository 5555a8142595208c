/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a kernel asks a file whether it may be mapped, and how the module opens one
 * by name.
 */
#ifndef VT_COMPAT_FILE_H
#define VT_COMPAT_FILE_H

#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/mm_types.h>

/*
 * Defines struct file_operations @fops of a file that never lets itself be
 * mapped; @ask is int ask(struct file *), and returns the errno. Since 6.16 a
 * file may be asked by ->mmap_prepare(), before there is a VMA: such a kernel
 * asks this one so.
 */
#ifdef VT_HAVE_MMAP_PREPARE
#define VT_DEFINE_REFUSING_FOPS(fops, ask)				\
	static int fops##_mmap_prepare(struct vm_area_desc *desc)	\
	{								\
		return ask(desc->file);					\
	}								\
	const struct file_operations fops = {				\
		.mmap_prepare = fops##_mmap_prepare,			\
	}
#else
#define VT_DEFINE_REFUSING_FOPS(fops, ask)				\
	static int fops##_mmap(struct file *file,			\
			       struct vm_area_struct *vma)		\
	{								\
		return ask(file);					\
	}								\
	const struct file_operations fops = {				\
		.mmap = fops##_mmap,					\
	}
#endif

/**
 * vt_open() - open a file by its name, as init would find it
 * @name: absolute path
 * @flags: O_RDONLY or O_WRONLY
 *
 * Since 7.3 the root directory of a kernel thread is an empty file system, where
 * no name is found, until it asks for that of init.
 *
 * Context: may sleep.
 * Return: the file, or an ERR_PTR().
 */
static inline struct file *vt_open(const char *name, int flags)
{
#ifdef VT_HAVE_INIT_FS_SCOPE
	scoped_with_init_fs()
		return filp_open(name, flags, 0);
#endif
	return filp_open(name, flags, 0);
}

#endif /* VT_COMPAT_FILE_H */
