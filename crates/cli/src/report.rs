//! `kflat report`.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::Result;
use kflat_image::Image;
use kflat_report::html::html;

use crate::failure;
use crate::output;
use crate::size::shown;

/// Write one HTML page to explore an image with: types, graph, bytes, search
///
/// The page is complete: it needs no network and no server, and loads nothing. It
/// holds all that the image holds, so it is as secret as the image.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image
    file: PathBuf,
    /// Where the page goes [default: the image's name with .html]
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let image = Image::read(&arguments.file)?;
    for warning in image.warnings() {
        failure::warn(warning);
    }
    let name = arguments.file.file_name().unwrap_or(OsStr::new("image"));
    let out = match &arguments.output {
        Some(out) => out.clone(),
        None => PathBuf::from(name).with_extension("html"),
    };
    let size = output::write(&out, |file| {
        let mut counted = output::Counted::new(file);
        html(&image, &name.to_string_lossy(), &mut counted)?;
        Ok(counted.bytes())
    })?;
    anstream::eprintln!("{}: {}, for any browser", out.display(), shown(size));
    Ok(())
}
