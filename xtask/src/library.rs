//! `cargo xtask install`: libunflatten where C and C++ find it.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, progress, workspace};

/// Where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where programs look for it: lib, include and lib/pkgconfig are below
    #[arg(long, value_name = "DIR", default_value = "/usr/local")]
    prefix: PathBuf,
    /// Put before all of it, for packages
    #[arg(long, value_name = "DIR")]
    destdir: Option<PathBuf>,
}

impl Options {
    /// Below `prefix`.
    pub(crate) fn below(prefix: &Path) -> Self {
        Self {
            prefix: prefix.to_owned(),
            destdir: None,
        }
    }
}

/// Name and version of the shared library; `crates/unflatten/build.rs` has the
/// first too.
const SONAME: &str = "libunflatten.so.0";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds and installs it.
///
/// # Errors
/// If it can't be built, or a file can't be written.
pub(crate) fn run(options: &Options) -> Result<()> {
    let prefix = std::path::absolute(&options.prefix)?;
    let into = match &options.destdir {
        Some(destdir) => destdir.join(prefix.strip_prefix("/").unwrap_or(&prefix)),
        None => prefix.clone(),
    };
    progress::step("Building libunflatten", build)?;
    install(&prefix, &into)?;
    progress::note(&format!("libunflatten {VERSION} is in {}", into.display()));
    Ok(())
}

fn build() -> Result<()> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--release", "--package", "kflat-unflatten"])
        .current_dir(workspace::root());
    let log = workspace::target().join("library.log");
    let _ = fs::remove_file(&log);
    process::run(&mut command, &log)
}

/// Copies what was built below `into`, for use at `prefix`.
fn install(prefix: &Path, into: &Path) -> Result<()> {
    let (include, lib) = (into.join("include"), into.join("lib"));
    let pkgconfig = lib.join("pkgconfig");
    for directory in [&include, &pkgconfig] {
        fs::create_dir_all(directory)
            .with_context(|| format!("can't create {}", directory.display()))?;
    }
    let checkout = workspace::root();
    for header in ["unflatten.h", "unflatten.hpp"] {
        copy(
            &checkout.join("include").join(header),
            &include.join(header),
        )?;
    }
    let built = workspace::target().join("release");
    let shared = format!("libunflatten.so.{VERSION}");
    copy(&built.join("libunflatten.a"), &lib.join("libunflatten.a"))?;
    copy(&built.join("libunflatten.so"), &lib.join(&shared))?;
    link(&shared, &lib.join(SONAME))?;
    link(SONAME, &lib.join("libunflatten.so"))?;
    let template = fs::read_to_string(checkout.join("crates/unflatten/unflatten.pc.in"))?;
    let text = template
        .replace("@PREFIX@", &prefix.display().to_string())
        .replace("@VERSION@", VERSION);
    let file = pkgconfig.join("unflatten.pc");
    fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))
}

/// A running program may use the file that is replaced: the new one gets its name.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let new = to.with_extension("new");
    let replace = || {
        fs::copy(from, &new)?;
        fs::rename(&new, to)
    };
    replace().with_context(|| format!("can't copy {} to {}", from.display(), to.display()))
}

fn link(target: &str, at: &Path) -> Result<()> {
    let _ = fs::remove_file(at);
    symlink(target, at).with_context(|| format!("can't create {}", at.display()))
}
