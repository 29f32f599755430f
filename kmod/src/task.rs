//! Processes and threads. C: `<linux/pid.h>`, `<linux/sched.h>`.

use core::ptr::NonNull;

use crate::error::{Error, Result};
use crate::ffi;

/// A counted `struct pid`: it never stands for a later process of that number.
struct PidRef(NonNull<ffi::Pid>);

// SAFETY: `struct pid` is counted and may be used from any thread.
unsafe impl Send for PidRef {}
// SAFETY: As above; nothing is changed through it.
unsafe impl Sync for PidRef {}

impl Drop for PidRef {
    fn drop(&mut self) {
        // SAFETY: `self` owns a count, given back once.
        unsafe { ffi::kflat_shim_pid_put(self.0.as_ptr()) }
    }
}

/// A process, or one thread of it.
pub(crate) struct Task {
    task: PidRef,
    process: PidRef,
}

impl Task {
    /// By its number in the caller's pid namespace. `ESRCH`.
    pub(crate) fn find(number: i32) -> Result<Self> {
        let mut process = core::ptr::null_mut();
        let task = ffi::kflat_shim_pid_find(number, &mut process);
        match (NonNull::new(task), NonNull::new(process)) {
            (Some(task), Some(process)) => Ok(Self {
                task: PidRef(task),
                process: PidRef(process),
            }),
            _ => Err(Error::ESRCH),
        }
    }

    /// What tells its process from all others, as long as `self` lives.
    pub(crate) fn process_id(&self) -> u64 {
        self.process.0.as_ptr().addr() as u64
    }

    /// Whether the current task is it, or a thread of it. Any context.
    pub(crate) fn is_current(&self) -> bool {
        // SAFETY: `self` owns a count of it.
        unsafe { ffi::kflat_shim_pid_is_current(self.task.0.as_ptr()) }
    }
}

/// Address of the current `task_struct`. Any context.
pub(crate) fn current_address() -> u64 {
    ffi::kflat_shim_current()
}

/// The current task's process id and thread id in the initial pid namespace,
/// and its name. Any context.
pub(crate) fn current_ids() -> (u32, u32, [u8; 16]) {
    let (mut process, mut thread, mut comm) = (0, 0, [0; 16]);
    ffi::kflat_shim_current_ids(&mut process, &mut thread, &mut comm);
    (process, thread, comm)
}

/// `EPERM`: the lockdown policy forbids reading kernel memory.
pub(crate) fn check_lockdown() -> Result {
    Error::check(ffi::kflat_shim_locked_down())
}
