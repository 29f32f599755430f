//! The Python package: built as a wheel, installed, and tested with images of a
//! guest.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Report;
use super::samples::Samples;
use crate::testroot::{TestRoot, VENV};
use crate::verdict::{self, Verdict};
use crate::{process, progress, workspace};

/// Runs its tests, each counted.
pub(super) fn run(root: &TestRoot, samples: &Samples, report: &mut Report) {
    let directory = workspace::target().join("test/python");
    let log = directory.join("build.log");
    let installed = progress::step("The Python package", || {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        install(root, &directory, &log)
    });
    match installed {
        Ok(()) => report.passed("python::the_wheel_is_built_and_installed"),
        Err(error) => {
            report.failed(
                "python::the_wheel_is_built_and_installed",
                &format!("{error:#}"),
            );
            return;
        }
    }
    let mut stubs = python(
        root,
        &directory,
        samples,
        &[
            "-m",
            "mypy.stubtest",
            "--allowlist",
            "stubtest.txt",
            "kflat",
        ],
    );
    match process::run(&mut stubs, &log) {
        Ok(()) => report.passed("python::the_stubs_are_true"),
        Err(error) => report.failed("python::the_stubs_are_true", &format!("{error:#}")),
    }
    if let Err(error) = pytest(root, &directory, samples, report) {
        report.failed("python::pytest", &format!("{error:#}"));
    }
}

/// maturin is a program of its own: it needs no Python here, but our cargo.
fn install(root: &TestRoot, directory: &Path, log: &Path) -> Result<()> {
    let maturin = root
        .root()
        .join(VENV.trim_start_matches('/'))
        .join("bin/maturin");
    let wheels = directory.join("wheels");
    let mut build = Command::new(maturin);
    build
        .args(["build", "--release", "--compatibility", "linux"])
        .args(["--manifest-path", "python/Cargo.toml", "--out"])
        .arg(&wheels)
        .current_dir(workspace::root());
    process::run(&mut build, log).context("can't build the wheel")?;
    let wheel = fs::read_dir(&wheels)?
        .next()
        .context("maturin left no wheel")??
        .path();
    let pip = format!("{VENV}/bin/pip");
    let mut install = root.command(
        directory,
        &[directory],
        [
            pip.as_ref(),
            "install".as_ref(),
            "--no-index".as_ref(),
            "--no-deps".as_ref(),
            "--target".as_ref(),
            directory.join("site").as_os_str(),
            wheel.as_os_str(),
        ],
    );
    process::run(&mut install, log).context("can't install the wheel")
}

/// Python with the package, where the tests are.
fn python(root: &TestRoot, directory: &Path, samples: &Samples, arguments: &[&str]) -> Command {
    let tests = workspace::root().join("python");
    let mut command = vec![
        "/usr/bin/env".into(),
        format!("PYTHONPATH={}", directory.join("site").display()),
        format!("KFLAT_IMAGES={}", samples.directory().display()),
        "PYTHONDONTWRITEBYTECODE=1".into(),
        format!("{VENV}/bin/python"),
    ];
    command.extend(arguments.iter().map(|&argument| argument.to_owned()));
    root.command(
        // Not beside the sources, which would be imported first.
        &tests.join("tests"),
        &[&workspace::root(), directory, samples.directory()],
        command,
    )
}

fn pytest(root: &TestRoot, directory: &Path, samples: &Samples, report: &mut Report) -> Result<()> {
    let arguments = ["-m", "pytest", "-v", "-p", "no:cacheprovider", "."];
    let output = python(root, directory, samples, &arguments).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut failed = false;
    for (name, verdict) in printed.lines().filter_map(verdict::pytest_line) {
        let name = format!("python::{name}");
        match verdict {
            Verdict::Passed => report.passed(&name),
            // Nothing may be left out here.
            Verdict::Failed | Verdict::Skipped => {
                failed = true;
                report.failed(&name, "");
            }
        }
    }
    let told = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    if failed {
        progress::line(&told);
    } else if !output.status.success() {
        anyhow::bail!("{told}");
    }
    Ok(())
}
