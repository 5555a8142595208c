# SPDX-License-Identifier: GPL-2.0-only
#
# What this kernel's headers have, found by looking into them. Each line names
# the header, what has to be in it, and the macro that engine/compat.h asks for.
# Above each: which kernel changed what.

vt-header = $(firstword $(wildcard $(srctree)/include/$(1)))
vt-feature = $(shell grep -qE '$(2)' $(call vt-header,$(1)) /dev/null && echo -D$(3))

# 6.3: vm_flags is changed by functions only.
ccflags-y += $(call vt-feature,linux/mm.h,\bvm_flags_set\b,VT_HAVE_VM_FLAGS_SET)
# After 6.12, by 7.2: a shmem file's flags are a vma_flags_t.
ccflags-y += $(call vt-feature,linux/shmem_fs.h,shmem_file_setup.*vma_flags_t,VT_HAVE_SHMEM_VMA_FLAGS)
# 6.15: the lock of a VMA is a count, before that an rwsem.
ccflags-y += $(call vt-feature,linux/mm_types.h,refcount_t[[:space:]]+vm_refcnt,VT_HAVE_VM_REFCNT)
# After 6.12, by 7.2: a VMA that may have guard regions has a flag.
ccflags-y += $(call vt-feature,linux/mm.h,MAYBE_GUARD,VT_HAVE_MAYBE_GUARD)
# By 6.12: mm_lock_seq is a seqcount, before that a number.
ccflags-y += $(call vt-feature,linux/mm_types.h,seqcount_t[[:space:]]+mm_lock_seq,VT_HAVE_MM_LOCK_SEQCOUNT)
# After 6.12, by 7.2: mm->flags is a bitmap with functions of its own.
ccflags-y += $(call vt-feature,linux/mm.h,\bmm_flags_test\b,VT_HAVE_MM_FLAGS)
# 6.8: fork copies the tree as a whole.
ccflags-y += $(call vt-feature,linux/maple_tree.h,\b__mt_dup\b,VT_HAVE_MT_DUP)
# After 6.12, by 7.2: who waits for the readers of a VMA can be killed.
ccflags-y += $(call vt-feature,linux/mmap_lock.h,\bvma_start_write_killable\b,VT_HAVE_VMA_WRITE_KILLABLE)
# 6.13 and stable kernels: sharers of a table have a count, with functions of a ptdesc.
ccflags-y += $(call vt-feature,linux/mm_types.h,\bptdesc_pmd_pts_count\b,VT_HAVE_PTDESC_PMD_PTS)
# The same where there are no such functions: 6.1.
ccflags-y += $(call vt-feature,linux/mm_types.h,\bpt_share_count;,VT_HAVE_PT_SHARE_COUNT)
# 6.7: a huge page's index in its file is in pages of the base size.
ccflags-y += $(call vt-feature,linux/hugetlb.h,\bfilemap_lock_hugetlb_folio\b,VT_HAVE_HUGETLB_BASE_INDEX)
# 6.5: pin_user_pages() returns no VMAs any more.
ccflags-y += $(call vt-feature,linux/mm.h,struct vm_area_struct \*\*vmas,VT_HAVE_GUP_VMAS)
# Not seen yet: a kernel in which a file's VMAs are no rb-tree.
ccflags-y += $(call vt-feature,linux/fs.h,struct rb_root_cached[[:space:]]+i_mmap;,VT_HAVE_I_MMAP_RB)
# 6.13: a timer and its function are set up in one.
ccflags-y += $(call vt-feature,linux/hrtimer.h,\bhrtimer_setup\b,VT_HAVE_HRTIMER_SETUP)
# 6.2: an mm counts its pages per CPU.
ccflags-y += $(call vt-feature,linux/mm_types.h,struct percpu_counter[[:space:]]+rss_stat,VT_HAVE_PERCPU_RSS)
# 6.16: a file is asked before there is a VMA.
ccflags-y += $(call vt-feature,linux/fs.h,\*mmap_prepare,VT_HAVE_MMAP_PREPARE)
# 7.4: is_vm_hugetlb_page() becomes vma_is_hugetlb().
ccflags-y += $(call vt-feature,linux/hugetlb_inline.h,\bvma_is_hugetlb\b,VT_HAVE_VMA_IS_HUGETLB)
# 7.4 has no VM_SPECIAL and no PG_private any more: nothing here may use them, for
# which selftests/host/compat.bats sees.
