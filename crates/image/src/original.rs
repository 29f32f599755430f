//! The kernel's memory as it was: captured bytes at their original addresses,
//! pointers with their original values, and what was saved beside them.

use kflat_abi::extension::Object;
use kflat_abi::program::Program;

use crate::image::Image;
use crate::sections::word;
use crate::surroundings;

/// Why an image's memory can't be put back in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginalError {
    /// The image does not tell addresses.
    #[error(
        "the image does not tell where its memory was: it has no extension, or a damaged one \
         (kflat image tells); capture again with kflat"
    )]
    NoAddresses,
    /// Two fragments had the same address.
    #[error(
        "fragments {first} and {second} overlap: {first} ends at {end:#x}, {second} begins at \
         {start:#x}"
    )]
    Overlap {
        /// The first of them.
        first: usize,
        /// The other.
        second: usize,
        /// Where the first ends.
        end: u64,
        /// Where the other begins.
        start: u64,
    },
    /// A fragment passes the top of memory.
    #[error("fragment {index}: {size} bytes at {address:#x} pass the top of memory")]
    Wraps {
        /// Which.
        index: usize,
        /// Where it begins.
        address: u64,
        /// Its bytes.
        size: u64,
    },
}

/// A fragment at its original address.
#[derive(Clone, Copy, Debug)]
struct Placed {
    address: u64,
    offset: u64,
    size: u64,
    index: usize,
}

/// Memory by original address.
#[derive(Debug)]
pub struct OriginalMemory<'i> {
    image: &'i Image,
    /// Ascending by address, and apart.
    fragments: Vec<Placed>,
    /// Ascending, and apart.
    surroundings: Vec<surroundings::Range<'i>>,
    /// All that is there, ascending, and apart.
    spans: Vec<Span>,
    /// Locations of pointers, ascending.
    pointers: Vec<u64>,
}

/// Addresses that are there without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first address.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

impl Span {
    /// The first address behind it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.address.saturating_add(self.size)
    }

    /// Start and end of what of it lies from `start` up to `end`.
    fn within(&self, start: u64, end: u64) -> (u64, u64) {
        (self.address.max(start), self.end().min(end))
    }
}

impl Placed {
    fn span(&self) -> Span {
        Span {
            address: self.address,
            size: self.size,
        }
    }
}

fn surroundings_span(range: &surroundings::Range<'_>) -> Span {
    Span {
        address: range.address,
        size: range.bytes.len() as u64,
    }
}

impl<'i> OriginalMemory<'i> {
    /// The memory of `image`.
    ///
    /// # Errors
    /// If the image does not tell where its fragments were, or they can't have
    /// been there.
    pub fn of(image: &'i Image) -> Result<Self, OriginalError> {
        let extension = image.extension().ok_or(OriginalError::NoAddresses)?;
        let origins = extension.origins();
        if origins.len() != image.fragments().len() {
            return Err(OriginalError::NoAddresses);
        }
        let program = extension.program();
        let ends = captured_ends(image, extension.objects(), program.as_ref());
        let mut fragments: Vec<Placed> = Vec::with_capacity(origins.len());
        for (index, ((fragment, address), end)) in
            image.fragments().zip(origins).zip(ends).enumerate()
        {
            let size = end - fragment.offset;
            if address.checked_add(size).is_none() {
                return Err(OriginalError::Wraps {
                    index,
                    address: *address,
                    size,
                });
            }
            fragments.push(Placed {
                address: *address,
                offset: fragment.offset,
                size,
                index,
            });
        }
        fragments.retain(|fragment| fragment.size > 0);
        fragments.sort_unstable_by_key(|fragment| (fragment.address, fragment.index));
        for (first, second) in fragments.iter().zip(fragments.iter().skip(1)) {
            let end = first.address + first.size;
            if end > second.address {
                return Err(OriginalError::Overlap {
                    first: first.index,
                    second: second.index,
                    end,
                    start: second.address,
                });
            }
        }
        let surroundings: Vec<_> = extension.surroundings().ranges().collect();
        Ok(Self {
            image,
            spans: unite(&fragments, &surroundings),
            fragments,
            surroundings,
            pointers: image.pointers().collect(),
        })
    }

    /// What was captured, ascending and apart.
    pub fn captured(&self) -> impl ExactSizeIterator<Item = Span> {
        self.fragments.iter().map(Placed::span)
    }

    /// What was saved beside it, ascending and apart.
    #[must_use]
    pub fn surroundings(&self) -> &[surroundings::Range<'i>] {
        &self.surroundings
    }

    /// All that is there, ascending and apart: what was captured, and of the
    /// surroundings what was not.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Fills `into` with the bytes at `address`; whether all of them are there.
    /// Captured bytes count before those that were saved later.
    pub fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let Some(end) = address.checked_add(into.len() as u64) else {
            return false;
        };
        if !self.has(address, end) {
            return false;
        }
        let first =
            (self.surroundings).partition_point(|range| surroundings_span(range).end() <= address);
        for range in self.surroundings.iter().skip(first) {
            if range.address >= end {
                break;
            }
            let (from, to) = surroundings_span(range).within(address, end);
            if let (Some(source), Some(place)) = (
                part(range.bytes, from - range.address, to - from),
                part_mut(into, from - address, to - from),
            ) {
                place.copy_from_slice(source);
            }
        }
        let first = (self.fragments).partition_point(|fragment| fragment.span().end() <= address);
        for fragment in self.fragments.iter().skip(first) {
            if fragment.address >= end {
                break;
            }
            let (from, to) = fragment.span().within(address, end);
            if let Some(place) = part_mut(into, from - address, to - from) {
                self.fill(fragment.offset + (from - fragment.address), place);
            }
        }
        true
    }

    /// Whether all addresses from `start` up to `end` are there.
    fn has(&self, start: u64, end: u64) -> bool {
        let first = self.spans.partition_point(|span| span.end() <= start);
        let mut at = start;
        for span in self.spans.iter().skip(first) {
            if at >= end || span.address > at {
                break;
            }
            at = span.end();
        }
        at >= end
    }

    /// Captured bytes from `offset` on, with the pointers' original values.
    fn fill(&self, offset: u64, into: &mut [u8]) {
        let end = offset + into.len() as u64;
        let memory = self.image.memory();
        if let Some(source) = part(memory, offset, end - offset) {
            into.copy_from_slice(source);
        }
        let first = self
            .pointers
            .partition_point(|location| location.saturating_add(8) <= offset);
        for location in self.pointers.iter().skip(first) {
            if *location >= end {
                break;
            }
            let value = self.value(*location).to_le_bytes();
            let (from, to) = ((*location).max(offset), (location + 8).min(end));
            if let (Some(place), Some(value)) = (
                part_mut(into, from - offset, to - from),
                part(&value, from - location, to - from),
            ) {
                place.copy_from_slice(value);
            }
        }
    }

    /// What the pointer at `location` held in the kernel.
    fn value(&self, location: u64) -> u64 {
        let Some(target) = self.image.target(location) else {
            return word(self.image.memory(), location).unwrap_or(0);
        };
        self.image.address(target).unwrap_or(0)
    }
}

/// The fragments, and of the surroundings what is between them.
fn unite(fragments: &[Placed], surroundings: &[surroundings::Range<'_>]) -> Vec<Span> {
    let mut spans: Vec<Span> = fragments.iter().map(Placed::span).collect();
    let mut captured = fragments.iter().map(Placed::span).peekable();
    for range in surroundings.iter().map(surroundings_span) {
        let (mut at, end) = (range.address, range.end());
        while at < end {
            if captured.next_if(|span| span.end() <= at).is_some() {
                continue;
            }
            let next = captured.peek().filter(|span| span.address < end);
            let until = next.map_or(end, |span| span.address);
            if at < until {
                spans.push(Span {
                    address: at,
                    size: until - at,
                });
            }
            at = next.map_or(end, Span::end);
        }
    }
    spans.sort_unstable_by_key(|span| span.address);
    // What touches is one.
    spans.dedup_by(|next, span| {
        let touches = span.end() == next.address;
        if touches {
            span.size += next.size;
        }
        touches
    });
    spans
}

/// `size` bytes from `at` on.
fn part(bytes: &[u8], at: u64, size: u64) -> Option<&[u8]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..)?.get(..usize::try_from(size).ok()?)
}

fn part_mut(bytes: &mut [u8], at: u64, size: u64) -> Option<&mut [u8]> {
    let at = usize::try_from(at).ok()?;
    bytes.get_mut(at..)?.get_mut(..usize::try_from(size).ok()?)
}

/// Where the captured bytes of each fragment end: the format counts the padding
/// before the next fragment into it, which was not captured. Objects tell them
/// apart.
fn captured_ends(image: &Image, objects: &[Object], program: Option<&Program<'_>>) -> Vec<u64> {
    let starts: Vec<u64> = image.fragments().map(|fragment| fragment.offset).collect();
    let mut ends = vec![0; starts.len()];
    for object in objects {
        let size = program.map_or(0, |program| {
            program.object_size(object.type_index, object.count)
        });
        let end = object.offset.saturating_add(size);
        let after = starts.partition_point(|start| *start <= object.offset);
        if let Some(known) = after.checked_sub(1).and_then(|index| ends.get_mut(index)) {
            *known = end.max(*known);
        }
    }
    (image.fragments().zip(ends))
        .map(|(fragment, end)| {
            let all = fragment.offset.saturating_add(fragment.size);
            let padding = part(image.memory(), end, all.saturating_sub(end));
            let is_padding = end > fragment.offset
                && padding.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
            if is_padding { end.min(all) } else { all }
        })
        .collect()
}
