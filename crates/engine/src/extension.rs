//! The module's part of the extension behind the image: origins, objects, the
//! hit, diagnostics, changes.

use kflat_abi::extension::{self as abi, Entry, Header, Hit};
use kflat_abi::program::{PROGRAM_DETECT_CHANGES, Program};
use kflat_abi::record::Record;

use crate::area::Area;
use crate::changes::Change;
use crate::diagnostics;
use crate::environment::Processor;
use crate::fragments::{finish_fragments, single_objects};
use crate::room::{FRONT, PAYLOADS};
use crate::sort;
use crate::work::{DIAGNOSTIC_WORDS, Work};
use crate::write::Sections;

/// Writes the extension behind an image of `image_size` bytes, and the sizes of
/// its fragments. The bytes up to its end.
pub(crate) fn write(
    work: &mut Work<'_>,
    program: &Program<'_>,
    sections: &Sections,
    image_size: u64,
    hit: &Hit,
    processor: &impl Processor,
) -> u64 {
    // The bytes between the image's end and the extension are zero: the last
    // append cleared them.
    let start = image_size.div_ceil(8) as usize;
    let origin = start + FRONT;
    let objects = origin + sections.fragment_count;
    let the_hit = if sections.joined {
        finish_fragments(sections, &mut Area::new(work.area), origin);
        write_objects(work, sections, objects)
    } else {
        single_objects(work, sections, origin, processor).unwrap_or(objects)
    };
    Area::new(work.area).record(the_hit, hit);
    let diagnostics = the_hit + Hit::SIZE / 8;
    let changes = write_diagnostics(work, diagnostics);
    let checked = program.flags() & PROGRAM_DETECT_CHANGES != 0;
    let end = write_changes(work, sections, changes);
    let payloads = [
        (abi::KIND_ORIGIN, origin, objects),
        (abi::KIND_OBJECTS, objects, the_hit),
        (abi::KIND_HIT, the_hit, diagnostics),
        (abi::KIND_DIAGNOSTICS, diagnostics, changes),
        (abi::KIND_CHANGES, changes, end),
    ];
    let count = if checked { PAYLOADS } else { PAYLOADS - 1 };
    let payloads = payloads.get(..count).unwrap_or(&[]);
    contents(start, end, payloads, &mut Area::new(work.area), processor);
    end as u64 * 8
}

/// Writes the objects from word `at` on; the word behind them.
fn write_objects(work: &mut Work<'_>, sections: &Sections, mut at: usize) -> usize {
    for index in 0..work.state.objects {
        let Some(object) = work.object(index) else {
            break;
        };
        let start = sections.memory.offset(object.position as usize);
        let record = [
            start + object.address % 8,
            u64::from(object.count) << 32 | u64::from(object.type_index),
            u64::from(object.via) << 32 | u64::from(object.parent),
        ];
        if let Some(words) = work.area.get_mut(at..).and_then(<[u64]>::first_chunk_mut) {
            *words = record;
        }
        at += record.len();
    }
    at
}

fn write_diagnostics(work: &mut Work<'_>, mut at: usize) -> usize {
    for index in 0..work.state.diagnostics {
        let from = work.diagnostic_at(index);
        for offset in 0..DIAGNOSTIC_WORDS {
            let word = work.get(from + offset);
            Area::new(work.area).set(at + offset, word);
        }
        at += DIAGNOSTIC_WORDS;
    }
    if work.state.dropped > 0 {
        let record = diagnostics::dropped(work.state.dropped);
        Area::new(work.area).record(at, &record);
        at += DIAGNOSTIC_WORDS;
    }
    at
}

/// Writes the ranges that changed, ascending and joined where they overlap.
fn write_changes(work: &mut Work<'_>, sections: &Sections, at: usize) -> usize {
    let count = work.state.change_count;
    for index in 0..count {
        let change = Change::read(work, index);
        let Some((change, object)) = change.and_then(|c| Some((c, work.object(c.object)?))) else {
            return at;
        };
        let start = sections.memory.offset(object.position as usize);
        let offset = start + object.address % 8 + change.at;
        let mut area = Area::new(work.area);
        area.set(at + 2 * index, offset);
        area.set(at + 2 * index + 1, change.size.into());
    }
    let list = work.area.get_mut(at..at + 2 * count).unwrap_or(&mut []);
    let list = list.as_chunks_mut::<2>().0;
    sort::heap(list, |a, b| a < b);
    let mut kept = 0usize;
    for index in 0..count {
        let Some([start, size]) = list.get(index).copied() else {
            break;
        };
        let before = kept.checked_sub(1).and_then(|last| list.get_mut(last));
        if let Some([first, length]) = before
            && start <= *first + *length
        {
            *length = (*length).max(start + size - *first);
        } else if let Some(place) = list.get_mut(kept) {
            *place = [start, size];
            kept += 1;
        }
    }
    at + 2 * kept
}

/// Writes header and table of contents of the extension from word `start` to
/// `end`.
fn contents(
    start: usize,
    end: usize,
    payloads: &[(u32, usize, usize)],
    area: &mut Area<'_>,
    processor: &impl Processor,
) {
    let table = start + Header::SIZE / 8;
    let mut at = table;
    area.clear(start, start + FRONT);
    for (kind, from, to) in payloads {
        let entry = Entry {
            kind: *kind,
            offset: (from - start) as u64 * 8,
            length: (to - from) as u64 * 8,
            crc: processor.crc32c(area.words.get(*from..*to).unwrap_or(&[])),
            ..Entry::default()
        };
        area.record(at, &entry);
        at += Entry::SIZE / 8;
    }
    let header = Header {
        magic: abi::MAGIC,
        version: abi::VERSION,
        count: payloads.len() as u32,
        size: (end - start) as u64 * 8,
        toc_crc: processor.crc32c(area.words.get(table..at).unwrap_or(&[])),
        reserved: 0,
    };
    area.record(start, &header);
}
