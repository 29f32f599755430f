// SPDX-License-Identifier: GPL-2.0-only
/* What every part of the module needs of the kernel. */
#include <linux/bug.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>

#include "kflat_shim.h"

/*
 * Zeroed. Fails rather than let another process be killed for its memory.
 */
void *kflat_shim_alloc(u64 size)
{
	/* Before 5.15 kvmalloc() warns of more than INT_MAX. */
	if (size > INT_MAX)
		return NULL;
	return kvzalloc(size, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
}

void kflat_shim_free(void *memory)
{
	kvfree(memory);
}

void *kflat_shim_mutex_new(u32 class)
{
	static struct lock_class_key keys[KFLAT_MUTEX_CLASSES];
	struct mutex *mutex;

	if (class >= KFLAT_MUTEX_CLASSES)
		return NULL;
	mutex = kmalloc(sizeof(*mutex), GFP_KERNEL);
	if (!mutex)
		return NULL;
	__mutex_init(mutex, "kflat", &keys[class]);
	return mutex;
}

void kflat_shim_mutex_free(void *mutex)
{
	mutex_destroy(mutex);
	kfree(mutex);
}

void kflat_shim_mutex_lock(void *mutex)
{
	mutex_lock(mutex);
}

void kflat_shim_mutex_unlock(void *mutex)
{
	mutex_unlock(mutex);
}

u64 kflat_shim_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}

void kflat_shim_irq_restore(u64 saved)
{
	unsigned long flags = saved;

	local_irq_restore(flags);
}

/* Both say how many bytes were not copied. Sleep. */
u64 kflat_shim_user_read(void *into, u64 user, u64 size)
{
	return copy_from_user(into, (const void __user *)user, size);
}

u64 kflat_shim_user_write(u64 user, const void *from, u64 size)
{
	return copy_to_user((void __user *)user, from, size);
}

/* Any context. */
u64 kflat_shim_now_ns(void)
{
	return ktime_get_mono_fast_ns();
}

/* Any context. */
void kflat_shim_stamp(u64 *boot_ns, u64 *wall_ns)
{
	*boot_ns = ktime_get_boot_fast_ns();
	*wall_ns = ktime_get_real_fast_ns();
}

u32 kflat_shim_cpu(void)
{
	return raw_smp_processor_id();
}

/* level as in <linux/kern_levels.h>. */
void kflat_shim_log(u32 level, const char *text, u64 size)
{
	int length = min_t(u64, size, 256);

	if (level <= 3)
		pr_err("kflat: %.*s\n", length, text);
	else if (level <= 4)
		pr_warn("kflat: %.*s\n", length, text);
	else
		pr_info("kflat: %.*s\n", length, text);
}

/* Whether the processor has the crc32 instruction. */
bool kflat_shim_has_crc32(void)
{
	return boot_cpu_has(X86_FEATURE_XMM4_2);
}

/* What core's panic ends in. No code refers to it: check_object.py. */
void kflat_shim_panic(void)
{
	BUG();
}
