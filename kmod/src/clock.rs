//! The time, in any context. C: `<linux/timekeeping.h>`.

use crate::ffi;

/// The kernel's monotonic clock.
#[derive(Clone, Copy)]
pub(crate) struct Monotonic;

impl kflat_engine::Clock for Monotonic {
    fn now_ns(&self) -> u64 {
        ffi::kflat_shim_now_ns()
    }
}

/// Nanoseconds since boot and since 1970.
pub(crate) fn stamp() -> (u64, u64) {
    let (mut boot, mut wall) = (0, 0);
    ffi::kflat_shim_stamp(&mut boot, &mut wall);
    (boot, wall)
}

/// The CPU that this runs on; only a hint where it can be preempted.
pub(crate) fn cpu() -> u32 {
    ffi::kflat_shim_cpu()
}
