//! What can be wrong with an image.

use std::fmt;
use std::path::PathBuf;

/// A section of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Section 2.
    Roots,
    /// Section 3.
    NamedRoots,
    /// Section 4.
    Pointers,
    /// Section 5.
    Functions,
    /// Section 6.
    Fragments,
    /// Section 7.
    Memory,
    /// Section 8.
    Symbols,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Roots => "roots",
            Self::NamedRoots => "named roots",
            Self::Pointers => "pointer locations",
            Self::Functions => "function pointer locations",
            Self::Fragments => "fragments",
            Self::Memory => "memory",
            Self::Symbols => "function symbols",
        })
    }
}

/// Why bytes are not an image, or an image could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file can't be read.
    #[error("can't read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no image.
    #[error("{path} is not a usable image")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ImageError>,
    },
    /// Less than a header.
    #[error("an image has at least a header of 104 bytes, here are {length}")]
    NoHeader {
        /// Bytes that there are.
        length: usize,
    },
    /// Something else.
    #[error("not a flattened image: it begins with {found:#018x}, not with \"FLATTEN\"")]
    Magic {
        /// The first 8 bytes.
        found: u64,
    },
    /// Another version.
    #[error("an image of version {found}, of which nothing is known; this kflat reads version 2")]
    Version {
        /// The version.
        found: u32,
    },
    /// A count in the header can't be.
    #[error("header: {count} {section} are impossible")]
    Count {
        /// Of what.
        section: Section,
        /// How many.
        count: u64,
    },
    /// The header contradicts itself.
    #[error("header: the sections make {sections} bytes, but image_size is {image_size}")]
    Size {
        /// Sum of the sections.
        sections: u64,
        /// What the header says.
        image_size: u64,
    },
    /// The end is missing.
    #[error("cut off: the image has {image_size} bytes, of which {length} are here")]
    Truncated {
        /// Bytes of the image.
        image_size: u64,
        /// Bytes that there are.
        length: usize,
    },
    /// An offset leads out of the memory.
    #[error(
        "{section}, entry {index}: {value:#x} is outside of the memory of {memory_size:#x} bytes"
    )]
    Outside {
        /// Of which section.
        section: Section,
        /// Which entry.
        index: u64,
        /// The offset.
        value: u64,
        /// Bytes of the memory.
        memory_size: u64,
    },
    /// A pointer leads out of the memory.
    #[error(
        "pointer locations, entry {index}: the word at {location:#x} leads to {value:#x}, outside \
         of the memory of {memory_size:#x} bytes"
    )]
    Target {
        /// Which pointer location.
        index: u64,
        /// Where the word is.
        location: u64,
        /// Where it leads, an offset into the memory.
        value: u64,
        /// Bytes of the memory.
        memory_size: u64,
    },
    /// Two entries overlap, or are in the wrong order.
    #[error("{section}, entry {index}: {value:#x} overlaps or precedes the entry before it")]
    Order {
        /// Of which section.
        section: Section,
        /// Which entry.
        index: u64,
        /// Its offset.
        value: u64,
    },
    /// A word is said to be a pointer and a function pointer.
    #[error("function pointer locations, entry {index}: {value:#x} overlaps a pointer location")]
    Both {
        /// Which function pointer location.
        index: u64,
        /// The location.
        value: u64,
    },
    /// Records end elsewhere than their section.
    #[error(
        "{section}, entry {index}: it goes beyond the section, or the section beyond the last entry"
    )]
    Records {
        /// Of which section.
        section: Section,
        /// Which entry.
        index: u64,
    },
    /// A name is not padded as it should be.
    #[error("named roots, entry {index}: a padded length of {value} is no multiple of 8")]
    Padding {
        /// Which entry.
        index: u64,
        /// The length.
        value: u64,
    },
    /// A name is none.
    #[error("{section}, entry {index}: the name is not UTF-8, or has a NUL in it")]
    Name {
        /// Of which section.
        section: Section,
        /// Which entry.
        index: u64,
    },
    /// Two roots have one name.
    #[error("named roots, entry {index}: {name:?} is there twice")]
    Duplicate {
        /// Which entry.
        index: u64,
        /// The name.
        name: String,
    },
    /// A name is for no root.
    #[error("named roots, entry {index}: it names root {value}, but there are {roots}")]
    NoSuchRoot {
        /// Which entry.
        index: u64,
        /// The root.
        value: u64,
        /// How many there are.
        roots: u64,
    },
    /// Section 8 does not fit section 5.
    #[error(
        "function symbols, entry {index}: it is for {found:#x}, the function pointer location is \
         {expected:#x}"
    )]
    Symbol {
        /// Which entry.
        index: u64,
        /// The location in section 8.
        found: u64,
        /// The location in section 5.
        expected: u64,
    },
    /// Section 8 has another number of entries than section 5.
    #[error("function symbols: {found} for {expected} function pointer locations")]
    SymbolCount {
        /// Entries of section 8.
        found: u64,
        /// Entries of section 5.
        expected: u64,
    },
    /// What follows the image is damaged, in a place where that can't be passed
    /// over.
    #[error("the extension behind the image is damaged")]
    Extension(#[from] crate::container::ContainerError),
    /// A key of the context can't be written.
    #[error("context key {key:?} is empty or holds `=` or a line break")]
    ContextKey {
        /// The key.
        key: String,
    },
}
