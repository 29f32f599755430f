//! The flattened image, format version 2 (`spec/image-format.md`).

use crate::record::record;

/// The bytes `FLATTEN\0`, little-endian.
pub const MAGIC: u64 = u64::from_le_bytes(*b"FLATTEN\0");
/// The only version of the format.
pub const VERSION: u32 = 2;
/// Offset of a root that was NULL or under which nothing was captured.
pub const NO_ROOT: u64 = u64::MAX;
/// What a fragment's first byte is aligned to, at most, unless a recipe asks
/// for more.
pub const FRAGMENT_ALIGNMENT: u64 = 8;

record! {
    /// Section 1. The sections follow it without gaps, in the order of the
    /// fields' documentation.
    pub struct Header, 104 bytes {
        /// [`MAGIC`].
        magic: u64,
        /// [`VERSION`].
        version: u32,
        /// Zero.
        zero: u32,
        /// Load address that the words prefer; 0 from the kernel.
        last_load_addr: u64,
        /// What every relocated word has on top of its offset into *memory*.
        last_mem_addr: u64,
        /// Bytes of all sections.
        image_size: u64,
        /// Bytes of section 7, *memory*.
        memory_size: u64,
        /// Entries of section 4: pointer locations, `u64` each.
        ptr_count: u64,
        /// Entries of section 5: function pointer locations, `u64` each.
        fptr_count: u64,
        /// Entries of section 2: roots, `u64` each.
        root_addr_count: u64,
        /// Records of section 3: named roots.
        root_addr_extended_count: u64,
        /// Bytes of section 3.
        root_addr_extended_size: u64,
        /// Bytes of section 8: function symbols.
        fptrmapsz: u64,
        /// Entries of section 6: [`Fragment`]s.
        mcount: u64,
    }
}

record! {
    /// An entry of section 6: captured address ranges that touched or
    /// overlapped.
    pub struct Fragment, 16 bytes {
        /// Offset into *memory*.
        offset: u64,
        /// Bytes, the padding before the next fragment included.
        size: u64,
    }
}
