//! Which kernel memory is backed by RAM. C: `shim/ram.c`, `<linux/ioport.h>`.

use crate::alloc::{Buffer, Zeroed};
use crate::error::{Error, Result};
use crate::ffi_memory::{self as ffi, RamPiece};

/// The table of physical RAM; dropped when nothing reads any more.
pub(crate) struct Ram(());

impl Ram {
    /// `ENOMEM`.
    pub(crate) fn start() -> Result<Self> {
        Error::check(ffi::kflat_shim_ram_init())?;
        Ok(Self(()))
    }
}

impl Drop for Ram {
    fn drop(&mut self) {
        ffi::kflat_shim_ram_exit();
    }
}

/// Levels of the kernel's page tables, 4 or 5.
pub(crate) fn page_table_levels() -> u32 {
    ffi::kflat_shim_page_table_levels()
}

/// A range of kernel virtual memory backed by RAM.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    /// Its first address.
    pub(crate) start: u64,
    /// Its last address.
    pub(crate) end: u64,
}

// SAFETY: Two integers.
unsafe impl Zeroed for Range {}

/// All kernel virtual memory backed by RAM, as it was at one time: ascending,
/// virtually and physically contiguous neighbours merged.
pub(crate) struct Layout {
    ranges: Buffer<Range>,
}

impl Layout {
    /// Walks the kernel's page tables. Sleeps. `ENOMEM`, `EINTR`.
    pub(crate) fn read() -> Result<Self> {
        Error::check(ffi::kflat_shim_ram_refresh())?;
        let mut room = 1024;
        loop {
            let mut ranges = Buffer::new(room)?;
            let mut count = 0;
            walk(|range| {
                if let Some(place) = ranges.get_mut(count) {
                    *place = range;
                }
                count += 1;
            })?;
            if count <= room {
                ranges.truncate(count);
                return Ok(Self { ranges });
            }
            // Mappings come and go between two walks.
            room = count + count / 4;
        }
    }

    /// The ranges.
    pub(crate) fn ranges(&self) -> &[Range] {
        &self.ranges
    }
}

/// Calls `f` with each range.
fn walk(mut f: impl FnMut(Range)) -> Result {
    let mut open: Option<(Range, u64)> = None;
    let mut address = ffi::kflat_shim_ram_first();
    let mut steps = 0u32;
    loop {
        let mut piece = RamPiece::default();
        ffi::kflat_shim_ram_piece(address, &mut piece);
        if piece.backed != 0 {
            let next = piece
                .physical
                .wrapping_add(piece.end.wrapping_sub(address))
                .wrapping_add(1);
            open = match open {
                Some((range, expected))
                    if range.end.wrapping_add(1) == address && expected == piece.physical =>
                {
                    Some((
                        Range {
                            end: piece.end,
                            ..range
                        },
                        next,
                    ))
                }
                other => {
                    if let Some((range, _)) = other {
                        f(range);
                    }
                    Some((
                        Range {
                            start: address,
                            end: piece.end,
                        },
                        next,
                    ))
                }
            };
        }
        let Some(next) = piece.end.checked_add(1) else {
            break;
        };
        address = next;
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(1024) && ffi::kflat_shim_ram_pause() {
            return Err(Error::EINTR);
        }
    }
    if let Some((range, _)) = open {
        f(range);
    }
    Ok(())
}
