/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checked reads of kernel memory, the layout of what is backed by RAM, and the
 * mapping of it. Rust side: src/ffi_memory.rs.
 */
#ifndef KFLAT_MEMORY_H
#define KFLAT_MEMORY_H

#include <linux/mm_types.h>
#include <linux/types.h>

/* One entry of the kernel's page tables: a mapping, or a hole of its size. */
struct kflat_mapping {
	u64 size;	/* bytes from the entry's first address on, a power of two */
	u64 physical;	/* of the entry's first address; only if present */
	u32 present;
	u32 executable;	/* only if present */
};

/* page_table.c: what only the architecture knows. Callers have interrupts off. */
void kflat_page_table_walk(u64 address, struct kflat_mapping *mapping);
u64 kflat_page_table_lowest(void);
bool kflat_page_table_alias(u64 address, u64 *end);
u32 kflat_shim_page_table_levels(void);

/* ram.c: which physical memory is RAM. */
int kflat_shim_ram_init(void);
void kflat_shim_ram_exit(void);
int kflat_shim_ram_refresh(void);
bool kflat_ram_contains(u64 physical, u64 size);
bool kflat_ram_readable(u64 physical);
bool kflat_ram_page(u64 address, u64 *physical);

/*
 * One step over the kernel's page tables. [address, end] is a piece of them;
 * backed says whether it is RAM, and then physical is where it starts.
 */
struct kflat_ram_piece {
	u64 end;	/* inclusive */
	u64 physical;
	u32 backed;
};
u64 kflat_shim_ram_first(void);
void kflat_shim_ram_piece(u64 address, struct kflat_ram_piece *piece);
bool kflat_shim_ram_pause(void);

/*
 * memory.c. Direct-map pages that this capture already found to be RAM, zeroed
 * at its start: a block or page number, or 0.
 */
#define KFLAT_MEMORY_SLOTS 64
struct kflat_memory_cache {
	u64 block[KFLAT_MEMORY_SLOTS];
	u64 page[KFLAT_MEMORY_SLOTS];
};
int kflat_shim_memory_read(struct kflat_memory_cache *cache, u64 address, void *into, u64 size);
bool kflat_shim_memory_executable(u64 address);

/*
 * allocation.c: what is known without the allocator's own headers. Any context.
 * slab is the address of what describes the slab that start to end is, or 0:
 * then it is one object.
 */
struct kflat_allocation {
	u64 start, end;
	u64 slab;
};
bool kflat_shim_allocation(u64 address, struct kflat_allocation *found);
u64 kflat_shim_allocation_word(u64 address);
/* To make some. */
void *kflat_shim_kmalloc(u64 size);
void *kflat_shim_vmalloc(u64 size);

/* user_memory.c: of the current process; only what is present. Any context. */
int kflat_shim_memory_read_user(u64 address, void *into, u64 size);

/* percpu.c */
u32 kflat_shim_cpu_count(void);
u64 kflat_shim_cpu_offset(u32 cpu);
u64 kflat_shim_cpu_self_test(u64 mark);

/* kdump.c: layout is Rust's, counted by kflat_kdump_open() and _close(). */
int kflat_shim_kdump_init(void);
void kflat_shim_kdump_exit(void);
void kflat_shim_kdump_map(struct vm_area_struct *vma, void *layout);
void kflat_kdump_invalidate(void);

/* Rust: a mapping of the layout was duplicated, or went away. */
void kflat_kdump_open(void *layout);
void kflat_kdump_close(void *layout);
/* Rust: the address of page number page of the layout; false: past its end. */
bool kflat_kdump_address(void *layout, u64 page, u64 *address);

#endif
