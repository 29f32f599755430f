/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the integration tests probe, capture and look up in a real kernel.
 *
 * /sys/kernel/debug/kflat_test/
 *   call    write the name of a case (see main.c): it is carried out at once
 *   result  how the last case went: "ok" or what differed, then what was seen
 *   facts   addresses, offsets and sizes, one "name value" a line
 */
#ifndef KFLAT_TEST_H
#define KFLAT_TEST_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/seq_file.h>
#include <linux/types.h>

/* The data: a small graph with every kind of pointer. */
enum kflat_test_color { KFLAT_TEST_RED, KFLAT_TEST_GREEN, KFLAT_TEST_BLUE = 7 };

struct kflat_test_node {
	u64 id;
	struct kflat_test_node *left, *right;	/* a graph with a cycle and a shared node */
	struct list_head link;			/* in kflat_test_world.nodes */
	const char *name;
	u32 number_count;
	enum kflat_test_color color;
	u32 *numbers;				/* number_count of them */
	u32 *second_number;			/* into the middle of numbers, or NULL */
	int (*callback)(int value);
};

struct kflat_test_world {
	u64 magic;				/* KFLAT_TEST_MAGIC */
	struct kflat_test_node *root;
	struct list_head nodes;			/* all nodes, ascending by id */
	void *dangling;				/* mapped by nobody */
	void *device;				/* an I/O register, not to be touched */
	const char *text;			/* in this module */
	u8 *pages;				/* KFLAT_TEST_PAGES pages of vmalloc memory */
};

#define KFLAT_TEST_MAGIC 0x6b666c6174212121ULL
#define KFLAT_TEST_NODES 5
#define KFLAT_TEST_PAGES 3
/* Byte number i of the vmalloc buffer. */
#define KFLAT_TEST_BYTE(i) ((u8)((i) * 7 + ((i) >> 8)))

extern struct kflat_test_world kflat_test_world;

int kflat_test_data_init(void);
void kflat_test_data_exit(void);
void kflat_test_data_facts(struct seq_file *out);
int kflat_test_device_read(void);

/* The targets: each counts how often its body was executed. */
u64 kflat_test_target(struct kflat_test_world *world, u64 number);
u64 kflat_test_many(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h, u64 i, u64 j);
struct kflat_test_node *kflat_test_find(struct kflat_test_world *world, u64 id);
u64 kflat_test_runs(void);
#define KFLAT_TEST_RESULT(number) ((number) * 3 + 1)

/* contexts.c: calls kflat_test_target() in a context; what it returned. */
u64 kflat_test_in_process(u64 number);
u64 kflat_test_in_spinlock(u64 number);
u64 kflat_test_in_preempt_off(u64 number);
u64 kflat_test_in_rcu(u64 number);
u64 kflat_test_in_irqs_off(u64 number);
u64 kflat_test_in_timer(u64 number);
u64 kflat_test_in_hrtimer(u64 number);
u64 kflat_test_in_irq_work(u64 number);
u64 kflat_test_hammer(u64 calls);

/* jobs.c: 0, or 1 if the callback did not run. */
int kflat_test_jobs_init(void);
void kflat_test_jobs_exit(void);
int kflat_test_job_by_work(void);
int kflat_test_job_by_timer(void);
/* list.c: calls a target with a long list; what zeroing memory takes. */
struct kflat_test_list;
u64 kflat_test_list(struct kflat_test_list *list);
#define KFLAT_TEST_ITEMS 100000
int kflat_test_with_list(unsigned int size, bool irqs_off);
u64 kflat_test_zero_pool(void);

/* registers.c: 0, or how many registers differ; told in out. */
int kflat_test_registers_int3(struct seq_file *out);
int kflat_test_registers_ftrace(struct seq_file *out);
int kflat_test_flags_at_offset(struct seq_file *out);
void kflat_test_registers_facts(struct seq_file *out);

#endif
