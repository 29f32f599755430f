// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kprobes, and the way out of their handler. What x86_64 adds is in the second
 * half of the file.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kflat_probe.h"

struct kflat_probe {
	struct kprobe kprobe;
	void *context;			/* Rust's */
	atomic_t in_trampoline;		/* 1: a call is on its way through it */
	unsigned long lent;		/* what that call's lent register held */
	char symbol[];
};

static void skip_body(struct pt_regs *regs);
static void enter_trampoline(struct kflat_probe *probe, struct pt_regs *regs);

/* Some call was sent into this module's assembly. */
static bool trampoline_used;

static int on_hit(struct kprobe *kprobe, struct pt_regs *regs)
{
	struct kflat_probe *probe = container_of(kprobe, struct kflat_probe, kprobe);
	struct kflat_call call = { .regs = regs };

	call.address = (unsigned long)kprobe->addr;
	switch (kflat_probe_hit(probe->context, &call)) {
	case KFLAT_SKIP_BODY:
		skip_body(regs);
		break;
	case KFLAT_VIA_TRAMPOLINE:
		/* One call at a time: another one is not for us. */
		if (atomic_cmpxchg(&probe->in_trampoline, 0, 1))
			return 0;
		enter_trampoline(probe, regs);
		break;
	default:
		return 0;
	}
	WRITE_ONCE(trampoline_used, true);
	/* regs->ip was changed: no single step. */
	return 1;
}
NOKPROBE_SYMBOL(on_hit);

/*
 * Having it keeps kprobes from optimising the probe to a jump, whose handler
 * could not change regs->ip (Documentation/trace/kprobes.rst).
 */
static void on_stepped(struct kprobe *kprobe, struct pt_regs *regs, unsigned long flags)
{
}
NOKPROBE_SYMBOL(on_stepped);

/*
 * offset: bytes from the symbol's start, or the address if symbol is NULL. NULL,
 * and *error: -ENOMEM, or -EFAULT if the function does not exist or can't be
 * probed there.
 */
struct kflat_probe *kflat_shim_probe_register(const char *symbol, u64 offset, void *context,
					      int *error)
{
	size_t length = symbol ? strlen(symbol) : 0;
	struct kflat_probe *probe = kzalloc(sizeof(*probe) + length + 1, GFP_KERNEL);

	if (!probe) {
		*error = -ENOMEM;
		return NULL;
	}
	probe->context = context;
	if (symbol) {
		memcpy(probe->symbol, symbol, length);
		probe->kprobe.symbol_name = probe->symbol;
		probe->kprobe.offset = offset;
	} else {
		probe->kprobe.addr = (kprobe_opcode_t *)offset;
	}
	probe->kprobe.pre_handler = on_hit;
	probe->kprobe.post_handler = on_stepped;
	*error = register_kprobe(&probe->kprobe);
	if (!*error)
		return probe;
	kfree(probe);
	if (*error != -ENOMEM)
		*error = -EFAULT;
	return NULL;
}

/* Waits for handlers and for a call in the trampoline. Sleeps. */
void kflat_shim_probe_unregister(struct kflat_probe *probe)
{
	unregister_kprobe(&probe->kprobe);
	/*
	 * Polled: to wake somebody the trampoline would have to take locks that
	 * the probed function's callers may hold.
	 */
	while (atomic_read_acquire(&probe->in_trampoline))
		msleep(1);
	kfree(probe);
}

/*
 * After the last probe went: waits until no task is in the few instructions
 * behind kflat_trampoline_run(), which a task may be preempted in but never
 * sleeps in, nor an interrupt handler on an idle CPU.
 */
void kflat_shim_probe_exit(void)
{
	if (!trampoline_used)
		return;
	synchronize_rcu_tasks();
	synchronize_rcu();
}

/* Hits that happened within another probe's handler: nobody saw them. */
u64 kflat_shim_probe_missed(const struct kflat_probe *probe)
{
	return READ_ONCE(probe->kprobe.nmissed);
}

/*
 * Whether the interrupted code must not sleep. Without CONFIG_PREEMPT_COUNT a
 * held spinlock can't be seen, so that no context is sure.
 * A task that has prepared to sleep would forget it by sleeping here.
 */
static bool in_atomic_context(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_COUNT) || preempt_count() || irqs_disabled() ||
	       rcu_preempt_depth() || is_idle_task(current) ||
	       READ_ONCE(current->__state) != TASK_RUNNING;
}

/* x86_64 from here on. */

static void skip_body(struct pt_regs *regs)
{
	regs->ax = 0;
	regs->ip = (unsigned long)kflat_trampoline_return;
}
NOKPROBE_SYMBOL(skip_body);

static void enter_trampoline(struct kflat_probe *probe, struct pt_regs *regs)
{
	probe->lent = regs->ax;
	regs->ax = (unsigned long)probe;
	regs->ip = (unsigned long)kflat_trampoline;
}
NOKPROBE_SYMBOL(enter_trampoline);

/* Called by kflat_trampoline in the context of the probed function. */
void kflat_trampoline_run(struct pt_regs *regs)
{
	struct kflat_probe *probe = (struct kflat_probe *)regs->ax;

	regs->ax = probe->lent;
	/* The probe will be hit again, and then runs on. */
	regs->ip = (unsigned long)probe->kprobe.addr;
	/* Under Xen PV the kernel's segments are not __KERNEL_CS and __KERNEL_DS. */
	savesegment(cs, regs->cs);
	savesegment(ss, regs->ss);
	if (kflat_probe_trampoline(probe->context, in_atomic_context()) == KFLAT_SKIP_BODY)
		skip_body(regs);
	/* From here on the probe may be gone. */
	atomic_set_release(&probe->in_trampoline, 0);
}
NOKPROBE_SYMBOL(kflat_trampoline_run);
