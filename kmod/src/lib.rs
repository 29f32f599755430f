//! The kernel module's Rust part. C's thin part is in `shim/`, and loads it.
//!
//! The way of a capture, in the order of the modules: a client opens the device
//! ([`device`]) and has a [`session`] with an [`area`]; it enables a recipe of
//! the [`registry`]; a [`capture`] is armed, copies in the context of the call
//! that hits its probe, and is written to the area by a worker ([`deferral`]).
//!
//! No allocation but the fallible ones of [`alloc`], no `core::fmt`, no panic:
//! the build checks that the linked object holds none of it.

#![no_std]

mod alloc;
mod area;
mod armed;
mod capture;
mod claims;
mod clock;
mod commands;
mod control;
mod debug_log;
mod deferral;
mod device;
mod error;
mod ffi;
mod ffi_memory;
mod ffi_probe;
mod kdump;
mod kernel_log;
mod memory;
mod module;
mod outcome;
mod probe;
mod processor;
mod ram;
mod ready;
mod registry;
mod relay;
mod self_test;
mod session;
mod signal;
mod site;
mod stop_machine;
mod symbols;
mod sync;
mod task;
mod text;
mod trace;
mod user;
mod wanted;

use core::panic::PanicInfo;

/// Required by `core`; no code refers to it (`check_object.py`).
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    ffi::kflat_shim_panic()
}
