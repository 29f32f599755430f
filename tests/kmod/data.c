// SPDX-License-Identifier: GPL-2.0-only
/* Known data of every kind of memory, and an I/O register that notices reads. */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>

#include "kflat_test.h"

/* The I/O APIC of every PC: present, and reads of it do no harm. */
#define DEVICE_PHYSICAL 0xfec00000UL

struct kflat_test_world kflat_test_world = { .magic = KFLAT_TEST_MAGIC };

static const char text[] = "kflat was here";
static const char *const node_names[KFLAT_TEST_NODES] = { "zero", "one", "two", "three", "four" };
static struct kmem_cache *cache;
static struct kflat_test_node *nodes[KFLAT_TEST_NODES];
static u32 *numbers[KFLAT_TEST_NODES];
static void __iomem *device;

static int callback(int value)
{
	return value + 1;
}

/* Node i has i + 1 numbers; number k is 100 * i + k. */
static int build_node(u64 id)
{
	struct kflat_test_node *node = kmem_cache_zalloc(cache, GFP_KERNEL);
	u32 k;

	if (!node)
		return -ENOMEM;
	nodes[id] = node;
	numbers[id] = kcalloc(id + 1, sizeof(u32), GFP_KERNEL);
	if (!numbers[id])
		return -ENOMEM;
	for (k = 0; k <= id; k++)
		numbers[id][k] = 100 * id + k;
	node->id = id;
	node->name = node_names[id];
	node->number_count = id + 1;
	node->color = id & 1 ? KFLAT_TEST_GREEN : KFLAT_TEST_BLUE;
	node->numbers = numbers[id];
	node->second_number = id ? &numbers[id][1] : NULL;
	node->callback = callback;
	list_add_tail(&node->link, &kflat_test_world.nodes);
	return 0;
}

static pte_t *device_entry(void)
{
	unsigned int level;
	pte_t *entry = lookup_address((unsigned long)device, &level);

	return entry && level == PG_LEVEL_4K ? entry : NULL;
}

static void forget_translation(void *unused)
{
	asm volatile("invlpg (%0)" : : "r" (device) : "memory");
}

/* The CPU marks a page's entry at the first read: unmark it. */
static int watch_device(void)
{
	pte_t *entry = device_entry();

	if (!entry)
		return -ENXIO;
	clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)entry);
	on_each_cpu(forget_translation, NULL, 1);
	return 0;
}

/* 1 if the device was read since the module was loaded. */
int kflat_test_device_read(void)
{
	pte_t *entry = device_entry();

	return !entry || pte_young(*entry);
}

int kflat_test_data_init(void)
{
	struct kflat_test_world *world = &kflat_test_world;
	size_t i;
	int error;

	INIT_LIST_HEAD(&world->nodes);
	cache = kmem_cache_create("kflat_test_node", sizeof(struct kflat_test_node), 0,
				  0, NULL);
	if (!cache)
		return -ENOMEM;
	for (i = 0; i < KFLAT_TEST_NODES; i++) {
		error = build_node(i);
		if (error)
			goto failed;
	}
	/* 0 -> 1, 2; 1 -> 3; 2 -> 3 (shared); 3 -> 0 (cycle); 4 only in the list. */
	nodes[0]->left = nodes[1];
	nodes[0]->right = nodes[2];
	nodes[1]->left = nodes[3];
	nodes[2]->right = nodes[3];
	nodes[3]->left = nodes[0];
	world->root = nodes[0];
	world->text = text;

	error = -ENOMEM;
	world->pages = vmalloc(KFLAT_TEST_PAGES * PAGE_SIZE);
	if (!world->pages)
		goto failed;
	for (i = 0; i < KFLAT_TEST_PAGES * PAGE_SIZE; i++)
		world->pages[i] = KFLAT_TEST_BYTE(i);
	/* The guard page behind a vmalloc area is mapped by nobody. */
	world->dangling = world->pages + KFLAT_TEST_PAGES * PAGE_SIZE;

	device = ioremap(DEVICE_PHYSICAL, PAGE_SIZE);
	if (!device)
		goto failed;
	world->device = (void __force *)device;
	error = watch_device();
	if (!error)
		return 0;
failed:
	kflat_test_data_exit();
	return error;
}

void kflat_test_data_exit(void)
{
	size_t i;

	if (device)
		iounmap(device);
	vfree(kflat_test_world.pages);
	for (i = 0; i < KFLAT_TEST_NODES; i++) {
		kfree(numbers[i]);
		if (nodes[i])
			kmem_cache_free(cache, nodes[i]);
	}
	kmem_cache_destroy(cache);
}

void kflat_test_data_facts(struct seq_file *out)
{
	seq_printf(out, "world %#lx\n", (unsigned long)&kflat_test_world);
	seq_printf(out, "world_size %zu\n", sizeof(kflat_test_world));
	seq_printf(out, "text %#lx\n", (unsigned long)text);
	seq_printf(out, "slab_object %#lx\n", (unsigned long)nodes[0]);
	seq_printf(out, "slab_object_size %zu\n", sizeof(struct kflat_test_node));
	seq_printf(out, "vmalloc %#lx\n", (unsigned long)kflat_test_world.pages);
	seq_printf(out, "vmalloc_size %lu\n", KFLAT_TEST_PAGES * PAGE_SIZE);
	seq_printf(out, "dangling %#lx\n", (unsigned long)kflat_test_world.dangling);
	seq_printf(out, "device %#lx\n", (unsigned long)device);
	seq_printf(out, "device_read %d\n", kflat_test_device_read());
	seq_printf(out, "callback %#lx\n", (unsigned long)callback);
}
