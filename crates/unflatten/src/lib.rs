//! `libunflatten`: loads flattened images for code in C and C++, with the
//! interface of `include/unflatten.h`.
//!
//! - [`exports`] are the functions of the header, one file for each part of it.
//!   They take what C hands over, and no panic leaves them.
//! - `handles` finds what a handle stands for; `instance` is that, and does the
//!   work; `catalogue` knows an image's objects and their original addresses.
//! - `stream` makes a `FILE *` a file that can be mapped.

#![deny(unsafe_code)]

mod catalogue;
pub mod exports;
mod handles;
mod instance;
mod status;
mod stream;

pub use catalogue::Object;
pub use instance::{Header, Resolver};
pub use status::Status;
