//! Reads flattened images: checks them, describes them, shows them as C.
//!
//! - [`Image`] holds an image whose every offset was checked; [`Extension`] is
//!   what the module and user space added to it.
//! - [`save`] makes what the module wrote a self-describing file; [`container`]
//!   is what the additions are packed in.
//! - [`describe`] and [`show`] print.
//!
//! No bytes are trusted: damaged and hostile ones give an error or a warning.

#![forbid(unsafe_code)]

pub mod container;
mod context;
pub mod describe;
mod error;
mod extension;
mod image;
mod save;
mod sections;
pub mod show;
pub mod typed;

pub use error::{ImageError, Section};
pub use extension::Extension;
pub use image::{Image, Root};
pub use save::{Additions, save};

/// The layouts that an image and its extension are made of.
pub use kflat_abi as abi;
