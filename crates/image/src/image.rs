//! An image in memory.

use std::path::Path;

use kflat_abi::image::{Fragment, Header, NO_ROOT};
use kflat_abi::record::Record;

use crate::error::ImageError;
use crate::extension::Extension;
use crate::sections::{Sections, Symbols, word, words};

/// A flattened image whose every offset was checked.
#[derive(Clone, Debug)]
pub struct Image {
    bytes: Vec<u8>,
    sections: Sections,
    /// Where in the file the name of each function symbol is.
    names: Vec<(usize, usize)>,
    extension: Option<Extension>,
    warnings: Vec<String>,
}

/// A root of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root<'a> {
    /// Its position among the roots.
    pub index: usize,
    /// Its name.
    pub name: Option<&'a str>,
    /// Its offset into the memory; `None` if it was NULL or nothing was captured
    /// under it.
    pub offset: Option<u64>,
    /// Bytes of the object; 0 where the image does not tell.
    pub size: u64,
}

impl Image {
    /// The image in `bytes`, and its extension, if one follows.
    ///
    /// # Errors
    /// At the first violation of the format. A damaged extension is no error but
    /// a [warning](Self::warnings).
    pub fn open(bytes: Vec<u8>) -> Result<Self, ImageError> {
        let sections = Sections::check(&bytes)?;
        let mut names = Vec::new();
        let mut at = sections.symbols.start + 8;
        for (_, name) in Symbols::new(sections.of(&bytes, &sections.symbols)) {
            names.push((at + 16, at + 16 + name.len()));
            at += 16 + name.len();
        }
        let mut warnings = Vec::new();
        let extension = Extension::find(&bytes, &sections, &mut warnings);
        Ok(Self {
            bytes,
            sections,
            names,
            extension,
            warnings,
        })
    }

    /// The image in a file.
    ///
    /// # Errors
    /// If it can't be read or is no image; either names the path.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        let bytes = std::fs::read(path).map_err(|source| ImageError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::open(bytes).map_err(|source| ImageError::File {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.sections.header
    }

    /// The whole file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The captured bytes. Words that are pointers are as in the file; see
    /// [`target`](Self::target).
    #[must_use]
    pub fn memory(&self) -> &[u8] {
        self.section(&self.sections.memory)
    }

    /// All roots, in the order in which the recipe names them.
    pub fn roots(&self) -> impl Iterator<Item = Root<'_>> {
        let mut names: Vec<usize> = (0..self.sections.named.len()).collect();
        names.sort_by_key(|at| self.sections.named.get(*at).map(|named| named.index));
        let mut names = names.into_iter().peekable();
        words(self.section(&self.sections.roots))
            .enumerate()
            .map(move |(index, offset)| {
                let mut root = Root {
                    index,
                    name: None,
                    offset: Some(offset).filter(|offset| *offset != NO_ROOT),
                    size: 0,
                };
                let is_this = |at: &usize| {
                    let named = self.sections.named.get(*at);
                    named.is_some_and(|named| named.index == index)
                };
                while let Some(at) = names.next_if(is_this) {
                    if let (None, Some(named)) = (root.name, self.sections.named.get(at)) {
                        root.name = self.text(named.name.start, named.name.end);
                        root.size = named.size;
                    }
                }
                root
            })
    }

    /// Root `index`.
    #[must_use]
    pub fn root_at(&self, index: usize) -> Option<Root<'_>> {
        let offset = word(
            self.section(&self.sections.roots),
            (index as u64).checked_mul(8)?,
        )?;
        let named = self
            .sections
            .named
            .iter()
            .find(|named| named.index == index);
        Some(Root {
            index,
            name: named.and_then(|named| self.text(named.name.start, named.name.end)),
            offset: Some(offset).filter(|offset| *offset != NO_ROOT),
            size: named.map_or(0, |named| named.size),
        })
    }

    /// The root of that name.
    #[must_use]
    pub fn root(&self, name: &str) -> Option<Root<'_>> {
        let named = (self.sections.named.iter())
            .find(|named| self.text(named.name.start, named.name.end) == Some(name))?;
        let roots = self.section(&self.sections.roots);
        let offset = word(roots, named.index as u64 * 8)?;
        Some(Root {
            index: named.index,
            name: self.text(named.name.start, named.name.end),
            offset: Some(offset).filter(|offset| *offset != NO_ROOT),
            size: named.size,
        })
    }

    /// The fragments, ascending.
    pub fn fragments(&self) -> impl ExactSizeIterator<Item = Fragment> {
        let records = self.section(&self.sections.fragments);
        (records.chunks_exact(Fragment::SIZE))
            .map(|record| Fragment::decode(record).unwrap_or_default())
    }

    /// Position and value of the fragment that the byte at `offset` is in.
    #[must_use]
    pub fn fragment(&self, offset: u64) -> Option<(usize, Fragment)> {
        let records = self.section(&self.sections.fragments).as_chunks::<16>().0;
        let decode = |record: &[u8; 16]| Fragment::decode(record).unwrap_or_default();
        let index = records
            .partition_point(|record| decode(record).offset <= offset)
            .checked_sub(1)?;
        let fragment = decode(records.get(index)?);
        (offset - fragment.offset < fragment.size).then_some((index, fragment))
    }

    /// The locations of all pointers, ascending.
    pub fn pointers(&self) -> impl ExactSizeIterator<Item = u64> {
        words(self.section(&self.sections.pointers))
    }

    /// Whether the word at `offset` is a pointer into the image.
    #[must_use]
    pub fn is_pointer(&self, offset: u64) -> bool {
        self.position(self.section(&self.sections.pointers), offset)
            .is_some()
    }

    /// Where the word at `offset` leads, if it is a pointer into the image: an
    /// offset into the memory, at most its size.
    #[must_use]
    pub fn target(&self, offset: u64) -> Option<u64> {
        if !self.is_pointer(offset) {
            return None;
        }
        let base = self.sections.header.last_mem_addr;
        Some(word(self.memory(), offset)?.wrapping_sub(base))
    }

    /// Location and symbol of every function pointer, ascending.
    pub fn functions(&self) -> impl Iterator<Item = (u64, &str)> {
        Symbols::new(self.section(&self.sections.symbols))
            .map(|(location, name)| (location, std::str::from_utf8(name).unwrap_or("")))
    }

    /// The symbol of the function that the word at `offset` points to, if it is a
    /// function pointer.
    #[must_use]
    pub fn function(&self, offset: u64) -> Option<&str> {
        let index = self.position(self.section(&self.sections.functions), offset)?;
        let (start, end) = *self.names.get(index)?;
        self.text(start, end)
    }

    /// Whether a pointer or function pointer begins in a range.
    #[must_use]
    pub fn has_words(&self, offset: u64, size: u64) -> bool {
        [&self.sections.pointers, &self.sections.functions]
            .into_iter()
            .any(|section| {
                let words = self.section(section).as_chunks::<8>().0;
                let after = words.partition_point(|word| u64::from_le_bytes(*word) < offset);
                let next = words.get(after).map(|word| u64::from_le_bytes(*word));
                next.is_some_and(|next| next - offset < size)
            })
    }

    /// What the module and user space added to the image.
    #[must_use]
    pub fn extension(&self) -> Option<&Extension> {
        self.extension.as_ref()
    }

    /// Kind (`abi::extension::KIND_*`) and bytes of each entry of the extension.
    #[must_use]
    pub fn extension_sizes(&self) -> Vec<(u32, u64)> {
        Extension::sizes(&self.bytes, &self.sections)
    }

    /// What of the extension is damaged and was passed over, in sentences without
    /// their end.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The original address of the byte at `offset`, where the image tells.
    #[must_use]
    pub fn address(&self, offset: u64) -> Option<u64> {
        let (index, fragment) = self.fragment(offset).or_else(|| {
            // One past the end of a fragment is an address too.
            let (index, fragment) = self.fragment(offset.checked_sub(1)?)?;
            Some((index, fragment))
        })?;
        let origin = self.extension.as_ref()?.origins().get(index)?;
        Some(origin.wrapping_add(offset - fragment.offset))
    }

    fn section(&self, section: &std::ops::Range<usize>) -> &[u8] {
        self.sections.of(&self.bytes, section)
    }

    fn text(&self, start: usize, end: usize) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }

    /// The position of `offset` among the ascending words of a section.
    fn position(&self, section: &[u8], offset: u64) -> Option<usize> {
        let words = section.as_chunks::<8>().0;
        words
            .binary_search_by_key(&offset, |word| u64::from_le_bytes(*word))
            .ok()
    }
}
