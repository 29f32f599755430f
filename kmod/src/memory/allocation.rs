//! The bounds of what an allocator gave out. C: `shim/allocation.c`.

use core::ops::Range;

use kflat_abi::program::Slabs;

use crate::ffi_memory::{self as ffi, Allocation};

/// Finds the bounds of objects.
pub(super) struct Allocations {
    /// How the slab allocator describes its objects; 0: not known.
    pub(super) slabs: Slabs,
    /// What C found. Here it takes nothing of the stack.
    found: Allocation,
}

impl Allocations {
    pub(super) const NONE: Self = Self {
        slabs: Slabs {
            cache: 0,
            size: 0,
            object_size: 0,
            red_left_pad: 0,
        },
        found: Allocation {
            start: 0,
            end: 0,
            slab: 0,
        },
    };

    /// The object that `address` is in. It may just be changing hands: the bounds
    /// are then of before or after.
    // Into its caller: C takes its stack beside what `in_slab` takes, not on top.
    #[inline(always)]
    pub(super) fn around(&mut self, address: u64) -> Option<Range<u64>> {
        if !ffi::kflat_shim_allocation(address, &mut self.found) {
            return None;
        }
        let Allocation { start, end, slab } = self.found;
        if slab == 0 {
            return Some(start..end);
        }
        self.in_slab(address)
    }

    /// The object in a slab: all of a slab's objects have one size, which its cache
    /// knows.
    #[inline(never)]
    fn in_slab(&self, address: u64) -> Option<Range<u64>> {
        let Slabs {
            cache,
            size,
            object_size,
            red_left_pad,
        } = self.slabs;
        if cache == 0 {
            return None;
        }
        let cache = ffi::kflat_shim_allocation_word(self.found.slab.wrapping_add(cache.into()));
        let distance = half_word(cache, size);
        let before = match red_left_pad {
            0 => 0,
            offset => half_word(cache, offset),
        };
        let number = (address.checked_sub(self.found.start)?).checked_div(distance)?;
        let first = self.found.start.checked_add(before)?;
        let start = first.checked_add(number.checked_mul(distance)?)?;
        let object = start..start.checked_add(half_word(cache, object_size))?;
        // What is behind the last one, or between two, is in none.
        (object.contains(&address) && object.end <= self.found.end).then_some(object)
    }
}

/// The `u32` at an offset from `address`; 0 if it can't be read.
fn half_word(address: u64, offset: u16) -> u64 {
    let at = address.wrapping_add(offset.into());
    let word = ffi::kflat_shim_allocation_word(at & !7);
    if at & 4 == 0 {
        word & u64::from(u32::MAX)
    } else {
        word >> 32
    }
}
