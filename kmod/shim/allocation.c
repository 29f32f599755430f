// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an allocator gave out, in any context: no lock is taken, so that what is
 * being allocated or freed meanwhile may be found as it was, as it will be, or not
 * at all. Nothing is read but descriptions of pages and page tables.
 */
#include <linux/irqflags.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
/* Since 5.12 there is KFENCE. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
#include <linux/kfence.h>
#else
#define is_kfence_address(address) false
#endif

#include "kflat_memory.h"

/* Where a search for an area's ends is given up: it takes time for each page. */
#define AREA_MOST (128UL << 20)
/* More than any compound page has. */
#define ORDER_MOST 30

/* A slab, or the pages that were allocated as one. */
static bool find_pages(u64 address, struct kflat_allocation *found)
{
	u64 physical = address - PAGE_OFFSET;
	struct page *page, *head;
	unsigned int order;

	/* Its guard pages are unmapped, its objects lie at either end of a page. */
	if (is_kfence_address((void *)address))
		return false;
	if (!kflat_ram_contains(physical & PAGE_MASK, PAGE_SIZE))
		return false;
	page = pfn_to_online_page(PHYS_PFN(physical));
	if (!page)
		return false;
	head = compound_head(page);
	/* Of a page that is being joined or split this may be of before. */
	order = compound_order(head);
	if (PageReserved(head) || PageBuddy(head) || order > ORDER_MOST)
		return false;
	/* The allocator frees single pages without a mark. */
	if (!PageHead(head) && !PageSlab(head) && !page_count(head))
		return false;
	found->start = PAGE_OFFSET + PFN_PHYS(page_to_pfn(head));
	found->end = found->start + (PAGE_SIZE << order);
	found->slab = PageSlab(head) ? (u64)head : 0;
	return address >= found->start && address < found->end;
}

static bool walk(u64 address, struct kflat_mapping *mapping)
{
	unsigned long flags;

	local_irq_save(flags);
	kflat_page_table_walk(address, mapping);
	local_irq_restore(flags);
	return mapping->present;
}

/* The mapped pages around it: each area ends with a page that is mapped by nobody. */
static bool find_area(u64 address, struct kflat_allocation *found)
{
	u64 least = max_t(u64, VMALLOC_START, address - min_t(u64, address, AREA_MOST));
	u64 most = min_t(u64, VMALLOC_END, address + AREA_MOST);
	struct kflat_mapping mapping;

	if (!walk(address, &mapping) ||
	    !kflat_ram_contains(mapping.physical & PAGE_MASK, PAGE_SIZE))
		return false;
	found->start = address & ~(mapping.size - 1);
	found->end = found->start + mapping.size;
	while (walk(found->start - 1, &mapping)) {
		found->start -= mapping.size;
		if (found->start < least)
			return false;
	}
	while (walk(found->end, &mapping)) {
		found->end += mapping.size;
		if (found->end > most)
			return false;
	}
	found->slab = 0;
	return true;
}

bool kflat_shim_allocation(u64 address, struct kflat_allocation *found)
{
	if (address >= VMALLOC_START && address < VMALLOC_END)
		return find_area(address, found);
	return address >= PAGE_OFFSET && address < VMALLOC_START && find_pages(address, found);
}

/* Whether the address is in the direct map of RAM, or in the description of a page. */
static bool may_be_read(u64 address)
{
	u64 first = (u64)vmemmap;

	if (address >= PAGE_OFFSET && address < VMALLOC_START)
		return kflat_ram_contains((address - PAGE_OFFSET) & PAGE_MASK, PAGE_SIZE);
	return address >= first && pfn_to_online_page((address - first) / sizeof(struct page));
}

/* A word of what describes a slab or its cache; 0: it can't be read. */
u64 kflat_shim_allocation_word(u64 address)
{
	u64 word;

	if (!IS_ALIGNED(address, sizeof(word)) || !may_be_read(address))
		return 0;
	__get_kernel_nofault(&word, (u64 *)address, u64, fault);
	return word;
fault:
	return 0;
}

/*
 * One object of an allocator, zeroed, whose bounds can be known: those of KFENCE's samples
 * can't, and never do two come one after the other. kflat_shim_free() frees it. Both sleep.
 */
void *kflat_shim_kmalloc(u64 size)
{
	gfp_t flags = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	void *memory = kzalloc(size, flags), *sample = NULL;

	if (is_kfence_address(memory)) {
		sample = memory;
		memory = kzalloc(size, flags);
	}
	kfree(sample);
	return memory;
}

void *kflat_shim_vmalloc(u64 size)
{
	return vzalloc(size);
}
