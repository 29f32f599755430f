//! Where the sections of an image are, and whether they are what the format
//! says (`spec/image-format.md`, "Validation").
//!
//! This module borrows nothing and allocates for named roots only, so that a
//! loader can check a file that it mapped.

use std::ops::Range;

use kflat_abi::image::{Fragment, Header, MAGIC, NO_ROOT, VERSION};
use kflat_abi::record::Record;

use crate::error::{ImageError, Section};

/// A named root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Where its name is in the file.
    pub(crate) name: Range<usize>,
    /// Which root it names.
    pub(crate) index: usize,
    /// Bytes of the object.
    pub(crate) size: u64,
}

/// Where the sections of an image are in its file.
#[derive(Clone, Debug)]
pub(crate) struct Sections {
    pub(crate) header: Header,
    pub(crate) roots: Range<usize>,
    pub(crate) pointers: Range<usize>,
    pub(crate) functions: Range<usize>,
    pub(crate) fragments: Range<usize>,
    pub(crate) memory: Range<usize>,
    pub(crate) symbols: Range<usize>,
    pub(crate) named: Vec<Named>,
}

/// The words of a section.
pub(crate) fn words(section: &[u8]) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator {
    section
        .as_chunks()
        .0
        .iter()
        .map(|word| u64::from_le_bytes(*word))
}

/// The word at `offset`.
pub(crate) fn word(bytes: &[u8], offset: u64) -> Option<u64> {
    let at = usize::try_from(offset).ok()?;
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Sections {
    /// Finds the sections of the image in `bytes`, and checks all of it.
    ///
    /// # Errors
    /// At the first violation.
    pub(crate) fn check(bytes: &[u8]) -> Result<Self, ImageError> {
        let sections = Self::begin(bytes)?;
        sections.check_pointers(bytes)?;
        sections.check_functions(bytes)?;
        sections.check_symbols(bytes)?;
        Ok(sections)
    }

    /// As [`check`](Self::check), but for the pointers and their words: who fixes
    /// them checks each as it is read.
    pub(crate) fn find(bytes: &[u8]) -> Result<Self, ImageError> {
        let sections = Self::begin(bytes)?;
        sections.check_functions(bytes)?;
        sections.check_symbols(bytes)?;
        Ok(sections)
    }

    /// Finds the sections, and checks what is needed to find roots and functions.
    pub(crate) fn find_linked(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut sections = Self::place(bytes)?;
        sections.named = sections.named_roots(bytes)?;
        sections.check_roots(bytes)?;
        sections.check_symbols(bytes)?;
        Ok(sections)
    }

    fn begin(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut sections = Self::place(bytes)?;
        sections.named = sections.named_roots(bytes)?;
        sections.check_roots(bytes)?;
        sections.check_fragments(bytes)?;
        Ok(sections)
    }

    fn place(bytes: &[u8]) -> Result<Self, ImageError> {
        let length = bytes.len();
        // A short file of another kind is told as one.
        if let Some(found) = u64::decode(bytes).filter(|found| *found != MAGIC) {
            return Err(ImageError::Magic { found });
        }
        let header = Header::decode(bytes).ok_or(ImageError::NoHeader { length })?;
        if header.version != VERSION {
            return Err(ImageError::Version {
                found: header.version,
            });
        }
        let mut end = Header::SIZE as u64;
        let mut next = |section, count: u64, size: u64| {
            let start = end;
            end = (count.checked_mul(size))
                .and_then(|bytes| end.checked_add(bytes))
                .filter(|end| usize::try_from(*end).is_ok())
                .ok_or(ImageError::Count { section, count })?;
            Ok::<_, ImageError>(start as usize..end as usize)
        };
        let roots = next(Section::Roots, header.root_addr_count, 8)?;
        let named = next(Section::NamedRoots, header.root_addr_extended_size, 1)?;
        let pointers = next(Section::Pointers, header.ptr_count, 8)?;
        let functions = next(Section::Functions, header.fptr_count, 8)?;
        let fragments = next(Section::Fragments, header.mcount, Fragment::SIZE as u64)?;
        let memory = next(Section::Memory, header.memory_size, 1)?;
        let symbols = next(Section::Symbols, header.fptrmapsz, 1)?;
        debug_assert_eq!(named.end, pointers.start);
        if end != header.image_size {
            return Err(ImageError::Size {
                sections: end,
                image_size: header.image_size,
            });
        }
        if end > length as u64 {
            return Err(ImageError::Truncated {
                image_size: end,
                length,
            });
        }
        Ok(Self {
            header,
            roots,
            pointers,
            functions,
            fragments,
            memory,
            symbols,
            named: Vec::new(),
        })
    }

    /// A section's bytes.
    pub(crate) fn of<'b>(&self, bytes: &'b [u8], section: &Range<usize>) -> &'b [u8] {
        bytes.get(section.clone()).unwrap_or(&[])
    }

    /// The image's end, where an extension may follow.
    pub(crate) fn end(&self) -> usize {
        self.symbols.end
    }

    fn named_roots(&self, bytes: &[u8]) -> Result<Vec<Named>, ImageError> {
        let section = Section::NamedRoots;
        let (mut at, end) = (self.roots.end, self.pointers.start);
        let mut named: Vec<Named> = Vec::new();
        for index in 0..self.header.root_addr_extended_count {
            let short = || ImageError::Records { section, index };
            let field = |at: usize| -> Result<u64, ImageError> {
                let bytes = bytes.get(at..end).ok_or_else(short)?;
                word(bytes, 0).ok_or_else(short)
            };
            let padded = field(at)?;
            if !padded.is_multiple_of(8) {
                return Err(ImageError::Padding {
                    index,
                    value: padded,
                });
            }
            let start = at + 8;
            let name_end = usize::try_from(padded)
                .ok()
                .and_then(|padded| start.checked_add(padded))
                .filter(|name_end| *name_end <= end)
                .ok_or_else(short)?;
            let name = bytes.get(start..name_end).ok_or_else(short)?;
            let length = name.iter().position(|byte| *byte == 0);
            let (name, zeros) = name.split_at(length.unwrap_or(name.len()));
            if std::str::from_utf8(name).is_err() || zeros.iter().any(|byte| *byte != 0) {
                return Err(ImageError::Name { section, index });
            }
            let root = field(name_end)?;
            if root >= self.header.root_addr_count {
                return Err(ImageError::NoSuchRoot {
                    index,
                    value: root,
                    roots: self.header.root_addr_count,
                });
            }
            named.push(Named {
                name: start..start + name.len(),
                index: root as usize,
                size: field(name_end + 8)?,
            });
            at = name_end + 16;
        }
        if at != end {
            let index = self.header.root_addr_extended_count;
            return Err(ImageError::Records { section, index });
        }
        let mut order: Vec<usize> = (0..named.len()).collect();
        let name = |index: usize| {
            let named = named.get(index)?;
            bytes.get(named.name.clone())
        };
        order.sort_by_key(|index| name(*index));
        for pair in order.windows(2) {
            if let [a, b] = *pair
                && name(a) == name(b)
            {
                return Err(ImageError::Duplicate {
                    index: b as u64,
                    name: String::from_utf8_lossy(name(b).unwrap_or(&[])).into_owned(),
                });
            }
        }
        Ok(named)
    }

    fn check_roots(&self, bytes: &[u8]) -> Result<(), ImageError> {
        let memory_size = self.header.memory_size;
        for (index, value) in (0..).zip(words(self.of(bytes, &self.roots))) {
            if value > memory_size && value != NO_ROOT {
                return Err(ImageError::Outside {
                    section: Section::Roots,
                    index,
                    value,
                    memory_size,
                });
            }
        }
        Ok(())
    }

    fn check_fragments(&self, bytes: &[u8]) -> Result<(), ImageError> {
        let (section, memory_size) = (Section::Fragments, self.header.memory_size);
        let mut end = 0;
        let records = self.of(bytes, &self.fragments).chunks_exact(Fragment::SIZE);
        for (index, record) in (0..).zip(records) {
            let Some(Fragment { offset, size }) = Fragment::decode(record) else {
                break;
            };
            if offset < end {
                return Err(ImageError::Order {
                    section,
                    index,
                    value: offset,
                });
            }
            end = offset
                .checked_add(size)
                .filter(|end| *end <= memory_size)
                .ok_or_else(|| ImageError::Outside {
                    section,
                    index,
                    value: offset.saturating_add(size),
                    memory_size,
                })?;
        }
        Ok(())
    }

    /// Sections 4 and 5: in order, apart from each other, and inside.
    pub(crate) fn check_pointers(&self, bytes: &[u8]) -> Result<(), ImageError> {
        let (memory, memory_size) = (self.of(bytes, &self.memory), self.header.memory_size);
        let base = self.header.last_mem_addr;
        let mut end = 0;
        for (index, location) in (0..).zip(words(self.of(bytes, &self.pointers))) {
            let section = Section::Pointers;
            end = location_end(section, index, location, end, memory_size)?;
            let value = word(memory, location).map(|word| word.wrapping_sub(base));
            match value {
                Some(value) if value <= memory_size => {}
                _ => {
                    return Err(ImageError::Target {
                        index,
                        location,
                        value: value.unwrap_or(0),
                        memory_size,
                    });
                }
            }
        }
        Ok(())
    }

    /// Section 5: in order, inside, and apart from the pointers.
    fn check_functions(&self, bytes: &[u8]) -> Result<(), ImageError> {
        let section = Section::Functions;
        let mut pointers = words(self.of(bytes, &self.pointers)).peekable();
        let mut end = 0;
        for (index, value) in (0..).zip(words(self.of(bytes, &self.functions))) {
            end = location_end(section, index, value, end, self.header.memory_size)?;
            while pointers
                .next_if(|pointer| pointer.saturating_add(8) <= value)
                .is_some()
            {}
            if pointers.peek().is_some_and(|pointer| *pointer < end) {
                return Err(ImageError::Both { index, value });
            }
        }
        Ok(())
    }

    /// Section 8: one symbol for each function pointer.
    fn check_symbols(&self, bytes: &[u8]) -> Result<(), ImageError> {
        let expected = self.header.fptr_count;
        let map = self.of(bytes, &self.symbols);
        if map.is_empty() && expected == 0 {
            return Ok(());
        }
        let section = Section::Symbols;
        let found = word(map, 0).ok_or(ImageError::Records { section, index: 0 })?;
        if found != expected {
            return Err(ImageError::SymbolCount { found, expected });
        }
        let mut symbols = Symbols::new(map);
        for (index, expected) in (0..).zip(words(self.of(bytes, &self.functions))) {
            let (found, name) = symbols
                .next()
                .ok_or(ImageError::Records { section, index })?;
            if found != expected {
                return Err(ImageError::Symbol {
                    index,
                    found,
                    expected,
                });
            }
            if std::str::from_utf8(name).is_err() || name.contains(&0) {
                return Err(ImageError::Name { section, index });
            }
        }
        if symbols.rest.is_empty() {
            Ok(())
        } else {
            let index = expected;
            Err(ImageError::Records { section, index })
        }
    }
}

/// The end of the word at `location`, which must lie inside of the memory and
/// not before `end`.
#[inline]
pub(crate) fn location_end(
    section: Section,
    index: u64,
    location: u64,
    end: u64,
    memory_size: u64,
) -> Result<u64, ImageError> {
    if location < end {
        return Err(ImageError::Order {
            section,
            index,
            value: location,
        });
    }
    match location.checked_add(8) {
        Some(end) if end <= memory_size => Ok(end),
        _ => Err(ImageError::Outside {
            section,
            index,
            value: location,
            memory_size,
        }),
    }
}

/// The records of section 8: location and name.
#[derive(Clone, Debug)]
pub(crate) struct Symbols<'a> {
    rest: &'a [u8],
}

impl<'a> Symbols<'a> {
    /// Of the section's bytes, its count included.
    pub(crate) fn new(section: &'a [u8]) -> Self {
        Self {
            rest: section.get(8..).unwrap_or(&[]),
        }
    }
}

impl<'a> Iterator for Symbols<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let location = word(self.rest, 0)?;
        let length = usize::try_from(word(self.rest, 8)?).ok()?;
        let (name, rest) = self.rest.get(16..)?.split_at_checked(length)?;
        self.rest = rest;
        Some((location, name))
    }
}
