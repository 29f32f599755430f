// SPDX-License-Identifier: GPL-2.0-only
/*
 * From any context, that of a non-maskable interrupt included, to one that may
 * sleep: an interrupt of our own (irq_work) first, then a worker.
 */
#include <linux/irq_work.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "kflat_shim.h"

struct kflat_deferral {
	struct irq_work interrupt;
	struct work_struct work;
	void *context;	/* Rust's */
};

struct kflat_waiters {
	wait_queue_head_t queue;
};

static struct workqueue_struct *workers;

int kflat_shim_deferral_init(void)
{
	workers = alloc_workqueue("kflat", WQ_UNBOUND, 0);
	return workers ? 0 : -ENOMEM;
}

void kflat_shim_deferral_exit(void)
{
	destroy_workqueue(workers);
}

static void on_interrupt(struct irq_work *interrupt)
{
	struct kflat_deferral *deferral =
		container_of(interrupt, struct kflat_deferral, interrupt);

	queue_work(workers, &deferral->work);
}

static void on_work(struct work_struct *work)
{
	kflat_deferral_run(container_of(work, struct kflat_deferral, work)->context);
}

struct kflat_deferral *kflat_shim_deferral_new(void *context)
{
	struct kflat_deferral *deferral = kzalloc(sizeof(*deferral), GFP_KERNEL);

	if (!deferral)
		return NULL;
	init_irq_work(&deferral->interrupt, on_interrupt);
	INIT_WORK(&deferral->work, on_work);
	deferral->context = context;
	return deferral;
}

/* Any context. */
void kflat_shim_deferral_queue(struct kflat_deferral *deferral)
{
	irq_work_queue(&deferral->interrupt);
}

/* Waits until what was queued has run. */
void kflat_shim_deferral_free(struct kflat_deferral *deferral)
{
	irq_work_sync(&deferral->interrupt);
	flush_work(&deferral->work);
	kfree(deferral);
}

struct kflat_waiters *kflat_shim_waiters_new(void)
{
	struct kflat_waiters *waiters = kzalloc(sizeof(*waiters), GFP_KERNEL);

	if (waiters)
		init_waitqueue_head(&waiters->queue);
	return waiters;
}

void kflat_shim_waiters_free(struct kflat_waiters *waiters)
{
	kfree(waiters);
}

void kflat_shim_waiters_wake(struct kflat_waiters *waiters)
{
	wake_up_all(&waiters->queue);
}

void kflat_shim_waiters_poll(struct kflat_waiters *waiters, struct file *file,
			     struct poll_table_struct *table)
{
	poll_wait(file, &waiters->queue, table);
}
