//! The roots of an image.

#![expect(unsafe_code, reason = "called from C")]

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use super::Handle;
use crate::handles;
use crate::instance::Instance;
use crate::status::{Failure, Status};

/// The next root; NULL if there is none or it was NULL.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_root_pointer_next(flatten: Handle) -> *mut c_void {
    handles::with(flatten.addr(), Instance::next_root).unwrap_or(ptr::null_mut())
}

/// Root `index`; NULL if there is none or it was NULL.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_root_pointer_seq(flatten: Handle, index: usize) -> *mut c_void {
    handles::with(flatten.addr(), |instance| instance.root(index)).unwrap_or(ptr::null_mut())
}

/// The root of that name, its bytes in `size`; NULL if there is none or it was NULL.
///
/// # Safety
/// `name` must be NULL or a string, `size` NULL or a place for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unflatten_root_pointer_named(
    flatten: Handle,
    name: *const c_char,
    size: *mut usize,
) -> *mut c_void {
    let found = handles::with(flatten.addr(), |instance| {
        if name.is_null() {
            return Err(Failure::Status(Status::InvalidArgument));
        }
        // SAFETY: The caller's promise.
        instance.named_root(unsafe { CStr::from_ptr(name) })
    });
    let (pointer, bytes) = found.unwrap_or((ptr::null_mut(), 0));
    if !size.is_null() {
        // SAFETY: The caller's promise.
        unsafe { size.write(bytes) };
    }
    pointer
}

/// How many roots there are; 0 without an image.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_root_count(flatten: Handle) -> usize {
    handles::with(flatten.addr(), Instance::root_count).unwrap_or(0)
}

/// The name of root `index`, until the image is unloaded; NULL if it has none.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_root_name(flatten: Handle, index: usize) -> *const c_char {
    handles::with(flatten.addr(), |instance| instance.root_name(index)).unwrap_or(ptr::null())
}
