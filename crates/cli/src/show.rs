//! `kflat show`.

use std::io;
use std::path::PathBuf;

use anyhow::Result;
use kflat_image::Image;
use kflat_image::show::{Options, show};
use kflat_report::json;

use crate::pager::Output;
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
    /// How many characters of a string to show [default: 256]
    #[arg(long, short, value_name = "N", conflicts_with = "json")]
    characters: Option<usize>,
    /// Lines after which the view ends [default: 100000]
    #[arg(long, value_name = "N", conflicts_with = "json")]
    lines: Option<usize>,
    /// All objects of this type instead: 'struct dentry'
    #[arg(long = "type", short, value_name = "TYPE", conflicts_with_all = ["path", "json"])]
    type_name: Option<String>,
    /// Show members that are all zero, too
    #[arg(long, short, conflicts_with = "json")]
    zeros: bool,
    /// Show the kernel addresses of everything
    #[arg(long, short)]
    addr: bool,
    /// Write JSON for programs, an event a line; addresses are always in it
    #[arg(long)]
    json: bool,
    /// Print to a terminal without a pager ($KFLAT_PAGER, $PAGER or less)
    #[arg(long)]
    no_pager: bool,
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
    let defaults = Options::default();
    let options = Options {
        depth: arguments.depth.unwrap_or(defaults.depth),
        elements: arguments.elements.unwrap_or(defaults.elements),
        characters: arguments.characters.unwrap_or(defaults.characters),
        lines: arguments.lines.unwrap_or(defaults.lines),
        path: arguments.path.clone(),
        type_name: arguments.type_name.clone(),
        addresses: arguments.addr,
        zeros: arguments.zeros,
        colour: colour::wanted_on(&io::stdout()),
    };
    let mut out = Output::new(!arguments.no_pager);
    show(&image, &options, &mut out)?;
    Ok(out.finish()?)
}
