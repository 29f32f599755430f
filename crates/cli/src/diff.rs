//! `kflat diff`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use kflat_image::Image;
use kflat_report::diff::{Options, Summary, diff, json, text};

use crate::pager::Output;
use crate::{colour, failure};

/// Exit status: they differ, as of `diff`.
const DIFFERENT: u8 = 1;
/// Exit status: they can't be compared.
const TROUBLE: u8 = 2;

/// Show what changed between two captures, object by object
///
/// Objects are told apart by their addresses and types; where another object has
/// taken one's place, the two are compared. The exit status is 0 if nothing
/// differs, 1 if something does, 2 if something goes wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The first image
    old: PathBuf,
    /// The image to compare it with
    new: PathBuf,
    /// Only objects of this type: 'struct dentry'
    #[arg(long = "type", short, value_name = "TYPE")]
    type_name: Option<String>,
    /// How many changed members of an object to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = Options::default().members)]
    members: usize,
    /// Write JSON for programs, an event a line
    #[arg(long)]
    json: bool,
    /// Print to a terminal without a pager ($KFLAT_PAGER, $PAGER or less)
    #[arg(long)]
    no_pager: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match compare(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DIFFERENT),
        Err(error) => match failure::report(&error) {
            // The reader of our output has gone.
            ExitCode::SUCCESS => ExitCode::SUCCESS,
            _ => ExitCode::from(TROUBLE),
        },
    }
}

/// Whether the images are the same.
fn compare(arguments: &Arguments) -> Result<bool> {
    let (old, new) = (Image::read(&arguments.old)?, Image::read(&arguments.new)?);
    let options = Options {
        type_name: arguments.type_name.clone(),
        members: arguments.members,
        ..Options::default()
    };
    let mut out = Output::new(!arguments.no_pager && !arguments.json);
    let summary = if arguments.json {
        let name = |path: &PathBuf| path.display().to_string();
        json::begin(&name(&arguments.old), &name(&arguments.new), &mut out)?;
        let summary = diff(&old, &new, &options, &mut |change| {
            json::change(change, &mut out)
        })?;
        json::end(&summary, &mut out)?;
        summary
    } else {
        let colour = colour::wanted_on(&io::stdout());
        let summary = diff(&old, &new, &options, &mut |change| {
            text(change, colour, &mut out)
        })?;
        if !summary.is_same() {
            writeln!(out, "{}", summary.words())?;
        }
        summary
    };
    out.finish()?;
    if let Some(name) = &arguments.type_name
        && summary == Summary::default()
    {
        bail!("neither image has objects of type {name:?}; `kflat image` lists the types");
    }
    Ok(summary.is_same())
}
