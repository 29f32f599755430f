//! An image's memory in as many allocations as it has fragments.

use std::collections::HashMap;

use kflat_abi::extension as abi;
use kflat_abi::image::Fragment;
use kflat_abi::record::Record;

use super::heap::Allocation;
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
    allocations: Vec<Allocation>,
    /// The fragment that was written last; the next is near.
    cursor: usize,
    /// Fragments by address, once one was asked for.
    by_address: Option<HashMap<usize, usize>>,
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
        let locator = Locator::of(records().map(|fragment| fragment.offset).collect());
        let memory = sections.of(bytes, &sections.memory);
        let align = extension.map_or(ALIGNMENT, largest_alignment);
        let ends = extension.map_or(Vec::new(), |extension| ends(extension, &locator));
        let origins = extension.map_or(&[][..], Extension::origins);
        let mut allocations = Vec::with_capacity(count);
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
            allocations.push(allocation.ok_or(LoadError::Memory { size: shape.size })?);
        }
        Ok(Self {
            locator,
            allocations,
            cursor: 0,
            by_address: None,
        })
    }

    /// The address of what is at `offset`.
    #[inline]
    pub(super) fn pointer(&self, offset: u64) -> Option<*mut u8> {
        let (index, begin) = self.locator.find(offset)?;
        let start = self.allocations.get(index)?.pointer();
        Some(start.wrapping_offset(offset.wrapping_sub(begin) as isize))
    }

    /// The offset of what is at an address.
    pub(super) fn offset(&mut self, address: usize) -> Option<u64> {
        if let Some(index) = self.at(address) {
            return self.locator.offset(index);
        }
        let mut all = (0..).zip(&self.allocations);
        let (index, start) = all.find_map(|(index, allocation)| {
            let start = allocation.pointer() as usize;
            let size = allocation.size() as usize;
            (start..start.saturating_add(size))
                .contains(&address)
                .then_some((index, start))
        })?;
        Some(self.locator.offset(index)? + (address - start) as u64)
    }

    /// The fragment that begins at an address.
    fn at(&mut self, address: usize) -> Option<usize> {
        let all = self.by_address.get_or_insert_with(|| {
            let starts = self.allocations.iter().map(|a| a.pointer() as usize);
            starts.zip(0..).collect()
        });
        all.get(&address).copied()
    }

    /// Leaves a fragment to somebody else. `false`: no fragment begins there.
    pub(super) fn give_away(&mut self, address: usize) -> bool {
        let Some(index) = self.at(address) else {
            return false;
        };
        if let Some(allocation) = self.allocations.get_mut(index) {
            allocation.give_away();
        }
        true
    }

    /// Whether something was given away.
    pub(super) fn has_given_away(&self) -> bool {
        self.allocations.iter().any(Allocation::is_given_away)
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
        for (index, allocation) in self.allocations.iter_mut().enumerate() {
            if !allocation.is_given_away() {
                continue;
            }
            let (size, offset) = (allocation.size(), self.locator.offset(index).unwrap_or(0));
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
        for (index, allocation) in self.allocations.iter_mut().enumerate() {
            let offset = self.locator.offset(index).unwrap_or(0) as usize;
            let bytes =
                (memory.get(offset..)).and_then(|tail| tail.get(..allocation.size() as usize));
            restored += usize::from(bytes.is_some_and(|bytes| allocation.restore(bytes)));
        }
        restored
    }

    /// The fragment that a location is in, and where in it.
    #[inline]
    fn near(&mut self, offset: u64) -> Option<(usize, u64)> {
        let begin = self.locator.offset(self.cursor)?;
        let next = self.locator.offset(self.cursor + 1).unwrap_or(u64::MAX);
        if offset >= begin && offset < next {
            return Some((self.cursor, offset - begin));
        }
        let (index, begin) = self.locator.find(offset)?;
        self.cursor = index;
        Some((index, offset.checked_sub(begin)?))
    }
}

impl Words for Fragments {
    #[inline]
    fn word(&mut self, offset: u64) -> Option<u64> {
        let (index, inside) = self.near(offset)?;
        self.allocations.get(index)?.word(inside)
    }

    #[inline]
    fn put(&mut self, offset: u64, word: u64) -> Option<()> {
        let (index, inside) = self.near(offset)?;
        self.allocations.get_mut(index)?.put(inside, word)
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
fn ends(extension: &Extension, locator: &Locator) -> Vec<u64> {
    let Some(program) = extension.program() else {
        return Vec::new();
    };
    let mut ends = vec![0u64; locator.count()];
    for abi::Object {
        offset,
        type_index,
        count,
        ..
    } in extension.objects()
    {
        let size = program.object_size(*type_index, *count);
        let end = offset.saturating_add(size);
        if let Some((index, _)) = locator.find(*offset)
            && let Some(known) = ends.get_mut(index)
        {
            *known = (*known).max(end);
        }
    }
    ends
}
