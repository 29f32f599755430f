//! Copies of the checkout, and what is in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::root::hex;

/// Names that are never sources: results of builds, and git's own.
const NOT_SOURCES: &[&str] = &["target", "build", ".git", "Module.symvers", "modules.order"];

/// Ends of such names.
const NOT_SOURCE_ENDS: &[&str] = &[".o", ".ko", ".a", ".cmd", ".mod", ".mod.c", ".symvers"];

/// A hash of the names and contents of all sources in `parts` of `checkout`.
pub(super) fn hash(checkout: &Path, parts: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for part in parts {
        for (name, path) in sources(&checkout.join(part))? {
            let contents =
                fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
            hash.update(format!("{part} {} {}\n", name.display(), contents.len()));
            hash.update(&contents);
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Makes `copy` hold the sources of `checkout`, with their times, so that make
/// and cargo build only what changed. What builds left in it stays.
pub(super) fn mirror(checkout: &Path, copy: &Path) -> Result<()> {
    let wanted = sources(checkout)?;
    for (name, from) in &wanted {
        let to = copy.join(name);
        let (new, old) = (fs::metadata(from)?, fs::metadata(&to).ok());
        if old
            .is_some_and(|old| old.len() == new.len() && old.modified().ok() == new.modified().ok())
        {
            continue;
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, &to).with_context(|| format!("can't write {}", to.display()))?;
        File::options()
            .append(true)
            .open(&to)?
            .set_modified(new.modified()?)?;
    }
    if copy.is_dir() {
        for (name, path) in sources(copy)? {
            if !wanted.contains_key(&name) {
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// All sources below `top`: by their path from there, where they are.
fn sources(top: &Path) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![top.to_path_buf()];
    while let Some(directory) = pending.pop() {
        let entries = fs::read_dir(&directory)
            .with_context(|| format!("can't read {}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if NOT_SOURCES.contains(&name.as_ref())
                || NOT_SOURCE_ENDS.iter().any(|end| name.ends_with(end))
            {
                continue;
            }
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_dir() {
                pending.push(path);
            } else if kind.is_file() {
                let relative = path.strip_prefix(top).unwrap_or(&path).to_path_buf();
                found.insert(relative, path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_changes_and_keeps_what_builds_left() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::create_dir_all(from.join("kmod")).unwrap();
        fs::write(from.join("kmod/a.c"), "a").unwrap();
        fs::write(from.join("kmod/b.c"), "b").unwrap();
        fs::write(from.join("kmod/left.o"), "never copied").unwrap();
        let before = hash(&from, &["kmod"]).unwrap();
        mirror(&from, &to).unwrap();
        assert!(!to.join("kmod/left.o").exists());

        fs::write(to.join("kmod/a.o"), "object").unwrap();
        fs::remove_file(from.join("kmod/b.c")).unwrap();
        fs::write(from.join("kmod/a.c"), "aa").unwrap();
        mirror(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("kmod/a.c")).unwrap(), "aa");
        assert!(to.join("kmod/a.o").exists());
        assert!(!to.join("kmod/b.c").exists());
        assert_ne!(hash(&from, &["kmod"]).unwrap(), before);
        assert_eq!(
            hash(&from, &["kmod"]).unwrap(),
            hash(&to, &["kmod"]).unwrap()
        );
    }
}
