//! The programs that run in guests, all linked statically: a guest has nothing
//! but busybox.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::buildroot::BuildRoot;
use crate::{process, progress, workspace};

/// The target that guests run, named so that build scripts and procedural
/// macros are not linked statically.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Packages of the workspace and where they are.
const PACKAGES: &[(&str, &str)] = &[
    ("kflat", "crates/cli"),
    ("kflat-executor", "tools/executor"),
    ("kflat-tests", "tests"),
];

/// The built programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// For the guest's path.
    pub(crate) commands: Vec<PathBuf>,
    /// The C clients of `tests/uapi`.
    pub(crate) clients: Vec<PathBuf>,
}

impl Programs {
    /// Where the command `name` is.
    ///
    /// # Errors
    /// If there is no such command.
    pub(crate) fn command(&self, name: &str) -> Result<&Path> {
        self.commands
            .iter()
            .find(|path| path.file_name().is_some_and(|file| file == name))
            .map(PathBuf::as_path)
            .with_context(|| format!("the workspace has no command {name}"))
    }
}

/// Builds them.
///
/// # Errors
/// If a compiler fails.
pub(crate) fn build(root: &BuildRoot) -> Result<Programs> {
    progress::step("Building the programs for the guests", || {
        let log = workspace::target().join("guest/build.log");
        let _ = fs::remove_file(&log);
        Ok(Programs {
            commands: commands(&log)?,
            clients: clients(root, &log)?,
        })
    })
}

fn commands(log: &Path) -> Result<Vec<PathBuf>> {
    let target = workspace::target().join("guest");
    let packages: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, path)| workspace::root().join(path).join("Cargo.toml").is_file())
        .map(|(package, _)| *package)
        .collect();
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--release", "--target", TARGET, "--target-dir"])
        .arg(&target)
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .current_dir(workspace::root());
    process::run(&mut command, log)?;
    Ok(packages
        .iter()
        .map(|package| target.join(TARGET).join("release").join(package))
        .collect())
}

/// Each `tests/uapi/*.c`, against `include/` only.
fn clients(root: &BuildRoot, log: &Path) -> Result<Vec<PathBuf>> {
    let checkout = workspace::root();
    let into = workspace::target().join("guest/uapi");
    fs::create_dir_all(&into)?;
    let include = checkout.join("include");
    let sources = checkout.join("tests/uapi");
    let mut programs = Vec::new();
    for entry in
        fs::read_dir(&sources).with_context(|| format!("can't read {}", sources.display()))?
    {
        let source = entry?.path();
        if source.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let program = into.join(source.file_stem().unwrap_or_default());
        let arguments = [
            OsStr::new("gcc"),
            OsStr::new("-std=gnu11"),
            OsStr::new("-O2"),
            OsStr::new("-Wall"),
            OsStr::new("-Wextra"),
            OsStr::new("-Werror"),
            OsStr::new("-static"),
            OsStr::new("-I"),
            include.as_os_str(),
            OsStr::new("-o"),
            program.as_os_str(),
            source.as_os_str(),
        ];
        process::run(
            &mut root.command(&into, &[&checkout, &into], arguments),
            log,
        )?;
        programs.push(program);
    }
    Ok(programs)
}
