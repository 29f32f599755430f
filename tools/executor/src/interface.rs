//! Operations on a file, by which a driver's functions are called.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, Result};

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Interface {
    /// Read from it
    Read,
    /// Write a byte to it
    Write,
    /// Send it an ioctl
    Ioctl,
    /// Read an attribute
    Show,
    /// Write `0` to an attribute
    Store,
}

/// An open file and what to do with it.
pub(crate) struct Target {
    file: File,
    interface: Interface,
}

impl Target {
    /// Opens it as the operation needs it.
    pub(crate) fn open(path: &Path, interface: Interface) -> Result<Self> {
        let writes = matches!(interface, Interface::Write | Interface::Store);
        let opened = File::options().read(!writes).write(writes).open(path);
        let file = opened.with_context(|| format!("can't open {}", path.display()))?;
        Ok(Self { file, interface })
    }

    /// Does it once.
    pub(crate) fn operate(&mut self, command: u32) -> io::Result<()> {
        match self.interface {
            Interface::Read | Interface::Show => self.file.read(&mut [0; 4096]).map(|_| ()),
            Interface::Write | Interface::Store => self.file.write(b"0").map(|_| ()),
            Interface::Ioctl => {
                // SAFETY: The argument is 0: a driver that takes it for an
                // address finds nothing there to read or write.
                let result = unsafe { libc::ioctl(self.file.as_raw_fd(), command.into(), 0) };
                match result {
                    0.. => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            }
        }
    }
}
