//! `kflat test`.

use std::fs;
use std::io::{self, Write};

use anyhow::{Context, Result, bail};
use kflat_abi::program::Slabs;
use kflat_device::{Device, Session, TestOptions};
use kflat_image::Image;
use kflat_self_tests::SelfTest;
use kflat_self_tests::check::{Outcome, check};

use crate::size;

/// Run the kernel module's self-tests: it builds known data and captures it
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
    /// Size of the area that the image is written to
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
    let slabs = kflat_btf::kernel::vmlinux()
        .ok()
        .and_then(|btf| kflat_recipe::slab_layout(&btf));
    let (mut passed, mut failed, mut left_out) = (0, 0, 0);
    for name in &names {
        let known = kflat_self_tests::find(name);
        let why_not = known.and_then(|test| {
            if test.needs_process && arguments.stop_machine {
                return Some("not with --stop-machine");
            }
            (test.needs_slabs && slabs.is_none())
                .then_some("how this kernel lays out slab objects is not known")
        });
        // Asked for by name it is run, and it is seen why it can't be.
        if let (Some(why), true) = (why_not, arguments.all) {
            left_out += 1;
            writeln!(out, "test {name} ... left out: {why}")?;
            continue;
        }
        match test(&session, name, slabs, arguments) {
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
    write!(out, "{passed} passed, {failed} failed")?;
    match left_out {
        0 => writeln!(out)?,
        left_out => writeln!(out, ", {left_out} left out")?,
    }
    match failed {
        0 => Ok(()),
        1 => bail!("a test failed"),
        _ => bail!("{failed} tests failed"),
    }
}

/// The image must be what the test's description says.
fn test(session: &Session, name: &str, slabs: Option<Slabs>, arguments: &Arguments) -> Result<()> {
    let options = TestOptions {
        debug: arguments.debug,
        stop_machine: arguments.stop_machine,
        discard: false,
    };
    let known = kflat_self_tests::find(name);
    let report = match (known, slabs) {
        (Some(test), Some(slabs)) if test.needs_slabs => {
            tell(session.device(), test, slabs)?;
            let report = session.run_test(name, &options);
            session.device().unload(name)?;
            report
        }
        _ => session.run_test(name, &options),
    }?;
    let image = session.captured(&report);
    let Some(test) = known else {
        // Of a newer module: all that can be said is that the image is sound.
        Image::open(image)?;
        bail!("the module has a test that this version of kflat can't check");
    };
    let reason = session.status()?.reason.map_or(0, |reason| reason.0);
    let outcome = Outcome {
        image,
        reason,
        cpus: possible_cpus()?,
    };
    Ok(check(test, &outcome)?)
}

/// Tells the module how slab objects are laid out: by a recipe, the test's own.
fn tell(device: &Device, test: &SelfTest, slabs: Slabs) -> Result<()> {
    let mut program = vec![0; kflat_self_tests::size(test)];
    kflat_self_tests::assemble(test, slabs, &mut program);
    // One may be left of a run that was interrupted.
    let _ = device.unload(test.name);
    Ok(device.load_recipe(&program, &[])?)
}

/// How many CPUs the machine may have.
fn possible_cpus() -> Result<u32> {
    const FILE: &str = "/sys/devices/system/cpu/possible";
    let list = fs::read_to_string(FILE).with_context(|| format!("can't read {FILE}"))?;
    let ranges = list.trim().split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<u32>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    });
    let count: Option<u32> = ranges.sum();
    count.with_context(|| format!("{FILE} says {list:?}"))
}
