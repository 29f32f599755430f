/* SPDX-License-Identifier: GPL-2.0-only */
/* The data of containers.c. */
#ifndef KFLAT_TEST_CONTAINERS_H
#define KFLAT_TEST_CONTAINERS_H

#include <linux/idr.h>
#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/list_bl.h>
#include <linux/list_nulls.h>
#include <linux/llist.h>
#include <linux/maple_tree.h>
#include <linux/radix-tree.h>
#include <linux/rbtree.h>
#include <linux/seq_file.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct kflat_test_item {
	u64 number;
	struct list_head link;
	struct hlist_node hash;
	struct hlist_nulls_node nulls;
	struct llist_node lockless;
	struct hlist_bl_node locked;
	struct kflat_test_item *next;
	struct rb_node node;
	u64 largest;		/* in the augmented tree: of those below */
	struct kflat_test_item *made;
};

struct kflat_test_span {
	struct kflat_test_span *made;
	struct interval_tree_node range;
	u64 number;
};

struct kflat_test_count {
	u64 number;
	struct kflat_test_item *item;
};

struct kflat_test_value {
	u64 number;
	struct kflat_test_item *item;
};

struct kflat_test_flexible {
	u32 count;
	struct kflat_test_value values[];
};

enum kflat_test_kind { KFLAT_TEST_ITEM = 3, KFLAT_TEST_TEXT, KFLAT_TEST_NUMBER };

struct kflat_test_variant {
	enum kflat_test_kind kind;
	union {
		struct kflat_test_item *item;
		const char *text;
		u64 number;
	};
};

#define KFLAT_TEST_ODD_SIZE 200
#define KFLAT_TEST_SMALL_SIZE 100
#define KFLAT_TEST_LARGE_SIZE 20000
#define KFLAT_TEST_AREA_SIZE (5 * PAGE_SIZE)

/* Byte number i of each object is KFLAT_TEST_BYTE(i). */
struct kflat_test_objects {
	void *first;			/* of the same cache as odd */
	void *odd, *in_odd;		/* of a cache of its own, KFLAT_TEST_ODD_SIZE bytes */
	void *small, *in_small;		/* of kmalloc() */
	void *large, *in_large;		/* of kmalloc(), without a cache */
	void *area, *in_area;		/* of vmalloc() */
	void *page, *in_page;		/* of the page allocator */
	void *nowhere;			/* in the module */
};

struct kflat_test_containers {
	u64 magic;
	struct list_head list, empty, damaged;
	struct hlist_head table[4];
	struct hlist_nulls_head nulls;
	struct llist_head lockless;
	struct hlist_bl_head locked;
	struct kflat_test_item *circle;
	struct rb_root tree;
	struct rb_root_cached cached;
	struct rb_root augmented;
	struct rb_root_cached intervals;
	struct xarray single, array;
	struct radix_tree_root radix;
	struct idr idr;
	struct maple_tree maple, maple_gaps, maple_single, maple_small;
	struct kflat_test_count __percpu *counts, *own_counts;
	struct kflat_test_flexible *flexible;
	struct kflat_test_variant variants[3];
	struct kflat_test_objects objects;
};

int kflat_test_containers_init(void);
void kflat_test_containers_exit(void);
void kflat_test_containers_facts(struct seq_file *out);

u64 kflat_test_contain(struct kflat_test_containers *containers);
u64 kflat_test_call_contain(void);

#endif
