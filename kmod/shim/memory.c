// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of kernel memory that neither fault nor touch a device, in any context.
 *
 * Each page is checked twice: the page tables say that it is mapped and RAM,
 * then the kernel's non-faulting copy reads it. A direct-map address can mean
 * no other physical page, so that its verdict is kept in the caller's cache and
 * a read costs a table look-up and the copy. Any other address is checked at
 * each read, with interrupts off until it is read: whoever would map a device
 * there has to flush this CPU's TLB first.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "kflat_memory.h"

#define BLOCK_SHIFT PMD_SHIFT
#define SLOT(number) ((number) & (KFLAT_MEMORY_SLOTS - 1))

static bool in_direct_map(u64 address)
{
	return address >= PAGE_OFFSET && address < VMALLOC_START;
}

static bool known_ram(const struct kflat_memory_cache *cache, u64 address)
{
	u64 block = address >> BLOCK_SHIFT, page = address >> PAGE_SHIFT;

	if (cache->block[SLOT(block)] != block && cache->page[SLOT(page)] != page)
		return false;
	/* Pages are poisoned and ballooned one by one. */
	return kflat_ram_readable(address - PAGE_OFFSET);
}

/* Keeps the verdict on an address that was just found to be RAM. Not inlined: reads are deep. */
static noinline void keep_verdict(struct kflat_memory_cache *cache, u64 address)
{
	u64 block = address >> BLOCK_SHIFT, page = address >> PAGE_SHIFT;
	u64 physical = address - PAGE_OFFSET;
	struct kflat_mapping mapping;

	kflat_page_table_walk(address, &mapping);
	if (!mapping.present || mapping.physical != (physical & ~(mapping.size - 1)))
		return;
	if (mapping.size >= PMD_SIZE && kflat_ram_contains(physical & PMD_MASK, PMD_SIZE))
		cache->block[SLOT(block)] = block;
	else
		cache->page[SLOT(page)] = page;
}

static bool read_within_page(struct kflat_memory_cache *cache, u64 address, void *into, size_t size)
{
	const void *from = (const void *)address;
	unsigned long flags;
	u64 physical;
	bool read;

	if (cache && in_direct_map(address) && known_ram(cache, address))
		return !copy_from_kernel_nofault(into, from, size);

	local_irq_save(flags);
	read = kflat_ram_page(address, &physical) && !copy_from_kernel_nofault(into, from, size);
	if (read && cache && in_direct_map(address))
		keep_verdict(cache, address);
	local_irq_restore(flags);
	return read;
}

/* cache may be NULL. 0, or -EFAULT: then what is in the buffer is meaningless. */
int kflat_shim_memory_read(struct kflat_memory_cache *cache, u64 address, void *into, u64 size)
{
	if (size && (address < kflat_page_table_lowest() || address + (size - 1) < address))
		return -EFAULT;
	while (size) {
		u64 part = min_t(u64, size, PAGE_SIZE - offset_in_page(address));

		if (!read_within_page(cache, address, into, part))
			return -EFAULT;
		address += part;
		into += part;
		size -= part;
	}
	return 0;
}

/* Whether the address is kernel code: mapped executable, and RAM. Any context. */
bool kflat_shim_memory_executable(u64 address)
{
	struct kflat_mapping mapping;
	unsigned long flags;
	bool executable;

	if (address < kflat_page_table_lowest())
		return false;
	local_irq_save(flags);
	kflat_page_table_walk(address, &mapping);
	executable = mapping.present && mapping.executable &&
		     kflat_ram_contains(mapping.physical & PAGE_MASK, PAGE_SIZE);
	local_irq_restore(flags);
	return executable;
}
