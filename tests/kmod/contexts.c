// SPDX-License-Identifier: GPL-2.0-only
/* The targets, and calls of them from every context. */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/version.h>

#include "kflat_test.h"

static atomic64_t runs = ATOMIC64_INIT(0);
static DEFINE_SPINLOCK(lock);

u64 kflat_test_runs(void)
{
	return atomic64_read(&runs);
}

noinline u64 kflat_test_target(struct kflat_test_world *world, u64 number)
{
	atomic64_inc(&runs);
	return world->magic == KFLAT_TEST_MAGIC ? KFLAT_TEST_RESULT(number) : 0;
}

/* Six arguments in registers, four on the stack. */
noinline u64 kflat_test_many(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h, u64 i, u64 j)
{
	atomic64_inc(&runs);
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}

/* What it returns is known only then: a recipe that captures too early has nothing. */
noinline struct kflat_test_node *kflat_test_find(struct kflat_test_world *world, u64 id)
{
	struct kflat_test_node *node;

	list_for_each_entry(node, &world->nodes, link)
		if (node->id == id)
			return node;
	return NULL;
}

static u64 call(u64 number)
{
	u64 result = kflat_test_target(&kflat_test_world, number);

	/* Not a tail call: this frame is the caller that the target returns to. */
	barrier();
	return result;
}

u64 kflat_test_in_process(u64 number)
{
	return call(number);
}

u64 kflat_test_in_spinlock(u64 number)
{
	u64 result;

	spin_lock(&lock);
	result = call(number);
	spin_unlock(&lock);
	return result;
}

u64 kflat_test_in_preempt_off(u64 number)
{
	u64 result;

	preempt_disable();
	result = call(number);
	preempt_enable();
	return result;
}

u64 kflat_test_in_rcu(u64 number)
{
	u64 result;

	rcu_read_lock();
	result = call(number);
	rcu_read_unlock();
	return result;
}

u64 kflat_test_in_irqs_off(u64 number)
{
	u64 result;

	local_irq_disable();
	result = call(number);
	local_irq_enable();
	return result;
}

/* A call that is made elsewhere, and waited for. */
struct remote {
	struct hrtimer hrtimer;
	struct irq_work irq_work;
	struct completion done;
	u64 number, result;
};

static struct remote remote;
static struct timer_list timer;

static void answer(void)
{
	remote.result = call(remote.number);
	complete(&remote.done);
}

static void on_timer(struct timer_list *unused)
{
	answer();
}

static enum hrtimer_restart on_hrtimer(struct hrtimer *timer)
{
	answer();
	return HRTIMER_NORESTART;
}

static void on_irq_work(struct irq_work *work)
{
	answer();
}

static void prepare(u64 number)
{
	init_completion(&remote.done);
	remote.number = number;
	remote.result = 0;
}

/* Softirq. */
u64 kflat_test_in_timer(u64 number)
{
	prepare(number);
	timer_setup(&timer, on_timer, 0);
	mod_timer(&timer, jiffies + 1);
	wait_for_completion(&remote.done);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	del_timer_sync(&timer);	/* 6.2 added the new name, 6.15 dropped this one. */
#else
	timer_delete_sync(&timer);
#endif
	return remote.result;
}

/* Timer interrupt. */
u64 kflat_test_in_hrtimer(u64 number)
{
	prepare(number);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(&remote.hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	remote.hrtimer.function = on_hrtimer;
#else
	/* 6.13 added it, 6.15 made it the only way. */
	hrtimer_setup(&remote.hrtimer, on_hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
#endif
	hrtimer_start(&remote.hrtimer, ms_to_ktime(1), HRTIMER_MODE_REL_HARD);
	wait_for_completion(&remote.done);
	hrtimer_cancel(&remote.hrtimer);
	return remote.result;
}

/* An interrupt that this CPU sends itself. */
u64 kflat_test_in_irq_work(u64 number)
{
	prepare(number);
	remote.irq_work = IRQ_WORK_INIT_HARD(on_irq_work);
	irq_work_queue(&remote.irq_work);
	wait_for_completion(&remote.done);
	irq_work_sync(&remote.irq_work);
	return remote.result;
}

struct hammerer {
	u64 calls, wrong;
	struct completion done;
};

static int hammer(void *data)
{
	struct hammerer *self = data;
	u64 i;

	for (i = 0; i < self->calls; i++) {
		if (call(i) != KFLAT_TEST_RESULT(i))
			self->wrong++;
		cond_resched();
	}
	complete(&self->done);
	return 0;
}

/* The target called in a loop on every CPU at once; how many results were wrong. */
u64 kflat_test_hammer(u64 calls)
{
	static struct hammerer hammerers[8];
	u64 wrong = 0;
	int cpu;

	for_each_online_cpu(cpu) {
		struct hammerer *hammerer = &hammerers[cpu % ARRAY_SIZE(hammerers)];
		struct task_struct *task;

		if (cpu >= ARRAY_SIZE(hammerers))
			break;
		hammerer->calls = calls;
		hammerer->wrong = 0;
		init_completion(&hammerer->done);
		task = kthread_create_on_cpu(hammer, hammerer, cpu, "kflat_hammer/%u");
		if (IS_ERR(task)) {
			hammerer->wrong = calls;
			complete(&hammerer->done);
			continue;
		}
		wake_up_process(task);
	}
	for (cpu = 0; cpu < ARRAY_SIZE(hammerers); cpu++) {
		if (!hammerers[cpu].calls)
			continue;
		wait_for_completion(&hammerers[cpu].done);
		wrong += hammerers[cpu].wrong;
		hammerers[cpu].calls = 0;
	}
	return wrong;
}
