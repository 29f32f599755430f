//! `include/kflat_uapi.h`, generated from `crates/abi`.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Writes the header, or only says whether the one that is there is current.
///
/// # Errors
/// If it can't be written, or is not current.
pub(crate) fn header(check: bool) -> Result<()> {
    let path = workspace::root().join("include/kflat_uapi.h");
    let mut current = String::new();
    kflat_abi::header::write_header(&mut current).context("can't generate the header")?;
    if check {
        if fs::read_to_string(&path).ok().as_deref() != Some(&current) {
            bail!("{} is not current: run cargo xtask header", path.display());
        }
        return Ok(());
    }
    fs::write(&path, current).with_context(|| format!("can't write {}", path.display()))
}
