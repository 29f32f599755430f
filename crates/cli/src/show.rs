//! `kflat show`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;
use kflat_image::Image;
use kflat_image::show::{Options, show};

use crate::colour;

/// Show what an image holds as C, with names and types
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image
    file: PathBuf,
    /// Where to begin: a root and members, as in `file->f_path.dentry->d_name`;
    /// all roots without it
    path: Option<String>,
    /// How many pointers to follow
    #[arg(long, short, default_value_t = Options::default().depth)]
    depth: usize,
    /// How many elements of an array or list to show
    #[arg(long, short = 'n', default_value_t = Options::default().elements)]
    elements: usize,
    /// Show where in the kernel everything was
    #[arg(long, short)]
    addr: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let image = Image::read(&arguments.file)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let options = Options {
        depth: arguments.depth,
        elements: arguments.elements,
        path: arguments.path.clone(),
        addresses: arguments.addr,
        colour: colour::wanted_on(&io::stdout()),
        ..Options::default()
    };
    show(&image, &options, &mut out)?;
    Ok(out.flush()?)
}
