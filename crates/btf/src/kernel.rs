//! The BTF of the running kernel, from `/sys/kernel/btf`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::parse::ParseError;
use crate::types::Btf;

/// Where the kernel gives its BTF.
pub const DIRECTORY: &str = "/sys/kernel/btf";

/// Why there is no BTF.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel gives none.
    #[error(
        "this kernel gives no type information ({path} is missing): it needs a kernel built with \
         CONFIG_DEBUG_INFO_BTF=y, as those of the large distributions are"
    )]
    NoBtf {
        /// The file.
        path: PathBuf,
    },
    /// A module has none.
    #[error(
        "module {module} has no type information ({path} is missing): is it loaded, and was it \
         built with pahole installed and CONFIG_DEBUG_INFO_BTF_MODULES=y?"
    )]
    NoModuleBtf {
        /// The module.
        module: String,
        /// The file.
        path: PathBuf,
    },
    /// It can't be read.
    #[error("can't read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It can't be understood.
    #[error("can't use {path}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParseError,
    },
}

/// The kernel's own types.
///
/// # Errors
/// If the kernel gives no BTF, or it can't be read.
pub fn vmlinux() -> Result<Btf, Error> {
    let path = Path::new(DIRECTORY).join("vmlinux");
    match std::fs::read(&path) {
        Ok(bytes) => parse(Btf::parse(&bytes), path),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NoBtf { path }),
        Err(source) => Err(Error::Read { path, source }),
    }
}

/// The types of `kernel` and those of a loaded module.
///
/// # Errors
/// If the module has no BTF, or it can't be read.
pub fn with_module(kernel: &Btf, module: &str) -> Result<Btf, Error> {
    let path = Path::new(DIRECTORY).join(module);
    match std::fs::read(&path) {
        Ok(bytes) => parse(kernel.with_module(&bytes), path),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NoModuleBtf {
            module: module.to_owned(),
            path,
        }),
        Err(source) => Err(Error::Read { path, source }),
    }
}

/// Names of the loaded modules that have types.
#[must_use]
pub fn modules() -> Vec<String> {
    let entries = std::fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != "vmlinux")
        .collect();
    names.sort_unstable();
    names
}

/// The types in a file, of a kernel that need not run here.
///
/// # Errors
/// If it can't be read or is no BTF.
pub fn from_file(path: &Path) -> Result<Btf, Error> {
    match std::fs::read(path) {
        Ok(bytes) => parse(Btf::parse(&bytes), path.to_owned()),
        Err(source) => Err(Error::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn parse(parsed: Result<Btf, ParseError>, path: PathBuf) -> Result<Btf, Error> {
    parsed.map_err(|source| Error::Parse { path, source })
}
