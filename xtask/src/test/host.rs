//! Tests that need no guest: formatting, lints, unit and documentation tests,
//! the generated header.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::browser::Driver;
use super::{Options, Report};
use crate::buildroot::BuildRoot;
use crate::verdict::{self, Verdict};
use crate::{btf, header, process, progress, workspace};

/// A command of cargo that passes or fails as a whole.
struct Check {
    name: &'static str,
    arguments: &'static [&'static str],
}

const CHECKS: &[Check] = &[
    Check {
        name: "formatting",
        arguments: &["fmt", "--all", "--check"],
    },
    Check {
        name: "formatting of the module",
        arguments: &["fmt", "--manifest-path=kmod/Cargo.toml", "--check"],
    },
    Check {
        name: "formatting of the fuzzers",
        arguments: &["fmt", "--manifest-path=fuzz/Cargo.toml", "--check"],
    },
    Check {
        name: "lints",
        arguments: &["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"],
    },
    Check {
        name: "lints of the module",
        arguments: &[
            "clippy",
            "--manifest-path=kmod/Cargo.toml",
            "--target-dir=target/kmod-clippy",
            "--",
            "-Dwarnings",
        ],
    },
];

/// Runs them all.
pub(super) fn run(options: &Options, report: &mut Report) {
    let log = workspace::target().join("test/host.log");
    let _ = fs::remove_file(&log);
    if options.filter.is_none() {
        if let Err(error) = ensure_components(&log) {
            report.failed("rustfmt and clippy are there", &format!("{error:#}"));
        }
        for check in CHECKS {
            conclude(
                report,
                check.name,
                process::run(&mut cargo(check.arguments), &log),
            );
        }
        conclude(report, "the C header is current", header::header(true));
    }
    let types = BuildRoot::get().and_then(|root| btf::directory(&root));
    let types = match types {
        Ok(directory) => Some(directory),
        Err(error) => {
            report.failed("types of the kernels", &format!("{error:#}"));
            None
        }
    };
    let driver = Driver::start();
    if let Err(error) = &driver {
        report.failed("a browser for the tests of pages", &format!("{error:#}"));
    }
    let found = Found {
        types: types.as_deref(),
        browser: driver.as_ref().ok().map(|driver| driver.url.as_str()),
    };
    if let Err(error) = cargo_test(options.filter.as_deref(), &found, report) {
        report.failed("cargo test", &format!("{error:#}"));
    }
}

fn conclude(report: &mut Report, name: &str, result: Result<()>) {
    match result {
        Ok(()) => report.passed(name),
        Err(error) => report.failed(name, &format!("{error:#}")),
    }
}

/// rustup's smallest profile has neither; Debian has them as packages.
fn ensure_components(log: &Path) -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if process::output(&mut cargo(&[subcommand, "--version"])).is_err() {
            progress::step(&format!("Installing {component}"), || {
                process::run(
                    Command::new("rustup").args(["component", "add", component]),
                    log,
                )
                .with_context(|| format!("cargo {subcommand} is missing, and rustup can't add it"))
            })?;
        }
    }
    Ok(())
}

/// What tests are told to find.
struct Found<'a> {
    types: Option<&'a Path>,
    browser: Option<&'a str>,
}

/// Unit, integration and documentation tests of the workspace, each counted.
fn cargo_test(filter: Option<&str>, found: &Found<'_>, report: &mut Report) -> Result<()> {
    let log = workspace::target().join("test/cargo-test.log");
    let _ = fs::remove_file(&log);
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.args(filter);
    if let Some(url) = found.browser {
        command.env("KFLAT_TEST_CHROMEDRIVER", url);
    }
    if let Some(types) = found.types {
        command.env("KFLAT_TEST_BTF", types);
    }
    let result = progress::step("Unit and documentation tests", || {
        process::run(&mut command, &log)
    });
    let printed = fs::read_to_string(&log).unwrap_or_default();
    let tally = verdict::cargo_tests(&printed);
    report.tally += tally;
    for line in printed.lines() {
        if let Some((name, Verdict::Failed)) = verdict::test_line(line) {
            report.failures.push(name.to_owned());
        }
    }
    progress::note(&format!("cargo test: {tally}"));
    match result {
        Err(error) if tally.failed > 0 => {
            progress::line(&format!("{error:#}"));
            Ok(())
        }
        // It did not even compile, or something died.
        other => other,
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    command
}
