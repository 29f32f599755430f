//! The test root: a private Debian 13 with the debuggers, browsers and
//! sanitizers that images are tested with. Only `cargo xtask test` needs it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::apt::Mirror;
use crate::process;
use crate::root::{self, EXCLUDED, Recipe, Root, SUITE};

/// What it has beside the base system.
const PACKAGES: &[&str] = &[
    // What images are opened in.
    "gdb",
    "crash",
    "chromium",
    "chromium-driver",
    "fonts-dejavu-core",
    // Python, and what drgn and our own package are installed and tested with.
    "python3",
    "python3-pip",
    "python3-venv",
    // Harnesses in C and C++: compilers, address sanitizer, fuzzer.
    "clang",
    "libclang-rt-dev",
    "gcc",
    "g++",
    "libc6-dev",
    "make",
    "pkgconf",
    // Counts instructions and checks memory.
    "valgrind",
];

/// Where Python finds [`PYTHON`]: `VENV/bin/python`.
pub(crate) const VENV: &str = "/opt/python";

/// Python packages that Debian hasn't.
const PYTHON: &[&str] = &["drgn", "maturin", "mypy", "pytest"];

/// To be raised when the way it is made changes.
const REVISION: u32 = 1;

/// A finished test root.
#[derive(Debug, Clone)]
pub(crate) struct TestRoot(Root);

impl TestRoot {
    /// The test root of this recipe, made if it isn't there.
    ///
    /// # Errors
    /// If it can't be made: no right, no network, no room.
    pub(crate) fn get() -> Result<Self> {
        let recipe = Recipe {
            kind: "testroot",
            content: format!("{SUITE} {PACKAGES:?} {EXCLUDED:?} {PYTHON:?} {REVISION}"),
            title: "Making the test root: debuggers, a browser, sanitizers (once; a few minutes)",
        };
        Root::get(&recipe, false, make).map(Self)
    }
}

impl Deref for TestRoot {
    type Target = Root;

    fn deref(&self) -> &Root {
        &self.0
    }
}

fn make(partial: &Path, log: &Path) -> Result<String> {
    let mirror = Mirror::of_this_machine()?;
    let root = partial.join("root");
    let packages: Vec<String> = PACKAGES.iter().map(|&name| name.to_owned()).collect();
    root::install(&root, &packages, &mirror.release(SUITE), log)?;
    install_python(&root, log)?;
    Ok(String::new())
}

/// pip goes the way this machine goes: its resolver, certificates and settings.
fn install_python(root: &Path, log: &Path) -> Result<()> {
    let mut binds: Vec<(PathBuf, PathBuf)> = Vec::new();
    for path in ["/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf"] {
        if Path::new(path).exists() {
            let inside = root.join(path.trim_start_matches('/'));
            let _ = fs::remove_file(&inside);
            fs::copy(path, inside)?;
        }
    }
    let certificates = PathBuf::from("/etc/ssl/certs");
    if certificates.exists() {
        binds.push((certificates.clone(), certificates));
    }
    let settings = env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy().to_ascii_lowercase();
        name.starts_with("pip_") || name.ends_with("_proxy")
    });
    let mut command: Vec<OsString> = vec!["/usr/bin/env".into()];
    command.extend(settings.map(|(name, value)| {
        let mut setting = name;
        setting.push("=");
        setting.push(value);
        setting
    }));
    let script = format!(
        "python3 -m venv --system-site-packages {VENV} && {VENV}/bin/pip install {}",
        PYTHON.join(" ")
    );
    command.extend(["/bin/sh".into(), "-euc".into(), script.into()]);
    process::run(
        &mut root::command_in(root, Path::new("/"), &binds, command),
        log,
    )
    .context("can't install Python packages into the test root")
}
