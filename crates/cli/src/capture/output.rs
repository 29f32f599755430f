//! Where the image goes.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kflat_abi::image::MAGIC;
use tempfile::NamedTempFile;

/// A place that was tried out before there is an image.
pub(super) enum Output {
    Stdout,
    /// A device or pipe, written as it is.
    Special(PathBuf, File),
    /// A file that takes its name when it is complete.
    File(PathBuf, NamedTempFile),
}

impl Output {
    /// The file the user chose, else one named after the function.
    pub(super) fn prepare(chosen: Option<&Path>, function: &str) -> Result<Self> {
        let path = match chosen {
            Some(path) if path == "-" => {
                if io::stdout().is_terminal() {
                    bail!("an image is no text for a terminal: redirect it, or use -o FILE");
                }
                return Ok(Self::Stdout);
            }
            Some(path) => path.to_owned(),
            None => PathBuf::from(format!("{}.img", function.replace(':', "-"))),
        };
        let name = path.display();
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => bail!("{name} is a directory: give the name of a file"),
            Ok(found) if !found.is_file() => {
                let file = File::options().write(true).open(&path);
                let file = file.with_context(|| format!("can't write {name}"))?;
                return Ok(Self::Special(path, file));
            }
            Ok(found) if found.len() > 0 && !is_image(&path) => {
                bail!("{name} is a file that is no image, and is not overwritten")
            }
            _ => {}
        }
        let directory = match path.parent() {
            Some(parent) if parent != "" => parent,
            _ => Path::new("."),
        };
        // Readable by its owner only, as the kernel's memory is.
        let file = tempfile::Builder::new()
            .prefix(".kflat-")
            .tempfile_in(directory);
        let file = file.with_context(|| format!("can't write to {}", directory.display()))?;
        Ok(Self::File(path, file))
    }

    /// Writes the image; the words for where it is.
    pub(super) fn write(self, image: &[u8]) -> Result<String> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(image)?;
                out.flush()?;
                Ok("the standard output".to_owned())
            }
            Self::Special(path, mut file) => {
                let written = file.write_all(image);
                written.with_context(|| format!("can't write {}", path.display()))?;
                Ok(path.display().to_string())
            }
            Self::File(path, mut file) => {
                let written = file.write_all(image).and_then(|()| file.flush());
                written.with_context(|| format!("can't write {}", path.display()))?;
                let saved = file.persist(&path);
                saved.with_context(|| format!("can't write {}", path.display()))?;
                Ok(path.display().to_string())
            }
        }
    }
}

fn is_image(path: &Path) -> bool {
    let mut start = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == MAGIC.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_images_stay_as_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let recipe = directory.path().join("vfs_read.kflat");
        fs::write(&recipe, "recipe vfs_read { file; }").unwrap();
        let refused = Output::prepare(Some(&recipe), "vfs_read").err().unwrap();
        assert!(refused.to_string().contains("not overwritten"));

        let old = directory.path().join("old.img");
        fs::write(&old, b"FLATTEN\0 an earlier one").unwrap();
        let output = Output::prepare(Some(&old), "vfs_read").unwrap();
        assert_eq!(output.write(b"new").unwrap(), old.display().to_string());
        assert_eq!(fs::read(&old).unwrap(), b"new");

        let nowhere = directory.path().join("missing/file");
        assert!(Output::prepare(Some(&nowhere), "f").is_err());
        assert!(Output::prepare(Some(directory.path()), "f").is_err());
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 2, "nothing else is left behind");
    }

    #[test]
    fn devices_are_written_as_they_are() {
        let output = Output::prepare(Some(Path::new("/dev/null")), "f").unwrap();
        assert!(matches!(output, Output::Special(..)));
        output.write(b"image").unwrap();
    }
}
