//! The ELF writer.

use std::path::Path;

use kflat_image::Image;
use kflat_image::export::{Profile, gdb_script, write_elf};
use kflat_image::original::OriginalMemory;

use crate::checksums::mended;

/// Writes an image as a core for each debugger, and reads its memory by address.
///
/// # Panics
/// If the core is not as long as its summary says, or a byte that is there can't
/// be read.
pub fn export(data: &[u8]) {
    let Ok(image) = Image::open(mended(data)) else {
        return;
    };
    for profile in [Profile::Drgn, Profile::Crash] {
        let mut core = Vec::new();
        if let Ok(summary) = write_elf(&image, profile, &mut core) {
            let front = core.len() as u64 - summary.memory;
            assert!(front >= 64 + 56 * summary.segments as u64);
        }
    }
    let _ = gdb_script(&image, Path::new("core"), None);
    let Ok(memory) = OriginalMemory::of(&image) else {
        return;
    };
    let mut end = 0;
    for span in memory.spans() {
        assert!(span.address >= end && span.size > 0);
        end = span.end();
        let mut byte = [0];
        assert!(memory.read(span.address, &mut byte) && memory.read(end - 1, &mut byte));
    }
}
