// SPDX-License-Identifier: GPL-2.0-only
/* Probes at the kernel's own tracepoints. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "kflat_probe.h"

struct kflat_tracepoint {
	struct tracepoint *tracepoint;
	void *context;			/* Rust's */
};

/*
 * Called like any function that is registered at a tracepoint: with our data and
 * the arguments of that tracepoint, as many as it has. What is beyond them is
 * left over in registers and in the caller's frame.
 */
static void on_hit(void *data, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h, u64 i,
		   u64 j, u64 k, u64 l)
{
	const u64 arguments[KFLAT_ARGUMENTS] = { a, b, c, d, e, f, g, h, i, j, k, l };
	struct kflat_tracepoint *tracepoint = data;
	struct kflat_call call = { .arguments = arguments };

	kflat_probe_hit(tracepoint->context, &call);
}

struct search {
	const char *name;
	struct tracepoint *found;
};

static void compare(struct tracepoint *tracepoint, void *data)
{
	struct search *search = data;

	if (!strcmp(tracepoint->name, search->name))
		search->found = tracepoint;
}

/* NULL, and *error: -ENOMEM, or -EFAULT if there is no such tracepoint. */
struct kflat_tracepoint *kflat_shim_tracepoint_register(const char *name, void *context,
							int *error)
{
	struct search search = { .name = name };
	struct kflat_tracepoint *probe;

	for_each_kernel_tracepoint(compare, &search);
	*error = -EFAULT;
	if (!search.found)
		return NULL;
	*error = -ENOMEM;
	probe = kzalloc(sizeof(*probe), GFP_KERNEL);
	if (!probe)
		return NULL;
	probe->tracepoint = search.found;
	probe->context = context;
	*error = tracepoint_probe_register(probe->tracepoint, on_hit, probe);
	if (!*error)
		return probe;
	kfree(probe);
	return NULL;
}

/* Waits for handlers. Sleeps. */
void kflat_shim_tracepoint_unregister(struct kflat_tracepoint *probe)
{
	tracepoint_probe_unregister(probe->tracepoint, on_hit, probe);
	tracepoint_synchronize_unregister();
	kfree(probe);
}
