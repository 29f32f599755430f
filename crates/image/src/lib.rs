//! Reads flattened images: checks them, describes them, shows them as C.
//!
//! - [`Image`] holds an image whose every offset was checked; [`Extension`] is
//!   what the module and user space added to it.
//! - [`save`] makes what the module wrote a self-describing file; [`container`]
//!   is what the additions are packed in.
//! - [`typed`] puts types on the memory; [`describe`] and [`show`] print.
//! - [`load`] loads an image at new addresses, for code that uses it. Only there
//!   is `unsafe` code: in `load/mapping.rs`, `load/heap.rs`, and in the contracts
//!   of `load/resident.rs`.
//! - [`original`] is the kernel's memory as it was; [`export`] writes it as an ELF
//!   core for debuggers.
//!
//! No bytes are trusted: damaged and hostile ones give an error or a warning.

#![deny(unsafe_code)]

pub mod container;
mod context;
pub mod describe;
mod error;
pub mod export;
mod extension;
mod image;
pub mod load;
pub mod original;
mod save;
mod sections;
pub mod show;
mod surroundings;
pub mod typed;
mod verify;

pub use error::{ImageError, Section};
pub use extension::Extension;
pub use image::{Image, Root};
pub use save::{Additions, save};
pub use surroundings::Surroundings;
pub use verify::verify;

/// The layouts that an image and its extension are made of.
pub use kflat_abi as abi;
