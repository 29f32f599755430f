//! Kernel memory, read in two ways that must agree: through kflat's mapping, and
//! through the kernel's own `/proc/kcore`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};
use kflat_abi::record::Record;
use kflat_abi::uapi::KFLAT_MMAP_KDUMP;

use crate::session::{Mapping, PAGE, Session};

/// The layout of kernel memory and the mapping of it.
pub(crate) struct Kdump {
    /// First and last addresses.
    pub(crate) ranges: Vec<(u64, u64)>,
    mapping: Mapping,
    // The layout that was mapped is as old as the mapping.
    _session: Session,
}

/// What `KFLAT_MEMORY_MAP` tells.
pub(crate) fn layout(session: &Session) -> Result<Vec<(u64, u64)>> {
    let mut buffer = vec![0; 4 << 20];
    session.memory_map(&mut buffer)?;
    let count = u32::decode(&buffer).context("no count")?;
    let ranges = buffer.get(4..).unwrap_or(&[]).chunks_exact(16);
    let word = |bytes: &[u8]| u64::decode(bytes).unwrap_or(0);
    let pairs = ranges.map(|range| (word(range), word(range.get(8..).unwrap_or(&[]))));
    Ok(pairs.take(count as usize).collect())
}

fn pages(range: &(u64, u64)) -> u64 {
    (range.1 - range.0) / PAGE + 1
}

impl Kdump {
    /// Maps the layout. It may change between being told and being mapped, so
    /// this is done until it was the same before and after.
    pub(crate) fn map() -> Result<Self> {
        for _ in 0..20 {
            let session = Session::open()?;
            let before = layout(&session)?;
            let size = before.iter().map(pages).sum::<u64>() * PAGE;
            let mapping = session.map(size, KFLAT_MMAP_KDUMP)?;
            if layout(&session)? == before {
                return Ok(Self {
                    ranges: before,
                    mapping,
                    _session: session,
                });
            }
        }
        anyhow::bail!("the layout of kernel memory never stands still")
    }

    /// Where a kernel address is in the mapping.
    fn place(&self, address: u64) -> Option<u64> {
        let mut before = 0;
        for range in &self.ranges {
            if (range.0..=range.1).contains(&address) {
                return Some(before + (address - range.0));
            }
            before += pages(range) * PAGE;
        }
        None
    }

    /// Whether an address is in the layout.
    pub(crate) fn holds(&self, address: u64) -> bool {
        self.place(address).is_some()
    }

    /// The bytes at a kernel address.
    pub(crate) fn read(&self, address: u64, length: usize) -> Result<Vec<u8>> {
        let place = self.place(address);
        let place = place.with_context(|| format!("{address:#x} is not in the layout"))?;
        self.mapping.copy(place, length).context("past the mapping")
    }

    /// Bytes that are mapped.
    pub(crate) fn size(&self) -> usize {
        self.mapping.size()
    }
}

/// The bytes at a kernel address, as `/proc/kcore` shows them: an ELF file whose
/// segments are the kernel's memory.
pub(crate) fn kcore(address: u64, length: usize) -> Result<Vec<u8>> {
    let core = File::open("/proc/kcore").context("this kernel has no /proc/kcore")?;
    let mut header = [0; 64];
    core.read_exact_at(&mut header, 0)?;
    let field = |bytes: &[u8], at: usize| bytes.get(at..).and_then(u64::decode).unwrap_or(0);
    let count = u16::decode(&header[56..]).unwrap_or(0);
    let mut segments = vec![0; 56 * usize::from(count)];
    core.read_exact_at(&mut segments, field(&header, 32))?;
    for segment in segments.chunks_exact(56) {
        let (kind, offset) = (u32::decode(segment), field(segment, 8));
        let (start, size) = (field(segment, 16), field(segment, 40));
        let within = address.wrapping_sub(start);
        if kind == Some(1) && within < size {
            let mut bytes = vec![0; length];
            core.read_exact_at(&mut bytes, offset + within)?;
            return Ok(bytes);
        }
    }
    ensure!(false, "{address:#x} is not in /proc/kcore");
    Ok(Vec::new())
}
