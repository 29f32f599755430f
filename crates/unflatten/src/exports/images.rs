//! Loads, resets and changes images.

#![expect(unsafe_code, reason = "called from C")]

use std::ffi::{c_int, c_ulong, c_void};
use std::ptr;

use libc::{FILE, ssize_t};

use super::{Handle, HeaderHandle};
use crate::handles;
use crate::instance::{Header, Instance, Resolver, Way, description};
use crate::status::{Failure, Status};
use crate::stream;

/// A new handle without an image.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_init(level: c_int) -> Handle {
    ptr::without_provenance_mut(handles::open(Instance::new(level)))
}

/// Gives a handle back, and its image.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_deinit(flatten: Handle) {
    handles::close(flatten.addr());
}

/// Loads an image, each fragment as an allocation of its own.
///
/// # Safety
/// `file` must be NULL or an open stream whose file stays as it is while it is
/// loaded, `resolver` NULL or right to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_load(
    flatten: Handle,
    file: *mut FILE,
    resolver: Resolver,
) -> Status {
    // SAFETY: The caller's promise.
    unsafe { load(flatten, file, resolver, Way::Fragments) }
}

/// Loads an image in one piece.
///
/// # Safety
/// As for [`unflatten_load`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_load_continuous(
    flatten: Handle,
    file: *mut FILE,
    resolver: Resolver,
) -> Status {
    // SAFETY: The caller's promise.
    unsafe { load(flatten, file, resolver, Way::Continuous) }
}

/// Loads an image in one piece, as it was linked if its address is free.
///
/// # Safety
/// As for [`unflatten_load`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_load_prelinked(
    flatten: Handle,
    file: *mut FILE,
    resolver: Resolver,
) -> Status {
    // SAFETY: The caller's promise.
    unsafe { load(flatten, file, resolver, Way::Prelinked) }
}

/// # Safety
/// As for [`unflatten_load`].
unsafe fn load(flatten: Handle, stream: *mut FILE, resolver: Resolver, way: Way) -> Status {
    status(handles::with(flatten.addr(), |instance| {
        instance.unload();
        // SAFETY: The caller's promise.
        let file = unsafe { file_of(stream) }?;
        // SAFETY: As above; what was copied only this process knows.
        unsafe { instance.load(&file, resolver, way) }
    }))
}

/// # Safety
/// `stream` must be NULL or an open stream.
unsafe fn file_of(stream: *mut FILE) -> Result<std::fs::File, Failure> {
    if stream.is_null() {
        return Err(Failure::Status(Status::InvalidArgument));
    }
    // SAFETY: The caller's promise.
    unsafe { stream::file_of(stream) }.map_err(Failure::Stream)
}

fn status(result: Result<(), Status>) -> Status {
    result.err().unwrap_or(Status::Ok)
}

/// Whether the image is used as it was linked: 1, or else 0.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_is_prelinked(flatten: Handle) -> c_int {
    let is_linked = handles::with(flatten.addr(), |instance| {
        Ok(instance.loaded()?.is_linked())
    });
    c_int::from(is_linked.unwrap_or(false))
}

/// Lets go of the image.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_unload(flatten: Handle) {
    let _ = handles::with(flatten.addr(), |instance| {
        instance.unload();
        Ok(())
    });
}

/// Goes back to the state after the load.
///
/// # Safety
/// Nobody else may use the image's memory at the same time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_reset(flatten: Handle) -> Status {
    status(handles::with(flatten.addr(), |instance| {
        // SAFETY: The caller's promise.
        unsafe { instance.reset() }
    }))
}

/// The value of function pointers that nothing resolves, from the next load on.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_set_poison(flatten: Handle, poison: usize) -> Status {
    status(handles::with(flatten.addr(), |instance| {
        instance.set_poison(poison as u64);
        Ok(())
    }))
}

/// Leaves the allocation that begins at `pointer` to who freed it.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_mark_freed(flatten: Handle, pointer: *mut c_void) {
    let _ = handles::with(flatten.addr(), |instance| {
        if instance.loaded()?.mark_freed(pointer.cast()) {
            return Ok(());
        }
        Err(Failure::Status(Status::InvalidAddressPointee))
    });
}

/// Has the image's pointers into `size` bytes at `old` lead to `new`; returns how
/// many there were, or less than 0.
///
/// # Safety
/// Nobody else may use the image's memory at the same time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_replace_variable(
    flatten: Handle,
    old: *mut c_void,
    new: *mut c_void,
    size: usize,
) -> ssize_t {
    let replaced = handles::with(flatten.addr(), |instance| {
        let loaded = instance.loaded()?;
        if old.is_null() || new.is_null() || size == 0 {
            return Err(Failure::Status(Status::InvalidArgument));
        }
        // SAFETY: The caller's promise.
        Ok(unsafe { loaded.replace(old.cast(), new.cast(), size as u64) })
    });
    match replaced {
        Ok(replaced) => replaced.cast_signed(),
        Err(status) => -(status as ssize_t),
    }
}

/// Prints to stdout what is in an image.
///
/// # Safety
/// `file` must be NULL or an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_imginfo(flatten: Handle, file: *mut FILE) -> Status {
    status(handles::with(flatten.addr(), |_| {
        // SAFETY: The caller's promise.
        let text = description(&unsafe { file_of(file) }?)?;
        stream::print(&text).map_err(Failure::Stream)
    }))
}

/// The header of the loaded image, until it is unloaded.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_get_image_header(flatten: Handle) -> HeaderHandle {
    let header = handles::with(flatten.addr(), |instance| {
        Ok(ptr::from_ref(instance.header()?))
    });
    header.map_or(ptr::null_mut(), |header| header.cast_mut().cast())
}

/// How many fragments; 0 without a header.
///
/// # Safety
/// `header` must be NULL or from `unflatten_get_image_header`, its image loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_header_fragment_count(header: HeaderHandle) -> c_ulong {
    // SAFETY: The caller's promise.
    unsafe { header.cast::<Header>().as_ref() }.map_or(0, |header| header.mcount)
}

/// Bytes of the memory; 0 without a header.
///
/// # Safety
/// As for [`unflatten_header_fragment_count`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_header_memory_size(header: HeaderHandle) -> usize {
    // SAFETY: The caller's promise.
    unsafe { header.cast::<Header>().as_ref() }.map_or(0, |header| header.memory_size as usize)
}
