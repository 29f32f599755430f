//! The build root: a private Debian 13 with the compilers, the headers of all
//! kernels and the emulator, so that results don't depend on the machine.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::apt::{self, Mirror};
use crate::kernels::{self, Archive, Kernel};
use crate::lock::Lock;
use crate::{process, progress, workspace};

/// Its base system.
const SUITE: &str = "trixie";

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

/// What no build needs, left out to be quick.
const EXCLUDED: &[&str] = &[
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    // Some headers depend on their image; guests boot an unpacked copy.
    "/usr/lib/modules/*",
];

/// To be raised when the way it is made changes.
const REVISION: u32 = 1;

/// Roots of other recipes are kept this long after their last use.
const KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// A finished build root.
#[derive(Debug, Clone)]
pub(crate) struct BuildRoot {
    directory: PathBuf,
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
        let cache = workspace::cache()?;
        let directory = cache.join(format!("buildroot-{}", recipe_hash()));
        let manifest = directory.join("manifest");
        if !renew && manifest.is_file() {
            return Self::open(&directory);
        }
        let _lock = Lock::acquire(&cache.join("lock"))?;
        if !renew && manifest.is_file() {
            return Self::open(&directory);
        }
        require_root()?;
        clean(&cache, &directory)?;
        let log = cache.join("buildroot.log");
        let _ = fs::remove_file(&log);
        apt::ensure_programs(
            &[("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux")],
            &log,
        )?;
        let partial = cache.join(format!("partial-{}", std::process::id()));
        progress::step("Making the build root (once; a few minutes)", || {
            make(&partial, &log)
        })?;
        if directory.exists() {
            remove(&directory)?;
        }
        fs::rename(&partial, &directory)?;
        let link = cache.join("buildroot");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&directory, &link)?;
        Self::open(&directory)
    }

    fn open(directory: &Path) -> Result<Self> {
        let manifest = directory.join("manifest");
        let text = fs::read_to_string(&manifest)
            .with_context(|| format!("can't read {}", manifest.display()))?;
        // The time of last use, for `clean`; a read-only cache is fine.
        let _ = fs::File::options()
            .append(true)
            .open(&manifest)
            .and_then(|file| file.set_modified(SystemTime::now()));
        Ok(Self {
            directory: directory.to_path_buf(),
            kernels: text.lines().filter_map(Kernel::from_line).collect(),
            tools: text
                .lines()
                .filter(|line| line.starts_with("tool "))
                .collect(),
        })
    }

    /// Its root directory.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// Where `kernel` is unpacked: `vmlinuz` and `lib/modules/RELEASE`.
    pub(crate) fn kernel(&self, kernel: &Kernel) -> PathBuf {
        self.directory.join("kernels").join(&kernel.series)
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

/// Directories that are inside where they are outside.
fn same(binds: &[&Path]) -> Vec<(PathBuf, PathBuf)> {
    binds
        .iter()
        .map(|path| (path.to_path_buf(), path.to_path_buf()))
        .collect()
}

/// Enters `root` in a mount namespace of its own: nothing stays mounted, and
/// what runs is the process started here, so that it can be killed.
fn command_in(
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

/// Names this recipe.
fn recipe_hash() -> String {
    let mut hash = Sha256::new();
    hash.update(format!(
        "{SUITE} {PACKAGES:?} {EXCLUDED:?} {:?} {REVISION}",
        kernels::ORIGINS
    ));
    hex(&hash.finalize())[..12].to_owned()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes everything in `partial`; the manifest comes last.
fn make(partial: &Path, log: &Path) -> Result<()> {
    fs::create_dir_all(partial)?;
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
        install(&root, &mirror, &kernels, log)
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
    remove(&apt)?;

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
    fs::write(partial.join("manifest"), manifest)?;
    Ok(())
}

fn install(root: &Path, mirror: &Mirror, kernels: &[Kernel], log: &Path) -> Result<()> {
    let mut include: Vec<String> = PACKAGES.iter().map(|&name| name.to_owned()).collect();
    include.extend(
        kernels
            .iter()
            .map(|kernel| format!("linux-headers-{}", kernel.release)),
    );
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
        .arg(format!("--include={}", include.join(",")))
        .arg(SUITE)
        .arg(root)
        .args(kernels::source_lines(mirror))
        .env("DEBIAN_FRONTEND", "noninteractive")
        // No initramfs for the image that some headers depend on.
        .env("INITRD", "No");
    process::run(&mut command, log)
        .context("can't make the build root: is there room on the disk, and may this user mount (a container needs CAP_SYS_ADMIN)?")
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
        if name.starts_with("partial-")
            || (name.starts_with("buildroot-") && path != current && unused())
        {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a tree, but nothing that happens to be mounted in it.
fn remove(path: &Path) -> Result<()> {
    let mut command = Command::new("rm");
    command.args(["-rf", "--one-file-system", "--"]).arg(path);
    process::output(&mut command).map(drop)
}

fn require_root() -> Result<()> {
    let id = process::output(Command::new("id").arg("-u"))?;
    if id.trim() != "0" {
        bail!(
            "making the build root needs root (mmdebstrap, mount, chroot): run cargo xtask as root"
        );
    }
    Ok(())
}
