//! Writes an image as an ELF core of the kernel, for drgn, gdb and crash.
//!
//! Captured bytes are at their original addresses, with the pointers' original
//! values; what was not captured is not there, so that debuggers report an error
//! where they would otherwise show zeros.

mod elf;
mod gdb;
mod registers;
mod segments;
mod vmcoreinfo;

use std::io::{self, Write};

use kflat_abi::extension::ARCHITECTURE_ARM64;

use crate::extension::Extension;
use crate::image::Image;
use crate::original::{OriginalError, OriginalMemory};
use segments::Segment;

pub use gdb::gdb_script;

/// What a core is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// drgn and gdb: exactly what was captured, and what was saved beside it; by
    /// virtual address.
    #[default]
    Drgn,
    /// crash: whole pages by physical address, which an image has if it was
    /// captured with its pages.
    Crash,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Segments of memory.
    pub segments: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// Captured fragments that are not in it, as their pages were not saved.
    pub left_out: usize,
    /// Whether the core carries the kernel's own VMCOREINFO; else one made of
    /// what is known.
    pub own_vmcoreinfo: bool,
}

/// Why an image can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Its memory has no place.
    #[error(transparent)]
    Original(#[from] OriginalError),
    /// Nobody knows which kernel it is from.
    #[error(
        "the image does not tell the release of its kernel, which debuggers want: save it with \
         kflat capture"
    )]
    NoRelease,
    /// There is nothing in it.
    #[error("the image holds no memory")]
    Empty,
    /// It has no pages.
    #[error(
        "the image has no whole pages, which crash needs: capture it with kflat capture --pages, \
         or export it for drgn and gdb (--profile drgn)"
    )]
    NoPages,
    /// It has no VMCOREINFO.
    #[error(
        "the image has no VMCOREINFO, which crash needs: capture it with kflat capture --pages on a kernel with /proc/kcore"
    )]
    NoVmcoreinfo,
    /// The output can't be written.
    #[error("can't write the core")]
    Write(#[from] io::Error),
}

/// Writes `image` as an ELF core.
///
/// # Errors
/// If the image does not tell where its memory was or what kernel it is from, the
/// profile wants more than it has, or `out` fails.
pub fn write_elf(
    image: &Image,
    profile: Profile,
    out: &mut dyn Write,
) -> Result<Summary, ExportError> {
    let memory = OriginalMemory::of(image)?;
    let extension = image.extension().ok_or(OriginalError::NoAddresses)?;
    let (segments, left_out) = match profile {
        Profile::Drgn => (segments::all(&memory), 0),
        Profile::Crash => segments::pages(&memory)?,
    };
    if segments.is_empty() {
        return Err(ExportError::Empty);
    }
    if profile == Profile::Crash && extension.vmcoreinfo().is_none() {
        return Err(ExportError::NoVmcoreinfo);
    }
    let vmcoreinfo = vmcoreinfo::vmcoreinfo(extension).ok_or(ExportError::NoRelease)?;
    let mut notes = elf::note(b"VMCOREINFO\0", 0, vmcoreinfo.as_bytes());
    if let Some(hit) = extension.hit()
        && let Some(status) = registers::prstatus(hit)
    {
        const NT_PRSTATUS: u32 = 1;
        notes.extend(elf::note(b"CORE\0", NT_PRSTATUS, &status));
    }
    out.write_all(&elf::front(machine(extension), &notes, &segments))?;
    write_memory(&memory, &segments, out)?;
    Ok(Summary {
        segments: segments.len(),
        memory: segments.iter().map(|segment| segment.size).sum(),
        left_out,
        own_vmcoreinfo: extension.vmcoreinfo().is_some(),
    })
}

/// What debuggers want to know of the kernel of `image`: its own VMCOREINFO, or
/// one made of what is known. `None`: not even the kernel's release is.
#[must_use]
pub fn vmcoreinfo(image: &Image) -> Option<String> {
    vmcoreinfo::vmcoreinfo(image.extension()?)
}

/// `e_machine`.
fn machine(extension: &Extension) -> u16 {
    const EM_X86_64: u16 = 62;
    const EM_AARCH64: u16 = 183;
    let of_hit = extension.hit().map(|hit| hit.architecture);
    let of_context = || {
        let mut context = extension.context().iter();
        context.any(|(key, value)| key == "architecture" && value == "aarch64")
    };
    match of_hit {
        Some(ARCHITECTURE_ARM64) => EM_AARCH64,
        None if of_context() => EM_AARCH64,
        _ => EM_X86_64,
    }
}

fn write_memory(
    memory: &OriginalMemory<'_>,
    segments: &[Segment],
    out: &mut dyn Write,
) -> io::Result<()> {
    const CHUNK: u64 = 1 << 20;
    let mut buffer = Vec::new();
    for segment in segments {
        let mut done = 0;
        while done < segment.size {
            let size = CHUNK.min(segment.size - done);
            buffer.clear();
            // At most a mebibyte.
            buffer.resize(size as usize, 0);
            let is_there = memory.read(segment.address + done, &mut buffer);
            debug_assert!(is_there, "segments are of spans that are there");
            out.write_all(&buffer)?;
            done += size;
        }
    }
    Ok(())
}
