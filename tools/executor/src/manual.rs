//! `manual`: another process makes the call.

use anyhow::Result;

use crate::capture::{Options, capture};

/// Wait for another process to call the recipe's function, and capture that
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Only this process; any without it
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // Said before the recipe is enabled: saying it is a call of some functions too.
    eprintln!("waiting for a call of {}", arguments.options.recipe);
    capture(&arguments.options, arguments.pid, None, || {})
}
