// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way in which the kernel puts objects together, built by the kernel's own
 * functions. Numbers of the elements are what tests/src/containers.rs expects.
 */
#include <linux/idr.h>
#include <linux/interval_tree.h>
#include <linux/list_bl.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/radix-tree.h>
#include <linux/rbtree_augmented.h>
#include <linux/rculist.h>
#include <linux/rculist_nulls.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include "kflat_test.h"
#include "containers.h"

static struct kflat_test_containers world;
/* All items, to free them. */
static struct kflat_test_item *items;
static struct kflat_test_span *spans;
static struct kmem_cache *cache;
/* In no memory that an allocator gave out. */
static char in_the_module[64] = "in the module";

static noinline struct kflat_test_item *new_item(u64 number)
{
	struct kflat_test_item *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return NULL;
	item->number = number;
	item->made = items;
	items = item;
	return item;
}

static int build_lists(void)
{
	struct kflat_test_item *item, *first = NULL;
	u64 i;

	INIT_LIST_HEAD(&world.list);
	INIT_LIST_HEAD(&world.empty);
	INIT_LIST_HEAD(&world.damaged);
	INIT_HLIST_NULLS_HEAD(&world.nulls, 7);
	init_llist_head(&world.lockless);
	for (i = 0; i < 10; i++) {
		item = new_item(i);
		if (!item)
			return -ENOMEM;
		if (!first)
			first = item;
		list_add_tail(&item->link, &world.list);
		hlist_add_head(&item->hash, &world.table[i % ARRAY_SIZE(world.table)]);
		hlist_nulls_add_head_rcu(&item->nulls, &world.nulls);
		llist_add(&item->lockless, &world.lockless);
		hlist_bl_lock(&world.locked);
		hlist_bl_add_head(&item->locked, &world.locked);
		hlist_bl_unlock(&world.locked);
		/* 9, 8, ... 0, and from there to 3 again. */
		item->next = world.circle;
		world.circle = item;
		if (i == 3)
			first->next = item;
	}
	for (i = 20; i < 23; i++) {
		item = new_item(i);
		if (!item)
			return -ENOMEM;
		list_add_tail(&item->link, &world.damaged);
	}
	/* As if the last one had been taken off another list. */
	item->link.next = LIST_POISON1;
	return 0;
}

/* Numbers in an order that makes a tree turn. */
static u64 scattered(u64 i, u64 prime)
{
	return i * 37 % prime;
}

static void insert(struct kflat_test_item *item, struct rb_root *root, bool *leftmost)
{
	struct rb_node **at = &root->rb_node, *parent = NULL;

	*leftmost = true;
	while (*at) {
		parent = *at;
		if (item->number < rb_entry(parent, struct kflat_test_item, node)->number) {
			at = &parent->rb_left;
		} else {
			at = &parent->rb_right;
			*leftmost = false;
		}
	}
	rb_link_node(&item->node, parent, at);
}

#define SIZE(item) ((item)->number % 13)
RB_DECLARE_CALLBACKS_MAX(static, largest, struct kflat_test_item, node, u64, largest, SIZE)

static void insert_augmented(struct kflat_test_item *item)
{
	struct rb_node **at = &world.augmented.rb_node, *parent = NULL;

	item->largest = SIZE(item);
	while (*at) {
		struct kflat_test_item *other;

		parent = *at;
		other = rb_entry(parent, struct kflat_test_item, node);
		other->largest = max(other->largest, item->largest);
		at = item->number < other->number ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&item->node, parent, at);
	rb_insert_augmented(&item->node, &world.augmented, &largest);
}

static int build_trees(void)
{
	struct kflat_test_item *item;
	struct kflat_test_span *span;
	bool leftmost;
	u64 i;

	for (i = 0; i < 101; i++) {
		item = new_item(scattered(i, 101));
		if (!item)
			return -ENOMEM;
		insert(item, &world.tree, &leftmost);
		rb_insert_color(&item->node, &world.tree);
	}
	for (i = 0; i < 53; i++) {
		item = new_item(scattered(i, 53));
		if (!item)
			return -ENOMEM;
		insert(item, &world.cached.rb_root, &leftmost);
		rb_insert_color_cached(&item->node, &world.cached, leftmost);
	}
	for (i = 0; i < 53; i++) {
		item = new_item(scattered(i, 53));
		if (!item)
			return -ENOMEM;
		insert_augmented(item);
	}
	for (i = 0; i < 31; i++) {
		span = kzalloc(sizeof(*span), GFP_KERNEL);
		if (!span)
			return -ENOMEM;
		span->made = spans;
		spans = span;
		span->number = scattered(i, 31);
		span->range.start = 10 * span->number;
		span->range.last = 10 * span->number + 25;
		interval_tree_insert(&span->range, &world.intervals);
	}
	return 0;
}

static const unsigned long indices[] = {
	0, 1, 63, 64, 5000, 1UL << 20, (1UL << 40) + 3, ULONG_MAX,
};

static int build_arrays(void)
{
	struct kflat_test_item *item;
	unsigned long i;
	int error;

	xa_init(&world.single);
	xa_init(&world.array);
	INIT_RADIX_TREE(&world.radix, GFP_KERNEL);
	idr_init_base(&world.idr, 1);

	item = new_item(0);
	error = item ? xa_err(xa_store(&world.single, 0, item, GFP_KERNEL)) : -ENOMEM;
	for (i = 0; !error && i < ARRAY_SIZE(indices); i++) {
		item = new_item(indices[i]);
		error = item ? xa_err(xa_store(&world.array, indices[i], item, GFP_KERNEL)) :
			       -ENOMEM;
	}
	if (error)
		return error;
	/* One entry in four slots, and one in a slot for 64 indices. */
	item = new_item(1024);
	error = item ? xa_err(xa_store_range(&world.array, 1024, 1027, item, GFP_KERNEL)) :
		       -ENOMEM;
	if (error)
		return error;
	item = new_item(2048);
	error = item ? xa_err(xa_store_range(&world.array, 2048, 2111, item, GFP_KERNEL)) :
		       -ENOMEM;
	if (error)
		return error;
	error = xa_err(xa_store(&world.array, 70, xa_mk_value(4711), GFP_KERNEL));
	for (i = 0; !error && i < 70; i++) {
		item = new_item(3 * i);
		error = item ? radix_tree_insert(&world.radix, 3 * i, item) : -ENOMEM;
	}
	for (i = 1; !error && i <= 5000; i++) {
		/* Most of them go again: a sparse array of three levels. */
		item = i % 100 ? (void *)&world : new_item(i);
		error = item ? idr_alloc(&world.idr, item, i, i + 1, GFP_KERNEL) : -ENOMEM;
		if (error == i)
			error = 0;
		if (!error && i % 100)
			idr_remove(&world.idr, i);
	}
	return error;
}

/* Item i has the range from 100 * i to 100 * i + 9. */
static int fill_maple(struct maple_tree *tree, u64 count)
{
	struct kflat_test_item *item;
	u64 i, number;
	int error;

	for (i = 0; i < count; i++) {
		number = scattered(i, count);
		item = new_item(number);
		error = item ? mtree_store_range(tree, 100 * number, 100 * number + 9, item,
						 GFP_KERNEL) : -ENOMEM;
		if (error)
			return error;
	}
	return 0;
}

static int build_maples(void)
{
	struct kflat_test_item *item = new_item(0);
	int error;

	mt_init_flags(&world.maple, 0);
	mt_init_flags(&world.maple_gaps, MT_FLAGS_ALLOC_RANGE);
	mt_init_flags(&world.maple_single, 0);
	mt_init_flags(&world.maple_small, 0);
	error = item ? mtree_store(&world.maple_single, 0, item, GFP_KERNEL) : -ENOMEM;
	if (!error)
		error = fill_maple(&world.maple, 2003);
	if (!error)
		error = fill_maple(&world.maple_gaps, 401);
	if (!error)
		error = fill_maple(&world.maple_small, 3);
	/* The last index there is. */
	item = new_item(2003);
	if (!error)
		error = item ? mtree_store_range(&world.maple, ULONG_MAX - 9, ULONG_MAX, item,
						 GFP_KERNEL) : -ENOMEM;
	return error;
}

static DEFINE_PER_CPU(struct kflat_test_count, own_count);

static int build_counts(void)
{
	unsigned int cpu;

	world.counts = alloc_percpu(struct kflat_test_count);
	if (!world.counts)
		return -ENOMEM;
	world.own_counts = &own_count;
	for_each_possible_cpu(cpu) {
		struct kflat_test_count *count = per_cpu_ptr(world.counts, cpu);

		count->number = 1000 + cpu;
		count->item = new_item(2000 + cpu);
		per_cpu(own_count, cpu).number = 3000 + cpu;
		per_cpu(own_count, cpu).item = count->item;
		if (!count->item)
			return -ENOMEM;
	}
	return 0;
}

static int build_shapes(void)
{
	struct kflat_test_item *item = new_item(77);
	u32 i;

	world.flexible = kzalloc(struct_size(world.flexible, values, 7), GFP_KERNEL);
	if (!item || !world.flexible)
		return -ENOMEM;
	world.flexible->count = 7;
	for (i = 0; i < 7; i++)
		world.flexible->values[i] = (struct kflat_test_value){ i, item };
	world.variants[0] = (struct kflat_test_variant){
		.kind = KFLAT_TEST_ITEM, .item = item };
	world.variants[1] = (struct kflat_test_variant){
		.kind = KFLAT_TEST_TEXT, .text = "a variant" };
	world.variants[2] = (struct kflat_test_variant){
		.kind = KFLAT_TEST_NUMBER, .number = 0xffff888000000000 };
	return 0;
}

static void fill(void *into, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		((u8 *)into)[i] = KFLAT_TEST_BYTE(i);
}

static void construct(void *object)
{
	memset(object, 0, KFLAT_TEST_ODD_SIZE);
}

static int build_objects(void)
{
	struct kflat_test_objects *objects = &world.objects;

	/* With a constructor it is merged with no other, and wants room behind its objects. */
	cache = kmem_cache_create("kflat_test_odd", KFLAT_TEST_ODD_SIZE, 0, 0, construct);
	if (!cache)
		return -ENOMEM;
	objects->first = kmem_cache_alloc(cache, GFP_KERNEL);
	objects->odd = kmem_cache_alloc(cache, GFP_KERNEL);
	objects->small = kmalloc(KFLAT_TEST_SMALL_SIZE, GFP_KERNEL);
	objects->large = kmalloc(KFLAT_TEST_LARGE_SIZE, GFP_KERNEL);
	objects->area = vmalloc(KFLAT_TEST_AREA_SIZE);
	objects->page = (void *)__get_free_page(GFP_KERNEL);
	if (!objects->first || !objects->odd || !objects->small || !objects->large ||
	    !objects->area || !objects->page)
		return -ENOMEM;
	fill(objects->odd, KFLAT_TEST_ODD_SIZE);
	fill(objects->small, KFLAT_TEST_SMALL_SIZE);
	fill(objects->large, KFLAT_TEST_LARGE_SIZE);
	fill(objects->area, KFLAT_TEST_AREA_SIZE);
	fill(objects->page, PAGE_SIZE);
	objects->in_odd = objects->odd + 88;
	objects->in_small = objects->small + 40;
	objects->in_large = objects->large + 9000;
	objects->in_area = objects->area + 9000;
	objects->in_page = objects->page + 1000;
	objects->nowhere = in_the_module + 8;
	return 0;
}

/* The target; its argument is what recipes begin with. */
noinline u64 kflat_test_contain(struct kflat_test_containers *containers)
{
	barrier();
	return containers->magic;
}

/* The locked heads are locked meanwhile, as for a change. */
u64 kflat_test_call_contain(void)
{
	u64 result;

	hlist_bl_lock(&world.locked);
	result = kflat_test_contain(&world);
	hlist_bl_unlock(&world.locked);
	return result;
}

int kflat_test_containers_init(void)
{
	int error;

	world.magic = KFLAT_TEST_MAGIC;
	error = build_lists();
	if (!error)
		error = build_trees();
	if (!error)
		error = build_arrays();
	if (!error)
		error = build_maples();
	if (!error)
		error = build_counts();
	if (!error)
		error = build_shapes();
	if (!error)
		error = build_objects();
	if (error)
		kflat_test_containers_exit();
	return error;
}

static void free_radix(void)
{
	unsigned long i;

	for (i = 0; i < 70; i++)
		radix_tree_delete(&world.radix, 3 * i);
}

void kflat_test_containers_exit(void)
{
	struct kflat_test_objects *objects = &world.objects;

	xa_destroy(&world.single);
	xa_destroy(&world.array);
	free_radix();
	idr_destroy(&world.idr);
	mtree_destroy(&world.maple);
	mtree_destroy(&world.maple_gaps);
	mtree_destroy(&world.maple_single);
	mtree_destroy(&world.maple_small);
	free_percpu(world.counts);
	kfree(world.flexible);
	if (objects->first)
		kmem_cache_free(cache, objects->first);
	if (objects->odd)
		kmem_cache_free(cache, objects->odd);
	kmem_cache_destroy(cache);
	kfree(objects->small);
	kfree(objects->large);
	vfree(objects->area);
	free_page((unsigned long)objects->page);
	while (items) {
		struct kflat_test_item *item = items;

		items = item->made;
		kfree(item);
	}
	while (spans) {
		struct kflat_test_span *span = spans;

		spans = span->made;
		kfree(span);
	}
}

void kflat_test_containers_facts(struct seq_file *out)
{
	const struct kflat_test_objects *objects = &world.objects;

	seq_printf(out, "small_size %zu\n", ksize(objects->small));
	seq_printf(out, "large_size %zu\n", ksize(objects->large));
	seq_printf(out, "cpus %u\n", num_possible_cpus());
}
