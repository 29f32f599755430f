// SPDX-License-Identifier: GPL-2.0-only
/* Probes at the return of functions, which remember the arguments of the call. */
#include <linux/kprobes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kflat_probe.h"

struct kflat_return_probe {
	struct kretprobe kretprobe;
	void *context;			/* Rust's */
	char symbol[];
};

/* Calls in progress at a time whose return is followed; more are missed. */
#define MOST_CALLS 128

static struct kflat_return_probe *probe_of(struct kretprobe_instance *call)
{
	return container_of(get_kretprobe(call), struct kflat_return_probe, kretprobe);
}

static int on_entry(struct kretprobe_instance *call, struct pt_regs *regs)
{
	u64 *arguments = (u64 *)call->data;
	u32 position;

	if (!kflat_return_probe_wanted(probe_of(call)->context))
		return 1;	/* its return is not followed */
	for (position = 0; position < KFLAT_ARGUMENTS; position++)
		if (!kflat_argument(regs, position, &arguments[position]))
			arguments[position] = 0;
	return 0;
}
NOKPROBE_SYMBOL(on_entry);

static int on_return(struct kretprobe_instance *call, struct pt_regs *regs)
{
	struct kflat_return_probe *probe = probe_of(call);
	struct kflat_call hit = { .regs = regs };

	hit.address = (unsigned long)probe->kretprobe.kp.addr;
	hit.arguments = (u64 *)call->data;
	hit.returned = regs_return_value(regs);
	kflat_probe_hit(probe->context, &hit);
	return 0;
}
NOKPROBE_SYMBOL(on_return);

/* NULL, and *error: as kflat_shim_probe_register(). */
struct kflat_return_probe *kflat_shim_return_probe_register(const char *symbol, void *context,
							    int *error)
{
	size_t length = strlen(symbol);
	struct kflat_return_probe *probe = kzalloc(sizeof(*probe) + length + 1, GFP_KERNEL);

	if (!probe) {
		*error = -ENOMEM;
		return NULL;
	}
	memcpy(probe->symbol, symbol, length);
	probe->context = context;
	probe->kretprobe.kp.symbol_name = probe->symbol;
	probe->kretprobe.entry_handler = on_entry;
	probe->kretprobe.handler = on_return;
	probe->kretprobe.data_size = KFLAT_ARGUMENTS * sizeof(u64);
	probe->kretprobe.maxactive = MOST_CALLS;
	*error = register_kretprobe(&probe->kretprobe);
	if (!*error)
		return probe;
	kfree(probe);
	if (*error != -ENOMEM)
		*error = -EFAULT;
	return NULL;
}

/* Waits for handlers; calls in progress return without one. Sleeps. */
void kflat_shim_return_probe_unregister(struct kflat_return_probe *probe)
{
	unregister_kretprobe(&probe->kretprobe);
	kfree(probe);
}

/* Calls that nobody saw: within another probe's handler, or too many at a time. */
u64 kflat_shim_return_probe_missed(const struct kflat_return_probe *probe)
{
	return READ_ONCE(probe->kretprobe.nmissed) + READ_ONCE(probe->kretprobe.kp.nmissed);
}
