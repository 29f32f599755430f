//! Guests: an unmodified kernel of Debian under QEMU, with our own init, that
//! runs one command and tells what became of it.

mod accelerator;
mod channel;
pub(crate) mod console;
mod cpio;
mod initramfs;
mod qemu;
mod watch;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::buildroot::BuildRoot;
use crate::kernels::Kernel;
use channel::Channel;

/// Depth of the page tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Levels {
    Four,
    Five,
}

impl Levels {
    /// The number.
    pub(crate) fn count(self) -> u8 {
        match self {
            Self::Four => 4,
            Self::Five => 5,
        }
    }
}

/// What a guest is booted for.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// A program and its arguments; its output comes apart from the kernel's.
    Command(Vec<OsString>),
    /// A shell on this terminal.
    Shell { rows: u16, columns: u16 },
    /// A program, which needs nothing but itself, on a clock that counts instructions, one
    /// a nanosecond. The guest has one CPU and nothing of the host but serial lines with
    /// always room for what is written: what is done twice takes the same time twice.
    Counted {
        program: PathBuf,
        arguments: Vec<OsString>,
    },
}

impl Work {
    pub(crate) fn is_counted(&self) -> bool {
        matches!(self, Self::Counted { .. })
    }
}

/// A guest to be.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// The kernel to boot.
    pub(crate) kernel: Kernel,
    /// Depth of its page tables.
    pub(crate) levels: Levels,
    /// Number of CPUs.
    pub(crate) cpus: u32,
    /// Memory, as QEMU takes it: `1G`.
    pub(crate) memory: String,
    /// Kernel objects to load, in this order; unloaded again at the end.
    pub(crate) modules: Vec<PathBuf>,
    /// A directory that the guest sees as `/share`, for both to write; its
    /// `bin` is on the guest's path. One that counts sees nothing.
    pub(crate) share: PathBuf,
    /// What to do in it.
    pub(crate) work: Work,
    /// How long it may take altogether.
    pub(crate) limit: Duration,
    /// Where its logs go: `console.log`, `dmesg.log`, `output.log`.
    pub(crate) logs: PathBuf,
}

/// Which of the command's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// What became of a guest.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The command's exit status; `None` if the guest ended before it did.
    pub(crate) status: Option<u8>,
    /// What went wrong with the guest itself, in people's words: it hung, it
    /// panicked, a module did not load, the kernel log has a warning.
    pub(crate) complaints: Vec<String>,
}

impl Outcome {
    /// Whether the command succeeded in a healthy guest.
    pub(crate) fn is_success(&self) -> bool {
        self.status == Some(0) && self.complaints.is_empty()
    }
}

/// Boots a guest, hands on what its command prints as it comes, and returns
/// when the guest is gone.
///
/// # Errors
/// Only if no guest could be started; a guest that fails is an [`Outcome`].
pub(crate) fn run(
    root: &BuildRoot,
    spec: &Spec,
    output: &mut dyn FnMut(Output, &[u8]),
) -> Result<Outcome> {
    let accelerator = accelerator::choose(root, spec)?;
    boot(root, spec, accelerator, output)
}

fn boot(
    root: &BuildRoot,
    spec: &Spec,
    accelerator: accelerator::Accelerator,
    output: &mut dyn FnMut(Output, &[u8]),
) -> Result<Outcome> {
    for directory in [&spec.share, &spec.logs] {
        fs::create_dir_all(directory)
            .with_context(|| format!("can't create {}", directory.display()))?;
    }
    let scratch = tempfile::Builder::new()
        .prefix("kflat-vm-")
        .tempdir()
        .context("can't create a temporary directory")?;
    let initramfs = scratch.path().join("initramfs");
    fs::write(&initramfs, initramfs::build(root, spec)?)?;
    let channels = channel::Listeners::bind(scratch.path(), Channel::all(&spec.work))?;
    let command = qemu::command(root, spec, accelerator, scratch.path());
    watch::watch(command, channels, spec, output)
}
