//! Phase 2: write the flattened image and what the module knows about it.

use kflat_abi::extension::{self as abi, Hit};
use kflat_abi::image::{self, Header};
use kflat_abi::program::Program;

use crate::apart;
use crate::area::Area;
use crate::environment::{Processor, Symbols};
use crate::extension;
use crate::fragments;
use crate::layout::{self, Layout, NoRoom};
use crate::order::Order;
use crate::relocate::{self, Memory, NAME};
use crate::room::{self, root_name};
use crate::sort::COUNTERS;
use crate::verify::Verified;
use crate::work::{Link, State, Work};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of the image as in its header; 0: there is none.
    pub image_size: u64,
    /// Bytes in the area, the extension included; 0: there is no image.
    pub total_size: u64,
    /// Bytes of an area that is certainly enough, as far as the capture came.
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

/// Part of the memory that zeros in front of it may be, instead of moving it.
const SLACK: usize = 16;

/// Writes the image of what [`capture`](crate::capture()) left in `work`, `area` and
/// `state` to the start of `area`; `hit` goes into the extension, which has checksums.
///
/// Words of the area that were used and are not part of the image are 0 then.
/// Where it is too small for any image it is cleared, and the report says how many
/// bytes are needed.
pub fn write(
    program: &Verified<'_>,
    (work, area, state): (&mut [u64], &mut [u64], &mut State),
    hit: &Hit,
    symbols: &mut impl Symbols,
    processor: &impl Processor,
) -> Report {
    let Some(mut work) = Work::new(work, area, state) else {
        return Report::default();
    };
    let program = program.program();
    let needed = work.needed_size();
    if room::stream_start(program, work.area.len()) + room::fixed(4) > work.area.len() {
        return too_small(&mut work, needed);
    }
    let laid_out = if apart::are_apart(&mut work, program, processor) {
        Ok(Layout::of_single(work.state.objects))
    } else {
        match Order::make(&mut work, program) {
            Some(order) => layout::lay_out(&mut work, program, order),
            None => Err(NoRoom(work.state.objects as usize * 2)),
        }
    };
    let layout = match laid_out {
        Ok(layout) => layout,
        Err(NoRoom(words)) => return too_small(&mut work, needed + words as u64 * 8),
    };
    if !layout.joined {
        forget_parameters(&mut work, program);
    }
    let sections = place(&mut work, program, layout, symbols, processor);
    if sections.joined {
        fragments::joined(&mut work, &sections);
    }
    roots(&mut work, program, &sections);
    let image_size = symbol_map(&mut work, &sections, symbols);
    let total_size = extension::write(&mut work, program, &sections, image_size, hit, processor);
    header(&mut work, program, &sections, image_size);
    let end = total_size.div_ceil(8) as usize;
    let touched = work.state.touched.max(work.state.stream_end);
    Area::new(work.area).clear(end, touched);
    Report {
        image_size,
        total_size,
        needed_size: needed.max(total_size),
        fragments: layout.fragments as u64,
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
fn too_small(work: &mut Work<'_>, needed: u64) -> Report {
    let touched = work.state.touched.max(work.state.stream_end);
    Area::new(work.area).clear(0, touched);
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
    pub(crate) pointers: usize,
    functions: usize,
    pub(crate) fragments: usize,
    /// The image's memory: first word.
    start: usize,
    pub(crate) memory_size: u64,
    pub(crate) fragment_count: usize,
    pub(crate) memory: Memory,
    /// A fragment may be several objects; if not, each object is one, in the order in
    /// which they were captured, but for those in front of the `first`: they come last.
    pub(crate) first: u32,
    pub(crate) joined: bool,
}

/// Words of the image's header.
const HEADER: usize = size_of::<[u64; 13]>() / 8;

/// Parameters stand in front of the objects that they were handed down to: there
/// the image has zeros. (Where the stream was closed up they are gone.)
fn forget_parameters(work: &mut Work<'_>, program: &Program<'_>) {
    let (types, ..) = program.counts();
    let mut views = (0..types).filter_map(|index| program.type_at(index));
    if views.all(|view| view.parameters == 0) {
        return;
    }
    for index in 0..work.state.objects {
        let Some(object) = work.object(index) else {
            return;
        };
        let count = program
            .type_at(object.type_index)
            .map_or(0, |view| view.parameters as usize);
        let position = object.position as usize;
        Area::new(work.area).clear(position.saturating_sub(count), position);
    }
}

/// Gives every section its place, moves the memory to its own and makes the
/// pointers in it what they are.
fn place(
    work: &mut Work<'_>,
    program: &Program<'_>,
    layout: Layout,
    symbols: &mut impl Symbols,
    processor: &impl Processor,
) -> Sections {
    let prefix = room::prefix(program);
    let (stream, words) = (work.state.stream, work.state.stream_end - work.state.stream);
    let fixups = work.state.fixups;
    let in_order = !layout.joined && fixups.ascending() && fixups.functions == 0;
    let (pointers, functions, mut at) = if in_order {
        (fixups.pointers(), 0, stream)
    } else {
        // The lists are made where they will be, with the stream out of the way.
        let listed = fixups.count as usize;
        let away = prefix + 2 * (listed + layout.fragments) + COUNTERS;
        let away = away.max(stream).min(work.area.len().saturating_sub(words));
        Area::new(work.area).shift(stream, away, words);
        work.state.touched = work.state.touched.max(away + words);
        let pointers = relocate::list_pointers(work, prefix, away);
        let functions = prefix + pointers;
        let functions = relocate::list_functions(work, away, (functions, pointers), away, symbols);
        (pointers, functions, away)
    };
    let fragments = prefix + pointers + functions;
    let start = fragments + 2 * layout.fragments;
    // A power of two: words that the memory may be moved by.
    let align = (work.state.align as usize / 8).max(1);
    let aligned = |words: usize| words & (align - 1) == 0;
    let slack = stream.wrapping_sub(start);
    let stays = start <= stream
        && slack * SLACK <= words
        && slack * 8 >= work.state.before as usize
        && aligned(slack)
        && at == stream;
    let mut first = 0;
    let (memory, lead) = if stays {
        (Memory::moved(start, 0), slack)
    } else if in_order && let Some((index, split)) = turn(work, start) {
        first = index;
        let end = stream + words;
        let moved = split - stream;
        Area::new(work.area).copy(stream, end, moved, processor);
        work.state.stream_end = end + moved;
        (Memory::rotated(start, split, words), split - start)
    } else {
        let before = (work.state.before as usize).div_ceil(8);
        let lead = (before + align - 1) & !(align - 1);
        Area::new(work.area).shift(at, start + lead, words);
        at = start + lead;
        (Memory::moved(start, at.wrapping_sub(stream)), lead)
    };
    let end = start + lead + words;
    let mut area = Area::new(work.area);
    area.clear(start, start + lead);
    let behind = (work.state.behind as usize).div_ceil(8);
    area.clear(end, end + behind + 1);
    work.state.touched = work.state.touched.max(end + behind + 1);
    if in_order {
        relocate::list_in_order(work, memory, prefix, first);
    } else {
        relocate::pointers(work, memory);
        relocate::to_offsets(work, memory, prefix, pointers + functions);
    }
    Sections {
        pointers: prefix,
        functions: prefix + pointers,
        fragments,
        start,
        memory_size: (lead + words) as u64 * 8 + u64::from(work.state.behind),
        fragment_count: layout.fragments,
        first,
        memory,
        joined: layout.joined,
    }
}

/// The image's memory may begin with any object, and that with the first word at or
/// behind `start` be where it is: then only those in front of it have to be moved, behind
/// the last one. Index and word of that object, unless that would take too much room.
fn turn(work: &Work<'_>, start: usize) -> Option<(u32, usize)> {
    let state = &*work.state;
    let words = state.stream_end - state.stream;
    if start < state.stream || state.align > 8 || state.before > 0 {
        return None;
    }
    let (mut from, mut to) = (0, state.objects);
    while from < to {
        let middle = from + (to - from) / 2;
        if (work.place(middle).0 as usize) < start {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    let split = work.place(from).0 as usize;
    let lead = split.checked_sub(start)?;
    let fits = lead * SLACK <= words && lead <= work.room();
    (from < state.objects && fits).then_some((from, split))
}

/// Section 8, and with it the image's end in bytes.
fn symbol_map(work: &mut Work<'_>, sections: &Sections, symbols: &mut impl Symbols) -> u64 {
    let mut area = Area::new(work.area);
    let mut at = sections.start as u64 * 8 + sections.memory_size;
    let count = sections.fragments - sections.functions;
    area.append(&mut at, &(count as u64).to_le_bytes());
    let mut name = [0; NAME];
    for index in 0..count {
        let location = area.get(sections.functions + index);
        let value = area.get(sections.start + (location / 8) as usize);
        let length = symbols.name(value, &mut name).unwrap_or(0);
        let name = name.get(..length).unwrap_or(&[]);
        area.append(&mut at, &location.to_le_bytes());
        area.append(&mut at, &(name.len() as u64).to_le_bytes());
        area.append(&mut at, name);
    }
    at
}

/// Sections 2 and 3.
fn roots(work: &mut Work<'_>, program: &Program<'_>, sections: &Sections) {
    let (_, _, count) = program.counts();
    let mut at = (HEADER + count as usize) as u64 * 8;
    for index in 0..count {
        let link = work.root(index);
        let captured = link != Link::NONE;
        let target = if captured {
            sections.memory.target(work, Link::unpack(link))
        } else {
            image::NO_ROOT
        };
        let object = work.object(Link::unpack(link).object).filter(|_| captured);
        let size = object.map_or(0, |object| object.length(program));
        let mut area = Area::new(work.area);
        area.set(HEADER + index as usize, target);
        let Some(name) = root_name(program, index) else {
            continue;
        };
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
fn header(work: &mut Work<'_>, program: &Program<'_>, sections: &Sections, image_size: u64) {
    let (_, _, roots) = program.counts();
    let named = (0..roots).filter(|index| root_name(program, *index).is_some());
    let named_size = (sections.pointers - HEADER - roots as usize) * 8;
    let memory_end = sections.start as u64 * 8 + sections.memory_size;
    Area::new(work.area).record(
        0,
        &Header {
            magic: image::MAGIC,
            version: image::VERSION,
            image_size,
            memory_size: sections.memory_size,
            ptr_count: (sections.functions - sections.pointers) as u64,
            fptr_count: (sections.fragments - sections.functions) as u64,
            root_addr_count: u64::from(roots),
            root_addr_extended_count: named.count() as u64,
            root_addr_extended_size: named_size as u64,
            fptrmapsz: image_size - memory_end,
            mcount: sections.fragment_count as u64,
            ..Header::default()
        },
    );
}

const _: () = assert!(HEADER * 8 == <Header as kflat_abi::record::Record>::SIZE);
