// SPDX-License-Identifier: GPL-2.0-only
/* A long list of kernel objects, and a pool to be zeroed: what captures are measured by. */
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "kflat_test.h"

struct item {
	struct item *next;
	struct list_head link;
	u64 number;
	u64 rest[4];
};

static_assert(sizeof(struct item) == 64);

struct kflat_test_list {
	struct item *first;		/* the items as a chain */
	struct list_head items;		/* the same, as a circle */
	u64 count;
};

/* The target. */
noinline u64 kflat_test_list(struct kflat_test_list *list)
{
	barrier();
	return list->count;
}

static void free_items(struct kmem_cache *cache, struct kflat_test_list *list)
{
	struct item *item = list->first, *next;

	for (; item; item = next) {
		next = item->next;
		kmem_cache_free(cache, item);
	}
}

/* 0, or -ENOMEM with the items there are. */
static int make_items(struct kmem_cache *cache, struct kflat_test_list *list)
{
	struct item **last = &list->first;
	u64 i;

	for (i = 0; i < KFLAT_TEST_ITEMS; i++) {
		struct item *item = kmem_cache_zalloc(cache, GFP_KERNEL);

		if (!item)
			return -ENOMEM;
		item->number = i;
		list_add_tail(&item->link, &list->items);
		*last = item;
		last = &item->next;
		list->count++;
	}
	return 0;
}

/*
 * Calls kflat_test_list() with KFLAT_TEST_ITEMS items of 64 bytes, size bytes of memory
 * each; the wrong count is an error.
 */
int kflat_test_with_list(unsigned int size, bool irqs_off)
{
	struct kflat_test_list list = { .items = LIST_HEAD_INIT(list.items) };
	struct kmem_cache *cache = kmem_cache_create("kflat_test_item", size, 0, 0, NULL);
	u64 count = 0;
	int error;

	if (!cache)
		return -ENOMEM;
	error = make_items(cache, &list);
	if (!error) {
		if (irqs_off)
			local_irq_disable();
		count = kflat_test_list(&list);
		if (irqs_off)
			local_irq_enable();
	}
	free_items(cache, &list);
	kmem_cache_destroy(cache);
	return error ?: count != KFLAT_TEST_ITEMS;
}

/* Nanoseconds that zeroing 128 MiB takes; 0: there is no memory. */
u64 kflat_test_zero_pool(void)
{
	u64 *pool = vmalloc(SZ_128M);
	u64 start, end;

	if (!pool)
		return 0;
	local_irq_disable();
	start = ktime_get_ns();
	memset(pool, 0, SZ_128M);
	barrier_data(pool);
	end = ktime_get_ns();
	local_irq_enable();
	vfree(pool);
	return end - start;
}
