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
//! 2. [`fits`]: whether a call is one that the program wants.
//! 3. [`capture`](capture()) (a context that may be atomic): starting at the roots, copies
//!    what the program's actions lead to, each object once (`visited`), one behind
//!    the other to where the image's memory will be (`work`), and notes which
//!    words lead to what (`fixups`).
//! 4. [`write`](write()) (a context that may sleep): joins objects that touch to fragments
//!    (`order`, `layout`), makes the words pointers and lists them (`relocate`), and
//!    writes the rest of the image and its `extension` around the memory.
//!
//! All memory is two regions of words that the caller sets aside: the area that
//! the image is for, and a work region. Nothing is allocated, nothing recurses, and
//! nothing panics: this crate compiles to code that holds no reference to the panic
//! machinery.

#![no_std]
#![forbid(unsafe_code)]

mod apart;
mod area;
pub mod capture;
mod changes;
mod condition;
mod copy;
mod diagnostics;
mod element;
mod embed;
pub mod environment;
mod expression;
mod extension;
mod fixups;
mod follow;
mod fragments;
mod layout;
mod list;
mod order;
mod plain;
mod relocate;
mod ring;
mod room;
mod sort;
mod step;
mod string;
mod until;
pub mod verify;
mod visit;
mod visited;
mod word;
mod work;
pub mod write;

pub use capture::{Inputs, capture};
pub use condition::fits;
pub use environment::{
    AnyProcessor, Clock, Event, Memory, Processor, Quiet, Symbols, Trace, Unreadable,
};
pub use verify::{Rejection, Verified, verify};
pub use word::put_bytes;
pub use work::{State, required_words};
pub use write::{Report, write};
