//! `kflat log`.

use std::io::{self, Write};

use anyhow::Result;
use kflat_device::Device;

/// Print the debug log of the latest capture or test with --debug
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<()> {
    let log = Device::open()?.log()?;
    if log.is_empty() {
        anstream::eprintln!("The log is empty: nothing was captured or tested with --debug.");
    }
    Ok(io::stdout().lock().write_all(log.as_bytes())?)
}
