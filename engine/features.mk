# SPDX-License-Identifier: GPL-2.0-only
#
# What this kernel's headers have, found by looking into them. Each line names
# the header, what has to be in it, and the macro that engine/compat*.h ask for. Above it
# is what that means, and which of Debian's 6.1.192, 6.12.118, 7.2.12 and 7.3.4 have it.

vt-header = $(firstword $(wildcard $(srctree)/include/$(1)))
vt-feature = $(shell grep -qE '$(2)' $(call vt-header,$(1)) /dev/null && echo -D$(3))

# flags of a VMA are set by vm_flags_set(), and const otherwise: 6.12, 7.2, 7.3
ccflags-y += $(call vt-feature,linux/mm.h,\bvm_flags_set\b,VT_HAVE_VM_FLAGS_SET)
# shmem_file_setup() takes vma_flags_t: 7.2, 7.3
ccflags-y += $(call vt-feature,linux/shmem_fs.h,shmem_file_setup.*vma_flags_t,VT_HAVE_SHMEM_VMA_FLAGS)
# the per-VMA lock is a reference count, and no rwsem: 7.2, 7.3
ccflags-y += $(call vt-feature,linux/mm_types.h,refcount_t[[:space:]]+vm_refcnt,VT_HAVE_VM_REFCNT)
# a flag says that guard regions may be in a VMA, set under the read lock: 7.2, 7.3
ccflags-y += $(call vt-feature,linux/mm.h,MAYBE_GUARD,VT_HAVE_MAYBE_GUARD)
# mm_lock_seq is a seqcount, and no plain number: 6.12, 7.2, 7.3
ccflags-y += $(call vt-feature,linux/mm_types.h,seqcount_t[[:space:]]+mm_lock_seq,VT_HAVE_MM_LOCK_SEQCOUNT)
# flags of an mm are a bitmap with accessors: 7.2, 7.3
ccflags-y += $(call vt-feature,linux/mm.h,\bmm_flags_test\b,VT_HAVE_MM_FLAGS)
# dup_mmap() copies the whole tree at once: 6.12, 7.2, 7.3
ccflags-y += $(call vt-feature,linux/maple_tree.h,\b__mt_dup\b,VT_HAVE_MT_DUP)
# dup_mmap() heeds a fatal signal while it waits for a reader: 7.2, 7.3
ccflags-y += $(call vt-feature,linux/mmap_lock.h,\bvma_start_write_killable\b,VT_HAVE_VMA_WRITE_KILLABLE)
# the sharers of a PMD table have accessors in struct ptdesc: 6.12, 7.2, 7.3
ccflags-y += $(call vt-feature,linux/mm_types.h,\bptdesc_pmd_pts_count\b,VT_HAVE_PTDESC_PMD_PTS)
# the sharers of a PMD table have a count of their own: all four
ccflags-y += $(call vt-feature,linux/mm_types.h,\bpt_share_count;,VT_HAVE_PT_SHARE_COUNT)
# the index of a huge page in the page cache is in small pages: 6.12, 7.2, 7.3
ccflags-y += $(call vt-feature,linux/hugetlb.h,\bfilemap_lock_hugetlb_folio\b,VT_HAVE_HUGETLB_BASE_INDEX)
# pin_user_pages() returns VMAs as well: 6.1 only
ccflags-y += $(call vt-feature,linux/mm.h,struct vm_area_struct \*\*vmas,VT_HAVE_GUP_VMAS)
# a file has the VMAs that map it in an rb tree: all four; where it has not, nothing is walked by file
ccflags-y += $(call vt-feature,linux/fs.h,struct rb_root_cached[[:space:]]+i_mmap;,VT_HAVE_I_MMAP_RB)
# a timer gets its function by hrtimer_setup(): 7.2, 7.3
ccflags-y += $(call vt-feature,linux/hrtimer.h,\bhrtimer_setup\b,VT_HAVE_HRTIMER_SETUP)
# rss is counted per CPU: 6.12, 7.2, 7.3
ccflags-y += $(call vt-feature,linux/mm_types.h,struct percpu_counter[[:space:]]+rss_stat,VT_HAVE_PERCPU_RSS)
# a file may be asked before there is a VMA: 7.2, 7.3
ccflags-y += $(call vt-feature,linux/fs.h,\*mmap_prepare,VT_HAVE_MMAP_PREPARE)
# a kernel thread finds names only where it asks for the root of init: 7.3
ccflags-y += $(call vt-feature,linux/fs_struct.h,define scoped_with_init_fs,VT_HAVE_INIT_FS_SCOPE)
# a VMA of huge pages is told by vma_is_hugetlb(): none of the four, 7.4 will
ccflags-y += $(call vt-feature,linux/hugetlb_inline.h,\bvma_is_hugetlb\b,VT_HAVE_VMA_IS_HUGETLB)
# 7.4 will have no VM_SPECIAL and no PG_private: nothing here may use them, for which
# selftests/host/compat.bats sees.
