// SPDX-License-Identifier: GPL-2.0-only
/* Registers and arguments of a call that was hit, x86_64. */
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/ptrace.h>

#include "kflat_probe.h"

/* Fills KFLAT_REGISTERS words in the order of struct pt_regs; says how many. */
u32 kflat_shim_call_registers(const struct kflat_call *call, u64 *into)
{
	BUILD_BUG_ON(sizeof(*call->regs) > KFLAT_REGISTERS * sizeof(u64));
	if (!call->regs)
		return 0;
	memcpy(into, call->regs, sizeof(*call->regs));
	/* In a kprobe's handler it is one byte further, as after an int3. */
	if (!call->arguments)
		into[offsetof(struct pt_regs, ip) / sizeof(u64)] = call->address;
	return sizeof(*call->regs) / sizeof(u64);
}

bool kflat_argument(const struct pt_regs *regs, u32 position, u64 *value)
{
	const unsigned long in_registers[] = {
		regs->di, regs->si, regs->dx, regs->cx, regs->r8, regs->r9,
	};

	if (position < ARRAY_SIZE(in_registers)) {
		*value = in_registers[position];
		return true;
	}
	/* At sp is the return address, above it the seventh argument. */
	return !get_kernel_nofault(*value, (u64 *)regs->sp + 1 + position - ARRAY_SIZE(in_registers));
}

/* As a word, by its position from 0. false: it can't be read. */
bool kflat_shim_call_argument(const struct kflat_call *call, u32 position, u64 *value)
{
	if (!call->arguments)
		return kflat_argument(call->regs, position, value);
	if (position >= KFLAT_ARGUMENTS)
		return false;
	*value = call->arguments[position];
	return true;
}
