//! The images that a guest left for the tests outside of it
//! (`tests/src/samples.rs`).

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::workspace;

/// The kernel whose images are looked at.
const SERIES: &str = "6.12";

/// Images of one guest.
#[derive(Debug)]
pub(super) struct Samples(PathBuf);

impl Samples {
    /// Those of the last run.
    ///
    /// # Errors
    /// If no guest left any.
    pub(super) fn find() -> Result<Self> {
        let directory = workspace::target().join(format!("test/{SERIES}-4-levels/share/images"));
        if !directory.is_dir() {
            bail!(
                "there are no images in {}: run the tests in the guest with Linux {SERIES} first",
                directory.display()
            );
        }
        Ok(Self(directory))
    }

    /// Where they are.
    pub(super) fn directory(&self) -> &Path {
        &self.0
    }
}
