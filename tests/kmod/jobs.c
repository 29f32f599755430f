// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callbacks whose argument lies inside of known data, and a device file that
 * leads to it: what drivers are made of.
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#include "kflat_test.h"

/* What a process may set, by KFLAT_TEST_ORDER. */
struct kflat_test_order {
	u64 number;
	char label[24];
};

#define KFLAT_TEST_ORDER _IOW('K', 1, struct kflat_test_order)

struct kflat_test_step {
	u32 number;			/* from 0 */
	const char *name;
	struct kflat_test_step *next;
};

struct kflat_test_job {
	struct kflat_test_order order;
	struct kflat_test_step *steps;	/* two of them */
	struct work_struct work;
	struct timer_list timer;
	struct completion done;
	u64 runs;
};

static struct kflat_test_step second_step = { .number = 1, .name = "tidy up" };
static struct kflat_test_step first_step = { .name = "set up", .next = &second_step };
static struct kflat_test_job *the_job;

/* In a kernel thread. */
static void kflat_test_job_work(struct work_struct *work)
{
	struct kflat_test_job *job = container_of(work, struct kflat_test_job, work);

	job->runs++;
}

/* In a softirq. */
static void kflat_test_job_timer(struct timer_list *timer)
{
	struct kflat_test_job *job = container_of(timer, struct kflat_test_job, timer);

	job->runs++;
	complete(&job->done);
}

int kflat_test_job_by_work(void)
{
	u64 before = the_job->runs;

	schedule_work(&the_job->work);
	flush_work(&the_job->work);
	return the_job->runs != before + 1;
}

int kflat_test_job_by_timer(void)
{
	u64 before = the_job->runs;

	reinit_completion(&the_job->done);
	mod_timer(&the_job->timer, jiffies + 1);
	wait_for_completion(&the_job->done);
	return the_job->runs != before + 1;
}

static int device_open(struct inode *inode, struct file *file)
{
	file->private_data = the_job;
	return 0;
}

static long kflat_test_device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct kflat_test_job *job = file->private_data;
	struct kflat_test_order order;

	if (command != KFLAT_TEST_ORDER)
		return -ENOTTY;
	if (copy_from_user(&order, (void __user *)argument, sizeof(order)))
		return -EFAULT;
	order.label[sizeof(order.label) - 1] = 0;
	job->order = order;
	return 0;
}

static const struct file_operations device_operations = {
	.owner = THIS_MODULE,
	.open = device_open,
	.unlocked_ioctl = kflat_test_device_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kflat_test",
	.fops = &device_operations,
	.mode = 0600,
};

int kflat_test_jobs_init(void)
{
	int error;

	the_job = kzalloc(sizeof(*the_job), GFP_KERNEL);
	if (!the_job)
		return -ENOMEM;
	the_job->steps = &first_step;
	INIT_WORK(&the_job->work, kflat_test_job_work);
	timer_setup(&the_job->timer, kflat_test_job_timer, 0);
	init_completion(&the_job->done);
	error = misc_register(&device);
	if (error)
		kfree(the_job);
	return error;
}

void kflat_test_jobs_exit(void)
{
	misc_deregister(&device);
	cancel_work_sync(&the_job->work);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	del_timer_sync(&the_job->timer);	/* 6.2 added the new name, 6.15 dropped this one. */
#else
	timer_delete_sync(&the_job->timer);
#endif
	kfree(the_job);
}
