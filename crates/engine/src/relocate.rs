//! Makes words of the image's memory pointers and lists them (sections 4 and 5 of
//! the image format): ascending, each once, though objects may overlap.

use kflat_abi::extension as abi;

use crate::diagnostics::{Place, note};
use crate::environment::{Quiet, Symbols};
use crate::fixups::{FUNCTION, Fixup};
use crate::sort::{self, COUNTERS};
use crate::work::{Link, Work, record};

/// Bytes of a function's name, its module included, that are kept.
pub(crate) const NAME: usize = 640;
/// Bytes of names that each function is counted with.
const NAME_ROOM: usize = 64;

/// The image's memory where it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Its first word.
    start: usize,
    /// The stream's words from this one on moved by `rest` words, those in front of it by
    /// `front` (modulo the size of a word).
    split: usize,
    front: usize,
    rest: usize,
}

impl Memory {
    /// It begins at word `start`; the stream's words moved by `moved`.
    pub(crate) fn moved(start: usize, moved: usize) -> Self {
        Self {
            start,
            split: 0,
            front: 0,
            rest: moved,
        }
    }

    /// It begins at word `start`; the stream's words in front of `split` moved by `moved`,
    /// behind the others.
    pub(crate) fn rotated(start: usize, split: usize, moved: usize) -> Self {
        Self {
            start,
            split,
            front: moved,
            rest: 0,
        }
    }

    /// Where the word is that was at `position` when it was captured.
    #[inline]
    fn word(&self, position: usize) -> usize {
        let moved = if position < self.split {
            self.front
        } else {
            self.rest
        };
        position.wrapping_add(moved)
    }

    /// Its offset in the image's memory.
    #[inline]
    pub(crate) fn offset(&self, position: usize) -> u64 {
        self.word(position).wrapping_sub(self.start) as u64 * 8
    }

    /// The offset of the object at `address` whose record says that `place`.
    #[inline]
    pub(crate) fn offset_at(&self, place: u64, address: u64) -> u64 {
        self.offset((place >> 32) as usize) + address % 8
    }

    /// Where in the image's memory `link` leads to.
    #[inline]
    pub(crate) fn target(&self, work: &Work<'_>, link: Link) -> u64 {
        let address = work.address(link.object);
        let (position, _) = work.place(link.object);
        let start = self.offset(position as usize) + address % 8;
        start.wrapping_add_signed(i64::from(link.delta))
    }
}

/// Word of the stream that a fixup is about.
#[inline]
fn word_of(work: &Work<'_>, fixup: &Fixup) -> usize {
    let (position, _) = work.place(fixup.object);
    (position as usize).wrapping_add(fixup.word as usize)
}

/// Makes all pointers what they are in the image.
pub(crate) fn pointers(work: &mut Work<'_>, memory: Memory) {
    let Work { words, area, state } = work;
    for [key, link] in state.fixups.blocks(words).flatten() {
        if *link != FUNCTION {
            relocate(words, area, memory, *key, *link);
        }
    }
}

/// The same where all of them are ascending; their locations go to the words from `at`
/// on, those in the objects in front of `first` behind all others.
pub(crate) fn list_in_order(work: &mut Work<'_>, memory: Memory, at: usize, first: u32) {
    let Work { words, area, state } = work;
    let in_front = |[key, _]: &&[u64; 2]| ((key >> 32) as u32) < first;
    let mut front = 0;
    for block in state.fixups.blocks(words) {
        if block.first().is_none_or(|pair| !in_front(&pair)) {
            break;
        }
        front += match block.last() {
            Some(pair) if in_front(&pair) => block.len(),
            _ => block.iter().take_while(in_front).count(),
        };
    }
    let behind = at + state.fixups.pointers() - front;
    let mut number = 0;
    for block in state.fixups.blocks(words) {
        for [key, link] in block {
            let offset = relocate(words, area, memory, *key, *link);
            let next = if number < front {
                behind + number
            } else {
                at + number - front
            };
            if let Some(word) = area.get_mut(next) {
                *word = offset;
            }
            number += 1;
        }
    }
}

/// Makes one word a pointer; its offset in the image's memory.
#[inline(always)]
fn relocate(words: &[u64], area: &mut [u64], memory: Memory, key: u64, link: u64) -> u64 {
    let link = Link::unpack(link);
    let holder = record(words, (key >> 32) as u32);
    let target = record(words, link.object);
    let (Some([_, _, _, place]), Some([address, _, _, target])) = (holder, target) else {
        return 0;
    };
    let at = memory.word(((place >> 32) as usize).wrapping_add(key as u32 as usize));
    let target = memory.offset_at(*target, *address);
    if let Some(word) = area.get_mut(at) {
        *word = target.wrapping_add_signed(link.delta.into());
    }
    at.wrapping_sub(memory.start) as u64 * 8
}

/// Lists the words of the stream that become pointers in the area from `at` on;
/// those behind it are free up to `end`. How many.
pub(crate) fn list_pointers(work: &mut Work<'_>, at: usize, end: usize) -> usize {
    list(work, at, end, |fixup| fixup.link.is_some())
}

/// The same for functions that have a name and are none of the `pointers` words
/// in front of `at`.
pub(crate) fn list_functions(
    work: &mut Work<'_>,
    stream: usize,
    (at, pointers): (usize, usize),
    end: usize,
    symbols: &mut impl Symbols,
) -> usize {
    if work.state.fixups.functions == 0 {
        return 0;
    }
    let count = list(work, at, end, |fixup| fixup.link.is_none());
    let mut room = work.state.fixups.functions as usize * NAME_ROOM;
    let moved = stream.wrapping_sub(work.state.stream);
    let mut name = [0; NAME];
    let (mut kept, mut nameless, mut last) = (0, 0, 0);
    for index in 0..count {
        let position = work.area.get(at + index).copied().unwrap_or(0);
        let known = work.area.get(at - pointers..at).unwrap_or(&[]);
        // An object that overlaps this one may know it as a data pointer.
        if sort::contains(known, position) {
            continue;
        }
        let value = work.area.get((position as usize).wrapping_add(moved));
        let value = value.copied().unwrap_or(0);
        if value == 0 {
            continue;
        }
        match symbols.name(value, &mut name) {
            Some(length) if length > 0 && length <= room => {
                room -= length;
                if let Some(word) = work.area.get_mut(at + kept) {
                    *word = position;
                }
                kept += 1;
            }
            _ => (nameless, last) = (nameless + 1, value),
        }
    }
    if nameless > 0 {
        let nowhere = Place {
            object: abi::NO_OBJECT,
            via: abi::NO_OBJECT,
            element: 0,
        };
        let (quiet, reason) = (&mut Quiet, abi::REASON_NO_SYMBOL);
        note(work, quiet, nowhere, reason, last, nameless);
    }
    kept
}

fn list(work: &mut Work<'_>, at: usize, end: usize, wanted: impl Fn(&Fixup) -> bool) -> usize {
    let mut cursor = work.state.fixups.cursor();
    let mut count = 0;
    while let Some(fixup) = cursor.next(work) {
        if wanted(&fixup) {
            let position = word_of(work, &fixup) as u64;
            if let Some(word) = work.area.get_mut(at + count) {
                *word = position;
            }
            count += 1;
        }
    }
    let Some(free) = work.area.get_mut(at..end.max(at)) else {
        return count;
    };
    let Some((entries, rest)) = free.split_at_mut_checked(count) else {
        return count;
    };
    let mut pairs = entries.iter().zip(entries.iter().skip(1));
    if !pairs.all(|(first, second)| first < second) {
        sort(entries, rest);
    }
    sort::unique(entries)
}

fn sort(entries: &mut [u64], rest: &mut [u64]) {
    let count = entries.len();
    if let Some((counters, other)) = rest.split_at_mut_checked(COUNTERS)
        && let Some(other) = other.get_mut(..count)
    {
        let most = entries.iter().fold(0, |most, word| most.max(*word));
        let bits = u64::BITS - most.leading_zeros();
        let (list, second) = (entries.as_chunks_mut::<1>().0, other.as_chunks_mut::<1>().0);
        if sort::radix(list, second, counters, bits, |[word]| *word) {
            for (to, from) in entries.iter_mut().zip(other) {
                *to = *from;
            }
        }
    } else {
        sort::heap(entries.as_chunks_mut::<1>().0, |a, b| a < b);
    }
}

/// Makes the `count` listed words of the stream from `at` on offsets.
pub(crate) fn to_offsets(work: &mut Work<'_>, memory: Memory, at: usize, count: usize) {
    let list = work.area.get_mut(at..at + count).unwrap_or(&mut []);
    for word in list {
        *word = memory.offset(*word as usize);
    }
}
