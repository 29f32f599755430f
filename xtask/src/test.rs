//! `cargo xtask test`: every test there is, added up in the last line.

mod browser;
mod guests;
mod harness;
mod host;
mod namelist;
mod python;
mod samples;
mod sanitizers;
mod sick_guests;
mod tools;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::buildroot::BuildRoot;
use crate::testroot::TestRoot;
use crate::verdict::{Tally, Verdict};
use crate::{kernels, module, programs, progress, transcripts};
use samples::Samples;

/// Which tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this (of unit tests and tests in guests)
    #[arg(long)]
    filter: Option<String>,
    /// Only guests with this kernel
    #[arg(long)]
    kernel: Option<String>,
    /// Only what needs no guest
    #[arg(long, conflicts_with = "guest_only")]
    host_only: bool,
    /// Only what runs in guests
    #[arg(long)]
    guest_only: bool,
    /// Only what other tools do with images that the last guests left
    #[arg(long, conflicts_with_all = ["host_only", "guest_only"])]
    tools_only: bool,
}

/// Runs them. The last line on stdout is the sum; the exit status is 0 if
/// tests ran and all passed.
pub(crate) fn run(options: &Options) -> ExitCode {
    let start = Instant::now();
    let mut report = Report::default();
    let asks_for = |theme: &str| {
        let filter = options.filter.as_deref();
        filter.is_none_or(|filter| filter.contains(theme))
    };
    if !options.guest_only && !options.tools_only {
        host::run(options, &mut report);
        harness::run(options.filter.as_deref(), &mut report);
        if asks_for(sanitizers::THEME) {
            sanitizers::run(&mut report);
        }
    }
    if !options.host_only && !options.tools_only {
        // What can't be prepared is a test that failed, not an end without a sum.
        if let Err(error) = in_guests(options, &mut report) {
            report.failed("what the guests need", &format!("{error:#}"));
        }
    }
    if !options.host_only
        && asks_for(tools::THEME)
        && let Err(error) = in_debuggers(options, &mut report)
    {
        report.failed("what debuggers need", &format!("{error:#}"));
    }
    // A part of the guests' tests leaves no images.
    let everything = options.filter.is_none() && options.kernel.is_none();
    let in_order = !options.host_only && !options.guest_only && everything;
    if (options.tools_only || in_order)
        && let Err(error) = with_other_tools(&mut report)
    {
        report.failed("what other tools need", &format!("{error:#}"));
    }
    for failure in &report.failures {
        progress::line(&format!("FAILED: {failure}"));
    }
    progress::line(&format!(
        "All of it took {}",
        progress::seconds(start.elapsed())
    ));
    println!("{}", report.tally);
    if report.tally.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn in_guests(options: &Options, report: &mut Report) -> Result<()> {
    let root = BuildRoot::get()?;
    let chosen = kernels::select(&root.kernels, options.kernel.as_deref())?;
    if let (None, Some(kernel)) = (&options.filter, chosen.first()) {
        sick_guests::run(&root, kernel, report);
    }
    let programs = programs::build(&root)?;
    let mut built = Vec::new();
    for kernel in chosen {
        let name = format!("module builds for {}", kernel.series);
        match module::build(&root, kernel) {
            Ok(modules) => {
                report.passed(&name);
                built.push((kernel, modules));
            }
            Err(error) => report.failed(&name, &format!("{error:#}")),
        }
    }
    let filter = options.filter.as_deref();
    guests::run(&root, &built, &programs, filter, report)?;
    if filter.is_none_or(|filter| filter.contains(transcripts::THEME))
        && let Some((kernel, modules)) =
            (built.iter()).find(|(kernel, _)| kernel.series == transcripts::SERIES)
    {
        let pages = transcripts::complaints(&root, kernel, modules, &programs)?;
        for (page, complaints) in pages {
            let name = format!(
                "{}: {page} shows what its commands print",
                transcripts::THEME
            );
            if complaints.is_empty() {
                report.passed(&name);
            } else {
                report.failed(&name, &complaints.join("\n"));
            }
        }
    }
    Ok(())
}

/// Images of all guests in debuggers.
fn in_debuggers(options: &Options, report: &mut Report) -> Result<()> {
    let root = BuildRoot::get()?;
    let kernels = kernels::select(&root.kernels, options.kernel.as_deref())?;
    let programs = programs::build(&root)?;
    tools::run(&root, &kernels, &programs, report);
    Ok(())
}

/// Images of the guests in the tools that people use.
fn with_other_tools(report: &mut Report) -> Result<()> {
    let root = TestRoot::get()?;
    let samples = Samples::find()?;
    harness::run_on(&samples, report);
    python::run(&root, &samples, report);
    Ok(())
}

/// What has been found so far.
#[derive(Debug, Default)]
struct Report {
    tally: Tally,
    failures: Vec<String>,
}

impl Report {
    fn passed(&mut self, name: &str) {
        self.tally.add(Verdict::Passed);
        progress::line(&format!("test {name} ... ok"));
    }

    fn skipped(&mut self, name: &str, why: &str) {
        self.tally.add(Verdict::Skipped);
        progress::line(&format!("test {name} ... skipped ({why})"));
    }

    fn failed(&mut self, name: &str, why: &str) {
        self.tally.add(Verdict::Failed);
        progress::line(&format!("test {name} ... FAILED\n{}", why.trim_end()));
        self.failures.push(name.to_owned());
    }
}
