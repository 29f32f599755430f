//! Gives each object its place in the image's memory: ranges that touch or
//! overlap become one fragment (image format, "Memory").
//!
//! An object that touches no other stays in the stream where it is. The others are
//! joined: where one of them holds all of them, it stays and they lie in it;
//! otherwise they are copied together to a place of their own, and the stream is
//! closed up.

use kflat_abi::program::Program;

use crate::area::Area;
use crate::order::{Entry, Order};
use crate::word;
use crate::work::Work;

/// In [`Object::depth`](crate::work::Object): it lies in another fragment's place.
pub(crate) const MEMBER: u32 = u32::MAX;
/// As [`MEMBER`], and the fragment begins with it.
pub(crate) const FIRST: u32 = u32::MAX - 1;
/// The deepest that an object is told to be.
pub(crate) const DEEPEST: u32 = u32::MAX - 2;

/// What the layout comes to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// Fragments.
    pub(crate) fragments: usize,
    /// Some objects touch.
    pub(crate) joined: bool,
}

impl Layout {
    /// Of so many objects that do not touch.
    pub(crate) fn of_single(objects: u32) -> Self {
        Self {
            fragments: objects as usize,
            joined: false,
        }
    }
}

/// The image needs so many words more than there are.
pub(crate) struct NoRoom(pub(crate) usize);

/// Objects that touch or overlap.
#[derive(Clone, Copy)]
struct Group {
    /// Their places in the order.
    first: u32,
    count: u32,
    /// Address of the first byte, and behind the last.
    start: u64,
    end: u64,
    /// The first of them holds all the others.
    inside: bool,
    align: u32,
}

impl Group {
    fn words(&self) -> usize {
        word::words_for(self.start, self.end - self.start) as usize
    }
}

/// Goes through the fragments in the order of their addresses.
struct Sweep {
    order: Order,
    next: u32,
    /// Bytes that an object which is not large has at most.
    largest: u64,
}

impl Sweep {
    fn new(work: &Work<'_>, order: Order) -> Self {
        Self {
            order,
            next: 0,
            largest: work.state.largest,
        }
    }

    /// The next fragment of several objects, after `alone` of one object each.
    fn group(
        &mut self,
        work: &Work<'_>,
        program: &Program<'_>,
        alone: &mut usize,
    ) -> Option<Group> {
        let length = |entry: Entry| work.object(entry.index).map_or(0, |o| o.length(program));
        while self.next < self.order.count {
            let place = self.next;
            let first = self.order.entry(work.area, place);
            self.next += 1;
            // Lengths are looked up only where objects are near.
            let mut at = self.next;
            let nearest =
                |at: u32| (at < self.order.count).then(|| self.order.entry(work.area, at));
            let mut next = nearest(at);
            let bound = if first.large { u64::MAX } else { self.largest };
            if next.is_none_or(|next| next.address - first.address > bound) {
                *alone += 1;
                continue;
            }
            let own = first.address.saturating_add(length(first));
            let (mut end, mut inside) = (own, true);
            while let Some(entry) = next.filter(|next| next.address <= end) {
                let reach = entry.address.saturating_add(length(entry));
                inside &= reach <= own;
                end = end.max(reach);
                at += 1;
                next = nearest(at);
            }
            let count = at - place;
            self.next = at;
            if count == 1 {
                *alone += 1;
                continue;
            }
            let align = (place..at)
                .filter_map(|at| work.object(self.order.entry(work.area, at).index))
                .filter_map(|object| program.type_at(object.type_index))
                .fold(8, |align, view| align.max(view.align));
            return Some(Group {
                first: place,
                count,
                start: first.address,
                end,
                inside,
                align,
            });
        }
        None
    }
}

/// Gives every object its position in the stream, whose end moves.
pub(crate) fn lay_out(
    work: &mut Work<'_>,
    program: &Program<'_>,
    order: Order,
) -> Result<Layout, NoRoom> {
    let mut layout = Layout::default();
    let mut groups = Gathered::default();
    let mut sweep = Sweep::new(work, order);
    while let Some(group) = sweep.group(work, program, &mut layout.fragments) {
        layout.fragments += 1;
        layout.joined = true;
        mark(work, order, group);
        if !group.inside {
            groups.add(group);
        }
    }
    if !layout.joined {
        return Ok(layout);
    }
    let home = groups.home(work, order.end)?;
    let mut sweep = Sweep::new(work, order);
    let mut places = Gathered::default();
    while let Some(group) = sweep.group(work, program, &mut 0) {
        if !group.inside {
            let at = places.add(group);
            gather(work, program, order, group, home, at);
        }
    }
    close_up(work, program);
    let mut sweep = Sweep::new(work, order);
    let mut places = Gathered::default();
    let start = {
        let end = work.state.stream_end;
        end + work.lead(end, 0, work.state.align)
    };
    let mut area = Area::new(work.area);
    area.clear(work.state.stream_end, start);
    let mut end = work.state.stream_end;
    while let Some(group) = sweep.group(work, program, &mut 0) {
        let base = if group.inside {
            work.place(order.entry(work.area, group.first).index).0 as usize
        } else {
            let at = places.add(group);
            // Ahead of what is still to be brought, the entries themselves included.
            bring(work, home, at, start + at, end, group.words());
            end = start + at + group.words();
            start + at
        };
        let first = if group.inside { 1 } else { 0 };
        for place in group.first + first..group.first + group.count {
            let entry = order.entry(work.area, place);
            let offset = (entry.address / 8 - group.start / 8) as usize;
            let (_, depth) = work.place(entry.index);
            work.set_place(entry.index, (base + offset) as u32, depth);
        }
    }
    work.state.stream_end = end;
    Ok(layout)
}

/// Notes of the objects of a group that they lie in it.
fn mark(work: &mut Work<'_>, order: Order, group: Group) {
    for place in group.first..group.first + group.count {
        let index = order.entry(work.area, place).index;
        let depth = match (place == group.first, group.inside) {
            (true, true) => continue,
            (true, false) => FIRST,
            (false, _) => MEMBER,
        };
        let (position, _) = work.place(index);
        work.set_place(index, position, depth);
    }
}

/// Places of groups one behind the other.
#[derive(Clone, Copy, Default)]
struct Gathered {
    words: usize,
}

/// Where groups are put together.
#[derive(Clone, Copy)]
enum Home {
    /// In the area, behind the order.
    Area(usize),
    /// In the work region, between blocks and objects.
    Work(usize),
}

impl Gathered {
    /// The place of the next group, counted from a word that is aligned to what
    /// the groups are aligned to.
    fn add(&mut self, group: Group) -> usize {
        let gap = (group.start & !7).wrapping_sub(self.words as u64 * 8)
            & u64::from(group.align.wrapping_sub(1));
        let at = self.words + (gap / 8) as usize;
        self.words = at + group.words();
        at
    }

    fn home(self, work: &mut Work<'_>, behind: usize) -> Result<Home, NoRoom> {
        let room = work.area.len().saturating_sub(behind);
        if self.words <= room {
            work.state.touched = work.state.touched.max(behind + self.words);
            Ok(Home::Area(behind))
        } else if self.words <= work.free() {
            Ok(Home::Work(work.state.top))
        } else {
            Err(NoRoom(self.words - room))
        }
    }
}

/// Copies the objects of a group together.
fn gather(
    work: &mut Work<'_>,
    program: &Program<'_>,
    order: Order,
    group: Group,
    home: Home,
    at: usize,
) {
    let mut covered = group.start;
    for place in group.first..group.first + group.count {
        let entry = order.entry(work.area, place);
        let Some(object) = work.object(entry.index) else {
            continue;
        };
        let length = object.length(program);
        let end = entry.address.saturating_add(length);
        if end <= covered && place > group.first {
            continue;
        }
        let skip = covered.saturating_sub(entry.address);
        let offset = (entry.address / 8 - group.start / 8) as usize;
        let words = word::words_for(entry.address, length) as usize;
        let from = object.position as usize;
        let (from, into) = match home {
            Home::Area(home) => {
                let Some((low, high)) = work.area.split_at_mut_checked(home) else {
                    return;
                };
                (low.get(from..from + words), high.get_mut(at + offset..))
            }
            Home::Work(home) => (
                work.area.get(from..from + words),
                work.words.get_mut(home + at + offset..),
            ),
        };
        let (Some(from), Some(into)) = (from, into) else {
            return;
        };
        // Bytes of a word that nothing was written to yet are zeroed.
        let lead = entry.address % 8;
        let (start, end_in) = (lead + skip, lead + length);
        let fresh = if place == group.first {
            0
        } else {
            start.div_ceil(8)
        };
        for word in into.iter_mut().take(words).skip(fresh as usize) {
            *word = 0;
        }
        word::copy_bytes(into, from, start, end_in);
        covered = covered.max(end);
    }
}

/// Moves what stays in the stream together.
fn close_up(work: &mut Work<'_>, program: &Program<'_>) {
    let mut at = work.state.stream;
    for index in 0..work.state.objects {
        let Some(object) = work.object(index) else {
            break;
        };
        if object.depth == MEMBER || object.depth == FIRST {
            continue;
        }
        let align = program.type_at(object.type_index).map_or(8, |t| t.align);
        let to = at + work.lead(at, object.address, align.max(8));
        let length = object.length(program);
        let words = word::words_for(object.address, length) as usize;
        let mut area = Area::new(work.area);
        area.shift(object.position as usize, to, words);
        area.clear(at, to);
        work.set_place(index, to as u32, object.depth);
        at = to + words;
    }
    work.state.touched = work.state.touched.max(work.state.stream_end);
    work.state.stream_end = at;
}

/// Brings a group to its place, and clears the gap before it.
fn bring(work: &mut Work<'_>, home: Home, at: usize, to: usize, end: usize, words: usize) {
    match home {
        Home::Area(home) => {
            let mut area = Area::new(work.area);
            area.shift(home + at, to, words);
        }
        Home::Work(home) => {
            let from = work.words.get(home + at..home + at + words);
            if let (Some(from), Some(into)) = (from, work.area.get_mut(to..to + words)) {
                for (into, from) in into.iter_mut().zip(from) {
                    *into = *from;
                }
            }
        }
    }
    Area::new(work.area).clear(end, to);
}
