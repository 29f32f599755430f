//! The two regions of a capture: every byte the engine uses between the hit and
//! the image.
//!
//! ```text
//! area: | room for what precedes the memory | stream: copied bytes → …              |
//! work: | state | roots | diagnostics | blocks: visited tables, fixups → … ← objects |
//! ```
//!
//! The *stream* is the image's memory in the making, each object at the byte of a
//! word that it was at. The *objects* grow down, one record each, and are at the
//! same time the queue of what is still to be followed. Nothing is cleared
//! beforehand. Positions are indices of words, 32 bits wide.

use kflat_abi::extension::Diagnostic;
use kflat_abi::program::code::MAX_STACK;
use kflat_abi::program::{Limits, MAX_NESTING, MAX_PARAMETERS, NONE, Program, Type};
use kflat_abi::record::Record;

use crate::fixups::Fixups;
use crate::layout::DEEPEST;
use crate::ring::RING_WORDS;
use crate::room;
use crate::visited::Visited;
use crate::word;

/// Words of an object's record.
pub(crate) const OBJECT_WORDS: usize = 4;
/// Words of the largest alignment.
const MOST_ALIGN: usize = 4096 / 8;
/// Words of a diagnostic.
pub(crate) const DIAGNOSTIC_WORDS: usize = Diagnostic::SIZE / 8;
/// Words of a frame of embedded elements ([`embed`](crate::embed)).
pub(crate) const FRAME_WORDS: usize = 8;
/// Where the stack of expressions is: first, for [`fits`](crate::fits()) has nothing
/// else. What follows lies in the region and not on the kernel's stack, which is
/// small.
pub(crate) const STACK: usize = 0;
/// Where the frames are.
pub(crate) const FRAMES: usize = STACK + MAX_STACK;
/// Where the parameters are that are being handed down.
pub(crate) const PARAMETERS: usize = FRAMES + MAX_NESTING * FRAME_WORDS;
/// Where the pointers are that are about to be followed.
pub(crate) const RING_AT: usize = (PARAMETERS + MAX_PARAMETERS).next_multiple_of(8);
/// Where the roots are.
const ROOTS: usize = RING_AT + RING_WORDS;

/// The smallest work region that a capture with `roots` roots can run in, in
/// words. It holds a handful of objects; a large capture needs about three
/// quarters of its image.
#[must_use]
pub fn required_words(roots: u32) -> usize {
    ROOTS + roots as usize + 4 * DIAGNOSTIC_WORDS + 1024
}

/// A pointer into a captured object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The object.
    pub(crate) object: u32,
    /// The pointer minus the object's address.
    pub(crate) delta: i32,
}

impl Link {
    /// No link; no object has this index.
    pub(crate) const NONE: u64 = u64::MAX;

    #[inline]
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.object) << 32 | u64::from(self.delta as u32)
    }

    #[inline]
    pub(crate) fn unpack(word: u64) -> Self {
        Self {
            object: (word >> 32) as u32,
            delta: word as u32 as i32,
        }
    }
}

/// A captured object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    /// Its address.
    pub(crate) address: u64,
    /// Its type's index.
    pub(crate) type_index: u32,
    /// Elements; of a type with a flexible array, those of the array.
    pub(crate) count: u32,
    /// The object that led here.
    pub(crate) parent: u32,
    /// The action that led here.
    pub(crate) via: u32,
    /// The word of the area that its first byte is in.
    pub(crate) position: u32,
    /// Pointers from a root; when the image is laid out, what its place is
    /// ([`layout`](crate::layout)).
    pub(crate) depth: u32,
}

impl Object {
    /// Its bytes.
    #[inline]
    pub(crate) fn length(&self, program: &Program<'_>) -> u64 {
        length_of(program, self.type_index, self.count)
    }
}

/// The records of `count` objects in the order of capture: address; type and count;
/// parent and action; position and depth.
#[inline]
pub(crate) fn records(
    words: &[u64],
    count: u32,
) -> impl Iterator<Item = &[u64; OBJECT_WORDS]> + Clone {
    words.as_rchunks().1.iter().rev().take(count as usize)
}

/// The record of object `index`.
#[inline(always)]
pub(crate) fn record(words: &[u64], index: u32) -> Option<&[u64; OBJECT_WORDS]> {
    let records = words.as_rchunks().1;
    records.get(records.len().wrapping_sub(index as usize + 1))
}

/// Bytes of an object of a type with so many elements.
pub(crate) fn length_of(program: &Program<'_>, type_index: u32, count: u32) -> u64 {
    let view = program.type_at(type_index);
    view.map_or(0, |view| length(program, &view, count))
}

/// Bytes of `count` elements of a type, or of one with so many in its flexible
/// array.
#[inline]
pub(crate) fn length(program: &Program<'_>, view: &Type, count: u32) -> u64 {
    if view.tail == NONE {
        u64::from(view.size) * u64::from(count)
    } else {
        let element = program.type_at(view.tail).map_or(0, |tail| tail.size);
        let tail = u64::from(element) * u64::from(count);
        (u64::from(view.tail_offset) + tail).max(u64::from(view.size))
    }
}

/// What an object is before it has a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) address: u64,
    pub(crate) type_index: u32,
    pub(crate) parent: u32,
    pub(crate) via: u32,
    pub(crate) depth: u32,
}

/// What is known of a capture beside its regions, between its two phases. The caller
/// keeps it, for it would be much of a kernel's stack.
#[derive(Debug, Default)]
pub struct State {
    /// First free word of the blocks.
    pub(crate) top: usize,
    /// Objects so far.
    pub(crate) objects: u32,
    /// So many of them at most may have actions: none of the others has.
    pub(crate) active: u32,
    /// Roots.
    pub(crate) roots: u32,
    /// Diagnostics kept.
    pub(crate) diagnostics: u32,
    /// Diagnostics that had no room.
    pub(crate) dropped: u32,
    /// Diagnostics that there is room for.
    pub(crate) diagnostics_room: u32,
    /// What ended or thinned the capture.
    pub(crate) reason: u32,
    /// Whether the capture ended early.
    pub(crate) stopped: bool,
    /// Bytes of all objects.
    pub(crate) bytes: u64,
    /// Bytes by which links lead in front of and behind their objects, at most.
    pub(crate) before: u32,
    pub(crate) behind: u32,
    /// First word of the stream, and the first free one behind it.
    pub(crate) stream: usize,
    pub(crate) stream_end: usize,
    /// The end of what the stream had before it was cut.
    pub(crate) touched: usize,
    /// Words of the area that the image takes apart from the stream.
    pub(crate) around: usize,
    /// Words of the area that a refused object would have taken on top.
    pub(crate) refused: usize,
    /// Bytes of the largest object that is not [`large`](LARGE).
    pub(crate) largest: u64,
    /// How many large objects there are.
    pub(crate) large: u32,
    /// The lowest address of an object, the highest end of one, and the bits in which
    /// the address of any differs from the lowest so far.
    pub(crate) lowest: u64,
    pub(crate) highest: u64,
    pub(crate) varying: u64,
    /// Words that aligning fragments again may take.
    pub(crate) slack: usize,
    /// The most that a fragment is aligned to.
    pub(crate) align: u32,
    /// Ranges that changed while the capture ran: first word of their list and how
    /// many.
    pub(crate) changes: usize,
    pub(crate) change_count: usize,
    /// The program's limits, or those of the engine.
    pub(crate) limits: Limits,
    /// Words that become pointers, and those that hold function pointers.
    pub(crate) fixups: Fixups,
    /// The table of visited objects.
    pub(crate) visited: Visited,
}

impl State {
    /// Of a capture that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            top: 0,
            objects: 0,
            active: 0,
            roots: 0,
            diagnostics: 0,
            dropped: 0,
            diagnostics_room: 0,
            reason: 0,
            stopped: false,
            bytes: 0,
            before: 0,
            behind: 0,
            stream: 0,
            stream_end: 0,
            touched: 0,
            around: 0,
            refused: 0,
            largest: 0,
            large: 0,
            lowest: u64::MAX,
            highest: 0,
            varying: 0,
            slack: 0,
            align: 0,
            changes: 0,
            change_count: 0,
            limits: Limits {
                bytes: 0,
                time_ns: 0,
                objects: 0,
                depth: 0,
                elements: 0,
                string: 0,
                reserved: 0,
            },
            fixups: Fixups::NONE,
            visited: Visited::NONE,
        }
    }

    /// There is going to be one more object, of `length` bytes at `address`.
    #[inline]
    pub(crate) fn reach(&mut self, address: u64, length: u64) {
        if self.objects == 0 {
            self.lowest = address;
        }
        self.varying |= address ^ self.lowest;
        self.lowest = self.lowest.min(address);
        self.highest = self.highest.max(address.wrapping_add(length));
    }

    /// Words of the work region that were used.
    #[must_use]
    pub fn used_words(&self) -> usize {
        self.top + self.objects as usize * OBJECT_WORDS
    }
}

/// Objects of more bytes are large: few, and looked at one by one.
pub(crate) const LARGE: u64 = 4096;

/// The regions with their state.
#[derive(Debug)]
pub(crate) struct Work<'w> {
    pub(crate) words: &'w mut [u64],
    pub(crate) area: &'w mut [u64],
    pub(crate) state: &'w mut State,
}

impl<'w> Work<'w> {
    /// The parts of the regions that positions of 32 bits reach: 32 GiB.
    #[inline]
    pub(crate) fn new(
        words: &'w mut [u64],
        area: &'w mut [u64],
        state: &'w mut State,
    ) -> Option<Self> {
        const MOST: usize = u32::MAX as usize;
        let (most_words, most_area) = (words.len().min(MOST), area.len().min(MOST));
        Some(Self {
            words: words.get_mut(..most_words)?,
            area: area.get_mut(..most_area)?,
            state,
        })
    }

    /// Begins a capture. `None`: there are fewer words than [`required_words`].
    #[inline(never)]
    pub(crate) fn begin(&mut self, program: &Program<'_>) -> Option<()> {
        let (_, _, roots) = program.counts();
        if self.words.len() < required_words(roots) {
            return None;
        }
        let in_work = (self.words.len() / 64 / DIAGNOSTIC_WORDS).clamp(4, 1024);
        let room = in_work.min(room::diagnostics(self.area.len()));
        let stream = room::stream_start(program, self.area.len());
        *self.state = State {
            top: ROOTS + roots as usize + room * DIAGNOSTIC_WORDS,
            roots,
            diagnostics_room: room as u32,
            stream,
            stream_end: stream,
            around: room::fixed(room),
            align: 8,
            ..State::new()
        };
        for root in 0..roots {
            self.set_root(root, Link::NONE);
        }
        Visited::begin(self)?;
        self.state.stopped = self.room() == 0;
        Some(())
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize, value: u64) {
        if let Some(word) = self.words.get_mut(at) {
            *word = value;
        }
    }

    /// Words between the blocks and the objects.
    #[inline]
    pub(crate) fn free(&self) -> usize {
        self.words
            .len()
            .saturating_sub(self.state.objects as usize * OBJECT_WORDS)
            .saturating_sub(self.state.top)
    }

    /// Takes `count` words as a block.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Option<usize> {
        let at = self.state.top;
        if count > self.free() {
            return None;
        }
        self.state.top = at + count;
        Some(at)
    }

    pub(crate) fn root(&self, index: u32) -> u64 {
        self.get(ROOTS + index as usize)
    }

    pub(crate) fn set_root(&mut self, index: u32, link: u64) {
        self.set(ROOTS + index as usize, link);
    }

    /// First word of diagnostic `index`.
    pub(crate) fn diagnostic_at(&self, index: u32) -> usize {
        ROOTS + self.state.roots as usize + index as usize * DIAGNOSTIC_WORDS
    }

    #[inline]
    fn object_at(&self, index: u32) -> usize {
        self.words
            .len()
            .wrapping_sub((index as usize + 1).wrapping_mul(OBJECT_WORDS))
    }

    /// Object `index`.
    #[inline]
    pub(crate) fn object(&self, index: u32) -> Option<Object> {
        if index >= self.state.objects {
            return None;
        }
        let at = self.object_at(index);
        let [address, kind, origin, place] = *self.words.get(at..)?.first_chunk()?;
        Some(Object {
            address,
            type_index: (kind >> 32) as u32,
            count: kind as u32,
            parent: (origin >> 32) as u32,
            via: origin as u32,
            position: (place >> 32) as u32,
            depth: place as u32,
        })
    }

    /// Address and type of object `index`.
    #[inline]
    pub(crate) fn identity(&self, index: u32) -> (u64, u32) {
        let at = self.object_at(index);
        match self.words.get(at..).and_then(<[u64]>::first_chunk) {
            Some([address, kind]) => (*address, (*kind >> 32) as u32),
            None => (0, u32::MAX),
        }
    }

    /// Address of object `index`.
    #[inline]
    pub(crate) fn address(&self, index: u32) -> u64 {
        self.get(self.object_at(index))
    }

    /// Position and depth of object `index`.
    #[inline]
    pub(crate) fn place(&self, index: u32) -> (u32, u32) {
        let place = self.get(self.object_at(index).wrapping_add(3));
        ((place >> 32) as u32, place as u32)
    }

    #[inline]
    pub(crate) fn set_place(&mut self, index: u32, position: u32, depth: u32) {
        let at = self.object_at(index).wrapping_add(3);
        self.set(at, u64::from(position) << 32 | u64::from(depth));
    }

    /// The `count` parameters of object `index`: the words in front of its bytes.
    #[inline]
    pub(crate) fn parameters(&self, index: u32, count: usize) -> &[u64] {
        let end = self.place(index).0 as usize;
        let words = self.area.get(end.wrapping_sub(count)..end);
        words.unwrap_or(&[])
    }

    /// Words of the area that the stream may still take.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        let taken = self.state.stream_end.saturating_add(self.state.around);
        self.area.len().saturating_sub(taken)
    }

    /// Room in the stream for an object of `length` bytes at `address`: the
    /// position of its bytes, whose first and last words are zero.
    /// [`push`](Self::push) makes it an object. `parameters` words precede it.
    #[inline]
    pub(crate) fn reserve(
        &mut self,
        address: u64,
        length: u64,
        align: u32,
        parameters: usize,
    ) -> Option<usize> {
        let words = usize::try_from(word::words_for(address, length)).ok()?;
        let mut position = self.state.stream_end.wrapping_add(parameters);
        if align > 8 {
            position = position.wrapping_add(self.lead(position, address, align));
        }
        let end = position.checked_add(words)?;
        if end.checked_add(self.state.around + room::OBJECT)? > self.area.len() {
            self.state.refused = words + room::OBJECT + parameters + align as usize / 8;
            return None;
        }
        *self.area.get_mut(position)? = 0;
        if let Some(last) = self.area.get_mut(end.wrapping_sub(1)) {
            *last = 0;
        }
        if align > 8 || parameters > 0 {
            let gap = self.area.get_mut(self.state.stream_end..position)?;
            gap.fill(0);
            self.align(align);
        }
        self.state.stream_end = end;
        Some(position)
    }

    /// Lengthens the stream, and with it its last object, by `count` words, the
    /// last one zero.
    pub(crate) fn extend(&mut self, count: usize) -> Option<()> {
        if count + room::OBJECT > self.room() {
            self.state.refused = count + room::OBJECT;
            return None;
        }
        self.state.stream_end += count;
        if count > 0 {
            *self.area.get_mut(self.state.stream_end.wrapping_sub(1))? = 0;
        }
        Some(())
    }

    /// Bytes of an area that would have been enough so far.
    pub(crate) fn needed_size(&self) -> u64 {
        let state = &self.state;
        (state.stream_end + state.around + state.refused) as u64 * 8
    }

    /// Keeps room for what aligning a fragment to `align` may take.
    fn align(&mut self, align: u32) {
        if align > 8 {
            let once = if self.state.align > 8 { 0 } else { MOST_ALIGN };
            let more = align as usize / 8 + once;
            self.state.align = self.state.align.max(align);
            self.state.slack += more;
            self.state.around += more;
        }
    }

    /// Words in front of `position` after which it is aligned to `align` as
    /// `address` is, counted from the stream's start.
    pub(crate) fn lead(&self, position: usize, address: u64, align: u32) -> usize {
        let offset = position.wrapping_sub(self.state.stream) as u64 * 8;
        let gap = (address & !7).wrapping_sub(offset) & u64::from(align.wrapping_sub(1));
        (gap / 8) as usize
    }

    /// Ends the stream after the `length` bytes of an object at `position`.
    #[inline]
    pub(crate) fn shrink(&mut self, position: usize, address: u64, length: u64) {
        self.cut(position + word::words_for(address, length) as usize);
        let end = address % 8 + length;
        if !end.is_multiple_of(8)
            && let Some(last) = self.area.get_mut(position + (end / 8) as usize)
        {
            *last &= (1 << (8 * (end % 8))) - 1;
        }
    }

    /// Ends the stream at word `end`.
    pub(crate) fn cut(&mut self, end: usize) {
        self.state.touched = self.state.touched.max(self.state.stream_end);
        self.state.stream_end = end;
    }

    /// Appends an object whose `length` bytes are at `position`.
    #[inline]
    pub(crate) fn push(
        &mut self,
        arrival: &Arrival,
        count: u32,
        position: usize,
        length: u64,
    ) -> Option<u32> {
        let index = self.state.objects;
        if OBJECT_WORDS > self.free() || index >= u32::MAX - 1 {
            return None;
        }
        let record = [
            arrival.address,
            u64::from(arrival.type_index) << 32 | u64::from(count),
            u64::from(arrival.parent) << 32 | u64::from(arrival.via),
            (position as u64) << 32 | u64::from(arrival.depth.min(DEEPEST)),
        ];
        let at = self.object_at(index);
        *self.words.get_mut(at..)?.first_chunk_mut()? = record;
        self.state.reach(arrival.address, length);
        self.state.objects = index + 1;
        self.state.active = index + 1;
        self.state.around += room::OBJECT;
        self.state.bytes += length;
        if length <= LARGE {
            self.state.largest = self.state.largest.max(length);
        } else {
            self.state.large += 1;
        }
        Some(index)
    }
}
