# SPDX-License-Identifier: GPL-2.0-only
#
# What this kernel's headers have, found by looking into them. Each line names
# the header, what has to be in it, and the macro that engine/compat.h asks for.

vt-header = $(firstword $(wildcard $(srctree)/include/$(1)))
vt-feature = $(shell grep -qE '$(2)' $(call vt-header,$(1)) /dev/null && echo -D$(3))

ccflags-y += $(call vt-feature,linux/mm.h,\bvm_flags_set\b,VT_HAVE_VM_FLAGS_SET)
ccflags-y += $(call vt-feature,linux/shmem_fs.h,shmem_file_setup.*vma_flags_t,VT_HAVE_SHMEM_VMA_FLAGS)
ccflags-y += $(call vt-feature,linux/mm_types.h,refcount_t[[:space:]]+vm_refcnt,VT_HAVE_VM_REFCNT)
ccflags-y += $(call vt-feature,linux/mm.h,MAYBE_GUARD,VT_HAVE_MAYBE_GUARD)
ccflags-y += $(call vt-feature,linux/mm_types.h,seqcount_t[[:space:]]+mm_lock_seq,VT_HAVE_MM_LOCK_SEQCOUNT)
ccflags-y += $(call vt-feature,linux/mm.h,\bmm_flags_test\b,VT_HAVE_MM_FLAGS)
ccflags-y += $(call vt-feature,linux/maple_tree.h,\b__mt_dup\b,VT_HAVE_MT_DUP)
ccflags-y += $(call vt-feature,linux/mmap_lock.h,\bvma_start_write_killable\b,VT_HAVE_VMA_WRITE_KILLABLE)
ccflags-y += $(call vt-feature,linux/mm_types.h,\bptdesc_pmd_pts_count\b,VT_HAVE_PTDESC_PMD_PTS)
ccflags-y += $(call vt-feature,linux/mm_types.h,\bpt_share_count;,VT_HAVE_PT_SHARE_COUNT)
ccflags-y += $(call vt-feature,linux/hugetlb.h,\bfilemap_lock_hugetlb_folio\b,VT_HAVE_HUGETLB_BASE_INDEX)
ccflags-y += $(call vt-feature,linux/mm.h,struct vm_area_struct \*\*vmas,VT_HAVE_GUP_VMAS)
ccflags-y += $(call vt-feature,linux/fs.h,struct rb_root_cached[[:space:]]+i_mmap;,VT_HAVE_I_MMAP_RB)
ccflags-y += $(call vt-feature,linux/hrtimer.h,\bhrtimer_setup\b,VT_HAVE_HRTIMER_SETUP)
ccflags-y += $(call vt-feature,linux/mm_types.h,struct percpu_counter[[:space:]]+rss_stat,VT_HAVE_PERCPU_RSS)
ccflags-y += $(call vt-feature,linux/fs.h,\*mmap_prepare,VT_HAVE_MMAP_PREPARE)
