// SPDX-License-Identifier: GPL-2.0-only
/* Running something while all other CPUs are halted. */
#include <linux/cpu.h>
#include <linux/stop_machine.h>
#include <linux/timekeeping.h>

#include "kflat_probe.h"

struct request {
	void *context;
	u64 pause_ns;
};

static int run(void *data)
{
	struct request *request = data;
	u64 start = ktime_get_mono_fast_ns();

	kflat_stop_machine_run(request->context);
	request->pause_ns = ktime_get_mono_fast_ns() - start;
	return 0;
}

/*
 * Runs kflat_stop_machine_run(context) on one CPU, by a task of its own, while
 * the others spin with interrupts off, and tells for how long. Sleeps.
 * -EBUSY: CPUs are being added or removed, perhaps by this very task.
 */
int kflat_shim_stop_machine(void *context, u64 *pause_ns)
{
	struct request request = { .context = context };
	int error;

	/* stop_machine() would wait for the lock that this task may hold. */
	if (!cpus_read_trylock())
		return -EBUSY;
	cpus_read_unlock();
	error = stop_machine(run, &request, NULL);
	*pause_ns = request.pause_ns;
	return error;
}
