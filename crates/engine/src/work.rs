//! The work region: every byte the engine uses between the hit and the image.
//!
//! ```text
//! | state | roots | diagnostics | stream: copied bytes, visited tables → … ← objects |
//! ```
//!
//! The *stream* grows up: for each object the marks of its words (if its type
//! has pointers), then its bytes. The *objects* grow down, one record each, and
//! are at the same time the queue of what is still to be followed. Nothing is
//! cleared beforehand. Positions are indices of words, 32 bits wide.

use kflat_abi::extension::Diagnostic;
use kflat_abi::program::Program;
use kflat_abi::record::Record;

use crate::visited::Visited;
use crate::word;

/// Words of an object's record.
const OBJECT_WORDS: usize = 4;
/// Words of a diagnostic.
pub(crate) const DIAGNOSTIC_WORDS: usize = Diagnostic::SIZE / 8;
/// Words of a region's head that keep the state between the two phases.
const STATE_WORDS: usize = 16;
/// Marks that fit in a word.
const MARKS: u64 = 32;

/// The smallest region that a capture with `roots` roots can run in, in words.
/// It holds a handful of objects; what a real capture needs is about the size
/// of its image.
#[must_use]
pub fn required_words(roots: u32) -> usize {
    STATE_WORDS + roots as usize + 4 * DIAGNOSTIC_WORDS + 1024
}

/// Words of a region that the capture which left it used.
#[must_use]
pub fn used_words(work: &[u64]) -> usize {
    match work.first_chunk() {
        Some([top, objects]) => *top as usize + *objects as usize * OBJECT_WORDS,
        None => 0,
    }
}

/// What a word of a copied object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Plain bytes.
    Plain,
    /// A pointer: the word holds a [`Link`] now.
    Pointer,
    /// A function pointer, its value unchanged.
    Function,
}

impl Mark {
    /// The mark in the low two bits.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            0 => Self::Plain,
            1 => Self::Pointer,
            _ => Self::Function,
        }
    }
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
    /// Elements.
    pub(crate) count: u32,
    /// The object that led here.
    pub(crate) parent: u32,
    /// The action that led here.
    pub(crate) via: u32,
    /// Where its bytes are in the stream, in words.
    pub(crate) position: u32,
    /// Pointers from a root; after layout the offset in the image's memory in
    /// words, whose byte is that of the address. The topmost bit: its bytes
    /// follow their marks.
    depth_and_marks: u32,
}

const HAS_MARKS: u32 = 1 << 31;
/// Bytes of an image's memory: less than 16 GiB, so that offsets fit.
pub(crate) const MEMORY_LIMIT: u64 = (HAS_MARKS as u64) << 3;

impl Object {
    #[inline]
    pub(crate) fn depth(&self) -> u32 {
        self.depth_and_marks & !HAS_MARKS
    }

    #[inline]
    pub(crate) fn has_marks(&self) -> bool {
        self.depth_and_marks & HAS_MARKS != 0
    }

    /// Its bytes.
    #[inline]
    pub(crate) fn length(&self, program: &Program<'_>) -> u64 {
        let size = program.type_at(self.type_index).map_or(0, |view| view.size);
        u64::from(size) * u64::from(self.count)
    }

    /// After layout: its offset in the image's memory.
    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        (u64::from(self.depth_and_marks & !HAS_MARKS) << 3) | (self.address % 8)
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

/// Numbers that outlive the capture phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// First free word of the stream.
    pub(crate) top: usize,
    /// Objects so far.
    pub(crate) objects: u32,
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
    /// Words that hold a function pointer.
    pub(crate) functions: u32,
    /// Bytes by which links lead in front of and behind their objects, at most.
    pub(crate) before: u32,
    pub(crate) behind: u32,
    /// The table of visited objects.
    pub(crate) visited: Visited,
}

/// The region with its state.
#[derive(Debug)]
pub(crate) struct Work<'w> {
    pub(crate) words: &'w mut [u64],
    pub(crate) state: State,
}

impl<'w> Work<'w> {
    /// Lays out an empty region. `None`: it has fewer than [`required_words`].
    pub(crate) fn begin(words: &'w mut [u64], roots: u32) -> Option<Self> {
        if words.len() < required_words(roots) {
            return None;
        }
        // Positions have 32 bits; more than 32 GiB would not be used.
        let limit = words.len().min(u32::MAX as usize);
        let words = words.get_mut(..limit)?;
        let room = (words.len() / 64 / DIAGNOSTIC_WORDS).clamp(4, 1024);
        let mut work = Self {
            words,
            state: State {
                top: STATE_WORDS + roots as usize + room * DIAGNOSTIC_WORDS,
                roots,
                diagnostics_room: room as u32,
                ..State::default()
            },
        };
        for root in 0..roots {
            work.set_root(root, Link::NONE);
        }
        Visited::begin(&mut work)?;
        Some(work)
    }

    /// The region as [`save`](Self::save) left it.
    pub(crate) fn resume(words: &'w mut [u64]) -> Option<Self> {
        let limit = words.len().min(u32::MAX as usize);
        let words = words.get_mut(..limit)?;
        let state: &[u64; STATE_WORDS] = words.first_chunk()?;
        let [
            top,
            objects,
            roots,
            diagnostics,
            dropped,
            room,
            reason,
            stopped,
            bytes,
            at,
            slots,
            functions,
            outside,
            ..,
        ] = *state;
        let state = State {
            top: top as usize,
            objects: objects as u32,
            roots: roots as u32,
            diagnostics: diagnostics as u32,
            dropped: dropped as u32,
            diagnostics_room: room as u32,
            reason: reason as u32,
            stopped: stopped != 0,
            bytes,
            visited: Visited::from_words(at, slots),
            functions: functions as u32,
            before: (outside >> 32) as u32,
            behind: outside as u32,
        };
        Some(Self { words, state })
    }

    /// Keeps the state in the region's head.
    pub(crate) fn save(&mut self) {
        let state = self.state;
        let (at, slots) = state.visited.to_words();
        let values = [
            state.top as u64,
            u64::from(state.objects),
            u64::from(state.roots),
            u64::from(state.diagnostics),
            u64::from(state.dropped),
            u64::from(state.diagnostics_room),
            u64::from(state.reason),
            u64::from(state.stopped),
            state.bytes,
            at,
            slots,
            u64::from(state.functions),
            u64::from(state.before) << 32 | u64::from(state.behind),
        ];
        for (word, value) in self.words.iter_mut().zip(values) {
            *word = value;
        }
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

    /// Words between the stream and the objects.
    #[inline]
    pub(crate) fn free(&self) -> usize {
        self.words
            .len()
            .saturating_sub(self.state.objects as usize * OBJECT_WORDS)
            .saturating_sub(self.state.top)
    }

    /// Takes `count` words off the stream's top.
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
        self.get(STATE_WORDS + index as usize)
    }

    pub(crate) fn set_root(&mut self, index: u32, link: u64) {
        self.set(STATE_WORDS + index as usize, link);
    }

    /// First word of diagnostic `index`.
    pub(crate) fn diagnostic_at(&self, index: u32) -> usize {
        STATE_WORDS + self.state.roots as usize + index as usize * DIAGNOSTIC_WORDS
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
            depth_and_marks: place as u32,
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

    /// After layout: where in the image's memory `link` leads to.
    #[inline]
    pub(crate) fn target(&self, link: Link) -> u64 {
        self.object(link.object).map_or(0, |object| {
            object.offset().wrapping_add_signed(i64::from(link.delta))
        })
    }

    /// Puts object `index` at `offset` (below [`MEMORY_LIMIT`], at the same byte
    /// of a word as its address) of the image's memory.
    #[inline]
    pub(crate) fn set_offset(&mut self, index: u32, offset: u64) {
        let at = self.object_at(index).wrapping_add(3);
        let kept = self.get(at) & !u64::from(!HAS_MARKS);
        self.set(at, kept | offset >> 3);
    }

    /// Words of the marks of `length` bytes at `address`.
    #[inline]
    fn mark_words(address: u64, length: u64) -> u64 {
        word::words_for(address, length).div_ceil(MARKS)
    }

    /// Room for an object of `length` bytes with (`marks`) or without marks: the
    /// position of its bytes, whose marks, first and last word are zero.
    /// [`push`](Self::push) makes it an object.
    #[inline]
    pub(crate) fn reserve(&mut self, address: u64, length: u64, marks: bool) -> Option<usize> {
        let data = word::words_for(address, length);
        let marks = if marks {
            Self::mark_words(address, length)
        } else {
            0
        };
        let total = usize::try_from(data.checked_add(marks)?).ok()?;
        // The object's record comes from the same free words.
        if total.checked_add(OBJECT_WORDS)? > self.free() {
            return None;
        }
        let at = self.take(total)?;
        let position = at + marks as usize;
        for word in self.words.get_mut(at..=position)? {
            *word = 0;
        }
        self.set(self.state.top.wrapping_sub(1), 0);
        Some(position)
    }

    /// Gives words back that were just reserved: the stream ends after the
    /// `length` bytes at `position`.
    #[inline]
    pub(crate) fn shrink(&mut self, position: usize, address: u64, length: u64) {
        self.state.top = position + word::words_for(address, length) as usize;
    }

    /// Takes the reservation at `position` back.
    #[inline]
    pub(crate) fn release(&mut self, position: usize, address: u64, length: u64, marks: bool) {
        let marks = if marks {
            Self::mark_words(address, length) as usize
        } else {
            0
        };
        self.state.top = position.saturating_sub(marks);
    }

    /// Appends an object whose bytes are at `position`.
    #[inline]
    pub(crate) fn push(
        &mut self,
        arrival: Arrival,
        count: u32,
        position: usize,
        marks: bool,
    ) -> Option<u32> {
        let index = self.state.objects;
        if OBJECT_WORDS > self.free() || index >= u32::MAX - 1 {
            return None;
        }
        let depth = arrival.depth.min(HAS_MARKS - 1) | if marks { HAS_MARKS } else { 0 };
        let record = [
            arrival.address,
            u64::from(arrival.type_index) << 32 | u64::from(count),
            u64::from(arrival.parent) << 32 | u64::from(arrival.via),
            (position as u64) << 32 | u64::from(depth),
        ];
        let at = self.object_at(index);
        *self.words.get_mut(at..)?.first_chunk_mut()? = record;
        self.state.objects = index + 1;
        Some(index)
    }

    /// Where the mark of word `word` of `object` is: index and shift.
    #[inline]
    fn mark_place(object: &Object, word: u64, words: u64) -> (usize, u64) {
        let first = (object.position as usize).wrapping_sub(words.div_ceil(MARKS) as usize);
        (
            first.wrapping_add((word / MARKS) as usize),
            2 * (word % MARKS),
        )
    }

    /// The mark of word `word` of an object that has `words` words.
    #[inline]
    pub(crate) fn mark(&self, object: &Object, word: u64, words: u64) -> Mark {
        if !object.has_marks() {
            return Mark::Plain;
        }
        let (at, shift) = Self::mark_place(object, word, words);
        Mark::from_bits(self.get(at) >> shift)
    }

    #[inline]
    pub(crate) fn set_mark(&mut self, object: &Object, word: u64, words: u64, mark: Mark) {
        if !object.has_marks() {
            return;
        }
        let (at, shift) = Self::mark_place(object, word, words);
        let bits = match mark {
            Mark::Plain => 0,
            Mark::Pointer => 1,
            Mark::Function => 2,
        };
        let old = self.get(at);
        self.set(at, old & !(3 << shift) | bits << shift);
    }

    /// The marks of words `32 * block ..` of an object, 2 bits each.
    #[inline]
    pub(crate) fn mark_block(&self, object: &Object, block: u64, words: u64) -> u64 {
        let (at, _) = Self::mark_place(object, block * MARKS, words);
        self.get(at)
    }
}

/// Words that one block of marks covers.
pub(crate) const MARK_BLOCK: u64 = MARKS;
