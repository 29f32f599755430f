//! Prints an image as C.
//!
//! Each root is a declaration with its value. Pointers into the image are
//! followed (`→`), each object is shown once, and later ones say where
//! (`→ see file.f_inode`; `cycle`, if that is around them). Without types, words are
//! shown.

mod array;
mod brief;
mod kept;
mod pointer;
pub(crate) mod printer;
mod raw;
mod tree;

use std::io::{self, Write};

pub use brief::brief;

use crate::image::Image;
use crate::typed::{PathError, Typed};
use printer::{Printer, Stop};

/// What to show, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many pointers to follow from where the view begins.
    pub depth: usize,
    /// How many elements of an array or list to show.
    pub elements: usize,
    /// How many characters of a string to show.
    pub characters: usize,
    /// Lines after which the view ends.
    pub lines: usize,
    /// Where to begin: `file.f_path.dentry->d_name.name`; all roots without it.
    pub path: Option<String>,
    /// Only objects of this type, as C writes it: `struct dentry`.
    pub type_name: Option<String>,
    /// Whether to show original addresses.
    pub addresses: bool,
    /// Whether to show each member of structures that are all zero.
    pub zeros: bool,
    /// Whether to use colours (ANSI escape sequences).
    pub colour: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            depth: 4,
            elements: 16,
            characters: 256,
            lines: 100_000,
            path: None,
            type_name: None,
            addresses: false,
            zeros: false,
            colour: false,
        }
    }
}

/// Why an image was not shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The path leads nowhere.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There are no objects of the type.
    #[error("the image has no objects of type {name:?}; it has {known}")]
    Type {
        /// What was asked for.
        name: String,
        /// Types that there are.
        known: String,
    },
    /// A path or type was asked for, but there are no types.
    #[error(
        "the image has no types, which a path or type needs: it was not saved by `kflat capture` \
         or `kflat save`"
    )]
    NoTypes,
    /// The output can't be written.
    #[error("can't write the view")]
    Write(#[from] io::Error),
}

/// Prints the image, or what `options` select of it.
///
/// # Errors
/// If the path leads nowhere, or `out` fails.
pub fn show(image: &Image, options: &Options, out: &mut dyn Write) -> Result<(), ShowError> {
    let typed = Typed::new(image);
    let mut printer = Printer::new(out, options.colour, options.lines);
    let result = match &typed {
        Some(typed) => tree::show(typed, options, &mut printer)?,
        None if options.path.is_some() || options.type_name.is_some() => {
            return Err(ShowError::NoTypes);
        }
        None => raw::show(image, options, &mut printer),
    };
    match result {
        Ok(()) => Ok(()),
        Err(Stop::Write(error)) => Err(ShowError::Write(error)),
        Err(Stop::Limit) => Ok(writeln!(
            out,
            "\n/* The view ends after {} lines. A path (file.f_path.dentry) shows a part. */",
            options.lines
        )?),
    }
}
