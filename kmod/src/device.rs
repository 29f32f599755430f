//! The device file's operations. C: `shim/device.c`, `<linux/fs.h>`.

use core::ffi::{c_int, c_void};
use core::ptr::NonNull;

use kflat_abi::control::{STATE_FAILED, STATE_READY};
use kflat_abi::uapi::{KFLAT_MMAP_FLATTEN, KFLAT_MMAP_KDUMP};

use crate::alloc::Arc;
use crate::deferral::Poll;
use crate::error::{Error, Result};
use crate::module::module;
use crate::session::Session;
use crate::user::UserAddress;
use crate::{area, commands, ffi, kdump, task};

/// The device file; removed on drop, when no session is left.
pub(crate) struct Device(());

impl Device {
    /// From here on clients come.
    pub(crate) fn create() -> Result<Self> {
        Error::check(ffi::kflat_shim_device_create())?;
        Ok(Self(()))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        ffi::kflat_shim_device_remove();
    }
}

/// A session begins; NULL and `error` if it can't.
#[unsafe(no_mangle)]
extern "C" fn kflat_device_open(error: &mut c_int) -> *mut c_void {
    match Session::new().and_then(Arc::new) {
        Ok(session) => session.into_raw(),
        Err(failed) => {
            *error = failed.to_c();
            core::ptr::null_mut()
        }
    }
}

/// A session ends.
///
/// # Safety
/// Called once by `shim/device.c` with what `kflat_device_open` gave.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_device_release(session: *mut c_void) {
    // SAFETY: The file's only count.
    drop(unsafe { Arc::<Session>::from_raw(session) });
}

/// # Safety
/// `session` is that of a file whose operation is going on.
unsafe fn session_of<'a>(session: *mut c_void) -> &'a Session {
    // SAFETY: The file has a count until it is released.
    unsafe { Arc::<Session>::borrow_raw(session) }
}

fn returned(result: Result<u64>) -> ffi::Long {
    match result {
        // Sizes of what is in memory are far below.
        Ok(value) => value as ffi::Long,
        Err(error) => error.to_c().into(),
    }
}

/// An ioctl.
///
/// # Safety
/// Called by `shim/device.c` in the file's operation.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_device_ioctl(
    session: *mut c_void,
    command: u32,
    argument: u64,
) -> ffi::Long {
    // SAFETY: The caller's.
    let session = unsafe { session_of(session) };
    returned(commands::carry_out(session, command, UserAddress(argument)))
}

/// A mapping of `size` bytes from page offset `page` on; `written`: it may be
/// written or executed.
///
/// # Safety
/// Called by `shim/device.c` in the file's operation.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_device_mmap(
    session: *mut c_void,
    vma: NonNull<ffi::Vma>,
    page: u64,
    size: u64,
    written: bool,
) -> c_int {
    // SAFETY: The caller's.
    let session = unsafe { session_of(session) };
    let mapped = match page {
        _ if page > KFLAT_MMAP_KDUMP => Err(Error::EINVAL),
        _ if written => Err(Error::EPERM),
        KFLAT_MMAP_FLATTEN => session.add_area(size, |area| {
            // SAFETY: The vma of this call; it is not written.
            unsafe { area::map(area, vma) }
        }),
        // SAFETY: The vma of this call; it is not written.
        _ => unsafe { map_kdump(vma) },
    };
    mapped.map_or_else(Error::to_c, |()| 0)
}

/// # Safety
/// `vma` is that of an mmap call that is going on, and may not be written.
unsafe fn map_kdump(vma: NonNull<ffi::Vma>) -> Result {
    task::check_lockdown()?;
    // SAFETY: The caller's word.
    Error::check(unsafe { ffi::kflat_shim_device_detach(vma.as_ptr()) })?;
    // SAFETY: The caller's word.
    unsafe { kdump::map(vma) }
}

/// A read of the debug log from `position` on, which moves.
///
/// # Safety
/// Called by `shim/device.c` in the file's operation.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_device_read(
    _: *mut c_void,
    user: u64,
    size: u64,
    position: &mut u64,
) -> ffi::Long {
    let read = module().log.read(*position, UserAddress(user), size);
    *position = position.saturating_add(read.unwrap_or(0));
    returned(read)
}

/// `KFLAT_POLL_READABLE` of `shim/kflat_shim.h`.
const POLL_READABLE: u32 = 1;
/// `KFLAT_POLL_ERROR`.
const POLL_ERROR: u32 = 2;

/// Which of `KFLAT_POLL_*` hold.
///
/// # Safety
/// Called by `shim/device.c` in the file's operation, with its file and table.
#[unsafe(no_mangle)]
unsafe extern "C" fn kflat_device_poll(
    session: *mut c_void,
    file: NonNull<ffi::File>,
    table: *mut ffi::PollTable,
) -> u32 {
    // SAFETY: The caller's.
    let session = unsafe { session_of(session) };
    // SAFETY: The caller's.
    let poll = unsafe { Poll::new(file, table) };
    let (signal, _) = session.signal();
    signal.waiters().add(&poll);
    // Looked at after the caller is among the waiters: no change is missed.
    match session.signal() {
        (_, Some(STATE_READY)) => POLL_READABLE,
        (_, Some(STATE_FAILED) | None) => POLL_ERROR,
        _ => 0,
    }
}
