//! What both modes have in common: enable, wait, disable, save.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kflat_device::{Device, EnableOptions, Session};

/// How to capture.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The recipe, by the name under which it is loaded
    pub(crate) recipe: String,
    /// Where the image goes
    #[arg(short, long, value_name = "FILE", default_value = "dump.img")]
    output: PathBuf,
    /// Write the debug log, and print it
    #[arg(short, long)]
    debug: bool,
    /// Capture while all other CPUs are halted
    #[arg(short, long)]
    stop_machine: bool,
    /// Do not execute the function after the capture
    #[arg(short = 'n', long)]
    skip_function_body: bool,
    /// Capture at once, without a call
    #[arg(short, long)]
    run_now: bool,
    /// Milliseconds to wait for the image [default: 10000 for auto, no end for
    /// manual]
    #[arg(short = 't', long, value_name = "MILLISECONDS")]
    poll_timeout: Option<u64>,
    /// MiB for the image
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    area: u64,
}

/// Captures a call by `pid` (by any process without it), which `trigger` may make;
/// waits for the image as long as asked for, else for `patience`.
pub(crate) fn capture(
    options: &Options,
    pid: Option<i32>,
    patience: Option<Duration>,
    trigger: impl FnOnce(),
) -> Result<()> {
    let session = Device::open()?.session(options.area << 20)?;
    let enable = EnableOptions {
        pid,
        debug: options.debug,
        stop_machine: options.stop_machine,
        skip_body: options.skip_function_body,
        run_now: options.run_now,
    };
    session.enable(&options.recipe, &enable)?;
    if !options.run_now {
        trigger();
    }
    let timeout = options.poll_timeout.map(Duration::from_millis);
    session.wait(timeout.or(patience))?;
    // Also when it was not called: this disarms the recipe.
    let report = session.disable()?;
    if options.debug {
        eprint!("{}", session.device().log()?);
    }
    if !report.invoked {
        bail!("{} was not called", options.recipe);
    }
    save(options, &session, &session.captured(&report))
}

fn save(options: &Options, session: &Session, image: &[u8]) -> Result<()> {
    let status = session.status()?;
    let why = status
        .reason
        .map_or(String::new(), |reason| format!(": {reason}"));
    if image.is_empty() {
        bail!("no image{why}; {} bytes are needed", status.needed_size);
    }
    let output = options.output.display();
    fs::write(&options.output, image).with_context(|| format!("can't write {output}"))?;
    let completeness = if status.reason.is_some() {
        "partial"
    } else {
        "complete"
    };
    println!("{output}: {} bytes, {completeness}{why}", image.len());
    Ok(())
}
