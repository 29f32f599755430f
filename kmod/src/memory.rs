//! Checked reads of kernel memory, in any context. C: `shim/memory.c`.

mod allocation;

use core::ffi::c_void;
use core::ops::Range;

use kflat_abi::program::Slabs;
use kflat_engine::{Memory, Unreadable};

use allocation::Allocations;

use crate::ffi_memory::{self as ffi, MemoryCache};

/// The kernel's memory, as one capture reads it.
pub(crate) struct KernelMemory {
    cache: MemoryCache,
    allocations: Allocations,
}

impl KernelMemory {
    /// With no verdicts of earlier captures.
    pub(crate) const fn new() -> Self {
        Self {
            cache: MemoryCache {
                block: [0; _],
                page: [0; _],
            },
            allocations: Allocations::NONE,
        }
    }

    /// How the slab allocator describes its objects is known now.
    pub(crate) fn know(&mut self, slabs: Slabs) {
        self.allocations.slabs = slabs;
    }
}

impl Memory for KernelMemory {
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        read(Some(&mut self.cache), address, length, words)
    }

    fn read_user(
        &mut self,
        address: u64,
        length: usize,
        words: &mut [u64],
    ) -> Result<(), Unreadable> {
        let into = room(address, length, words)?;
        // SAFETY: As in `read`.
        let failed = unsafe { ffi::kflat_shim_memory_read_user(address, into, length as u64) };
        if failed == 0 { Ok(()) } else { Err(Unreadable) }
    }

    #[inline]
    fn allocation(&mut self, address: u64) -> Option<Range<u64>> {
        self.allocations.around(address)
    }
}

/// The same memory with no verdicts kept: for few reads, with little stack.
pub(crate) struct Uncached(Allocations);

impl Uncached {
    /// With how the slab allocator describes its objects.
    pub(crate) const fn new(slabs: Slabs) -> Self {
        let mut allocations = Allocations::NONE;
        allocations.slabs = slabs;
        Self(allocations)
    }
}

impl Memory for Uncached {
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        read(None, address, length, words)
    }

    #[inline]
    fn allocation(&mut self, address: u64) -> Option<Range<u64>> {
        self.0.around(address)
    }
}

/// As [`Memory::read`].
fn read(
    cache: Option<&mut MemoryCache>,
    address: u64,
    length: usize,
    words: &mut [u64],
) -> Result<(), Unreadable> {
    let into = room(address, length, words)?;
    // SAFETY: `into` has room for `length` bytes, all of them in `words`; the
    // C side checks the address that is read.
    let failed = unsafe { ffi::kflat_shim_memory_read(cache, address, into, length as u64) };
    if failed == 0 { Ok(()) } else { Err(Unreadable) }
}

/// Where in `words` the `length` bytes at `address` go: at the same byte of a word.
#[inline]
fn room(address: u64, length: usize, words: &mut [u64]) -> Result<*mut c_void, Unreadable> {
    let lead = (address % 8) as usize;
    if length > words.len().saturating_mul(8).saturating_sub(lead) {
        return Err(Unreadable);
    }
    Ok(words.as_mut_ptr().wrapping_byte_add(lead).cast())
}
