//! An image that is loaded at new addresses, and read as code that uses it would.

#![expect(unsafe_code, reason = "loads an image and reads its memory by address")]

use std::fs::File;
use std::io::Write as _;

use kflat_image::load::{Loaded, Options, Place};

use super::Mismatch;

/// How an image is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// As one mapping.
    Mapped,
    /// Each fragment on its own.
    Fragments,
}

/// The value that the module's function gets: any address does.
pub(super) const FUNCTION_ADDRESS: u64 = 0x6b66_0000;

/// The loaded image.
#[derive(Debug)]
pub(super) struct Memory {
    loaded: Loaded,
    /// Bytes of the image's memory.
    size: u64,
}

impl Memory {
    pub(super) fn load(image: &[u8], how: How) -> Result<Self, Mismatch> {
        let mut file: File = tempfile::tempfile()?;
        file.write_all(image)?;
        let resolver = |name: &str| (name == crate::FUNCTION).then_some(FUNCTION_ADDRESS);
        let options = Options {
            resolver: Some(&resolver),
            ..Options::default()
        };
        let loaded = match how {
            // SAFETY: The file has no name: nobody else changes it.
            How::Mapped => unsafe { Loaded::map(&file, &options) },
            // SAFETY: As above.
            How::Fragments => unsafe { Loaded::fragments(&file, &options) },
        }?;
        let size = loaded.header().memory_size;
        Ok(Self { loaded, size })
    }

    /// Where the byte at `offset` of the image's memory is.
    pub(super) fn address(&self, offset: u64) -> Option<u64> {
        self.loaded
            .pointer(offset)
            .map(|pointer| pointer.addr() as u64)
    }

    /// Where root `index` leads.
    pub(super) fn root(&self, index: usize) -> Option<Place> {
        self.loaded.root(index)
    }

    /// The `length` bytes at `offset` of the image's memory, which lie in one fragment.
    pub(super) fn bytes(&self, offset: u64, length: u64) -> Option<Vec<u8>> {
        if offset.checked_add(length)? > self.size {
            return None;
        }
        let start = self.loaded.pointer(offset)?;
        let read = |at: u64| {
            let place = start.wrapping_add(at as usize);
            // SAFETY: It lies in the image's memory, and by what the caller says in
            // the fragment that begins there; `self.loaded` keeps it.
            unsafe { place.read() }
        };
        Some((0..length).map(read).collect())
    }
}
