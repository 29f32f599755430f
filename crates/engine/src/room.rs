//! What the image will take of the area, counted while it is captured, so that a
//! capture ends in time and what there is can always be written.
//!
//! The *stream* of copies begins where the image's memory is expected, and most
//! often stays there. Everything else is counted in words that are kept free
//! behind it.

use kflat_abi::extension::{Diagnostic, Entry, Header, Hit, Object};
use kflat_abi::image::{self, Fragment};
use kflat_abi::program::{NONE, Program};
use kflat_abi::record::Record;

/// Words in front of the image's memory that are left for pointers and fragments,
/// at most. What is not used of them stays zero in front of the first fragment
/// where moving the memory would cost more.
const AHEAD: usize = 8 << 10;
/// Payloads of the extension.
pub(crate) const PAYLOADS: usize = 5;
/// Words of the extension's head and of the payloads of a fixed size.
pub(crate) const FRONT: usize = (Header::SIZE + PAYLOADS * Entry::SIZE) / 8;

/// Words that an object takes apart from its bytes.
pub(crate) const OBJECT: usize = (Fragment::SIZE + 8 + Object::SIZE) / 8;
/// Words that a function pointer takes, a name of 64 bytes included.
pub(crate) const FUNCTION: usize = 1 + 2 + 8;

/// Words of a header, the roots and their names.
pub(crate) fn prefix(program: &Program<'_>) -> usize {
    let (_, _, roots) = program.counts();
    let named: usize = (0..roots)
        .filter_map(|index| root_name(program, index))
        .map(|name| 3 + name.len().div_ceil(8))
        .sum();
    image::Header::SIZE / 8 + roots as usize + named
}

/// The name of a root.
pub(crate) fn root_name<'p>(program: &Program<'p>, index: u32) -> Option<&'p str> {
    let name = program.root_at(index)?.name;
    if name == NONE {
        None
    } else {
        program.string_at(name)
    }
}

/// Where the stream begins in an area of `words` words.
pub(crate) fn stream_start(program: &Program<'_>, words: usize) -> usize {
    prefix(program) + AHEAD.min(words / 64)
}

/// Words that every image takes behind its memory, with room for so many
/// diagnostics.
pub(crate) fn fixed(diagnostics: usize) -> usize {
    // The map of functions begins with its length; two words of alignment.
    3 + FRONT + Hit::SIZE / 8 + (diagnostics + 1) * (Diagnostic::SIZE / 8)
}

/// Diagnostics that an area of `words` words keeps room for.
pub(crate) fn diagnostics(words: usize) -> usize {
    (words / 64 / (Diagnostic::SIZE / 8)).clamp(4, 1024)
}
