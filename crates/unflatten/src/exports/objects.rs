//! The objects of an image, and where they were in the kernel.

#![expect(unsafe_code, reason = "called from C")]

use std::ffi::c_void;
use std::ptr;

use super::Handle;
use crate::catalogue::Object;
use crate::handles;
use crate::instance::Instance;
use crate::status::{Failure, Status};

/// How many objects the image tells of.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_object_count(flatten: Handle) -> usize {
    handles::with(flatten.addr(), Instance::object_count).unwrap_or(0)
}

/// Object `index`, in the order in which they were captured.
///
/// # Safety
/// `object` must be NULL or a place of `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_get_object(
    flatten: Handle,
    index: usize,
    object: *mut Object,
    size: usize,
) -> Status {
    // SAFETY: The caller's promise.
    unsafe { fill(flatten, object, size, |instance| instance.object(index)) }
}

/// The smallest object around `pointer`.
///
/// # Safety
/// As for [`unflatten_get_object`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_object_at(
    flatten: Handle,
    pointer: *const c_void,
    object: *mut Object,
    size: usize,
) -> Status {
    // SAFETY: The caller's promise.
    unsafe {
        fill(flatten, object, size, |instance| {
            instance.object_at(pointer)
        })
    }
}

/// Writes as much of an object as the caller knows.
///
/// # Safety
/// `object` must be NULL or a place of `size` bytes.
unsafe fn fill(
    flatten: Handle,
    object: *mut Object,
    size: usize,
    find: impl FnOnce(&mut Instance) -> Result<Object, Failure>,
) -> Status {
    let filled = handles::with(flatten.addr(), |instance| {
        if object.is_null() {
            return Err(Failure::Status(Status::InvalidArgument));
        }
        let found = find(instance)?;
        let known = size.min(size_of::<Object>());
        // SAFETY: The place has that many bytes, and so has what was found.
        unsafe { ptr::copy_nonoverlapping((&raw const found).cast::<u8>(), object.cast(), known) };
        let rest = object.cast::<u8>().wrapping_add(known);
        // SAFETY: As above. Of members that are younger than this library nothing
        // is known.
        unsafe { rest.write_bytes(0, size - known) };
        Ok(())
    });
    filled.err().unwrap_or(Status::Ok)
}

/// Where what is at `pointer` was in the kernel.
///
/// # Safety
/// `address` must be NULL or a place for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_original_address(
    flatten: Handle,
    pointer: *const c_void,
    address: *mut u64,
) -> Status {
    let found = handles::with(flatten.addr(), |instance| {
        if address.is_null() {
            return Err(Failure::Status(Status::InvalidArgument));
        }
        instance.original_address(pointer)
    });
    match found {
        Ok(found) => {
            // SAFETY: The caller's promise.
            unsafe { address.write(found) };
            Status::Ok
        }
        Err(status) => status,
    }
}

/// Where what was at `address` in the kernel is now, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_pointer_at(flatten: Handle, address: u64) -> *mut c_void {
    handles::with(flatten.addr(), |instance| instance.pointer_at(address))
        .unwrap_or(ptr::null_mut())
}
