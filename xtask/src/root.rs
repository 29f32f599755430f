//! Cached Debian roots: private systems with what builds and tests need, so
//! that results don't depend on the machine.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::apt;
use crate::lock::Lock;
use crate::{process, progress, workspace};

/// The base system of all roots.
pub(crate) const SUITE: &str = "trixie";

/// What no build needs, left out to be quick.
pub(crate) const EXCLUDED: &[&str] = &[
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    // Some headers depend on their image; guests boot an unpacked copy.
    "/usr/lib/modules/*",
];

/// Roots of other recipes are kept this long after their last use.
const KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// What a root is made of.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// What the cache calls it.
    pub(crate) kind: &'static str,
    /// Everything that decides its content; another root is made when it changes.
    pub(crate) content: String,
    /// What is told while it is made.
    pub(crate) title: &'static str,
}

/// A finished root: `manifest`, `root` and what else its recipe puts there.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// Where all of it is.
    pub(crate) directory: PathBuf,
}

impl Root {
    /// The root of `recipe`. If it isn't there, or `renew` asks for it, `make`
    /// makes it in the directory and with the log it is handed, and returns
    /// the manifest.
    ///
    /// # Errors
    /// If it can't be made: no right, no network, no room.
    pub(crate) fn get(
        recipe: &Recipe,
        renew: bool,
        make: impl FnOnce(&Path, &Path) -> Result<String>,
    ) -> Result<Self> {
        let cache = workspace::cache()?;
        let directory = cache.join(format!("{}-{}", recipe.kind, hash(&recipe.content)));
        let manifest = directory.join("manifest");
        if renew || !manifest.is_file() {
            let _lock = Lock::acquire(&cache.join("lock"))?;
            // Another process may have made it meanwhile.
            if renew || !manifest.is_file() {
                build(recipe, &cache, &directory, make)?;
            }
        }
        // The time of last use, for `clean`; a read-only cache is fine.
        let _ = fs::File::options()
            .append(true)
            .open(&manifest)
            .and_then(|file| file.set_modified(SystemTime::now()));
        Ok(Self { directory })
    }

    /// What its maker wrote down.
    ///
    /// # Errors
    /// If it can't be read.
    pub(crate) fn manifest(&self) -> Result<String> {
        let path = self.directory.join("manifest");
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    }

    /// Its root directory.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// A command inside, started in `directory`, that sees `binds` at the
    /// paths they have outside.
    pub(crate) fn command(
        &self,
        directory: &Path,
        binds: &[&Path],
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Command {
        command_in(&self.root(), directory, &same(binds), arguments)
    }

    /// As [`command`](Self::command), with directories `(outside, inside)`,
    /// mounted in this order.
    pub(crate) fn command_mapped(
        &self,
        directory: &Path,
        binds: &[(PathBuf, PathBuf)],
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Command {
        command_in(&self.root(), directory, binds, arguments)
    }
}

fn build(
    recipe: &Recipe,
    cache: &Path,
    directory: &Path,
    make: impl FnOnce(&Path, &Path) -> Result<String>,
) -> Result<()> {
    require_root()?;
    clean(cache, directory)?;
    let log = cache.join(format!("{}.log", recipe.kind));
    let _ = fs::remove_file(&log);
    apt::ensure_programs(
        &[("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux")],
        &log,
    )?;
    let partial = cache.join(format!("partial-{}", std::process::id()));
    let manifest = progress::step(recipe.title, || {
        fs::create_dir_all(&partial)?;
        make(&partial, &log)
    })?;
    fs::write(partial.join("manifest"), manifest)?;
    if directory.exists() {
        remove(directory)?;
    }
    fs::rename(&partial, directory)?;
    let link = cache.join(recipe.kind);
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(directory, &link)?;
    Ok(())
}

/// Names what is made from `content`.
fn hash(content: &str) -> String {
    hex(&Sha256::digest(content))[..12].to_owned()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Installs `packages` into the new root `root`, from the suite's main archive
/// and `sources` (lines of `sources.list`).
///
/// # Errors
/// If there is no room, no network, or a package is missing.
pub(crate) fn install(
    root: &Path,
    packages: &[String],
    sources: &[String],
    log: &Path,
) -> Result<()> {
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--mode=root", "--variant=apt", "--architectures=amd64"])
        // Fast rather than safe: an interrupted build is thrown away anyway.
        .arg("--dpkgopt=force-unsafe-io")
        .arg("--aptopt=APT::Install-Recommends \"false\"")
        .arg("--aptopt=Acquire::Languages \"none\"")
        .args(
            EXCLUDED
                .iter()
                .map(|path| format!("--dpkgopt=path-exclude={path}")),
        )
        .args(machine_apt_options())
        .arg(format!("--include={}", packages.join(",")))
        .arg(SUITE)
        .arg(root)
        .args(sources)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // No initramfs for the image that some headers depend on.
        .env("INITRD", "No");
    process::run(&mut command, log)
        .context("can't install the packages: is there room on the disk, and may this user mount (a container needs CAP_SYS_ADMIN)?")
}

/// The machine's way to its mirror holds for the build root too.
fn machine_apt_options() -> Vec<String> {
    let Ok(dump) = process::output(Command::new("apt-config").arg("dump")) else {
        return Vec::new();
    };
    dump.lines()
        .filter(|line| {
            [
                "Acquire::http::Proxy ",
                "Acquire::https::Proxy ",
                "Acquire::Check-Valid-Until ",
                "Acquire::Check-Date ",
            ]
            .iter()
            .any(|option| line.starts_with(option))
        })
        .map(|line| format!("--aptopt={line}"))
        .collect()
}

/// Directories that are inside where they are outside.
pub(crate) fn same(binds: &[&Path]) -> Vec<(PathBuf, PathBuf)> {
    binds
        .iter()
        .map(|path| (path.to_path_buf(), path.to_path_buf()))
        .collect()
}

/// Enters `root` in a mount namespace of its own: nothing stays mounted, and
/// what runs is the process started here, so that it can be killed.
pub(crate) fn command_in(
    root: &Path,
    directory: &Path,
    binds: &[(PathBuf, PathBuf)],
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    const SCRIPT: &str = r#"
        root=$1 directory=$2; shift 2
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        while [ "$1" != -- ]; do
            mkdir -p "$root$2"; mount --rbind "$1" "$root$2"; shift 2
        done
        shift
        exec chroot "$root" /usr/bin/env -i -C "$directory" HOME=/root LANG=C.UTF-8 \
            PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" "$@"
    "#;
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "--",
            "/bin/sh",
            "-euc",
            SCRIPT,
            process::ENTER,
        ])
        .arg(root)
        .arg(directory)
        .args(binds.iter().flat_map(|(outside, inside)| [outside, inside]))
        .arg("--")
        .args(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned())
                .collect::<Vec<OsString>>(),
        );
    command
}

/// Removes what interrupted builds left, and roots nobody uses any more. To be
/// called with the lock held.
fn clean(cache: &Path, current: &Path) -> Result<()> {
    for entry in fs::read_dir(cache)?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let unused = || {
            path.join("manifest")
                .metadata()
                .and_then(|metadata| metadata.modified())
                .ok()
                .and_then(|used| used.elapsed().ok())
                .is_none_or(|idle| idle > KEPT)
        };
        if name.starts_with("partial-") || (is_root(&name) && path != current && unused()) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a tree, but nothing that happens to be mounted in it.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let mut command = Command::new("rm");
    command.args(["-rf", "--one-file-system", "--"]).arg(path);
    process::output(&mut command).map(drop)
}

/// Whether the cache calls a root so.
fn is_root(name: &str) -> bool {
    ["buildroot-", "testroot-"]
        .iter()
        .any(|kind| name.starts_with(kind))
}

fn require_root() -> Result<()> {
    let id = process::output(Command::new("id").arg("-u"))?;
    if id.trim() != "0" {
        bail!("making a root needs root (mmdebstrap, mount, chroot): run cargo xtask as root");
    }
    Ok(())
}
