//! The build root: a private Debian 13 with the compilers, the headers of all
//! kernels and the emulator, so that results don't depend on the machine.

use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::apt::Mirror;
use crate::kernels::{self, Archive, Kernel};
use crate::root::{self, EXCLUDED, Recipe, Root, SUITE, command_in, same};
use crate::{process, progress};

/// What it has beside the base system and the kernels' headers.
const PACKAGES: &[&str] = &[
    // The module: Debian's newest Rust, which follows Firefox's needs, with
    // the source of `core`; the kernel's build system and BTF.
    "rustc-web",
    "rust-web-src",
    "cargo-web",
    "gcc",
    "libc6-dev",
    "libelf-dev",
    "make",
    "bc",
    "kmod",
    "pahole",
    "python3-minimal",
    // W=1 checks comments with a script that wants more than perl-base.
    "perl",
    "xz-utils",
    // Guests.
    "busybox-static",
    "qemu-system-x86",
];

/// To be raised when the way it is made changes.
const REVISION: u32 = 1;

/// A finished build root.
#[derive(Debug, Clone)]
pub(crate) struct BuildRoot {
    root: Root,
    /// Oldest first.
    pub(crate) kernels: Vec<Kernel>,
    /// Versions of the compilers: part of what a build result depends on.
    pub(crate) tools: String,
}

impl BuildRoot {
    /// The build root of this recipe, made if it isn't there.
    ///
    /// # Errors
    /// If it can't be made: no right, no network, no room.
    pub(crate) fn get() -> Result<Self> {
        Self::get_or_renew(false)
    }

    /// As [`get`](Self::get), but made anew to take up newer packages.
    pub(crate) fn renew() -> Result<Self> {
        Self::get_or_renew(true)
    }

    fn get_or_renew(renew: bool) -> Result<Self> {
        let recipe = Recipe {
            kind: "buildroot",
            content: format!(
                "{SUITE} {PACKAGES:?} {EXCLUDED:?} {:?} {REVISION}",
                kernels::ORIGINS
            ),
            title: "Making the build root (once; a few minutes)",
        };
        let root = Root::get(&recipe, renew, make)?;
        let manifest = root.manifest()?;
        Ok(Self {
            root,
            kernels: manifest.lines().filter_map(Kernel::from_line).collect(),
            tools: manifest
                .lines()
                .filter(|line| line.starts_with("tool "))
                .collect(),
        })
    }

    /// Where `kernel` is unpacked: `vmlinuz` and `lib/modules/RELEASE`.
    pub(crate) fn kernel(&self, kernel: &Kernel) -> PathBuf {
        self.directory.join("kernels").join(&kernel.series)
    }
}

impl Deref for BuildRoot {
    type Target = Root;

    fn deref(&self) -> &Root {
        &self.root
    }
}

/// Makes everything in `partial`.
fn make(partial: &Path, log: &Path) -> Result<String> {
    let mirror = Mirror::of_this_machine()?;
    let apt = partial.join("apt");
    let archive = progress::step("Fetching lists of packages", || {
        Archive::open(&apt, &mirror, log)
    })?;
    let kernels: Vec<Kernel> = kernels::ORIGINS
        .iter()
        .map(|origin| archive.resolve(*origin))
        .collect::<Result<_>>()?;
    for kernel in &kernels {
        progress::note(&format!("{}: kernel {}", kernel.origin, kernel.release));
    }
    let root = partial.join("root");
    progress::step("Installing compilers, kernel headers and QEMU", || {
        let mut packages: Vec<String> = PACKAGES.iter().map(|&name| name.to_owned()).collect();
        packages.extend(
            kernels
                .iter()
                .map(|kernel| format!("linux-headers-{}", kernel.release)),
        );
        root::install(&root, &packages, &kernels::source_lines(&mirror), log)
    })?;
    progress::step("Fetching and unpacking the kernels", || {
        for kernel in &kernels {
            let into = partial.join("kernels").join(&kernel.series);
            archive.unpack(kernel, &into)?;
            let depmod = [
                OsStr::new("depmod"),
                "-b".as_ref(),
                into.as_os_str(),
                kernel.release.as_ref(),
            ];
            process::run(&mut command_in(&root, &into, &same(&[&into]), depmod), log)?;
            provide_vmlinux(&root, kernel, &into)?;
        }
        Ok(())
    })?;
    root::remove(&apt)?;

    let mut manifest = String::new();
    for tool in [
        "rustc",
        "cargo",
        "gcc",
        "ld",
        "pahole",
        "qemu-system-x86_64",
    ] {
        let mut command = command_in(&root, Path::new("/"), &[], [tool, "--version"]);
        let version = process::output(&mut command)?;
        manifest += &format!("tool {}\n", version.lines().next().unwrap_or(tool));
    }
    for kernel in &kernels {
        manifest += &kernel.to_line();
        manifest.push('\n');
    }
    Ok(manifest)
}

/// Module BTF is made against the kernel's own. Debian's headers bring that as
/// `vmlinux` since 6.12; before, it is inside the compressed image.
fn provide_vmlinux(root: &Path, kernel: &Kernel, unpacked: &Path) -> Result<()> {
    const XZ: &[u8] = b"\xfd7zXZ\0";
    let vmlinux = root
        .join(kernel.headers().trim_start_matches('/'))
        .join("vmlinux");
    if vmlinux.exists() {
        return Ok(());
    }
    let image = fs::read(unpacked.join("vmlinuz"))?;
    let start = image
        .windows(XZ.len())
        .position(|window| window == XZ)
        .with_context(|| format!("the image of {} is not compressed with xz", kernel.release))?;
    let compressed = root.join("tmp/vmlinux.xz");
    fs::write(&compressed, image.get(start..).unwrap_or_default())?;
    let elf = command_in(
        root,
        Path::new("/tmp"),
        &[],
        // The boot loader's part comes behind the one stream.
        [
            "xz",
            "--decompress",
            "--stdout",
            "--single-stream",
            "vmlinux.xz",
        ],
    )
    .output()?
    .stdout;
    fs::remove_file(&compressed)?;
    if !elf.starts_with(b"\x7fELF") {
        bail!("the image of {} holds no ELF file", kernel.release);
    }
    fs::write(vmlinux, elf)?;
    Ok(())
}
