//! `kflat image`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;
use kflat_image::Image;
use kflat_image::describe::describe;

/// Describe an image: where it is from, its roots and fragments, how much there
/// is of what, and what was not captured
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image
    file: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let image = Image::read(&arguments.file)?;
    let mut out = BufWriter::new(io::stdout().lock());
    describe(&image, &mut out)?;
    Ok(out.flush()?)
}
