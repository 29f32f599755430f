//! The capture engine: verifies recipe programs, interprets them over some
//! memory, and writes the flattened image.
//!
//! It does not know that it runs in a kernel: memory, symbols, clock and
//! storage are handed in ([`environment`]), so the same code captures from a
//! user process, from a dump, and from simulated memory in tests.
//!
//! The way of the data, in the order of the modules:
//!
//! 1. [`verify`](verify()): a program is checked once, when it is loaded.
//! 2. [`capture`](capture()) (a context that may be atomic): starting at the roots, copies
//!    what the program's actions lead to into the work region (`work`), each
//!    object once (`visited`), and notes which words are pointers to what.
//! 3. [`write`](write()) (a context that may sleep): sorts the objects (`order`), merges
//!    ranges that touch into fragments (`layout`), lists the words to relocate
//!    (`locations`), and writes the image and its `extension`.
//!
//! All memory is one region of words that the caller sets aside. Nothing is
//! allocated, nothing recurses, and nothing panics: this crate compiles to code
//! that holds no reference to the panic machinery.

#![no_std]
#![forbid(unsafe_code)]

mod area;
pub mod capture;
mod diagnostics;
pub mod environment;
mod extension;
mod follow;
mod layout;
mod list;
mod locations;
mod order;
mod string;
pub mod verify;
mod visited;
mod word;
mod work;
pub mod write;

pub use capture::{Inputs, capture};
pub use environment::{Clock, Event, Memory, Quiet, Symbols, Trace, Unreadable};
pub use verify::{Rejection, Verified, verify};
pub use word::put_bytes;
pub use work::{required_words, used_words};
pub use write::{Report, write};
