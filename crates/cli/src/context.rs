//! What is kept with an image about the machine that it is from.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};

use anyhow::Result;
use kflat_device::Device;
use rustix::system::uname;

use crate::capture;
use crate::recipe_source::Recipe;

/// Keys and values. What can't be known is left out.
pub(crate) fn gather(
    device: &Device,
    recipe: &Recipe,
    arguments: &capture::Arguments,
) -> Result<Vec<(String, String)>> {
    let system = uname();
    let text = |value: &std::ffi::CStr| Some(value.to_string_lossy().into_owned());
    let vmcoreinfo = vmcoreinfo().unwrap_or_default();
    let info = |key: &str| {
        let value = vmcoreinfo
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.map(str::to_owned)
    };
    let levels = device.versions().page_table_levels;
    let facts = [
        ("kernel", text(system.release())),
        ("kernel_version", text(system.version())),
        ("architecture", text(system.machine())),
        ("build_id", info("BUILD-ID").or_else(build_id)),
        // As the kernel's own crash dumps have it.
        (
            "kernel_offset",
            info("KERNELOFFSET").map(|digits| format!("0x{digits}")),
        ),
        ("page_table_levels", Some(levels.to_string())),
        ("host", text(system.nodename())),
        ("recipe", Some(recipe.target.clone())),
        ("command", arguments.command_line()),
        ("kflat", Some(env!("CARGO_PKG_VERSION").to_owned())),
    ];
    let known = facts
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Ok(known.collect())
}

/// The build id from the notes of the running kernel.
fn build_id() -> Option<String> {
    let id = note(&fs::read("/sys/kernel/notes").ok()?, b"GNU\0", 3)?.to_vec();
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What the kernel tells crash dumps of itself: `KEY=VALUE` lines. It is a note
/// of `/proc/kcore`, an ELF file.
fn vmcoreinfo() -> Option<String> {
    /// More than the headers and notes of any kernel take.
    const MOST: u64 = 1 << 20;
    let mut file = File::open("/proc/kcore").ok()?;
    let mut read = |offset: u64, size: u64| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(offset)).ok()?;
        (&mut file)
            .take(size.min(MOST))
            .read_to_end(&mut bytes)
            .ok()?;
        Some(bytes)
    };
    let header = read(0, 64)?;
    let headers = word(&header, 32)?;
    let count = u16::from_le_bytes(*header.get(56..)?.first_chunk()?);
    let headers = read(headers, u64::from(count) * PROGRAM_HEADER as u64)?;
    let (offset, size) = notes(&headers)?;
    let info = note(&read(offset, size)?, b"VMCOREINFO\0", 0)?.to_vec();
    String::from_utf8(info).ok()
}

/// Bytes of an `Elf64_Phdr`.
const PROGRAM_HEADER: usize = 56;
const PT_NOTE: u64 = 4;

/// Offset and size of the notes, by an ELF file's program headers.
fn notes(headers: &[u8]) -> Option<(u64, u64)> {
    let mut headers = headers.chunks_exact(PROGRAM_HEADER);
    let header =
        headers.find(|header| word(header, 0).map(|w| w & 0xffff_ffff) == Some(PT_NOTE))?;
    Some((word(header, 8)?, word(header, 32)?))
}

/// The contents of an ELF note.
fn note<'n>(mut notes: &'n [u8], name: &[u8], kind: u32) -> Option<&'n [u8]> {
    loop {
        let (sizes, rest) = notes.split_at_checked(12)?;
        let half = |at: usize| Some(u32::from_le_bytes(*sizes.get(at..)?.first_chunk()?));
        let (name_size, size) = (half(0)? as usize, half(4)? as usize);
        let found_name = rest.get(..name_size)?;
        let contents = rest.get(name_size.next_multiple_of(4)..)?;
        let found = contents.get(..size)?;
        if found_name == name && half(8)? == kind {
            return Some(found);
        }
        notes = contents.get(size.next_multiple_of(4)..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_note(name: &[u8], kind: u32, contents: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for half in [name.len() as u32, contents.len() as u32, kind] {
            bytes.extend(half.to_le_bytes());
        }
        for part in [name, contents] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn the_right_note_is_found() {
        let mut bytes = a_note(b"CORE\0", 3, b"other");
        bytes.extend(a_note(b"GNU\0", 1, b"abi"));
        bytes.extend(a_note(b"GNU\0", 3, &[0xab, 0x01]));
        assert_eq!(note(&bytes, b"GNU\0", 3), Some(&[0xab, 0x01][..]));
        assert_eq!(note(&bytes, b"VMCOREINFO\0", 0), None);
        bytes.truncate(bytes.len() - 4);
        assert_eq!(note(&bytes, b"GNU\0", 3), None);
        assert_eq!(note(&[0xff; 40], b"GNU\0", 3), None);
    }

    #[test]
    fn this_kernel_has_a_build_id_of_hexadecimal_digits() {
        // Where it is readable at all.
        if let Some(id) = build_id() {
            assert!(id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
}
