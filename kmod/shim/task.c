// SPDX-License-Identifier: GPL-2.0-only
/* Processes, threads, and what the caller may. */
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/string.h>

#include "kflat_shim.h"

/*
 * The task that the caller knows by number, and in *process the process that it
 * belongs to; NULL: there is none. Both are to be put.
 */
struct pid *kflat_shim_pid_find(s32 number, struct pid **process)
{
	struct pid *pid = find_get_pid(number);
	struct task_struct *task;

	*process = NULL;
	if (!pid)
		return NULL;
	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task)
		*process = get_pid(task_tgid(task));
	rcu_read_unlock();
	if (!*process) {
		put_pid(pid);
		return NULL;
	}
	return pid;
}

void kflat_shim_pid_put(struct pid *pid)
{
	put_pid(pid);
}

/* Whether the current task is the thread, or one of the process. Any context. */
bool kflat_shim_pid_is_current(const struct pid *pid)
{
	return task_pid(current) == pid || task_tgid(current) == pid;
}

u64 kflat_shim_current(void)
{
	return (u64)current;
}

/* Numbers of the initial pid namespace. Any context. */
void kflat_shim_current_ids(u32 *process, u32 *thread, char comm[16])
{
	*process = current->tgid;
	*thread = current->pid;
	/* Its owner may be writing it: the copy ends in a NUL all the same. */
	memcpy(comm, current->comm, TASK_COMM_LEN);
	comm[TASK_COMM_LEN - 1] = 0;
}

/* 0, or -EPERM: the lockdown policy forbids reading kernel memory. */
int kflat_shim_locked_down(void)
{
	return security_locked_down(LOCKDOWN_KCORE);
}
