//! `kflat test`.

use std::io::{self, Write};

use anyhow::{Result, bail};
use kflat_device::{Device, Session, TestOptions};
use kflat_image::Image;

use crate::size;

/// Run the module's own tests: it builds known data and captures it
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct Arguments {
    /// The test to run
    #[arg(group = "which")]
    name: Option<String>,
    /// Run all
    #[arg(long, group = "which")]
    all: bool,
    /// List them
    #[arg(long, short, group = "which")]
    list: bool,
    /// Capture while all other CPUs are halted
    #[arg(long)]
    stop_machine: bool,
    /// Write the debug log (kflat log)
    #[arg(long)]
    debug: bool,
    /// Bytes for the image
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = size::parse)]
    area: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let session = Device::open()?.session(arguments.area)?;
    let names = match &arguments.name {
        Some(name) => vec![name.clone()],
        None => session.device().list_tests()?,
    };
    let mut out = io::stdout().lock();
    if arguments.list {
        for name in names {
            writeln!(out, "{name}")?;
        }
        return Ok(());
    }
    let (mut passed, mut failed) = (0, 0);
    for name in &names {
        match test(&session, name, arguments) {
            Ok(()) => {
                passed += 1;
                writeln!(out, "test {name} ... ok")?;
            }
            Err(error) => {
                failed += 1;
                writeln!(out, "test {name} ... FAILED\n    {error:#}")?;
            }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    match failed {
        0 => Ok(()),
        1 => bail!("a test failed"),
        _ => bail!("{failed} tests failed"),
    }
}

/// The capture has to succeed, and its image to be sound.
fn test(session: &Session, name: &str, arguments: &Arguments) -> Result<()> {
    let options = TestOptions {
        debug: arguments.debug,
        stop_machine: arguments.stop_machine,
        discard: false,
    };
    let report = session.run_test(name, &options)?;
    let image = Image::open(session.captured(&report))?;
    if let Some(warning) = image.warnings().first() {
        bail!("{warning}");
    }
    if image.roots().next().is_none() {
        bail!("the image has no root");
    }
    Ok(())
}
