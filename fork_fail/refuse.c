// SPDX-License-Identifier: GPL-2.0-only
/*
 * What makes a fork fail from within: kprobes on functions that dup_mmap() calls.
 * Their handlers show the child early, have SIGKILL sent, or have the function fail.
 * They take no lock, wake nobody and send nothing themselves: entered by a
 * breakpoint they are like an NMI.
 */
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "fork_fail.h"

/*
 * Functions that fork calls, refused. The handler of a kprobe at a function's
 * entry has it return at once by going to one of these instead, which finds
 * registers and stack as the function would have.
 */
static noinline struct vm_area_struct *ff_no_vma(void)
{
	return NULL;
}

static noinline int ff_no_memory(void)
{
	return -ENOMEM;
}

static int ff_refuse(struct ff_parent *p, struct pt_regs *regs, void *instead)
{
	p->refused = true;
	instruction_pointer_set(regs, (unsigned long)instead);
	/* Do not go on with the probed instruction. */
	return 1;
}

/* The parent whose fork the calling thread is in. */
static struct ff_parent *ff_forking(struct kprobe *kp)
{
	struct ff_state *st = container_of(kp, struct ff_probe, kp)->st;
	struct ff_parent *p;

	if (!(current->flags & PF_KTHREAD))
		return NULL;
	ff_for_each_parent(p, st)
		if (READ_ONCE(p->forker) == current)
			return p;
	return NULL;
}

/* uprobe_dup_mmap(oldmm, mm): dup_mmap() begins. */
static int ff_begin_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);
	struct mm_struct *mm;

	if (!p)
		return 0;
	WRITE_ONCE(p->began, true);
	mm = (struct mm_struct *)regs_get_kernel_argument(regs, 1);
	if (p->early) {
		mmgrab(mm);
		if (p->hand)
			mmget(mm);
		/* The references are there; pairs with ff_adopt(). */
		smp_store_release(&p->early_mm, mm);
	}
	if (p->kill_early)
		irq_work_queue(&p->kill);
	return 0;
}

/**
 * ff_kill() - what the handler of a kprobe wants done that must not be done there
 * @work: a parent's
 *
 * A signal takes locks that sleep on PREEMPT_RT, and wakes; a handler may run
 * as if in an NMI. This runs on the same CPU as soon as that takes interrupts.
 */
void ff_kill(struct irq_work *work)
{
	struct ff_parent *p = container_of(work, struct ff_parent, kill);
	struct task_struct *forker = READ_ONCE(p->forker);

	if (forker)
		send_sig(SIGKILL, forker, 1);
}

/* vm_area_dup(orig) */
static int ff_dup_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);
	struct vm_area_struct *vma;
	struct mm_struct *child;

	if (!p)
		return 0;
	/*
	 * In the midst of dup_mmap(), under the child's mmap_lock. What is no
	 * longer early is the child already: pairs with ff_adopt().
	 */
	child = smp_load_acquire(&p->early_mm);
	WRITE_ONCE(p->copied, child ?: READ_ONCE(p->child));
	vma = (struct vm_area_struct *)regs_get_kernel_argument(regs, 0);
	if (p->refuse != FF_DUP || vma->vm_start != p->refuse_at)
		return 0;
	return ff_refuse(p, regs, ff_no_vma);
}

/* __mt_dup(mt, new, gfp): the child's tree is made. */
static int ff_tree_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);

	if (!p || p->refuse != FF_TREE)
		return 0;
	return ff_refuse(p, regs, ff_no_memory);
}

/* A function whose first argument is a VMA, the parent's or the child's of it. */
static int ff_refuse_vma(struct kprobe *kp, struct pt_regs *regs, enum ff_way way)
{
	struct ff_parent *p = ff_forking(kp);
	struct vm_area_struct *vma;

	if (!p || p->refuse != way)
		return 0;
	vma = (struct vm_area_struct *)regs_get_kernel_argument(regs, 0);
	if (vma->vm_start != p->refuse_at)
		return 0;
	return ff_refuse(p, regs, ff_no_memory);
}

/* vma_dup_policy(src, dst) */
static int ff_policy_handler(struct kprobe *kp, struct pt_regs *regs)
{
	return ff_refuse_vma(kp, regs, FF_POLICY);
}

/* dup_userfaultfd(vma, list) */
static int ff_userfault_handler(struct kprobe *kp, struct pt_regs *regs)
{
	return ff_refuse_vma(kp, regs, FF_USERFAULT);
}

/* anon_vma_fork(vma, pvma) */
static int ff_anon_vma_handler(struct kprobe *kp, struct pt_regs *regs)
{
	return ff_refuse_vma(kp, regs, FF_ANON_VMA);
}

/* copy_page_range(dst_vma, src_vma) */
static int ff_copy_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);
	struct vm_area_struct *vma;

	if (!p)
		return 0;
	vma = (struct vm_area_struct *)regs_get_kernel_argument(regs, 0);
	p->copying = vma->vm_start;
	if (p->refuse != FF_COPY || vma->vm_start != p->refuse_at)
		return 0;
	return ff_refuse(p, regs, ff_no_memory);
}

/*
 * __pte_alloc(mm, pmd): a page table for the child. Which one is told by where its
 * entry is in the table above: the second of the wide VMA, of which the pages in
 * the first are copied already.
 */
static int ff_table_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);
	unsigned long pmd;

	if (!p || p->refuse != FF_TABLE || p->copying != p->refuse_at)
		return 0;
	pmd = regs_get_kernel_argument(regs, 1);
	if (offset_in_page(pmd) / sizeof(pmd_t) !=
	    pmd_index(p->refuse_at + FF_WIDE_PAGES / 2 * PAGE_SIZE))
		return 0;
	return ff_refuse(p, regs, ff_no_memory);
}

/* ldt_dup_context(oldmm, mm), out of arch_dup_mmap(): all VMAs are copied. */
static int ff_arch_handler(struct kprobe *kp, struct pt_regs *regs)
{
	struct ff_parent *p = ff_forking(kp);

	if (!p || !p->refuse_arch)
		return 0;
	return ff_refuse(p, regs, ff_no_memory);
}

/*
 * Does nothing, but has to be there: the kernel does not optimize a kprobe with a
 * post_handler into a jump, from which the handler above could not redirect
 * regs->ip.
 */
static void ff_post_handler(struct kprobe *kp, struct pt_regs *regs,
			    unsigned long flags)
{
}

static const struct {
	const char *name;
	int (*handler)(struct kprobe *kp, struct pt_regs *regs);
} ff_probed[FF_NR_PROBES] = {
	[FF_P_BEGIN] = { "uprobe_dup_mmap", ff_begin_handler },
	[FF_P_TREE] = { "__mt_dup", ff_tree_handler },
	[FF_P_DUP] = { "vm_area_dup", ff_dup_handler },
	[FF_P_POLICY] = { "vma_dup_policy", ff_policy_handler },
	[FF_P_USERFAULT] = { "dup_userfaultfd", ff_userfault_handler },
	[FF_P_ANON_VMA] = { "anon_vma_fork", ff_anon_vma_handler },
	[FF_P_COPY] = { "copy_page_range", ff_copy_handler },
	[FF_P_TABLE] = { "__pte_alloc", ff_table_handler },
	[FF_P_ARCH] = { "ldt_dup_context", ff_arch_handler },
};

/**
 * ff_probes_start() - watch forks, and be able to refuse what they call
 * @st: the scenario
 *
 * What cannot be probed here is no error; for what can there has to be memory.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int ff_probes_start(struct ff_state *st)
{
	unsigned int i;
	int ret;

	for (i = 0; i < FF_NR_PROBES; i++) {
		struct ff_probe *probe = &st->probe[i];

		probe->st = st;
		probe->kp.symbol_name = ff_probed[i].name;
		probe->kp.pre_handler = ff_probed[i].handler;
		probe->kp.post_handler = ff_post_handler;
		ret = register_kprobe(&probe->kp);
		if (ret == -ENOMEM)
			return ret;
		probe->on = !ret;
		if (!probe->on)
			vt_info("fork_fail: no kprobe on %s()\n",
				ff_probed[i].name);
	}
	return 0;
}

/**
 * ff_probes_stop() - undo what ff_probes_start() did, after a failed one too
 * @st: the scenario
 *
 * All at once: each call waits for a grace period of RCU.
 *
 * Context: may sleep; no fork is under way.
 */
void ff_probes_stop(struct ff_state *st)
{
	struct kprobe *kps[FF_NR_PROBES];
	unsigned int i;
	int n = 0;

	for (i = 0; i < FF_NR_PROBES; i++) {
		if (st->probe[i].on)
			kps[n++] = &st->probe[i].kp;
		st->probe[i].on = false;
	}
	unregister_kprobes(kps, n);
}
