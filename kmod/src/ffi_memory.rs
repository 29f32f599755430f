//! The C functions of `shim/kflat_memory.h`. Nothing but declarations.

use core::ffi::{c_int, c_void};

use crate::ffi::Vma;

/// `KFLAT_MEMORY_SLOTS`.
const SLOTS: usize = 64;

/// `struct kflat_memory_cache`.
#[repr(C)]
pub(crate) struct MemoryCache {
    pub(crate) block: [u64; SLOTS],
    pub(crate) page: [u64; SLOTS],
}

/// `struct kflat_allocation`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Allocation {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) slab: u64,
}

/// `struct kflat_ram_piece`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct RamPiece {
    pub(crate) end: u64,
    pub(crate) physical: u64,
    pub(crate) backed: u32,
}

unsafe extern "C" {
    // memory
    pub(crate) fn kflat_shim_memory_read(
        cache: Option<&mut MemoryCache>,
        address: u64,
        into: *mut c_void,
        size: u64,
    ) -> c_int;

    pub(crate) fn kflat_shim_memory_read_user(address: u64, into: *mut c_void, size: u64) -> c_int;

    // allocation
    pub(crate) safe fn kflat_shim_allocation(address: u64, found: &mut Allocation) -> bool;
    pub(crate) safe fn kflat_shim_allocation_word(address: u64) -> u64;
    pub(crate) safe fn kflat_shim_kmalloc(size: u64) -> *mut c_void;
    pub(crate) safe fn kflat_shim_vmalloc(size: u64) -> *mut c_void;

    // percpu
    pub(crate) safe fn kflat_shim_cpu_count() -> u32;
    pub(crate) safe fn kflat_shim_cpu_offset(cpu: u32) -> u64;
    pub(crate) safe fn kflat_shim_cpu_self_test(mark: u64) -> u64;

    // ram
    pub(crate) safe fn kflat_shim_ram_init() -> c_int;
    pub(crate) safe fn kflat_shim_ram_exit();
    pub(crate) safe fn kflat_shim_ram_refresh() -> c_int;
    pub(crate) safe fn kflat_shim_ram_first() -> u64;
    pub(crate) safe fn kflat_shim_ram_piece(address: u64, piece: &mut RamPiece);
    pub(crate) safe fn kflat_shim_ram_pause() -> bool;
    pub(crate) safe fn kflat_shim_page_table_levels() -> u32;

    // kdump
    pub(crate) safe fn kflat_shim_kdump_init() -> c_int;
    pub(crate) safe fn kflat_shim_kdump_exit();
    pub(crate) fn kflat_shim_kdump_map(vma: *mut Vma, layout: *mut c_void);
}
