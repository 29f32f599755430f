//! A gdb script beside a core.

use std::fmt::Write as _;
use std::path::Path;

use super::vmcoreinfo::{value, vmcoreinfo};
use crate::image::Image;

/// A script that opens `core` as gdb should: it knows nothing of a kernel that
/// was loaded elsewhere than it was linked for, and shows what was not captured
/// with its value in the kernel's file, unless that is loaded for its symbols
/// only.
#[must_use]
pub fn gdb_script(image: &Image, core: &Path, vmlinux: Option<&Path>) -> String {
    let info = image.extension().and_then(vmcoreinfo).unwrap_or_default();
    let known = |key| value(&info, key).map(|value| value.replace(|c: char| c.is_control(), "?"));
    let release = known("OSRELEASE").unwrap_or_else(|| "?".to_owned());
    let offset = known("KERNELOFFSET")
        .and_then(|digits| u64::from_str_radix(&digits, 16).ok())
        .unwrap_or(0);
    let core = core.display();
    let mut script = format!(
        "# Opens {core} in gdb:  gdb -x {core}.gdb\n\
         # Then: vmlinux FILE, the kernel's file with debug information.\n\
         # Kernel {release}, loaded {offset:#x} bytes above where it was linked.\n"
    );
    if let Some(id) = known("BUILD-ID") {
        // Writing to a String can't fail.
        let _ = writeln!(script, "# Its build id: {id}");
    }
    let _ = write!(
        script,
        "set confirm off\n\
         set architecture {}\n\
         set height 0\n\
         define vmlinux\n\
         \x20   symbol-file $arg0 -o {offset:#x}\n\
         \x20   core-file {core}\n\
         end\n\
         document vmlinux\n\
         vmlinux FILE: take symbols and types from the kernel's file, at the addresses that they\n\
         had ({offset:#x} above those in the file), and open the core.\n\
         end\n",
        architecture(image)
    );
    match vmlinux {
        Some(vmlinux) => {
            let _ = writeln!(script, "vmlinux {}", vmlinux.display());
        }
        None => {
            let _ = writeln!(script, "core-file {core}");
        }
    }
    script
}

/// As gdb calls it.
fn architecture(image: &Image) -> &'static str {
    const EM_AARCH64: u16 = 183;
    match image.extension().map(super::machine) {
        Some(EM_AARCH64) => "aarch64",
        _ => "i386:x86-64",
    }
}
