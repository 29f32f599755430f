// SPDX-License-Identifier: GPL-2.0-only
/* The files in debugfs, and the cases that can be written to "call". */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "containers.h"
#include "kflat_test.h"

static struct dentry *directory;
static DEFINE_MUTEX(case_lock);

/* What "result" shows. */
static char report[4096];
static struct seq_file reporter = { .buf = report, .size = sizeof(report) };

static int verdict_of_call(u64 (*in_context)(u64 number))
{
	const u64 number = 1234567;
	u64 before = kflat_test_runs(), result = in_context(number);
	u64 runs = kflat_test_runs() - before;

	seq_printf(&reporter, "executed %llu returned %llu\n", runs, result);
	/* A skipped body makes the call return 0; else it returns what it should. */
	return !(runs == 1 && result == KFLAT_TEST_RESULT(number)) && !(runs == 0 && result == 0);
}

#define CONTEXT(context) \
	static int case_##context(void) { return verdict_of_call(kflat_test_in_##context); }
CONTEXT(process)
CONTEXT(spinlock)
CONTEXT(preempt_off)
CONTEXT(rcu)
CONTEXT(irqs_off)
CONTEXT(timer)
CONTEXT(hrtimer)
CONTEXT(irq_work)

static int case_many(void)
{
	u64 before = kflat_test_runs();
	u64 result = kflat_test_many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	u64 runs = kflat_test_runs() - before;

	seq_printf(&reporter, "executed %llu returned %llu\n", runs, result);
	return !(runs == 1 && result == 385) && !(runs == 0 && result == 0);
}

/* The same target with 1, 2, ... 5, one after the other. */
static int case_numbers(void)
{
	u64 number, skipped = 0, wrong = 0;

	for (number = 1; number <= 5; number++) {
		u64 result = kflat_test_in_process(number);

		if (!result)
			skipped++;
		else if (result != KFLAT_TEST_RESULT(number))
			wrong++;
	}
	seq_printf(&reporter, "skipped %llu\n", skipped);
	return !!wrong;
}

static int case_find(void)
{
	struct kflat_test_node *node = kflat_test_find(&kflat_test_world, 3);

	return !node || node->id != 3;
}

static int case_contain(void)
{
	return kflat_test_call_contain() != KFLAT_TEST_MAGIC;
}

static int case_hammer(void)
{
	u64 wrong = kflat_test_hammer(20000);

	seq_printf(&reporter, "wrong %llu\n", wrong);
	return !!wrong;
}

static int case_int3(void)
{
	return kflat_test_registers_int3(&reporter);
}

static int case_ftrace(void)
{
	return kflat_test_registers_ftrace(&reporter);
}

static int case_offset(void)
{
	return kflat_test_flags_at_offset(&reporter);
}

static int case_job_by_work(void)
{
	return kflat_test_job_by_work();
}

static int case_job_by_timer(void)
{
	return kflat_test_job_by_timer();
}

/* The items touch each other. */
static int case_list_touching(void)
{
	return kflat_test_with_list(64, true);
}

static int case_list_apart(void)
{
	return kflat_test_with_list(96, true);
}

static int case_list_sleeping(void)
{
	return kflat_test_with_list(96, false);
}

static int case_zero(void)
{
	u64 ns = kflat_test_zero_pool();

	seq_printf(&reporter, "zeroed %llu\n", ns);
	return !ns;
}

static const struct {
	const char *name;
	int (*run)(void);	/* 0: all is as it should be */
} cases[] = {
	{ "process", case_process },	/* kflat_test_target() called by the writing task */
	{ "spinlock", case_spinlock },
	{ "preempt_off", case_preempt_off },
	{ "rcu", case_rcu },		/* under rcu_read_lock() */
	{ "irqs_off", case_irqs_off },
	{ "timer", case_timer },	/* in a softirq */
	{ "hrtimer", case_hrtimer },	/* in a hard interrupt */
	{ "irq_work", case_irq_work },	/* in a hard interrupt */
	{ "many", case_many },		/* kflat_test_many(1, 2, ... 10) */
	{ "numbers", case_numbers },	/* kflat_test_target(.., 1), then 2, 3, 4 and 5 */
	{ "find", case_find },		/* kflat_test_find(.., 3) */
	{ "contain", case_contain },	/* kflat_test_contain(), under a bit spinlock */
	{ "job_by_work", case_job_by_work },	/* kflat_test_job_work() in a kernel thread */
	{ "job_by_timer", case_job_by_timer },	/* kflat_test_job_timer() in a softirq */
	{ "hammer", case_hammer },	/* kflat_test_target() on all CPUs at once */
	{ "int3", case_int3 },		/* registers around kflat_test_by_int3() */
	{ "ftrace", case_ftrace },	/* registers around kflat_test_by_ftrace() */
	{ "list_touching", case_list_touching },	/* kflat_test_list(), interrupts off */
	{ "list_apart", case_list_apart },
	{ "list_sleeping", case_list_sleeping },	/* list_apart in a context that may sleep */
	{ "zero", case_zero },		/* 128 MiB */
	{ "offset", case_offset },	/* flags at kflat_test_is_seven+is_seven_offset */
};

static ssize_t call_write(struct file *file, const char __user *from, size_t size, loff_t *position)
{
	ssize_t error = -EINVAL;
	char name[32] = "";
	size_t i;

	if (size >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, from, size))
		return -EFAULT;
	mutex_lock(&case_lock);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (strcmp(strim(name), cases[i].name))
			continue;
		reporter.count = 0;
		seq_puts(&reporter, cases[i].run() ? "failed\n" : "ok\n");
		error = size;
	}
	mutex_unlock(&case_lock);
	return error;
}

static const struct file_operations call_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = call_write,
	.llseek = noop_llseek,
};

static int result_show(struct seq_file *out, void *unused)
{
	mutex_lock(&case_lock);
	seq_write(out, report, reporter.count);
	mutex_unlock(&case_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static int facts_show(struct seq_file *out, void *unused)
{
	kflat_test_data_facts(out);
	kflat_test_containers_facts(out);
	kflat_test_registers_facts(out);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(facts);

static int __init kflat_test_init(void)
{
	int error = kflat_test_data_init();

	if (error)
		return error;
	error = kflat_test_containers_init();
	if (error)
		goto no_containers;
	error = kflat_test_jobs_init();
	if (error)
		goto no_jobs;
	directory = debugfs_create_dir("kflat_test", NULL);
	debugfs_create_file("call", 0200, directory, NULL, &call_operations);
	debugfs_create_file("result", 0400, directory, NULL, &result_fops);
	debugfs_create_file("facts", 0400, directory, NULL, &facts_fops);
	return 0;

no_jobs:
	kflat_test_containers_exit();
no_containers:
	kflat_test_data_exit();
	return error;
}

static void __exit kflat_test_exit(void)
{
	debugfs_remove(directory);
	kflat_test_jobs_exit();
	kflat_test_containers_exit();
	kflat_test_data_exit();
}

module_init(kflat_test_init);
module_exit(kflat_test_exit);

MODULE_DESCRIPTION("Targets and known data for the integration tests of kflat");
MODULE_LICENSE("GPL");
