//! The loaders hand out memory and have unsafe code: their tests again, under
//! AddressSanitizer, valgrind and Miri, and the fuzzers' corpora under the first.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Report;
use crate::testroot::TestRoot;
use crate::{process, progress, workspace};

/// Part of the name of each of these tests.
pub(super) const THEME: &str = "sanitizers";

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Runs them all.
pub(super) fn run(report: &mut Report) {
    progress::line("==> Sanitizers over the loaders");
    let log = workspace::target().join("test/sanitizers.log");
    let _ = std::fs::remove_file(&log);
    for (name, check) in [
        ("AddressSanitizer has no complaint", asan as Check),
        ("valgrind has no complaint", valgrind),
    ] {
        let name = format!("{THEME}: {name}");
        match check(&log) {
            Ok(()) => report.passed(&name),
            Err(error) => report.failed(&name, &format!("{error:#}")),
        }
    }
    let name = format!("{THEME}: Miri has no complaint");
    match has_miri(&log) {
        false => report.skipped(&name, "no nightly toolchain with Miri"),
        true => match miri(&log) {
            Ok(()) => report.passed(&name),
            Err(error) => report.failed(&name, &format!("{error:#}")),
        },
    }
}

type Check = fn(&Path) -> Result<()>;

/// The stable compiler has the sanitizer, but not yet the promise to keep it.
fn asan(log: &Path) -> Result<()> {
    let mut command = cargo(&[
        "test",
        "-pkflat-image",
        "-pkflat-fuzz-targets",
        "--lib",
        "--test=image",
        "--test=corpus",
        "--target",
        TRIPLE,
        "--target-dir",
    ]);
    command
        .arg(workspace::target().join("asan"))
        .args(["--", "load::", "every_input"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address");
    process::run(&mut command, log)
}

/// Memory that is read before it is written, which AddressSanitizer does not see.
fn valgrind(log: &Path) -> Result<()> {
    let root = TestRoot::get()?;
    let mut build = cargo(&["test", "--workspace", "--no-run", "--message-format=json"]);
    let messages = process::output(&mut build)?;
    let here = workspace::root();
    for name in ["kflat_image", "image"] {
        let program = test_program(&messages, name)?;
        let program = program.to_string_lossy();
        let command = [
            "env",
            // Each takes fifty times as long.
            "PROPTEST_CASES=8",
            "valgrind",
            "--quiet",
            "--error-exitcode=9",
            // The tests' own runner leaves some; AddressSanitizer looks for leaks.
            "--leak-check=no",
            &program,
            "load::",
            "--test-threads=1",
        ];
        process::run(&mut root.command(&here, &[&here], command), log)?;
    }
    Ok(())
}

/// The program of the tests `name` of the package that reads images.
fn test_program(messages: &str, name: &str) -> Result<PathBuf> {
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        let text = |path: &str| message.pointer(path).and_then(serde_json::Value::as_str);
        let is_it = text("/target/name") == Some(name)
            && text("/package_id").is_some_and(|id| id.contains("crates/image"))
            && message.pointer("/profile/test") == Some(&true.into());
        if let Some(program) = text("/executable").filter(|_| is_it) {
            return Ok(program.into());
        }
    }
    bail!("cargo does not tell where the tests {name} are")
}

/// Miri comes with nightly toolchains only. One that is there may be completed;
/// none is installed for it.
fn has_miri(log: &Path) -> bool {
    let rustup = |arguments: &[&str]| {
        let mut command = Command::new("rustup");
        process::run(command.args(arguments), log).is_ok()
    };
    rustup(&["run", "nightly", "rustc", "--version"])
        && (rustup(&["run", "nightly", "cargo-miri", "--version"])
            || rustup(&[
                "component",
                "add",
                "--toolchain=nightly",
                "miri",
                "rust-src",
            ]))
}

/// Mappings of files are beyond Miri: these are the allocations.
fn miri(log: &Path) -> Result<()> {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo", "miri", "test", "-pkflat-image"])
        .args(["--lib", "--", "load::heap", "load::fragments"])
        // Of the toolchain that started this.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .current_dir(workspace::root());
    process::run(&mut command, log).context("Miri")
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    command
}
