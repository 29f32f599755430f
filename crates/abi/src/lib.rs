//! What the two sides of kflat must agree on, and nothing else.
//!
//! | module | what it fixes | who writes it | who reads it |
//! |---|---|---|---|
//! | [`uapi`] | the documented `ioctl`s and mappings | clients | kernel module |
//! | [`control`] | `ioctl`s of our own (number 32 and up) | clients | kernel module |
//! | [`program`] | the encoding of recipe programs | recipe compiler | engine |
//! | [`image`] | the flattened image, format version 2 | engine | image reader |
//! | [`extension`] | the container behind an image | engine, savers | image reader |
//! | [`crc32c`] | the checksum of the container's entries | | |
//!
//! Everything is little-endian and 64-bit; x86_64 and arm64 share the layouts.

#![no_std]
#![forbid(unsafe_code)]

#[macro_use]
mod c_struct;

pub mod control;
pub mod crc32c;
pub mod extension;
#[cfg(feature = "header")]
pub mod header;
pub mod image;
pub mod program;
mod reason;
pub mod record;
pub mod uapi;
