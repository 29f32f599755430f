//! Kernel memory as it is now, read through the device.

use std::io;

use kflat_abi::uapi::KFLAT_MMAP_KDUMP;

use crate::access;
use crate::channel::Memory;
use crate::device::{Device, Range, errno, unexpected, usize_of};
use crate::error::Error;

const PAGE: u64 = 4096;

/// Kernel virtual memory that was backed by RAM when it was mapped. It is read
/// while the kernel changes it; pages that are gone read as zeros.
pub struct KernelMemory {
    /// Each with where it begins in the mapping.
    ranges: Vec<(Range, u64)>,
    mapping: Box<dyn Memory>,
}

impl Device {
    /// Maps the kernel's memory for reading.
    ///
    /// # Errors
    /// If lockdown forbids it, or the layout never stands still.
    pub fn kernel_memory(&self) -> Result<KernelMemory, Error> {
        // The mapping has the layout of the moment, which is only told before
        // and after.
        const TRIES: usize = 20;
        for _ in 0..TRIES {
            let before = self.memory_map()?;
            let mut end = 0u64;
            let ranges: Vec<_> = before
                .iter()
                .map(|range| {
                    let start = end;
                    let pages = range.last.saturating_sub(range.start) / PAGE + 1;
                    end = end.saturating_add(pages.saturating_mul(PAGE));
                    (*range, start)
                })
                .collect();
            let mapped = (self.channel).map(KFLAT_MMAP_KDUMP.cast_signed(), usize_of(end));
            let mapping = mapped.map_err(|error| match errno(&error) {
                libc::EPERM => Error::LockedDown {
                    mode: access::lockdown_now(),
                },
                libc::ENOMEM => Error::NoMemory {
                    what: format!("a mapping of {end} bytes"),
                },
                _ => unexpected("map its memory")(error),
            })?;
            if self.memory_map()? == before {
                return Ok(KernelMemory { ranges, mapping });
            }
        }
        Err(Error::Unexpected {
            action: "map its memory, whose layout never stands still",
            source: io::ErrorKind::ResourceBusy.into(),
        })
    }
}

impl KernelMemory {
    /// Fills `into` with the bytes at a kernel address; whether all of them are
    /// in one of the kernel's ranges.
    pub fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let after = (self.ranges).partition_point(|(range, _)| range.start <= address);
        let found = after
            .checked_sub(1)
            .and_then(|index| self.ranges.get(index));
        let Some((range, start)) = found else {
            return false;
        };
        let last = (into.len() as u64)
            .checked_sub(1)
            .and_then(|more| address.checked_add(more));
        if last.is_none_or(|last| last > range.last) {
            return false;
        }
        let at = usize_of(start + (address - range.start));
        self.mapping.copy(at, into);
        true
    }
}
