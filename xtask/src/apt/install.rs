//! Programs that this machine itself needs.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{process, progress};

/// Installs the packages of those `(program, package)` that are not there.
///
/// # Errors
/// If apt-get fails, or if this user may not install.
pub(crate) fn ensure_programs(wanted: &[(&str, &str)], log: &Path) -> Result<()> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| !on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !on_path("apt-get") {
        bail!(
            "this machine lacks {list}, and has no apt-get to install it: kflat is built on Debian 12 or 13"
        );
    }
    progress::step(&format!("Installing {list}"), || {
        // Lists that are missing or old make apt-get fail or fetch what the
        // mirror no longer has: renew them once.
        if install(&missing, log).is_ok() {
            return Ok(());
        }
        process::run(apt_get().arg("update"), log)
            .and_then(|()| install(&missing, log))
            .with_context(|| {
                format!("can't install {list}: run `apt-get update && apt-get install {list}` as root and try again")
            })
    })
}

fn install(packages: &[&str], log: &Path) -> Result<()> {
    process::run(
        apt_get()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
        log,
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // Administrator's programs are not on everybody's path.
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(program).is_file())
}
