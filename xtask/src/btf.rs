//! Types of the kernels that kflat is tested on, for tests that need no guest.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::buildroot::BuildRoot;
use crate::{process, workspace};

/// The directory with `vmlinux-SERIES` for each kernel of the build root.
///
/// # Errors
/// If a kernel's types can't be taken from its image.
pub(crate) fn directory(root: &BuildRoot) -> Result<PathBuf> {
    let directory = workspace::target().join("btf");
    fs::create_dir_all(&directory)
        .with_context(|| format!("can't create {}", directory.display()))?;
    for kernel in &root.kernels {
        let to = directory.join(format!("vmlinux-{}", kernel.series));
        let stamp = directory.join(format!("{}.release", kernel.series));
        let known = fs::read_to_string(&stamp).unwrap_or_default();
        if known == kernel.release && to.is_file() {
            continue;
        }
        let image = format!("{}/vmlinux", kernel.headers());
        let mut command = root.command(
            Path::new("/"),
            &[&directory],
            [
                "objcopy",
                "--dump-section",
                &format!(".BTF={}", to.display()),
                &image,
                "/dev/null",
            ],
        );
        process::output(&mut command)
            .with_context(|| format!("can't take the types out of {image}"))?;
        fs::write(&stamp, &kernel.release)?;
    }
    Ok(directory)
}
