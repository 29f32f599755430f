// SPDX-License-Identifier: GPL-2.0-only
/* Memory of the current process, where it is present. */
#include <linux/uaccess.h>

#include "kflat_memory.h"

/*
 * 0, or -EFAULT: absent, or no address of a process. The copy does not fault pages
 * in, so that any context may ask.
 */
int kflat_shim_memory_read_user(u64 address, void *into, u64 size)
{
	const void __user *from = (const void __user *)address;

	if (!current->mm || size > LONG_MAX)
		return -EFAULT;
	return copy_from_user_nofault(into, from, size) ? -EFAULT : 0;
}
