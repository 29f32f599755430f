//! `auto`: this process makes the call.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::capture::{Options, capture};
use crate::interface::{Interface, Target};

/// Operate on a file so that the recipe's function is called, and capture that
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// How to operate on it
    #[arg(value_enum, ignore_case = true)]
    interface: Interface,
    /// The file: a device, or an attribute in sysfs or procfs
    file: PathBuf,
    /// With IOCTL: its number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    command: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // Opened before the recipe is enabled: the operation is the first call.
    let mut target = Target::open(&arguments.file, arguments.interface)?;
    let pid = std::process::id().cast_signed();
    let patience = Some(Duration::from_secs(10));
    capture(&arguments.options, Some(pid), patience, || {
        // That an operation fails is no reason not to look at what it did.
        if let Err(error) = target.operate(arguments.command) {
            eprintln!("the operation failed: {error}");
        }
    })
}
