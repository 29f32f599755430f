//! Prints an image as C.

use std::io::{self, Write};

use crate::image::Image;

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
    /// Whether to show original addresses.
    pub addresses: bool,
    /// Whether to use colours (ANSI escape sequences).
    pub colour: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            depth: 3,
            elements: 16,
            characters: 256,
            lines: 100_000,
            path: None,
            addresses: false,
            colour: false,
        }
    }
}

/// Why an image was not shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The path leads nowhere.
    #[error("{0}")]
    Path(String),
    /// The output can't be written.
    #[error("can't write the view")]
    Write(#[from] io::Error),
}

/// Prints the image, or what `options` select of it.
///
/// # Errors
/// If the path leads nowhere, or `out` fails.
pub fn show(image: &Image, options: &Options, out: &mut dyn Write) -> Result<(), ShowError> {
    let _ = options;
    for root in image.roots() {
        writeln!(out, "{}", root.name.unwrap_or("root"))?;
    }
    Ok(())
}
