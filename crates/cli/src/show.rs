//! `kflat show`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;
use kflat_image::Image;
use kflat_image::show::{Options, show};
use kflat_report::json;

use crate::{colour, show_json};

/// Show what an image holds as C, with names and types
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image
    file: PathBuf,
    /// Where to begin: a root and members, as in `file->f_path.dentry->d_name`;
    /// all roots without it
    path: Option<String>,
    /// How many pointers to follow [default: 4; with --json from the roots: all]
    #[arg(long, short)]
    depth: Option<usize>,
    /// How many elements of an array or list to show [default: 16; with --json: all]
    #[arg(long, short = 'n')]
    elements: Option<usize>,
    /// Show where in the kernel everything was
    #[arg(long, short)]
    addr: bool,
    /// Write JSON for programs, an event a line; addresses are always in it
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.json {
        let options = json::Options {
            path: arguments.path.clone(),
            depth: arguments.depth,
            elements: arguments.elements,
        };
        return show_json::run(&arguments.file, &options);
    }
    let image = Image::read(&arguments.file)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let defaults = Options::default();
    let options = Options {
        depth: arguments.depth.unwrap_or(defaults.depth),
        elements: arguments.elements.unwrap_or(defaults.elements),
        path: arguments.path.clone(),
        addresses: arguments.addr,
        colour: colour::wanted_on(&io::stdout()),
        ..defaults
    };
    show(&image, &options, &mut out)?;
    Ok(out.flush()?)
}
