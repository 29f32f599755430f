//! VMCOREINFO: what the kernel tells readers of its crash dumps, in `KEY=VALUE`
//! lines.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};

use kflat_device::KernelMemory;

/// The value of `key`.
pub(crate) fn value<'v>(vmcoreinfo: &'v str, key: &str) -> Option<&'v str> {
    vmcoreinfo
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// A symbol's address.
pub(crate) fn symbol(vmcoreinfo: &str, name: &str) -> Option<u64> {
    u64::from_str_radix(value(vmcoreinfo, &format!("SYMBOL({name})"))?, 16).ok()
}

/// `SIZE(…)`, `OFFSET(…)` or `NUMBER(…)`.
pub(crate) fn number(vmcoreinfo: &str, key: &str) -> Option<u64> {
    let text = value(vmcoreinfo, key)?;
    let negative = || text.parse::<i64>().ok().map(i64::cast_unsigned);
    text.parse().ok().or_else(negative)
}

/// The note where `/sys/kernel/vmcoreinfo` says that it is; `direct_map` is where
/// the kernel has physical memory from 0 on.
pub(crate) fn of_memory(memory: &KernelMemory, direct_map: u64) -> Option<String> {
    /// More than the note of any kernel takes.
    const MOST: usize = 1 << 16;
    let place = fs::read_to_string("/sys/kernel/vmcoreinfo").ok()?;
    let (physical, size) = place.trim().split_once(' ')?;
    let hexadecimal = |digits: &str| u64::from_str_radix(digits.trim_start_matches("0x"), 16).ok();
    let size = usize::try_from(hexadecimal(size)?).ok()?.min(MOST);
    let mut bytes = vec![0; size];
    let address = direct_map.checked_add(hexadecimal(physical)?)?;
    (memory.read(address, &mut bytes)).then_some(())?;
    String::from_utf8(note(&bytes, b"VMCOREINFO\0", 0)?.to_vec()).ok()
}

/// The note in `/proc/kcore`, an ELF file; `None` if this kernel has none.
pub(crate) fn of_kcore() -> Option<String> {
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
pub(crate) fn note<'n>(mut notes: &'n [u8], name: &[u8], kind: u32) -> Option<&'n [u8]> {
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
    fn values_are_found_by_their_whole_key() {
        let info = "OSRELEASE=6.12\nSYMBOL(prb)=ffffffff82a00000\nNUMBER(phys_base)=-4096\n";
        assert_eq!(value(info, "OSRELEASE"), Some("6.12"));
        assert_eq!(value(info, "OS"), None);
        assert_eq!(symbol(info, "prb"), Some(0xffff_ffff_82a0_0000));
        assert_eq!(
            number(info, "NUMBER(phys_base)"),
            Some(0u64.wrapping_sub(4096))
        );
    }
}
