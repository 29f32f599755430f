//! The fragments of the image's memory (section 6), and where each came from.

use kflat_abi::image::Fragment;
use kflat_abi::record::Record;

use crate::area::{Area, expect};
use crate::environment::Processor;
use crate::layout::{FIRST, MEMBER};
use crate::relocate::Memory;
use crate::sort;
use crate::work::{OBJECT_WORDS, Work, records};
use crate::write::Sections;

/// Section 6. Until the extension is written, a fragment's size is missing, and
/// its original address is in its place.
pub(crate) fn joined(work: &mut Work<'_>, sections: &Sections) {
    let mut at = sections.fragments;
    let mut joined = None;
    for kind in [None, Some(FIRST)] {
        for index in 0..work.state.objects {
            let (position, depth) = work.place(index);
            let wanted = match kind {
                None => depth != FIRST && depth != MEMBER,
                Some(kind) => depth == kind,
            };
            if depth == FIRST {
                joined = Some(());
            }
            if wanted {
                let address = work.address(index);
                let offset = sections.memory.offset(position as usize) + address % 8;
                if let Some(pair) = work.area.get_mut(at..).and_then(<[u64]>::first_chunk_mut) {
                    *pair = [offset, address];
                }
                at += 2;
            }
        }
        if joined.is_none() {
            return;
        }
    }
    // Joined ones are in the order of their addresses.
    if let Some(list) = work.area.get_mut(sections.fragments..at) {
        sort::heap(list.as_chunks_mut::<2>().0, |a, b| a < b);
    }
}

/// Where each object is a fragment by itself: writes the fragments, and to the words
/// from `origin` on their original addresses, and the objects behind those. The word
/// behind the objects.
pub(crate) fn single_objects(
    work: &mut Work<'_>,
    sections: &Sections,
    origin: usize,
    processor: &impl Processor,
) -> Option<usize> {
    let count = work.state.objects as usize;
    let first = (sections.first as usize).min(count);
    let memory = sections.memory;
    let (front, back) = work.area.split_at_mut_checked(origin)?;
    let fragments = front.get_mut(sections.fragments..)?.as_chunks_mut::<2>().0;
    let fragments = fragments.get_mut(..count)?;
    let (origins, objects) = back.split_at_mut_checked(count)?;
    let objects = objects.as_chunks_mut::<3>().0.get_mut(..count)?;
    let (front, behind) = fragments.split_at_mut_checked(count - first)?;
    let (front_origins, behind_origins) = origins.split_at_mut_checked(count - first)?;
    let (turned, objects) = objects.split_at_mut_checked(first)?;
    let all = records(work.words, count as u32);
    let turn = match all.clone().next() {
        Some([address, _, _, place]) if first > 0 => memory.offset_at(*place, *address),
        _ => sections.memory_size,
    };
    let rest = all.clone().skip(first);
    tile(
        rest,
        (front, front_origins, objects),
        memory,
        turn,
        processor,
    );
    let end = sections.memory_size;
    tile(
        all,
        (behind, behind_origins, turned),
        memory,
        end,
        processor,
    );
    Some(origin + 4 * count)
}

/// Objects by which memory is asked for ahead.
const AHEAD: usize = 64;

/// Writes fragments that lie one behind the other and end at offset `end`, their original
/// addresses, and the objects that they are, from the records of these.
#[inline(always)]
fn tile<'a>(
    mut records: impl Iterator<Item = &'a [u64; OBJECT_WORDS]>,
    (mut fragments, mut origins, mut objects): (&mut [[u64; 2]], &mut [u64], &mut [[u64; 3]]),
    memory: Memory,
    end: u64,
    processor: &impl Processor,
) {
    let (mut size, mut start) = (&mut 0, 0);
    while !fragments.is_empty() {
        let count = fragments.len().min(AHEAD);
        let (fragment, origin, object);
        (fragment, fragments) = split(fragments, count);
        (origin, origins) = split(origins, count);
        (object, objects) = split(objects, count);
        expect(origins, count, processor);
        expect(objects.as_flattened(), 3 * count, processor);
        let places = fragment.iter_mut().zip(origin).zip(object);
        for (((fragment, origin), object), record) in places.zip(records.by_ref()) {
            let [address, kind, from, place] = *record;
            let offset = memory.offset_at(place, address);
            // Fragments tile the memory: padding belongs to the one before it.
            *size = offset.wrapping_sub(start);
            start = offset;
            *fragment = [offset, 0];
            size = &mut fragment[1];
            *origin = address;
            *object = [offset, kind.rotate_left(32), from.rotate_left(32)];
        }
    }
    *size = end.wrapping_sub(start);
}

#[inline]
fn split<T>(list: &mut [T], count: usize) -> (&mut [T], &mut [T]) {
    list.split_at_mut_checked(count).unwrap_or_default()
}

/// Gives the fragments their sizes, and writes the original address of each to the
/// words from `origin` on. They tile the memory: padding belongs to the fragment
/// before it.
pub(crate) fn finish_fragments(sections: &Sections, area: &mut Area<'_>, origin: usize) {
    let mut next = match area.words.get(sections.fragments) {
        Some(offset) => *offset,
        None => return,
    };
    for index in 0..sections.fragment_count {
        let at = sections.fragments + index * 2;
        let start = next;
        next = if index + 1 < sections.fragment_count {
            area.get(at + 2)
        } else {
            sections.memory_size
        };
        let address = area.get(at + 1);
        area.set(at + 1, next.wrapping_sub(start));
        area.set(origin + index, address);
    }
}

const _: () = assert!(Fragment::SIZE == 16);
