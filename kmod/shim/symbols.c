// SPDX-License-Identifier: GPL-2.0-only
/* Names of addresses, addresses of names. */
#include <linux/kernel.h>
#include <linux/kprobes.h>

#include "kflat_probe.h"

/* kallsyms_lookup_name(), which is no longer exported since 5.7. */
static unsigned long lookup_name;

/*
 * A kprobe is given its symbol's address. On kernels with landing pads (IBT)
 * that is the one behind the pad, so that the offset that the symbol's name
 * comes with is taken off.
 */
int kflat_shim_symbols_init(void)
{
	struct kprobe kprobe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long offset;
	char name[64];
	int error;

	error = register_kprobe(&kprobe);
	if (error)
		return error;
	unregister_kprobe(&kprobe);
	snprintf(name, sizeof(name), "%pS", kprobe.addr);
	if (sscanf(name, "kallsyms_lookup_name+0x%lx", &offset) != 1)
		return -ENOENT;
	lookup_name = (unsigned long)kprobe.addr - offset;
	return 0;
}

/* Of symbol or module:symbol; 0: there is none. Sleeps. */
u64 kflat_shim_symbols_address(const char *name)
{
	return lookup_name ? kflat_trampoline_call(name, lookup_name) : 0;
}

/*
 * symbol+0xoffset/0xsize [module], or a plain number if there is no symbol.
 * Returns the bytes written, without the NUL.
 */
u64 kflat_shim_symbols_name(u64 address, char *into, u64 size)
{
	return scnprintf(into, size, "%pS", (void *)address);
}
