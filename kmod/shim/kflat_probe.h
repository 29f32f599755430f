/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes, the trampoline that leaves their handler, halting the other CPUs, and
 * symbols. Rust side: src/ffi_probe.rs.
 */
#ifndef KFLAT_PROBE_H
#define KFLAT_PROBE_H

/* What happens to the call that a probe stopped; the numbers are Rust's too. */
#define KFLAT_RUN_ON 0		/* as if there were no probe */
#define KFLAT_SKIP_BODY 1	/* the function is not executed, its caller gets 0 */
#define KFLAT_VIA_TRAMPOLINE 2	/* ask again outside the handler */

/* The registers of a hit, see abi::extension::Hit. */
#define KFLAT_REGISTERS 34
/* abi::program::MAX_ARGUMENTS */
#define KFLAT_ARGUMENTS 16

#ifndef __ASSEMBLY__
#include <linux/types.h>

struct kflat_probe;
struct kflat_return_probe;
struct kflat_tracepoint;
struct pt_regs;

/* What a hit knows of the call. */
struct kflat_call {
	const struct pt_regs *regs;	/* NULL: none are known */
	u64 address;			/* of the probed instruction; 0: there is none */
	const u64 *arguments;		/* KFLAT_ARGUMENTS; NULL: regs are those at entry */
	u64 returned;			/* by the function, at its return */
};

/* call.c */
u32 kflat_shim_call_registers(const struct kflat_call *call, u64 *into);
bool kflat_shim_call_argument(const struct kflat_call *call, u32 position, u64 *value);
/* The argument at position of a function at whose entry regs are. */
bool kflat_argument(const struct pt_regs *regs, u32 position, u64 *value);

/* probe.c: symbol NULL: offset is the address. */
struct kflat_probe *kflat_shim_probe_register(const char *symbol, u64 offset, void *context,
					      int *error);
void kflat_shim_probe_unregister(struct kflat_probe *probe);
u64 kflat_shim_probe_missed(const struct kflat_probe *probe);
void kflat_shim_probe_exit(void);

/* return_probe.c */
struct kflat_return_probe *kflat_shim_return_probe_register(const char *symbol, void *context,
							    int *error);
void kflat_shim_return_probe_unregister(struct kflat_return_probe *probe);
u64 kflat_shim_return_probe_missed(const struct kflat_return_probe *probe);
/* Rust: whether the return of the call that is being made is wanted. In the handler. */
bool kflat_return_probe_wanted(void *context);

/* tracepoint.c */
struct kflat_tracepoint *kflat_shim_tracepoint_register(const char *name, void *context,
							int *error);
void kflat_shim_tracepoint_unregister(struct kflat_tracepoint *tracepoint);

/*
 * Rust: the probe was hit. In the handler: preemption or interrupts are off,
 * any lock may be held, in_nmi() may be true. Only probes of probe.c can do
 * anything but run on.
 */
u32 kflat_probe_hit(void *context, const struct kflat_call *call);
/*
 * Rust: the call that got KFLAT_VIA_TRAMPOLINE, in its own context. It must not
 * sleep if atomic.
 */
u32 kflat_probe_trampoline(void *context, bool atomic);

/* trampoline.S */
void kflat_trampoline(void);
void kflat_trampoline_return(void);
unsigned long kflat_trampoline_call(const void *argument, unsigned long function);
/* probe.c, called by it. */
void kflat_trampoline_run(struct pt_regs *regs);

/* stop_machine.c */
int kflat_shim_stop_machine(void *context, u64 *pause_ns);
/* Rust: the other CPUs are halted, interrupts are off. */
void kflat_stop_machine_run(void *context);

/* symbols.c */
int kflat_shim_symbols_init(void);
u64 kflat_shim_symbols_address(const char *name);
u64 kflat_shim_symbols_name(u64 address, char *into, u64 size);

#endif /* !__ASSEMBLY__ */
#endif
