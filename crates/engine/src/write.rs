//! Phase 2: write the flattened image and what the module knows about it.

use kflat_abi::extension::{self as abi, Hit};
use kflat_abi::image::{self, Fragment, Header};
use kflat_abi::program::{NONE, Program};
use kflat_abi::record::Record;

use crate::area::Area;
use crate::environment::Symbols;
use crate::extension;
use crate::layout::{self, Step, Sweep};
use crate::locations::{self, NAME};
use crate::order::Order;
use crate::verify::Verified;
use crate::word;
use crate::work::{Link, MARK_BLOCK, Mark, Work};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of the image as in its header; 0: there is none.
    pub image_size: u64,
    /// Bytes in the area, the extension included; 0: there is no image.
    pub total_size: u64,
    /// Bytes that the area would have needed at least: where there was no room
    /// for them, names of functions come on top.
    pub needed_size: u64,
    /// Objects.
    pub objects: u64,
    /// Fragments.
    pub fragments: u64,
    /// 0, or what ended or thinned the capture, one of
    /// `abi::extension::REASON_*`.
    pub reason: u32,
    /// How many things were not captured.
    pub diagnostics: u32,
}

/// Writes the image of what [`capture`](crate::capture()) left in `work` to the
/// start of `area`; `hit` goes into the extension.
///
/// The area need not be cleared beforehand; words of it that are not part of the
/// image may be overwritten, and are 0 then. Where it is too small for the image
/// it is cleared, and the report says how many bytes are needed.
pub fn write(
    program: &Verified<'_>,
    work: &mut [u64],
    area: &mut [u64],
    hit: &Hit,
    symbols: &mut impl Symbols,
) -> Report {
    let Some(mut work) = Work::resume(work) else {
        return Report::default();
    };
    let program = program.program();
    let (order, mut scratch) = Order::make(&mut work, program, area);
    let Some(layout) = layout::lay_out(&mut work, program, order) else {
        return too_small(&work, area, u64::MAX, scratch);
    };
    let sections = Sections::begin(program, layout);
    let pointers = locations::pointers(&work, program, order, area, sections.pointers);
    let at = sections.pointers + pointers;
    scratch = scratch.max(at);
    let functions = locations::functions(&mut work, program, order, area, (at, pointers), symbols);
    scratch = scratch.max(at + functions);
    let sections = sections.complete(pointers, functions);
    if sections.fragments > area.len() {
        // At the least: names of functions come on top.
        let image = sections.memory as u64 * 8 + layout.memory + 8;
        let needed = image.next_multiple_of(8) + extension::size(&work, layout);
        return too_small(&work, area, needed, scratch);
    }
    let mut area = Area::new(area);
    fragments(&work, program, order, &sections, &mut area);
    memory(&work, program, order, &sections, &mut area);
    let image_size = symbol_map(&sections, &mut area, symbols);
    let total_size = image_size.next_multiple_of(8) + extension::size(&work, layout);
    if total_size > area.size() {
        scratch = scratch.max(image_size.div_ceil(8) as usize);
        return too_small(&work, area.into_words(), total_size, scratch);
    }
    extension::write(&work, &sections, image_size, hit, &mut area);
    roots(&work, program, &mut area);
    header(program, &sections, image_size, &mut area);
    area.clear(total_size.div_ceil(8) as usize, scratch);
    Report {
        image_size,
        total_size,
        needed_size: total_size,
        fragments: layout.fragments,
        ..report(&work)
    }
}

fn report(work: &Work<'_>) -> Report {
    Report {
        objects: u64::from(work.state.objects),
        reason: work.state.reason,
        diagnostics: work.state.diagnostics.saturating_add(work.state.dropped),
        ..Report::default()
    }
}

#[cold]
fn too_small(work: &Work<'_>, area: &mut [u64], needed: u64, scratch: usize) -> Report {
    Area::new(area).clear(0, scratch);
    Report {
        needed_size: needed,
        // Where the working memory ended first, nobody knows what the rest needs.
        reason: match work.state.reason {
            abi::REASON_NO_MEMORY => abi::REASON_NO_MEMORY,
            _ => abi::REASON_AREA_TOO_SMALL,
        },
        ..report(work)
    }
}

/// Where the sections are, in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections {
    /// Bytes of the named roots.
    named_size: u64,
    named_count: u64,
    pub(crate) pointers: usize,
    functions: usize,
    pub(crate) fragments: usize,
    memory: usize,
    pub(crate) fragment_count: u64,
    memory_size: u64,
}

/// Words of the image's header.
const HEADER: usize = Header::SIZE / 8;

impl Sections {
    fn begin(program: &Program<'_>, layout: layout::Layout) -> Self {
        let (_, _, roots) = program.counts();
        let (mut named_size, mut named_count) = (0, 0);
        for index in 0..roots {
            if let Some(name) = root_name(program, index) {
                named_size += 24 + (name.len() as u64).next_multiple_of(8);
                named_count += 1;
            }
        }
        Self {
            named_size,
            named_count,
            pointers: HEADER + roots as usize + (named_size / 8) as usize,
            functions: 0,
            fragments: 0,
            memory: 0,
            fragment_count: layout.fragments,
            memory_size: layout.memory,
        }
    }

    fn complete(mut self, pointers: usize, functions: usize) -> Self {
        self.functions = self.pointers + pointers;
        self.fragments = self.functions + functions;
        self.memory = self.fragments + 2 * self.fragment_count as usize;
        self
    }
}

fn root_name<'p>(program: &Program<'p>, index: u32) -> Option<&'p str> {
    let name = program.root_at(index)?.name;
    if name == NONE {
        None
    } else {
        program.string_at(name)
    }
}

/// Section 6. Until the extension is written, a fragment's size is missing, and
/// its original address is in its place.
fn fragments(
    work: &Work<'_>,
    program: &Program<'_>,
    order: Order,
    sections: &Sections,
    area: &mut Area<'_>,
) {
    let mut sweep = Sweep::new(order);
    let mut at = sections.fragments;
    while let Some(step) = sweep.step(work, program) {
        if step.begins {
            area.set(at, step.object.offset());
            area.set(at + 1, step.object.address);
            at += 2;
        }
    }
}

/// Section 7.
fn memory(
    work: &Work<'_>,
    program: &Program<'_>,
    order: Order,
    sections: &Sections,
    area: &mut Area<'_>,
) {
    let mut sweep = Sweep::new(order);
    let base = sections.memory;
    // The first word that nothing was written to.
    let mut fresh = base;
    while let Some(step) = sweep.step(work, program) {
        let start = base + (step.object.offset() / 8) as usize;
        let words = word::words_for(step.object.address, step.length) as usize;
        let Some(copy) = words_of(work, &step, words) else {
            return;
        };
        area.clear(fresh, start + 1);
        area.clear(fresh.max(start + words - 1), start + words);
        fresh = fresh.max(start + words);
        let Some(into) = area.words.get_mut(start..) else {
            return;
        };
        let lead = step.object.address % 8;
        word::copy_bytes(into, copy, lead + step.covered, lead + step.length);
        relocate(work, &step, words as u64, copy, into);
    }
    // What lies behind the last object, where links lead there.
    area.clear(fresh, base + sections.memory_size.div_ceil(8) as usize);
}

fn words_of<'w>(work: &'w Work<'_>, step: &Step, words: usize) -> Option<&'w [u64]> {
    let position = step.object.position as usize;
    work.words.get(position..position.checked_add(words)?)
}

/// Writes the words of an object that are pointers, as offsets.
#[inline]
fn relocate(work: &Work<'_>, step: &Step, words: u64, copy: &[u64], into: &mut [u64]) {
    if !step.object.has_marks() {
        return;
    }
    for block in 0..words.div_ceil(MARK_BLOCK) {
        let mut marks = work.mark_block(&step.object, block, words);
        while marks != 0 {
            let shift = marks.trailing_zeros() & !1;
            let word = (block * MARK_BLOCK) as usize + (shift / 2) as usize;
            if Mark::from_bits(marks >> shift) == Mark::Pointer
                && let (Some(link), Some(into)) = (copy.get(word), into.get_mut(word))
            {
                *into = work.target(Link::unpack(*link));
            }
            marks &= !(3 << shift);
        }
    }
}

/// Section 8, and with it the image's end in bytes.
fn symbol_map(sections: &Sections, area: &mut Area<'_>, symbols: &mut impl Symbols) -> u64 {
    let mut at = sections.memory as u64 * 8 + sections.memory_size;
    let count = sections.fragments - sections.functions;
    area.append(&mut at, &(count as u64).to_le_bytes());
    let mut name = [0; NAME];
    for index in 0..count {
        let location = area.get(sections.functions + index);
        let value = area.get(sections.memory + (location / 8) as usize);
        let length = symbols.name(value, &mut name).unwrap_or(0);
        let name = name.get(..length).unwrap_or(&[]);
        area.append(&mut at, &location.to_le_bytes());
        area.append(&mut at, &(name.len() as u64).to_le_bytes());
        area.append(&mut at, name);
    }
    at
}

/// Sections 2 and 3.
fn roots(work: &Work<'_>, program: &Program<'_>, area: &mut Area<'_>) {
    let (_, _, count) = program.counts();
    let mut at = (HEADER + count as usize) as u64 * 8;
    for index in 0..count {
        let link = work.root(index);
        let captured = link != Link::NONE;
        let target = if captured {
            work.target(Link::unpack(link))
        } else {
            image::NO_ROOT
        };
        area.set(HEADER + index as usize, target);
        let Some(name) = root_name(program, index) else {
            continue;
        };
        let object = work.object(Link::unpack(link).object).filter(|_| captured);
        let size = object.map_or(0, |object| object.length(program));
        let padded = (name.len() as u64).next_multiple_of(8);
        area.append(&mut at, &padded.to_le_bytes());
        let mut rest = at + padded;
        area.append(&mut at, name.as_bytes());
        area.append(&mut rest, &u64::from(index).to_le_bytes());
        area.append(&mut rest, &size.to_le_bytes());
        at = rest;
    }
}

/// Section 1.
fn header(program: &Program<'_>, sections: &Sections, image_size: u64, area: &mut Area<'_>) {
    let (_, _, roots) = program.counts();
    let memory_end = sections.memory as u64 * 8 + sections.memory_size;
    area.record(
        0,
        &Header {
            magic: image::MAGIC,
            version: image::VERSION,
            image_size,
            memory_size: sections.memory_size,
            ptr_count: (sections.functions - sections.pointers) as u64,
            fptr_count: (sections.fragments - sections.functions) as u64,
            root_addr_count: u64::from(roots),
            root_addr_extended_count: sections.named_count,
            root_addr_extended_size: sections.named_size,
            fptrmapsz: image_size - memory_end,
            mcount: sections.fragment_count,
            ..Header::default()
        },
    );
}

/// Gives the fragments their sizes; calls `origin` with the original address of
/// each. They tile the memory: padding belongs to the fragment before it.
pub(crate) fn finish_fragments(
    sections: &Sections,
    area: &mut Area<'_>,
    mut origin: impl FnMut(&mut Area<'_>, u64),
) {
    let words = Fragment::SIZE / 8;
    for index in 0..sections.fragment_count as usize {
        let at = sections.fragments + index * words;
        let end = if at + words < sections.memory {
            area.get(at + words)
        } else {
            sections.memory_size
        };
        let address = area.get(at + 1);
        area.set(at + 1, end.wrapping_sub(area.get(at)));
        origin(area, address);
    }
}
