//! An image's memory in as many allocations as it has fragments.

use kflat_abi::image::Fragment;
use kflat_abi::record::Record;

use super::heap::{Ahead, Allocation};
use super::locate::Locator;
use super::{LoadError, Words};
use crate::extension::Extension;
use crate::sections::{Sections, word};

/// What a fragment is aligned to, if no type asks for more.
const ALIGNMENT: u64 = 8;
/// What a fragment is aligned to at most.
const MOST_ALIGNMENT: u64 = 4096;

/// The fragments.
#[derive(Debug)]
pub(super) struct Fragments {
    locator: Locator,
    pieces: Vec<Piece>,
    /// The fragment that was written last; the next is near.
    cursor: usize,
    /// Address and index of each fragment, ascending, once one was asked for.
    by_address: Option<Vec<(usize, u32)>>,
}

/// A fragment.
#[derive(Debug)]
struct Piece {
    /// Its offset into the image's memory.
    offset: u64,
    allocation: Allocation,
}

/// What the extension adds to a fragment.
struct Shape {
    /// Its original address, or its offset.
    address: u64,
    /// Its bytes without the padding.
    size: u64,
}

impl Fragments {
    /// Allocates a copy of every fragment of the image in `bytes`.
    pub(super) fn copy_of(
        bytes: &[u8],
        sections: &Sections,
        extension: Option<&Extension>,
    ) -> Result<Self, LoadError> {
        let records = sections.of(bytes, &sections.fragments);
        let count = records.len() / Fragment::SIZE;
        if u32::try_from(count).is_err() {
            return Err(LoadError::TooMany { count });
        }
        let records = || {
            (records.chunks_exact(Fragment::SIZE))
                .map(|record| Fragment::decode(record).unwrap_or_default())
        };
        let last = records().next_back().map_or(0, |last| last.offset);
        let locator = Locator::of(records().map(|fragment| fragment.offset), last);
        let memory = sections.of(bytes, &sections.memory);
        let align = extension.map_or(ALIGNMENT, largest_alignment);
        let offsets = || records().map(|fragment| fragment.offset);
        let ends = extension.map_or(Vec::new(), |extension| ends(extension, offsets()));
        let origins = extension.map_or(&[][..], Extension::origins);
        let mut pieces = Vec::with_capacity(count);
        Ahead::of_room(&pieces);
        let mut ahead = Ahead::new();
        for (index, fragment) in records().enumerate() {
            let end = ends
                .get(index)
                .copied()
                .filter(|end| *end > fragment.offset);
            let size = end.map_or(fragment.size, |end| {
                fragment.size.min(end - fragment.offset)
            });
            let shape = Shape {
                address: origins.get(index).copied().unwrap_or(fragment.offset),
                size,
            };
            let start = fragment.offset as usize;
            let bytes = (memory.get(start..))
                .and_then(|tail| tail.get(..shape.size as usize))
                .unwrap_or(&[]);
            let allocation = Allocation::copy_of(bytes, shape.address, align);
            let Some(allocation) = allocation else {
                return Err(LoadError::Memory { size: shape.size });
            };
            ahead.of_heap(allocation.pointer() as usize);
            pieces.push(Piece {
                offset: fragment.offset,
                allocation,
            });
        }
        Ok(Self {
            locator,
            pieces,
            cursor: 0,
            by_address: None,
        })
    }

    /// The last fragment that begins at or before `offset`, or else the first.
    #[inline]
    fn find(&self, offset: u64) -> Option<usize> {
        let bucket = self.locator.bucket(offset);
        let start = bucket.start;
        let inside = self.pieces.get(bucket)?;
        let after = start + inside.partition_point(|piece| piece.offset <= offset);
        Some(after.saturating_sub(1))
    }

    /// The address of what is at `offset`.
    #[inline]
    pub(super) fn pointer(&self, offset: u64) -> Option<*mut u8> {
        let piece = self.pieces.get(self.find(offset)?)?;
        let inside = offset.wrapping_sub(piece.offset) as isize;
        Some(piece.allocation.pointer().wrapping_offset(inside))
    }

    /// The offset of what is at an address.
    pub(super) fn offset(&mut self, address: usize) -> Option<u64> {
        let (index, inside) = self.around(address)?;
        Some(self.pieces.get(index)?.offset + inside)
    }

    /// The fragment that an address is in, and where in it.
    fn around(&mut self, address: usize) -> Option<(usize, u64)> {
        let all = self.by_address.get_or_insert_with(|| {
            let starts = (self.pieces.iter()).map(|piece| piece.allocation.pointer() as usize);
            let mut all: Vec<(usize, u32)> = starts.zip(0..).collect();
            all.sort_unstable();
            all
        });
        let after = all.partition_point(|(start, _)| *start <= address);
        let (start, index) = *all.get(after.checked_sub(1)?)?;
        let index = index as usize;
        let allocation = &self.pieces.get(index)?.allocation;
        let inside = (address - start) as u64;
        let is_inside = inside < allocation.size() || inside == 0;
        (is_inside && !allocation.is_given_away()).then_some((index, inside))
    }

    /// Leaves a fragment to somebody else. `false`: no fragment begins there.
    pub(super) fn give_away(&mut self, address: usize) -> bool {
        let Some((index, 0)) = self.around(address) else {
            return false;
        };
        if let Some(piece) = self.pieces.get_mut(index) {
            piece.allocation.give_away();
        }
        true
    }

    /// Whether something was given away.
    pub(super) fn has_given_away(&self) -> bool {
        (self.pieces.iter()).any(|piece| piece.allocation.is_given_away())
    }

    /// Replaces what was given away by new copies from `memory`; whether there
    /// was any.
    pub(super) fn renew(
        &mut self,
        memory: &[u8],
        extension: Option<&Extension>,
    ) -> Result<bool, LoadError> {
        let align = extension.map_or(ALIGNMENT, largest_alignment);
        let origins = extension.map_or(&[][..], Extension::origins);
        let mut renewed = false;
        for (index, Piece { offset, allocation }) in self.pieces.iter_mut().enumerate() {
            if !allocation.is_given_away() {
                continue;
            }
            let (size, offset) = (allocation.size(), *offset);
            let bytes = (memory.get(offset as usize..))
                .and_then(|tail| tail.get(..size as usize))
                .unwrap_or(&[]);
            let address = origins.get(index).copied().unwrap_or(offset);
            let new = Allocation::copy_of(bytes, address, align);
            *allocation = new.ok_or(LoadError::Memory { size })?;
            renewed = true;
        }
        if renewed {
            self.by_address = None;
        }
        Ok(renewed)
    }

    /// Makes each fragment what it is in `memory`; how many differed.
    pub(super) fn restore(&mut self, memory: &[u8]) -> usize {
        let mut restored = 0;
        for Piece { offset, allocation } in &mut self.pieces {
            let bytes = (memory.get(*offset as usize..))
                .and_then(|tail| tail.get(..allocation.size() as usize));
            restored += usize::from(bytes.is_some_and(|bytes| allocation.restore(bytes)));
        }
        restored
    }

    /// The fragment that a location is in, and where in it.
    #[inline]
    fn near(&mut self, offset: u64) -> Option<(usize, u64)> {
        let begins = |index: usize| {
            self.pieces
                .get(index)
                .map_or(u64::MAX, |piece| piece.offset)
        };
        let is_in = |index: usize| begins(index) <= offset && offset < begins(index + 1);
        let index = match (is_in(self.cursor), is_in(self.cursor + 1)) {
            (true, _) => self.cursor,
            (_, true) => self.cursor + 1,
            _ => self.find(offset)?,
        };
        self.cursor = index;
        Some((index, offset.checked_sub(self.pieces.get(index)?.offset)?))
    }
}

impl Words for Fragments {
    #[inline]
    fn word(&mut self, offset: u64) -> Option<u64> {
        let (index, inside) = self.near(offset)?;
        self.pieces.get(index)?.allocation.word(inside)
    }

    #[inline]
    fn put(&mut self, offset: u64, word: u64) -> Option<()> {
        let (index, inside) = self.near(offset)?;
        (self.pieces.get_mut(index)?.allocation).put(inside, word)
    }

    #[inline]
    fn address(&self, offset: u64) -> u64 {
        self.pointer(offset)
            .map_or(0, |pointer| pointer.expose_provenance() as u64)
    }
}

/// A copy of the memory, whose words lead to the fragments.
pub(super) struct Pristine<'f> {
    pub(super) bytes: Vec<u8>,
    pub(super) fragments: &'f Fragments,
}

impl Words for Pristine<'_> {
    fn word(&mut self, offset: u64) -> Option<u64> {
        word(&self.bytes, offset)
    }

    fn put(&mut self, offset: u64, word: u64) -> Option<()> {
        let tail = self.bytes.get_mut(usize::try_from(offset).ok()?..)?;
        *tail.first_chunk_mut()? = word.to_le_bytes();
        Some(())
    }

    fn address(&self, offset: u64) -> u64 {
        self.fragments.address(offset)
    }
}

/// The largest alignment that a type of the recipe asks for.
fn largest_alignment(extension: &Extension) -> u64 {
    let Some(program) = extension.program() else {
        return ALIGNMENT;
    };
    let (types, ..) = program.counts();
    (0..types)
        .filter_map(|index| program.type_at(index))
        .map(|view| u64::from(view.align))
        .filter(|align| align.is_power_of_two())
        .fold(ALIGNMENT, u64::max)
        .min(MOST_ALIGNMENT)
}

/// Where the objects in each fragment end: what follows is padding, which should
/// not hide an access beyond the object.
fn ends(extension: &Extension, offsets: impl Iterator<Item = u64>) -> Vec<u64> {
    let Some(program) = extension.program() else {
        return Vec::new();
    };
    let mut objects: Vec<(u64, u64)> = (extension.objects().iter())
        .map(|object| {
            let size = program.object_size(object.type_index, object.count);
            (object.offset, object.offset.saturating_add(size))
        })
        .collect();
    objects.sort_unstable();
    let mut objects = objects.into_iter().peekable();
    let mut offsets = offsets.peekable();
    let mut ends = Vec::new();
    while offsets.next().is_some() {
        let next = offsets.peek().copied();
        let mut end = 0;
        while let Some(object) = objects.next_if(|(start, _)| next.is_none_or(|next| *start < next))
        {
            end = end.max(object.1);
        }
        ends.push(end);
    }
    ends
}

#[cfg(test)]
#[path = "../../tests/image/by_hand.rs"]
mod by_hand;

#[cfg(test)]
mod tests {
    use super::{Fragments, Pristine, by_hand::ByHand};
    use crate::load::{Words as _, relocate};
    use crate::sections::Sections;

    /// The whole life of fragments, for Miri: no file is mapped.
    #[test]
    #[expect(unsafe_code, reason = "frees what was given away")]
    fn fragments_are_copied_fixed_reset_and_given_away() {
        let bytes = ByHand::right().build();
        let sections = Sections::find(&bytes).unwrap();
        let locations = sections.of(&bytes, &sections.pointers);
        let memory = sections.of(&bytes, &sections.memory);
        let mut fragments = Fragments::copy_of(&bytes, &sections, None).unwrap();
        relocate(locations, &sections.header, &mut fragments).unwrap();
        let (first, second) = (
            fragments.pointer(0).unwrap(),
            fragments.pointer(24).unwrap(),
        );
        // A pointer of the image leads to the other fragment, and is one.
        let leads_to = fragments.word(8).unwrap();
        assert_eq!(leads_to, second.addr() as u64);
        assert_eq!(fragments.offset(second.addr()), Some(24));
        let mut copy = Pristine {
            bytes: memory.to_vec(),
            fragments: &fragments,
        };
        relocate(locations, &sections.header, &mut copy).unwrap();
        let pristine = copy.bytes;
        fragments.put(0, 99).unwrap();
        assert_eq!(fragments.restore(&pristine), 1);
        assert_eq!(fragments.word(0), Some(7));

        assert!(!fragments.give_away(second.addr() + 8));
        assert!(fragments.give_away(first.addr()) && fragments.has_given_away());
        assert_eq!((fragments.word(0), fragments.put(0, 1)), (None, None));
        assert!(fragments.renew(memory, None).unwrap());
        assert_eq!(fragments.word(0), Some(7));
        // SAFETY: It was made by `malloc` without a lead, and given away.
        unsafe { libc::free(first.cast()) };
    }
}
