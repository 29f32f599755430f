//! One builder at a time, across processes.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use fs4::FileExt;

use crate::progress;

/// Held until dropped; the kernel lets go of it if this process dies.
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its Drop")] File);

impl Lock {
    /// Waits, and says so, while another process holds the lock at `path`.
    pub(crate) fn acquire(path: &Path) -> Result<Self> {
        let parent = path.parent().context("a lock needs a directory")?;
        fs::create_dir_all(parent).with_context(|| format!("can't create {}", parent.display()))?;
        let file = File::create(path).with_context(|| format!("can't open {}", path.display()))?;
        if FileExt::try_lock(&file).is_err() {
            progress::note("another cargo xtask is building; waiting for it");
            FileExt::lock(&file).with_context(|| format!("can't lock {}", path.display()))?;
        }
        Ok(Self(file))
    }
}
