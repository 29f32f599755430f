//! Running something while all other CPUs are halted. C: `shim/stop_machine.c`,
//! `<linux/stop_machine.h>`.

use core::ffi::c_void;

use crate::error::{Error, Result};
use crate::ffi_probe as ffi;

/// What runs while the others are halted.
type Work<'a> = &'a mut (dyn FnMut() + Send);

/// Runs `work` on one CPU, with interrupts off, while the others are halted; the
/// nanoseconds for which they were. Sleeps. `EBUSY` CPUs are being added or
/// removed.
pub(crate) fn run(mut work: Work<'_>) -> Result<u64> {
    let mut pause_ns = 0;
    let context: *mut Work<'_> = &raw mut work;
    // SAFETY: `context` lives until the call returns, and nobody else uses
    // `work` meanwhile.
    Error::check(unsafe { ffi::kflat_shim_stop_machine(context.cast(), &mut pause_ns) })?;
    Ok(pause_ns)
}

/// The other CPUs are halted.
///
/// # Safety
/// Called by `shim/stop_machine.c` with the context of [`run`].
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_stop_machine_run(context: *mut c_void) {
    let work: *mut Work<'_> = context.cast();
    // SAFETY: From `run`, which waits.
    unsafe { (*work)() }
}
