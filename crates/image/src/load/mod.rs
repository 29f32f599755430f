//! Loads images at new addresses, for code that uses the captured structures.
//!
//! - [`Loaded::map`]: a private mapping of the file, its pointers fixed. The file
//!   is never modified. An image that was [linked](link()) for the address that it
//!   is mapped at needs no fixing.
//! - [`Loaded::fragments`]: each fragment an allocation of its own, so that
//!   AddressSanitizer and KLEE see where it ends.
//!
//! [`Loaded::reset`] goes back to the state after the load.

mod fragments;
mod heap;
mod link;
mod locate;
mod mapping;
mod resident;

pub use link::{BASE_ALIGNMENT, LinkError, link};
pub use resident::{Loaded, Place};

use kflat_abi::image::Header;

use crate::error::{ImageError, Section};
use crate::sections::{Symbols, location_end, words};

/// The value of function pointers that nothing resolves: no address of x86_64 or
/// arm64, so that a call of it ends the process at once.
pub const POISON: u64 = 0x0bad_f1a7_0bad_f1a7;

/// Finds the address of a function by its symbol.
pub type Resolver<'r> = dyn Fn(&str) -> Option<u64> + 'r;

/// How to load.
#[derive(Clone, Copy)]
pub struct Options<'r> {
    /// The address of a function by its symbol. It is asked for `vfs_read`, not
    /// for `vfs_read+0x10 [module]`; the offset is added.
    pub resolver: Option<&'r Resolver<'r>>,
    /// The value of function pointers that are not resolved.
    pub poison: u64,
    /// Whether an image that was [linked](link()) is used as it is, if it comes to
    /// lie at its address. Its pointers are then not checked, which makes a load
    /// independent of the image's size; a file that somebody else linked may have
    /// pointers to anywhere.
    pub trust_linked: bool,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            resolver: None,
            poison: POISON,
            trust_linked: false,
        }
    }
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("resolver", &self.resolver.map(|_| "…"))
            .field("poison", &self.poison)
            .field("trust_linked", &self.trust_linked)
            .finish()
    }
}

/// Why an image could not be loaded or reset.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The file can't be mapped or read.
    #[error("can't map the image")]
    Map(#[from] std::io::Error),
    /// A fragment's memory can't be had.
    #[error("no memory for a fragment of {size} bytes")]
    Memory {
        /// Bytes of the fragment.
        size: u64,
    },
    /// More fragments than can be told apart.
    #[error("{count} fragments are more than can be loaded one by one")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A pointer is not in a fragment.
    #[error("{section}, entry {index}: {location:#x} is not inside of one fragment")]
    Straddles {
        /// Of which section.
        section: Section,
        /// Which entry.
        index: u64,
        /// The location.
        location: u64,
    },
}

/// Words of an image's memory by their offset, and where the memory is.
trait Words {
    /// The word at `offset`; `None` if there is none.
    fn word(&mut self, offset: u64) -> Option<u64>;

    /// Writes the word at `offset`; `None` if there is none.
    fn put(&mut self, offset: u64, word: u64) -> Option<()>;

    /// The address that a pointer to `offset` has.
    fn address(&self, offset: u64) -> u64;
}

/// Makes every pointer an address. Each location and word is read once and checked
/// as it was read.
fn relocate(locations: &[u8], header: &Header, memory: &mut impl Words) -> Result<(), LoadError> {
    let section = Section::Pointers;
    let memory_size = header.memory_size;
    let mut end = 0;
    for (index, location) in (0..).zip(words(locations)) {
        end = location_end(section, index, location, end, memory_size)?;
        // Made only when it is needed: this runs for each pointer.
        let straddles = || LoadError::Straddles {
            section,
            index,
            location,
        };
        let Some(word) = memory.word(location) else {
            return Err(straddles());
        };
        let target = word.wrapping_sub(header.last_mem_addr);
        if target > memory_size {
            return Err(LoadError::Image(ImageError::Target {
                index,
                location,
                value: target,
                memory_size,
            }));
        }
        if memory.put(location, memory.address(target)).is_none() {
            return Err(straddles());
        }
    }
    Ok(())
}

/// The address of every function pointer, in the order of their section.
fn resolve(symbols: Symbols<'_>, options: &Options<'_>) -> Vec<u64> {
    let address = |name: &[u8]| -> Option<u64> {
        let name = std::str::from_utf8(name).ok()?;
        // `symbol+0xoff [module]`
        let name = name.split_once(' ').map_or(name, |(name, _)| name);
        let (name, offset) = match name.rsplit_once("+0x") {
            Some((name, offset)) => (name, u64::from_str_radix(offset, 16).ok()?),
            None => (name, 0),
        };
        let found = options.resolver?(name).filter(|_| !name.is_empty())?;
        Some(found.wrapping_add(offset))
    };
    symbols
        .map(|(_, name)| address(name).unwrap_or(options.poison))
        .collect()
}

/// Writes the addresses of functions.
fn put_functions(
    locations: &[u8],
    functions: &[u64],
    memory: &mut impl Words,
) -> Result<(), LoadError> {
    for ((index, location), function) in (0..).zip(words(locations)).zip(functions) {
        if memory.put(location, *function).is_none() {
            return Err(LoadError::Straddles {
                section: Section::Functions,
                index,
                location,
            });
        }
    }
    Ok(())
}
