//! The functions of `include/unflatten.h`, which says what they do.
//!
//! A handle may be anything: what is none gives a status or NULL. Other pointers
//! may be NULL, or must be what the header says.

pub mod images;
pub mod objects;
pub mod roots;
pub mod status;

use std::ffi::c_void;

/// `CUnflatten`.
pub type Handle = *mut c_void;

/// `CUnflattenHeader`.
pub type HeaderHandle = *mut c_void;
