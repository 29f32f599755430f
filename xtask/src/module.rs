//! Builds of the kernel objects, one for each kernel.

mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::buildroot::BuildRoot;
use crate::kernels::Kernel;
use crate::lock::Lock;
use crate::{process, progress, workspace};

/// A kernel object of this repository.
struct Object {
    /// Where its Makefile is.
    directory: &'static str,
    /// What make leaves there.
    file: &'static str,
}

/// The module, then the module that the tests capture from.
const OBJECTS: &[Object] = &[
    Object {
        directory: "kmod",
        file: "kflat.ko",
    },
    Object {
        directory: "tests/kmod",
        file: "kflat_test.ko",
    },
];

/// What the kernel objects are made from; everything else may change freely.
const INPUTS: &[&str] = &[
    "kmod",
    "tests/kmod",
    "crates/abi",
    "crates/engine",
    "crates/self_tests",
];

/// The kernel objects for one kernel.
#[derive(Debug, Clone)]
pub(crate) struct Modules {
    /// `kflat.ko`.
    pub(crate) kflat: PathBuf,
    /// `kflat_test.ko`.
    pub(crate) test: PathBuf,
}

/// Builds them for `kernel`, or finds them built.
///
/// # Errors
/// If the build fails; its whole log stays in `target/kmod/SERIES/build.log`.
pub(crate) fn build(root: &BuildRoot, kernel: &Kernel) -> Result<Modules> {
    let directory = workspace::target().join("kmod").join(&kernel.series);
    let result = |object: &Object| directory.join(object.file);
    let modules = match OBJECTS {
        [kflat, test] => Modules {
            kflat: result(kflat),
            test: result(test),
        },
        _ => bail!("two kernel objects are known"),
    };
    let _lock = Lock::acquire(&workspace::target().join("kmod/lock"))?;
    let checkout = workspace::root();
    let stamp_file = directory.join("stamp");
    let stamp = format!(
        "{} {} {}",
        tree::hash(&checkout, INPUTS)?,
        kernel.release,
        root.tools
    );
    let fresh = fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp)
        && OBJECTS.iter().all(|object| result(object).is_file());
    if fresh {
        return Ok(modules);
    }
    progress::step(
        &format!("Building the module for {}", kernel.release),
        || {
            let log = directory.join("build.log");
            let _ = fs::remove_file(&stamp_file);
            let _ = fs::remove_file(&log);
            let tree = directory.join("tree");
            tree::mirror(&checkout, &tree)?;
            for object in OBJECTS {
                process::run(&mut make(root, kernel, &tree, object.directory)?, &log)?;
                no_warnings(&log)?;
                let made = tree.join(object.directory).join(object.file);
                fs::copy(&made, result(object))
                    .with_context(|| format!("make has not made {}", made.display()))?;
            }
            fs::write(&stamp_file, &stamp)?;
            Ok(())
        },
    )?;
    Ok(modules)
}

/// Fails if the compiler, objtool or modpost complained.
fn no_warnings(log: &Path) -> Result<()> {
    let text = fs::read_to_string(log)?;
    let warnings: Vec<&str> = text
        .lines()
        .filter(|line| line.to_ascii_lowercase().contains("warning: "))
        .collect();
    if !warnings.is_empty() {
        bail!(
            "the build has warnings, also in {}:\n{}",
            log.display(),
            warnings.join("\n")
        );
    }
    Ok(())
}

/// `make` in `tree`'s `directory`. Kbuild writes beside its sources, so each
/// kernel has a copy of them; inside the build root it takes the checkout's
/// place. The Rust part depends on no kernel: all copies share its results.
fn make(root: &BuildRoot, kernel: &Kernel, tree: &Path, directory: &str) -> Result<Command> {
    let checkout = workspace::root();
    let shared = workspace::target().join("kmod/build");
    fs::create_dir_all(&shared)?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let headers = root.root().join(kernel.headers().trim_start_matches('/'));
    // Debian 12 does not package it, and its Kbuild asks for it as soon as there
    // is a vmlinux. The modules have no BTF ids that it would resolve.
    let resolver = headers.join("tools/bpf/resolve_btfids/resolve_btfids");
    let no_resolver = (!resolver.exists()).then(|| "RESOLVE_BTFIDS=true".to_owned());
    let arguments = [
        "make".to_owned(),
        format!("--jobs={jobs}"),
        "--output-sync".to_owned(),
        format!("KDIR={}", kernel.headers()),
        "W=1".to_owned(),
    ];
    Ok(root.command_mapped(
        &checkout.join(directory),
        &[
            (tree.to_path_buf(), checkout.clone()),
            (shared, checkout.join("kmod/build")),
        ],
        arguments.into_iter().chain(no_resolver),
    ))
}
