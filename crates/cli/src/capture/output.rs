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
    /// The same; there must be no other of that name.
    New(PathBuf, NamedTempFile),
}

/// Where the images of a command go.
pub(super) struct Outputs<'a> {
    chosen: Option<&'a Path>,
    functions: Vec<&'a str>,
    count: u32,
}

impl<'a> Outputs<'a> {
    /// The file that the user chose, else one named after the function; `count` of
    /// them, which are numbered and replace nothing.
    pub(super) fn new(
        chosen: Option<&'a Path>,
        functions: Vec<&'a str>,
        count: u32,
    ) -> Result<Self> {
        let this = Self {
            chosen,
            functions,
            count,
        };
        if count > 1 && chosen.is_some_and(|path| path == "-") {
            bail!("{count} images can't all go to the standard output: use -o FILE");
        }
        for number in 2..=count {
            this.paths(number)
                .iter()
                .try_for_each(|path| is_free(path))?;
        }
        // Before anything else is done.
        this.prepare(1)?;
        Ok(this)
    }

    /// Where image `number`, from 1, may go: one place, or one for each function.
    pub(super) fn prepare(&self, number: u32) -> Result<Vec<Output>> {
        let paths = self.paths(number);
        if self.count > 1 {
            paths.iter().try_for_each(|path| is_free(path))?;
        }
        let outputs = paths.into_iter().map(Output::prepare);
        let outputs: Result<Vec<_>> = outputs.collect();
        let kept = |output| match (output, self.count) {
            (Output::File(path, file), 2..) => Output::New(path, file),
            (output, _) => output,
        };
        Ok(outputs?.into_iter().map(kept).collect())
    }

    fn paths(&self, number: u32) -> Vec<PathBuf> {
        let whole = match self.chosen {
            Some(path) => vec![path.to_owned()],
            None => (self.functions.iter())
                .map(|function| PathBuf::from(format!("{}.img", function.replace(':', "-"))))
                .collect(),
        };
        match self.count {
            0 | 1 => whole,
            count => (whole.iter())
                .map(|path| numbered(path, number, count))
                .collect(),
        }
    }
}

/// `name-007.img` of `name.img`: as many digits as the last one has.
fn numbered(path: &Path, number: u32, count: u32) -> PathBuf {
    let digits = count.to_string().len();
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number:0digits$}"));
    if let Some(end) = path.extension() {
        name.push(".");
        name.push(end);
    }
    path.with_file_name(name)
}

fn is_free(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        bail!(
            "{} is there already, and a series replaces nothing: remove it, or choose another \
             name with -o",
            path.display()
        );
    }
    Ok(())
}

impl Output {
    fn prepare(path: PathBuf) -> Result<Self> {
        if path == Path::new("-") {
            if io::stdout().is_terminal() {
                bail!("an image is no text for a terminal: redirect it, or use -o FILE");
            }
            return Ok(Self::Stdout);
        }
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
            Self::New(path, mut file) => {
                let written = file.write_all(image).and_then(|()| file.flush());
                written.with_context(|| format!("can't write {}", path.display()))?;
                let saved = file.persist_noclobber(&path);
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
        let place = |path: &Path| {
            let outputs = Outputs::new(Some(path), vec!["f"], 1)?;
            Ok::<_, anyhow::Error>(outputs.prepare(1)?.pop().unwrap())
        };
        let refused = place(&recipe).err().unwrap();
        assert!(refused.to_string().contains("not overwritten"));

        let old = directory.path().join("old.img");
        fs::write(&old, b"FLATTEN\0 an earlier one").unwrap();
        let output = place(&old).unwrap();
        assert_eq!(output.write(b"new").unwrap(), old.display().to_string());
        assert_eq!(fs::read(&old).unwrap(), b"new");

        let nowhere = directory.path().join("missing/file");
        assert!(place(&nowhere).is_err());
        assert!(place(directory.path()).is_err());
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 2, "nothing else is left behind");
    }

    #[test]
    fn devices_are_written_as_they_are() {
        let output = Output::prepare("/dev/null".into()).unwrap();
        assert!(matches!(output, Output::Special(..)));
        output.write(b"image").unwrap();
    }

    #[test]
    fn a_series_is_numbered_and_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.b.img");
        let outputs = Outputs::new(Some(&path), vec!["f", "g"], 10).unwrap();
        for (number, name) in [(1, "a.b-01.img"), (10, "a.b-10.img")] {
            let mut places = outputs.prepare(number).unwrap();
            assert_eq!(places.len(), 1, "one for all functions");
            let written = places.remove(0).write(b"FLATTEN\0").unwrap();
            assert_eq!(Path::new(&written), directory.path().join(name));
        }
        let again = outputs.prepare(10).err().unwrap().to_string();
        assert!(again.contains("a.b-10.img is there already"), "{again}");
        let again = Outputs::new(Some(&path), vec!["f"], 10).err().unwrap();
        assert!(again.to_string().contains("replaces nothing"), "{again}");
        // Somebody else came first.
        let late = outputs.prepare(2).unwrap().remove(0);
        let theirs = directory.path().join("a.b-02.img");
        fs::write(&theirs, b"theirs").unwrap();
        assert!(late.write(b"ours").is_err());
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
        let stdout = Outputs::new(Some(Path::new("-")), vec!["f"], 2);
        assert!(stdout.err().unwrap().to_string().contains("2 images"));
    }

    #[test]
    fn each_function_has_a_place_of_its_own() {
        let outputs = Outputs {
            chosen: None,
            functions: vec!["f", "module:g"],
            count: 1,
        };
        assert_eq!(
            outputs.paths(1),
            [Path::new("f.img"), Path::new("module-g.img")]
        );
        assert_eq!(numbered(Path::new("d/f"), 3, 9), Path::new("d/f-3"));
    }
}
