//! From any context to one that may sleep, and waiting for what happens there.
//! C: `<linux/irq_work.h>`, `<linux/workqueue.h>`, `<linux/wait.h>`.

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::alloc::Arc;
use crate::capture::Capture;
use crate::error::{Error, Result};
use crate::ffi;

/// The threads in which deferred work runs; stopped on drop, after all
/// [`Deferral`]s.
pub(crate) struct Workers(());

impl Workers {
    /// `ENOMEM`.
    pub(crate) fn start() -> Result<Self> {
        Error::check(ffi::kflat_shim_deferral_init())?;
        Ok(Self(()))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        ffi::kflat_shim_deferral_exit();
    }
}

/// The end of a capture, which is to be written later.
pub(crate) struct Deferral {
    deferral: NonNull<ffi::Deferral>,
    /// What `deferral`'s context stands for.
    _capture: Arc<Capture>,
}

// SAFETY: The C side's `irq_work` and `work_struct` may be queued from any thread.
unsafe impl Send for Deferral {}
// SAFETY: As above.
unsafe impl Sync for Deferral {}

impl Deferral {
    /// `ENOMEM`.
    pub(crate) fn new(capture: Arc<Capture>) -> Result<Self> {
        let deferral = ffi::kflat_shim_deferral_new(capture.as_raw());
        Ok(Self {
            deferral: NonNull::new(deferral).ok_or(Error::ENOMEM)?,
            _capture: capture,
        })
    }

    /// A worker writes the capture's end soon. Any context.
    pub(crate) fn queue(&self) {
        // SAFETY: `self` owns it.
        unsafe { ffi::kflat_shim_deferral_queue(self.deferral.as_ptr()) }
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        // SAFETY: `self` owns it, freed once; the C side flushes it first.
        unsafe { ffi::kflat_shim_deferral_free(self.deferral.as_ptr()) }
    }
}

/// What was queued is to be done.
///
/// # Safety
/// Called by `shim/deferral.c` with the context of a deferral that lives.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_deferral_run(context: *mut c_void) {
    // SAFETY: From `as_raw` in `Deferral::new`, which keeps a count of it.
    unsafe { Arc::<Capture>::borrow_raw(context) }.write();
}

/// Those who wait for a session's state to change.
pub(crate) struct Waiters(NonNull<ffi::Waiters>);

// SAFETY: A wait queue may be used from any thread.
unsafe impl Send for Waiters {}
// SAFETY: As above.
unsafe impl Sync for Waiters {}

/// `struct file` and `struct poll_table_struct` of a poll call.
pub(crate) struct Poll {
    file: NonNull<ffi::File>,
    table: *mut ffi::PollTable,
}

impl Poll {
    /// # Safety
    /// Both are those of a poll call that is going on while the value lives.
    pub(crate) unsafe fn new(file: NonNull<ffi::File>, table: *mut ffi::PollTable) -> Self {
        Self { file, table }
    }
}

impl Waiters {
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let waiters = ffi::kflat_shim_waiters_new();
        NonNull::new(waiters).map(Self).ok_or(Error::ENOMEM)
    }

    /// Wakes all.
    pub(crate) fn wake(&self) {
        // SAFETY: `self` owns it.
        unsafe { ffi::kflat_shim_waiters_wake(self.0.as_ptr()) }
    }

    /// Adds the caller of poll.
    pub(crate) fn add(&self, poll: &Poll) {
        let (file, table) = (poll.file.as_ptr(), poll.table);
        // SAFETY: `self` owns the queue, which lives as long as the session's
        // file; file and table are those of the call.
        unsafe { ffi::kflat_shim_waiters_poll(self.0.as_ptr(), file, table) }
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        // SAFETY: `self` owns it, freed once.
        unsafe { ffi::kflat_shim_waiters_free(self.0.as_ptr()) }
    }
}
