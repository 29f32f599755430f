//! `kflat show --json`.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use kflat_image::Image;
use kflat_report::json::{self, Options};

/// Writes the events of an image; whatever goes wrong is one too.
pub(crate) fn run(file: &Path, options: &Options) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match Image::read(file) {
        Ok(image) => json::json(&image, options, &mut out).map_err(anyhow::Error::from),
        Err(error) => {
            let error = anyhow::Error::from(error);
            json::error(&format!("{error:#}"), &mut out)?;
            Err(error)
        }
    };
    out.flush()?;
    result
}
