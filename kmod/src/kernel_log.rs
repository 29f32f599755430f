//! The kernel's log. C: `<linux/printk.h>`.

use crate::ffi;
use crate::text::Line;

/// `KERN_ERR` of `<linux/kern_levels.h>`.
pub(crate) const ERROR: u32 = 3;
/// `KERN_WARNING`.
pub(crate) const WARNING: u32 = 4;

/// Writes a line (without its end). Not in a probe's handler: it may have
/// interrupted the log itself.
pub(crate) fn write(level: u32, line: &Line) {
    let text = line.as_bytes();
    // SAFETY: `text` has that many bytes.
    unsafe { ffi::kflat_shim_log(level, text.as_ptr(), text.len() as u64) }
}
