//! Files that are written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Writes a file that takes its name when it is complete, readable by its owner
/// only, as the kernel's memory is.
pub(crate) fn write<T>(
    path: &Path,
    contents: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let name = path.display();
    if path.is_dir() {
        bail!("{name} is a directory: give the name of a file");
    }
    let wrong = || format!("can't write {name}");
    // A device or pipe is written as it is.
    if path.exists() && !path.is_file() {
        let mut file = BufWriter::new(File::options().write(true).open(path).with_context(wrong)?);
        let result = contents(&mut file)?;
        file.flush().with_context(wrong)?;
        return Ok(result);
    }
    let directory = match path.parent() {
        Some(parent) if parent != "" => parent,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new()
        .prefix(".kflat-")
        .tempfile_in(directory);
    let mut file = BufWriter::new(file.with_context(wrong)?);
    let result = contents(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error);
    file.with_context(wrong)?
        .persist(path)
        .with_context(wrong)?;
    Ok(result)
}

/// Counts the bytes that are written.
pub(crate) struct Counted<'o> {
    out: &'o mut dyn Write,
    bytes: u64,
}

impl<'o> Counted<'o> {
    pub(crate) fn new(out: &'o mut dyn Write) -> Self {
        Self { out, bytes: 0 }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
