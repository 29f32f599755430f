// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's page tables, x86_64.
 *
 * init_mm is not exported. The upper half of every pgd holds the same entries,
 * save for what kflat_page_table_alias() tells, so the walk starts from CR3.
 *
 * Tables are not locked. They are freed only after a TLB flush, which waits for
 * CPUs that have interrupts off (where it is done by interrupts; elsewhere the
 * fault-safe reads below keep a stale table from doing harm).
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/uaccess.h>
#include <asm/processor.h>

#include "kflat_memory.h"

#ifndef CONFIG_X86_64
#error "kflat knows the page tables of x86_64 only"
#endif

#define TABLE_BITS 9
#define TABLE_MASK ((1UL << TABLE_BITS) - 1)

u32 kflat_shim_page_table_levels(void)
{
	return pgtable_l5_enabled() ? 5 : 4;
}

/* The first address of the kernel's half. Below are user space and no man's land. */
u64 kflat_page_table_lowest(void)
{
	return ~0UL << (PGDIR_SHIFT + TABLE_BITS - 1);
}

static bool entry_at(u64 table, unsigned int index, u64 *entry)
{
	u64 *at = (u64 *)__va(table) + index;
	u64 raw;

	if (!kflat_ram_contains(table, PAGE_SIZE))
		return false;
	__get_kernel_nofault(&raw, at, u64, fault);
	/* Xen PV keeps machine frames in the tables; pte_val() gives ours. */
	*entry = pte_val(native_make_pte(raw));
	return true;
fault:
	return false;
}

void kflat_page_table_walk(u64 address, struct kflat_mapping *mapping)
{
	unsigned int shift = pgtable_l5_enabled() ? 48 : 39;
	u64 table = read_cr3_pa();
	bool executable = true;
	u64 entry;

	for (;; shift -= TABLE_BITS) {
		mapping->size = 1UL << shift;
		/*
		 * The present bit itself: pte_present() also accepts the bit of
		 * PROT_NONE, which in a kernel entry means "global".
		 */
		if (!entry_at(table, (address >> shift) & TABLE_MASK, &entry) ||
		    !(entry & _PAGE_PRESENT)) {
			mapping->present = false;
			return;
		}
		executable &= !(entry & _PAGE_NX);
		if (shift == PAGE_SHIFT || (entry & _PAGE_PSE))
			break;
		table = entry & PTE_PFN_MASK;
	}
	mapping->present = true;
	mapping->executable = executable;
	/* In a large page's entry the lowest address bit is an attribute (PAT). */
	mapping->physical = entry & PTE_PFN_MASK & ~(mapping->size - 1);
}

/*
 * Parts of the kernel's half that show nothing of their own; *end is their last
 * address: the LDT of the current process alone, the exception stacks of all
 * CPUs seen 65536 times (espfix), and KASAN's shadow, most of it one zero page.
 */
bool kflat_page_table_alias(u64 address, u64 *end)
{
	if (address >= LDT_BASE_ADDR && address < LDT_END_ADDR) {
		*end = LDT_END_ADDR - 1;
		return true;
	}
	if (address >= ESPFIX_BASE_ADDR && address < ESPFIX_BASE_ADDR + P4D_SIZE) {
		*end = ESPFIX_BASE_ADDR + P4D_SIZE - 1;
		return true;
	}
#ifdef CONFIG_KASAN
	if (address >= KASAN_SHADOW_START && address < KASAN_SHADOW_END) {
		*end = KASAN_SHADOW_END - 1;
		return true;
	}
#endif
	return false;
}
