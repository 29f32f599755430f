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

static DEFINE_PER_CPU(u64, self_test);

/* The self-tests' variable: mark on CPU 0, one more on each further CPU. */
u64 kflat_shim_cpu_self_test(u64 mark)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(self_test, cpu) = mark + cpu;
	return (u64)(__force unsigned long)&self_test;
}
