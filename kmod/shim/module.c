// SPDX-License-Identifier: GPL-2.0-only
/* Loading and removing the module; its parameters. */
#include <linux/module.h>

#include "kflat_shim.h"

static unsigned long dbg_buffer_size = 1UL << 20;
module_param(dbg_buffer_size, ulong, 0444);
MODULE_PARM_DESC(dbg_buffer_size, "Bytes of the debug log (default 1 MiB)");

static int __init load(void)
{
	return kflat_module_init(dbg_buffer_size);
}

static void __exit unload(void)
{
	kflat_module_exit();
}

module_init(load);
module_exit(unload);

MODULE_DESCRIPTION("Captures kernel data structures at function entries");
MODULE_AUTHOR("The kflat developers");
MODULE_LICENSE("GPL");
