//! Writes an image that needs no work when it is loaded at its address.

use kflat_abi::image::Header;
use kflat_abi::record::Record;

use crate::error::ImageError;
use crate::sections::{Sections, word, words};

/// What a base address must be a multiple of: the largest page of the
/// architectures.
pub const BASE_ALIGNMENT: u64 = 64 << 10;

/// Why an image can't be linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address can't be.
    #[error(
        "an image can't be linked for {base:#x}: the address must be a multiple of 64 KiB, and {length} bytes must fit behind it"
    )]
    Base {
        /// The address.
        base: u64,
        /// Bytes of the image.
        length: usize,
    },
    /// It is no image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// A copy of the image in `bytes`, and of what follows it, whose pointers are
/// right when the file is mapped at the address `base`. With `base` 0 the pointers
/// are offsets, as the kernel writes them.
///
/// # Errors
/// If it is no image, or `base` is no address for it.
pub fn link(bytes: &[u8], base: u64) -> Result<Vec<u8>, LinkError> {
    let length = bytes.len();
    let sections = Sections::check(bytes)?;
    // Addresses of user space: half of the address space, of 48 bits.
    const TOP: u64 = 1 << 47;
    let fits = (length as u64)
        .checked_add(base)
        .is_some_and(|end| end <= TOP);
    if !base.is_multiple_of(BASE_ALIGNMENT) || !fits {
        return Err(LinkError::Base { base, length });
    }
    let old = sections.header.last_mem_addr;
    let new = match base {
        0 => 0,
        base => base + sections.memory.start as u64,
    };
    let mut linked = bytes.to_vec();
    for location in words(sections.of(bytes, &sections.pointers)) {
        let at = sections.memory.start + location as usize;
        if let (Some(value), Some(place)) = (word(bytes, at as u64), linked.get_mut(at..at + 8)) {
            let value = value.wrapping_sub(old).wrapping_add(new);
            place.copy_from_slice(&value.to_le_bytes());
        }
    }
    let header = Header {
        last_load_addr: base,
        last_mem_addr: new,
        ..sections.header
    };
    let written = header.encode(&mut linked);
    debug_assert!(written.is_some(), "a checked image has a header");
    Ok(linked)
}
