//! The functions of the library, called as C calls them.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(unsafe_code, reason = "the library's users are in C")]

#[path = "../../../image/tests/image/kernel.rs"]
mod kernel;

mod header;
mod images;
mod misuse;
mod objects;
mod session;
mod streams;
