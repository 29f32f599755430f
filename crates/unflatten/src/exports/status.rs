//! How calls ended.

#![expect(unsafe_code, reason = "called from C")]

use std::ffi::{c_char, c_int};

use super::Handle;
use crate::handles;
use crate::status::Status;

/// What a status means.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_explain_status(status: c_int) -> *const c_char {
    Status::of(status)
        .map_or(c"no status of this library", Status::text)
        .as_ptr()
}

/// How the last call with this handle ended.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_last_status(flatten: Handle) -> Status {
    match handles::peek(flatten.addr(), |instance| instance.status().0) {
        Some(status) => status,
        None => Status::InvalidArgument,
    }
}

/// What was wrong in the last call with this handle, until the next one; empty if
/// nothing was.
#[unsafe(no_mangle)]
pub extern "C" fn unflatten_last_error(flatten: Handle) -> *const c_char {
    let error = handles::peek(flatten.addr(), |instance| instance.status().1.as_ptr());
    error.unwrap_or(c"not a handle of this library, or one that was given back".as_ptr())
}
