# SPDX-License-Identifier: GPL-2.0-only
#
# What this kernel's headers have, found by looking into them. Each line names
# the header, what has to be in it, and the macro that engine/compat.h asks for.

vt-header = $(firstword $(wildcard $(srctree)/include/$(1)))
vt-feature = $(shell grep -qE '$(2)' $(call vt-header,$(1)) /dev/null && echo -D$(3))

ccflags-y += $(call vt-feature,linux/mm.h,\bvm_flags_set\b,VT_HAVE_VM_FLAGS_SET)
ccflags-y += $(call vt-feature,linux/shmem_fs.h,shmem_file_setup.*vma_flags_t,VT_HAVE_SHMEM_VMA_FLAGS)
ccflags-y += $(call vt-feature,linux/mm_types.h,refcount_t[[:space:]]+vm_refcnt,VT_HAVE_VM_REFCNT)
ccflags-y += $(call vt-feature,linux/mm_types.h,seqcount_t[[:space:]]+mm_lock_seq,VT_HAVE_MM_LOCK_SEQCOUNT)
