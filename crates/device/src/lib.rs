//! A safe client of the kernel module's device, `/sys/kernel/debug/kflat`.
//!
//! [`Device`] is the open file: recipes are loaded, listed and unloaded by it.
//! With an area for images it becomes a [`Session`], which captures:
//!
//! ```no_run
//! use kflat_device::{Device, EnableOptions};
//! # fn main() -> Result<(), kflat_device::Error> {
//! let session = Device::open()?.session(16 << 20)?;
//! session.enable("vfs_read", &EnableOptions::default())?;
//! session.wait(None)?;
//! let report = session.disable()?;
//! let image = session.captured(&report);
//! # Ok(()) }
//! ```
//!
//! All system calls are made in `kernel`, the only module with `unsafe`, behind
//! the trait `Channel`, which the unit tests implement without a kernel.

#![deny(unsafe_code)]

mod access;
mod channel;
mod device;
mod error;
#[allow(
    unsafe_code,
    reason = "ioctl, mmap and poll are made here, and only here"
)]
mod kernel;
mod place;
mod reason;
mod session;
mod status;
mod target;

pub use device::{Device, Range, Stored, Versions};
pub use error::{Error, Rejection};
pub use reason::Reason;
pub use session::{EnableOptions, Report, Session, TestOptions};
pub use status::{State, Status};
pub use target::Obstacle;

#[cfg(test)]
mod tests;
