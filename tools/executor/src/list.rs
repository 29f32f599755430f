//! `list`: what could be captured.

use anyhow::Result;
use kflat_device::Device;

/// List the loaded recipes
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<()> {
    for name in Device::open()?.list_recipes()? {
        println!("{name}");
    }
    Ok(())
}
