//! The seam between this crate and the kernel: what is asked of an open device.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use kflat_abi::control::{
    CaptureStatus, EnableAlso, NameList, RecipeDescribe, RecipeLoad, RecipeUnload, Version,
};
use kflat_abi::uapi::{Disable, Enable, Tests};

/// An ioctl with its argument. Addresses and sizes of buffers in the argument
/// are filled in by who carries it out.
pub(crate) enum Request<'a> {
    Enable(&'a Enable),
    EnableAlso(&'a EnableAlso),
    Disable(&'a mut Disable),
    Test(&'a Tests),
    MemoryMap(&'a mut [u8]),
    Load(&'a mut RecipeLoad, &'a [u8], &'a [u8]),
    Unload(&'a RecipeUnload),
    Recipes(&'a mut NameList, &'a mut [u8]),
    Tests(&'a mut NameList, &'a mut [u8]),
    Describe(&'a mut RecipeDescribe, &'a mut [u8], &'a mut [u8]),
    Status(&'a mut CaptureStatus),
    Version(&'a mut Version),
}

/// What `poll` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing within the time.
    TimedOut,
    /// An image is complete.
    Readable,
    /// The capture failed.
    Failed,
}

/// An open device.
pub(crate) trait Channel {
    /// Carries out an ioctl; what it returns.
    fn carry_out(&self, request: Request<'_>) -> io::Result<u64>;
    /// Maps `size` bytes of what `what`, one of `KFLAT_MMAP_*`, stands for.
    fn map(&self, what: i64, size: usize) -> io::Result<Box<dyn Memory>>;
    /// Waits for an image; `None`: as long as it takes.
    fn poll(&self, timeout: Option<Duration>) -> io::Result<Readiness>;
    /// Reads on in the debug log; 0 at its end.
    fn read(&self, into: &mut [u8]) -> io::Result<usize>;
    /// For waiting for more than this device.
    fn fd(&self) -> BorrowedFd<'_>;
}

/// Memory that the kernel writes and this process reads.
pub(crate) trait Memory {
    /// Bytes.
    fn size(&self) -> usize;
    /// Copies what is `at` bytes from its start on, as far as it goes.
    fn copy(&self, at: usize, into: &mut [u8]);
}
