//! The ELF encoding: header, program headers, notes.

use super::segments::Segment;

const HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;
const SECTION_HEADER: u64 = 64;
/// From so many program headers on, their number is in section header 0.
const PN_XNUM: u64 = 0xffff;

/// A note.
pub(super) fn note(name: &[u8], kind: u32, contents: &[u8]) -> Vec<u8> {
    let mut note = Vec::with_capacity(12 + name.len() + contents.len() + 6);
    // Names are ours; contents are those of a file that is in memory, whose
    // notes have no 4 GiB: what is longer is cut.
    let contents = contents.get(..u32::MAX as usize).unwrap_or(contents);
    for half in [name.len() as u32, contents.len() as u32, kind] {
        note.extend(half.to_le_bytes());
    }
    for part in [name, contents] {
        note.extend(part);
        note.resize(note.len().next_multiple_of(4), 0);
    }
    note
}

/// All of a core that comes before its memory: the notes are the first segment,
/// and the memory of `segments` follows in their order.
pub(super) fn front(machine: u16, notes: &[u8], segments: &[Segment]) -> Vec<u8> {
    let count = segments.len() as u64 + 1;
    let is_extended = count >= PN_XNUM;
    let sections = if is_extended { SECTION_HEADER } else { 0 };
    let notes_at = HEADER + count * PROGRAM_HEADER + sections;
    let memory_at = (notes_at + notes.len() as u64).next_multiple_of(16);
    let mut front = Vec::with_capacity(usize::try_from(memory_at).unwrap_or(0));

    header(machine, count, &mut front);
    program_header(
        &ProgramHeader {
            kind: 4,
            flags: 0,
            offset: notes_at,
            address: 0,
            physical: 0,
            size: notes.len() as u64,
        },
        &mut front,
    );
    let mut offset = memory_at;
    for segment in segments {
        program_header(
            &ProgramHeader {
                kind: 1,
                flags: 7,
                offset,
                address: segment.address,
                physical: segment.physical.unwrap_or(u64::MAX),
                size: segment.size,
            },
            &mut front,
        );
        offset += segment.size;
    }
    if is_extended {
        let start = front.len();
        front.resize(start + SECTION_HEADER as usize, 0);
        // `sh_info`.
        let place = front
            .get_mut(start + 44..)
            .and_then(<[u8]>::first_chunk_mut);
        if let (Some(place), Ok(count)) = (place, u32::try_from(count)) {
            *place = count.to_le_bytes();
        }
    }
    front.extend(notes);
    front.resize(front.len().next_multiple_of(16), 0);
    front
}

/// `Elf64_Ehdr` of an `ET_CORE`.
fn header(machine: u16, count: u64, out: &mut Vec<u8>) {
    // 64-bit, little-endian, version 1, System V.
    out.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let is_extended = count >= PN_XNUM;
    let (shoff, shentsize, shnum) = if is_extended {
        (HEADER + count * PROGRAM_HEADER, SECTION_HEADER, 1)
    } else {
        (0, 0, 0)
    };
    const ET_CORE: u16 = 4;
    out.extend(ET_CORE.to_le_bytes());
    out.extend(machine.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    for word in [0, HEADER, shoff] {
        out.extend(word.to_le_bytes());
    }
    out.extend(0u32.to_le_bytes());
    let halves = [
        HEADER,
        PROGRAM_HEADER,
        count.min(PN_XNUM),
        shentsize,
        shnum,
        0,
    ];
    for half in halves {
        // None is above PN_XNUM.
        out.extend((half as u16).to_le_bytes());
    }
}

struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    size: u64,
}

/// `Elf64_Phdr`. Its alignment is 0: crash takes that for the mark of a dump
/// that the kernel made.
fn program_header(header: &ProgramHeader, out: &mut Vec<u8>) {
    out.extend(header.kind.to_le_bytes());
    out.extend(header.flags.to_le_bytes());
    let words = [
        header.offset,
        header.address,
        header.physical,
        header.size,
        header.size,
        0,
    ];
    for word in words {
        out.extend(word.to_le_bytes());
    }
}
