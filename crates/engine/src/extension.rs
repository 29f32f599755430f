//! The module's part of the extension behind the image: origins, objects, the
//! hit, diagnostics.

use kflat_abi::crc32c::crc32c_words;
use kflat_abi::extension::{self as abi, Diagnostic, Entry, Header, Hit, Object};
use kflat_abi::record::Record;

use crate::area::Area;
use crate::diagnostics;
use crate::layout::Layout;
use crate::work::{DIAGNOSTIC_WORDS, Work};
use crate::write::{Sections, finish_fragments};

/// Payloads that the module writes.
const PAYLOADS: usize = 4;
/// Words of the table of contents and what precedes it.
const FRONT: usize = (Header::SIZE + PAYLOADS * Entry::SIZE) / 8;

/// Diagnostics, the record of dropped ones included.
fn diagnostic_count(work: &Work<'_>) -> u64 {
    u64::from(work.state.diagnostics) + u64::from(work.state.dropped > 0)
}

/// Bytes of the extension.
pub(crate) fn size(work: &Work<'_>, layout: Layout) -> u64 {
    FRONT as u64 * 8
        + layout.fragments * 8
        + u64::from(work.state.objects) * Object::SIZE as u64
        + Hit::SIZE as u64
        + diagnostic_count(work) * Diagnostic::SIZE as u64
}

/// Writes the extension behind an image of `image_size` bytes, and the sizes of
/// its fragments.
pub(crate) fn write(
    work: &Work<'_>,
    sections: &Sections,
    image_size: u64,
    hit: &Hit,
    area: &mut Area<'_>,
) {
    // The bytes between the image's end and the extension are zero: the last
    // append cleared them.
    let start = image_size.div_ceil(8) as usize;
    let origin = start + FRONT;
    let mut at = origin;
    finish_fragments(sections, area, |area, address| {
        area.set(at, address);
        at += 1;
    });
    let objects = at;
    for index in 0..work.state.objects {
        let Some(object) = work.object(index) else {
            break;
        };
        let record = [
            object.offset(),
            u64::from(object.count) << 32 | u64::from(object.type_index),
            u64::from(object.via) << 32 | u64::from(object.parent),
        ];
        if let Some(words) = area.words.get_mut(at..).and_then(<[u64]>::first_chunk_mut) {
            *words = record;
        }
        at += record.len();
    }
    let the_hit = at;
    area.record(at, hit);
    at += Hit::SIZE / 8;
    let diagnostics = at;
    for index in 0..work.state.diagnostics {
        let from = work.diagnostic_at(index);
        for offset in 0..DIAGNOSTIC_WORDS {
            area.set(at + offset, work.get(from + offset));
        }
        at += DIAGNOSTIC_WORDS;
    }
    if work.state.dropped > 0 {
        area.record(at, &diagnostics::dropped(work.state.dropped));
        at += DIAGNOSTIC_WORDS;
    }
    let payloads = [
        (abi::KIND_ORIGIN, origin, objects),
        (abi::KIND_OBJECTS, objects, the_hit),
        (abi::KIND_HIT, the_hit, diagnostics),
        (abi::KIND_DIAGNOSTICS, diagnostics, at),
    ];
    contents(start, at, payloads, area);
}

/// Writes header and table of contents of the extension from word `start` to
/// `end`.
fn contents(
    start: usize,
    end: usize,
    payloads: [(u32, usize, usize); PAYLOADS],
    area: &mut Area<'_>,
) {
    let table = start + Header::SIZE / 8;
    let mut at = table;
    for (kind, from, to) in payloads {
        let entry = Entry {
            kind,
            offset: (from - start) as u64 * 8,
            length: (to - from) as u64 * 8,
            crc: crc32c_words(area.words.get(from..to).unwrap_or(&[])),
            ..Entry::default()
        };
        area.record(at, &entry);
        at += Entry::SIZE / 8;
    }
    let header = Header {
        magic: abi::MAGIC,
        version: abi::VERSION,
        count: PAYLOADS as u32,
        size: (end - start) as u64 * 8,
        toc_crc: crc32c_words(area.words.get(table..at).unwrap_or(&[])),
        reserved: 0,
    };
    area.record(start, &header);
}
