// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which physical memory is RAM, in a form that can be asked in any context.
 *
 * page_is_ram() takes a lock that the interrupted code may hold, so the
 * kernel's resources are copied to a table: when the module is loaded, at each
 * kflat_shim_ram_refresh(), and when memory comes online.
 */
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "kflat_memory.h"

struct ram_table {
	struct rcu_head rcu;
	unsigned int count, room;
	struct ram_range {
		u64 start, end;	/* physical, page-aligned, end exclusive */
	} range[];
};

static DEFINE_MUTEX(refresh_lock);
static struct ram_table __rcu *ram;

static int note_ram(struct resource *resource, void *into)
{
	u64 start = PAGE_ALIGN(resource->start);
	u64 end = (resource->end + 1) & PAGE_MASK;
	struct ram_table *table = into;

	if (start >= end)
		return 0;
	if (table->count && table->count <= table->room &&
	    table->range[table->count - 1].end == start) {
		table->range[table->count - 1].end = end;
		return 0;
	}
	if (table->count < table->room) {
		table->range[table->count].start = start;
		table->range[table->count].end = end;
	}
	table->count++;
	return 0;
}

static struct ram_table *read_resources(void)
{
	struct ram_table *table;
	unsigned int room = 64;

	for (;;) {
		table = kvzalloc(struct_size(table, range, room), GFP_KERNEL);
		if (!table)
			return NULL;
		table->room = room;
		walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY,
				    0, -1, table, note_ram);
		if (table->count <= room)
			return table;
		room = table->count + 64;
		kvfree(table);
	}
}

/* -ENOMEM: the table of before stays. */
int kflat_shim_ram_refresh(void)
{
	struct ram_table *table, *old;

	mutex_lock(&refresh_lock);
	table = read_resources();
	if (table) {
		old = rcu_replace_pointer(ram, table, lockdep_is_held(&refresh_lock));
		if (old)
			kvfree_rcu(old, rcu);
	}
	mutex_unlock(&refresh_lock);
	return table ? 0 : -ENOMEM;
}

static int on_hotplug(struct notifier_block *self, unsigned long action, void *what)
{
	if (action == MEM_ONLINE)
		kflat_shim_ram_refresh();
	else if (action == MEM_OFFLINE)
		kflat_kdump_invalidate();
	return NOTIFY_OK;
}

static struct notifier_block hotplug = { .notifier_call = on_hotplug };

int kflat_shim_ram_init(void)
{
	int error = kflat_shim_ram_refresh();

	if (error)
		return error;
	return register_memory_notifier(&hotplug);
}

void kflat_shim_ram_exit(void)
{
	unregister_memory_notifier(&hotplug);
	/* The probes are gone by now: nobody reads. */
	kvfree(rcu_dereference_protected(ram, true));
	RCU_INIT_POINTER(ram, NULL);
	/* What kvfree_rcu() still has to free is not the module's to wait for. */
}

/* Any context. */
bool kflat_ram_contains(u64 physical, u64 size)
{
	const struct ram_table *table;
	unsigned int low = 0, high;
	bool found = false;

	rcu_read_lock_sched_notrace();
	table = rcu_dereference_sched(ram);
	high = table ? table->count : 0;
	while (low < high) {
		unsigned int middle = low + (high - low) / 2;
		const struct ram_range *range = &table->range[middle];

		if (physical < range->start) {
			high = middle;
		} else if (physical >= range->end) {
			low = middle + 1;
		} else {
			found = size <= range->end - physical;
			break;
		}
	}
	rcu_read_unlock_sched_notrace();
	return found;
}

/*
 * Whether the page may be read although it is RAM: not if it is poisoned, or
 * given back to the hypervisor (ballooned). Its section must be online.
 */
bool kflat_ram_readable(u64 physical)
{
	struct page *page = pfn_to_page(PHYS_PFN(physical));

	return !PageOffline(page) && !PageHWPoison(page);
}

/*
 * The physical address that a kernel address is mapped to, if that is RAM and
 * may be read. Interrupts are off: until they are on again no other mapping can
 * take the address.
 */
bool kflat_ram_page(u64 address, u64 *physical)
{
	struct kflat_mapping mapping;

	lockdep_assert_irqs_disabled();
	kflat_page_table_walk(address, &mapping);
	if (!mapping.present)
		return false;
	*physical = mapping.physical + (address & (mapping.size - 1));
	return kflat_ram_contains(*physical & PAGE_MASK, PAGE_SIZE) &&
	       pfn_to_online_page(PHYS_PFN(*physical)) && kflat_ram_readable(*physical);
}

u64 kflat_shim_ram_first(void)
{
	return kflat_page_table_lowest();
}

void kflat_shim_ram_piece(u64 address, struct kflat_ram_piece *piece)
{
	struct kflat_mapping mapping;
	unsigned long flags;
	u64 rest;

	piece->backed = false;
	if (kflat_page_table_alias(address, &piece->end))
		return;
	local_irq_save(flags);
	kflat_page_table_walk(address, &mapping);
	rest = mapping.size - (address & (mapping.size - 1));
	if (mapping.present) {
		piece->physical = mapping.physical + mapping.size - rest;
		if (kflat_ram_contains(piece->physical, rest)) {
			piece->backed = true;
		} else if (rest > PAGE_SIZE) {
			/* A large page that is RAM only in parts: page by page. */
			rest = PAGE_SIZE - (address & ~PAGE_MASK);
			piece->backed = kflat_ram_contains(piece->physical, rest);
		}
	}
	local_irq_restore(flags);
	piece->end = address + (rest - 1);
}

/* A walk's breath; true: the process is being killed and need not go on. */
bool kflat_shim_ram_pause(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}
