//! A loaded image.

#![expect(unsafe_code, reason = "its functions have contracts on memory")]

use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use kflat_abi::extension as abi;
use kflat_abi::image::{Fragment, Header, NO_ROOT};
use kflat_abi::record::Record;
use rustix::fs::{MemfdFlags, memfd_create};

use super::fragments::{Fragments, Pristine};
use super::link::BASE_ALIGNMENT;
use super::mapping::{Mapping, page};
use super::{LoadError, Options, Words, put_functions, relocate, resolve};
use crate::error::ImageError;
use crate::extension::Extension;
use crate::sections::{Sections, Symbols, word, words};

/// An image at new addresses, until it is dropped.
#[derive(Debug)]
pub struct Loaded {
    /// The file.
    source: Mapping,
    sections: Sections,
    memory: Memory,
    /// The value of each function pointer.
    functions: Vec<u64>,
}

/// Where the image's memory is.
#[derive(Debug)]
enum Memory {
    /// In the mapping of the file.
    Mapped(Pages),
    /// In allocations; once a reset was asked for there is a copy.
    Fragments {
        fragments: Fragments,
        pristine: Option<Vec<u8>>,
    },
}

/// What the pages of the file's mapping hold when what was written is discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    /// The file, whose pointers must be fixed.
    File,
    /// The file, whose pointers are right.
    Linked,
    /// The memory as it was after the load.
    Snapshot,
}

/// Where something of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first byte.
    pub pointer: *mut u8,
    /// Its bytes; 0 where the image does not tell.
    pub size: u64,
}

/// The mapped memory as words.
struct Mapped<'m> {
    mapping: &'m Mapping,
    base: u64,
}

impl Words for Mapped<'_> {
    #[inline]
    fn word(&mut self, offset: u64) -> Option<u64> {
        self.mapping.word(offset)
    }

    #[inline]
    fn put(&mut self, offset: u64, word: u64) -> Option<()> {
        self.mapping.put(offset, word)
    }

    #[inline]
    fn address(&self, offset: u64) -> u64 {
        self.base.wrapping_add(offset)
    }
}

impl Loaded {
    /// Loads the image in `file` by a private mapping.
    ///
    /// # Errors
    /// If it is no image or can't be mapped.
    ///
    /// # Safety
    /// The file must not be changed until this value is dropped.
    pub unsafe fn map(file: &File, options: &Options<'_>) -> Result<Self, LoadError> {
        let length = length(file)?;
        if options.trust_linked
            && let Some(address) = linked_for(file)?
        {
            // SAFETY: The caller's promise; the file has that length.
            let mapping = unsafe { Mapping::of(file, length, Some(address)) };
            // If something else is there it is loaded elsewhere.
            if let Ok(source) = mapping {
                let sections = Sections::find_linked(source.front())?;
                return Self::mapped(source, sections, Pages::Linked, options);
            }
        }
        // SAFETY: As above.
        let source = unsafe { Mapping::of(file, length, None) }?;
        let sections = Sections::find(source.front())?;
        Self::mapped(source, sections, Pages::File, options)
    }

    fn mapped(
        mut source: Mapping,
        sections: Sections,
        pages: Pages,
        options: &Options<'_>,
    ) -> Result<Self, LoadError> {
        let functions = resolve(symbols(source.front(), &sections), options);
        source.make_writable(sections.memory.clone())?;
        if pages == Pages::File
            && let Some(range) = dense(source.front(), &sections)
        {
            source.populate(&range);
        }
        let loaded = Self {
            source,
            sections,
            memory: Memory::Mapped(pages),
            functions,
        };
        loaded.fix(pages)?;
        Ok(loaded)
    }

    /// Loads the image in `file`, each fragment as an allocation of its own. Where
    /// the extension tells, an allocation ends where its last object does.
    ///
    /// # Errors
    /// If it is no image, or a fragment's memory can't be had.
    ///
    /// # Safety
    /// The file must not be changed until this value is dropped.
    pub unsafe fn fragments(file: &File, options: &Options<'_>) -> Result<Self, LoadError> {
        // SAFETY: The caller's promise; the file has that length.
        let source = unsafe { Mapping::of(file, length(file)?, None) }?;
        source.read_ahead();
        let bytes = source.front();
        let sections = Sections::find(bytes)?;
        let extension = Extension::find(bytes, &sections, &mut Vec::new());
        let mut fragments = Fragments::copy_of(bytes, &sections, extension.as_ref())?;
        let locations = sections.of(bytes, &sections.pointers);
        relocate(locations, &sections.header, &mut fragments)?;
        let functions = resolve(symbols(bytes, &sections), options);
        let locations = sections.of(bytes, &sections.functions);
        put_functions(locations, &functions, &mut fragments)?;
        Ok(Self {
            source,
            sections,
            memory: Memory::Fragments {
                fragments,
                pristine: None,
            },
            functions,
        })
    }

    /// Makes the words of a mapping addresses: those of pointers where that is
    /// to be done, and those of functions.
    fn fix(&self, pages: Pages) -> Result<(), LoadError> {
        let mut memory = Mapped {
            mapping: &self.source,
            base: self.source.address(self.sections.memory.start) as u64,
        };
        let front = self.source.front();
        if pages == Pages::File {
            let locations = self.sections.of(front, &self.sections.pointers);
            relocate(locations, &self.sections.header, &mut memory)?;
        }
        let locations = self.sections.of(front, &self.sections.functions);
        put_functions(locations, &self.functions, &mut memory)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.sections.header
    }

    /// Whether the image was used as it was linked.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        matches!(self.memory, Memory::Mapped(Pages::Linked))
    }

    /// The fragments of the image's memory, ascending.
    pub fn fragment_records(&self) -> impl ExactSizeIterator<Item = Fragment> {
        let records = (self.sections).of(self.source.front(), &self.sections.fragments);
        (records.chunks_exact(Fragment::SIZE))
            .map(|record| Fragment::decode(record).unwrap_or_default())
    }

    /// The name of root `index`, if it has one.
    #[must_use]
    pub fn root_name(&self, index: usize) -> Option<&str> {
        let named = (self.sections.named.iter()).find(|named| named.index == index)?;
        std::str::from_utf8(self.source.front().get(named.name.clone())?).ok()
    }

    /// Root `index`; `None` if there is none, it was NULL, or nothing was captured
    /// under it.
    #[must_use]
    pub fn root(&self, index: usize) -> Option<Place> {
        let roots = self.sections.of(self.source.front(), &self.sections.roots);
        let offset = word(roots, (index as u64).checked_mul(8)?)?;
        if offset == NO_ROOT {
            return None;
        }
        let named = self
            .sections
            .named
            .iter()
            .find(|named| named.index == index);
        Some(Place {
            pointer: self.pointer(offset)?,
            size: named.map_or(0, |named| named.size),
        })
    }

    /// The root of that name. `None` as for [`root`](Self::root).
    #[must_use]
    pub fn named_root(&self, name: &[u8]) -> Option<Place> {
        let front = self.source.front();
        let named = (self.sections.named.iter())
            .find(|named| front.get(named.name.clone()) == Some(name))?;
        Some(Place {
            size: named.size,
            ..self.root(named.index)?
        })
    }

    /// Where the byte at `offset` of the image's memory is; one past the end is
    /// allowed.
    #[must_use]
    pub fn pointer(&self, offset: u64) -> Option<*mut u8> {
        if offset > self.sections.header.memory_size {
            return None;
        }
        match &self.memory {
            Memory::Mapped(_) => Some(
                self.source
                    .pointer(self.sections.memory.start + offset as usize),
            ),
            Memory::Fragments { fragments, .. } => fragments.pointer(offset),
        }
    }

    /// The offset into the image's memory of what is at `pointer`.
    #[must_use]
    pub fn offset(&mut self, pointer: *const u8) -> Option<u64> {
        match &mut self.memory {
            Memory::Mapped(_) => {
                let start = self.source.address(self.sections.memory.start);
                let offset = pointer.addr().checked_sub(start)? as u64;
                (offset < self.sections.header.memory_size).then_some(offset)
            }
            Memory::Fragments { fragments, .. } => fragments.offset(pointer.addr()),
        }
    }

    /// What the module and user space added to the image; it is read anew by each
    /// call.
    #[must_use]
    pub fn extension(&self) -> Option<Extension> {
        let behind = match &self.memory {
            // The symbols lie between the memory and the extension.
            Memory::Mapped(_) => {
                (self.source.behind()).get(self.sections.end() - self.sections.memory.end..)
            }
            Memory::Fragments { .. } => self.source.front().get(self.sections.end()..),
        };
        let padding = self
            .sections
            .end()
            .next_multiple_of(abi::ALIGNMENT as usize)
            - self.sections.end();
        Extension::read(behind?.get(padding..)?, &self.sections, &mut Vec::new())
    }

    /// Leaves the allocation that begins at `pointer` to the code that freed it,
    /// or will. `false`: none begins there; a mapping has none.
    pub fn mark_freed(&mut self, pointer: *const u8) -> bool {
        match &mut self.memory {
            Memory::Mapped(_) => false,
            Memory::Fragments { fragments, .. } => fragments.give_away(pointer.addr()),
        }
    }

    /// Has all pointers of the image that lead into the `size` bytes at `old` lead
    /// to the same place behind `new`; returns how many there were.
    ///
    /// # Safety
    /// Nobody else may use the image's memory at the same time.
    pub unsafe fn replace(&mut self, old: *const u8, new: *const u8, size: u64) -> usize {
        let (old, new) = (old.addr() as u64, new.expose_provenance() as u64);
        let front = self.source.front();
        let locations = self.sections.of(front, &self.sections.pointers);
        match &mut self.memory {
            Memory::Mapped(_) => {
                let mut memory = Mapped {
                    mapping: &self.source,
                    base: 0,
                };
                replace(locations, &mut memory, (old, new, size))
            }
            Memory::Fragments { fragments, .. } => replace(locations, fragments, (old, new, size)),
        }
    }

    /// Goes back to the state after the load. The image stays where it is, but
    /// allocations that were [marked as freed](Self::mark_freed) are made anew.
    ///
    /// The first reset costs about as much as a load. Those after it cost a mapped
    /// image as much as was written since, and one of fragments a comparison of all
    /// bytes; only what differs is written.
    ///
    /// # Errors
    /// If the system refuses, or memory runs out. The image must then no longer be
    /// used.
    ///
    /// # Safety
    /// Nobody else may use the image's memory at the same time.
    pub unsafe fn reset(&mut self) -> Result<(), LoadError> {
        if let Memory::Mapped(pages) = self.memory {
            self.source.discard()?;
            if pages != Pages::Snapshot {
                self.fix(pages)?;
            }
            if pages == Pages::File && self.snapshot().is_ok() {
                self.memory = Memory::Mapped(Pages::Snapshot);
            }
            return Ok(());
        }
        self.reset_fragments()
    }

    /// Puts the memory, as it is, into a file of its own that is mapped instead, so
    /// that what is written can be discarded.
    fn snapshot(&mut self) -> std::io::Result<()> {
        let mut file = File::from(memfd_create("kflat image", MemfdFlags::CLOEXEC)?);
        file.write_all(self.source.written_pages())?;
        self.source.replace_by(&file)
    }

    fn reset_fragments(&mut self) -> Result<(), LoadError> {
        let bytes = self.source.front();
        let Memory::Fragments {
            fragments,
            pristine,
        } = &mut self.memory
        else {
            return Ok(());
        };
        let memory = self.sections.of(bytes, &self.sections.memory);
        let extension = match fragments.has_given_away() {
            true => Extension::find(bytes, &self.sections, &mut Vec::new()),
            false => None,
        };
        if fragments.renew(memory, extension.as_ref())? {
            // Pointers to them have other values now.
            *pristine = None;
        }
        let copy = match pristine.take() {
            Some(copy) => copy,
            None => {
                let mut copy = Pristine {
                    bytes: memory.to_vec(),
                    fragments,
                };
                let locations = self.sections.of(bytes, &self.sections.pointers);
                relocate(locations, &self.sections.header, &mut copy)?;
                let locations = self.sections.of(bytes, &self.sections.functions);
                put_functions(locations, &self.functions, &mut copy)?;
                copy.bytes
            }
        };
        fragments.restore(&copy);
        *pristine = Some(copy);
        Ok(())
    }
}

/// Bytes of a file that is to be mapped.
fn length(file: &File) -> Result<usize, LoadError> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length < Header::SIZE {
        return Err(LoadError::Image(ImageError::NoHeader { length }));
    }
    Ok(length)
}

/// The address that the image in `file` is linked for.
fn linked_for(file: &File) -> Result<Option<usize>, LoadError> {
    let mut header = [0; Header::SIZE];
    file.read_exact_at(&mut header, 0)?;
    // Its sections are looked for when it is mapped; here it is only the address.
    let header = Header::decode(&header).unwrap_or_default();
    let before = [
        (header.root_addr_count, 8),
        (header.root_addr_extended_size, 1),
        (header.ptr_count, 8),
        (header.fptr_count, 8),
        (header.mcount, 16),
    ];
    let memory = (before.iter()).try_fold(Header::SIZE as u64, |sum, (count, size)| {
        sum.checked_add(u64::checked_mul(*count, *size)?)
    });
    let address = header.last_load_addr;
    let is_linked = address != 0
        && address.is_multiple_of(BASE_ALIGNMENT)
        && memory.and_then(|memory| memory.checked_add(address)) == Some(header.last_mem_addr);
    Ok(is_linked.then_some(address as usize))
}

/// The part of the file from the first to the last pointer, if about every page of it
/// has pointers.
fn dense(bytes: &[u8], sections: &Sections) -> Option<Range<usize>> {
    let mut locations = words(sections.of(bytes, &sections.pointers));
    let first = locations.next()?;
    let last = locations.next_back().unwrap_or(first);
    // They are checked when they are used.
    let length = last.checked_sub(first)?.checked_add(8)?;
    let is_inside = first.checked_add(length)? <= sections.header.memory_size;
    let is_dense = sections.header.ptr_count >= length / page() as u64;
    let start = sections.memory.start + first as usize;
    (is_inside && is_dense).then(|| start..start + length as usize)
}

fn symbols<'b>(bytes: &'b [u8], sections: &Sections) -> Symbols<'b> {
    Symbols::new(sections.of(bytes, &sections.symbols))
}

fn replace(locations: &[u8], memory: &mut impl Words, (old, new, size): (u64, u64, u64)) -> usize {
    let mut replaced = 0;
    for location in words(locations) {
        let inside = memory.word(location).map(|word| word.wrapping_sub(old));
        if let Some(inside) = inside.filter(|inside| *inside < size)
            && memory.put(location, new.wrapping_add(inside)).is_some()
        {
            replaced += 1;
        }
    }
    replaced
}
