// SPDX-License-Identifier: GPL-2.0-only
/* Where each CPU has its per-CPU variables. */
#include <linux/cpumask.h>
#include <linux/percpu.h>

#include "kflat_memory.h"

/* CPUs have numbers below this. */
u32 kflat_shim_cpu_count(void)
{
	return nr_cpu_ids;
}

/* What is added to the address of a per-CPU variable; all ones: no such CPU. */
u64 kflat_shim_cpu_offset(u32 cpu)
{
	if (cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return ~0ULL;
	return per_cpu_offset(cpu);
}
