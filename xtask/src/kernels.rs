//! The kernels kflat is built for and tested on: what Debian's metapackages
//! stand for today.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apt::Mirror;
use crate::process;

/// Where a kernel comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// A release of Debian with its updates.
    Release(&'static str),
    /// One suite alone.
    Suite(&'static str),
}

/// One of each: Debian 12, Debian 13, the newest that Debian 13 can run.
pub(crate) const ORIGINS: &[Origin] = &[
    Origin::Release("bookworm"),
    Origin::Release("trixie"),
    Origin::Suite("trixie-backports"),
];

impl Origin {
    /// The suite that names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Release(name) | Self::Suite(name) => name,
        }
    }

    fn has(self, suite: &str) -> bool {
        match self {
            Self::Suite(name) => suite == name,
            Self::Release(name) => suite
                .strip_prefix(name)
                .is_some_and(|rest| matches!(rest, "" | "-updates" | "-security")),
        }
    }
}

/// A kernel of the build root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// `6.12`: what people call it.
    pub(crate) series: String,
    /// What `uname -r` prints on it.
    pub(crate) release: String,
    /// Version of its Debian package.
    pub(crate) version: String,
    /// The suite it came from.
    pub(crate) origin: String,
}

impl Kernel {
    /// Its line in the manifest of the build root.
    pub(crate) fn to_line(&self) -> String {
        let Self {
            series,
            release,
            version,
            origin,
        } = self;
        format!("kernel {series} {release} {version} {origin}")
    }

    /// Reads such a line; `None` for other lines.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next()? == "kernel").then_some(())?;
        Some(Self {
            series: words.next()?,
            release: words.next()?,
            version: words.next()?,
            origin: words.next()?,
        })
    }

    /// Its headers inside the build root: `KDIR`.
    pub(crate) fn headers(&self) -> String {
        format!("/usr/src/linux-headers-{}", self.release)
    }

    /// Whether somebody who says `name` means this one: `6.12`, `7`, `7.x`,
    /// the suite or the release.
    fn answers_to(&self, name: &str) -> bool {
        let name = name.strip_suffix(".x").unwrap_or(name);
        name == self.series
            || name == self.release
            || name == self.origin
            || self
                .series
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Those of `kernels` that `name` means; all without a name.
///
/// # Errors
/// If there is none.
pub(crate) fn select<'k>(kernels: &'k [Kernel], name: Option<&str>) -> Result<Vec<&'k Kernel>> {
    let Some(name) = name else {
        return Ok(kernels.iter().collect());
    };
    let chosen: Vec<&Kernel> = kernels.iter().filter(|k| k.answers_to(name)).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = kernels.iter().map(|k| k.series.as_str()).collect();
        bail!("no kernel {name}; there are {}", known.join(", "));
    }
    Ok(chosen)
}

/// The one kernel that `name` means.
///
/// # Errors
/// If there is none, or several.
pub(crate) fn select_one<'k>(kernels: &'k [Kernel], name: &str) -> Result<&'k Kernel> {
    match select(kernels, Some(name))?.as_slice() {
        [one] => Ok(one),
        several => {
            let names: Vec<&str> = several.iter().map(|k| k.series.as_str()).collect();
            bail!("{name} may mean {}", names.join(" or "))
        }
    }
}

/// A private apt that knows all suites, without a word to the machine's own.
pub(crate) struct Archive {
    directory: PathBuf,
    log: PathBuf,
}

impl Archive {
    /// Fetches the lists of packages into `directory`.
    ///
    /// # Errors
    /// If apt can't fetch them.
    pub(crate) fn open(directory: &Path, mirror: &Mirror, log: &Path) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial", "debs"] {
            fs::create_dir_all(directory.join(part))?;
        }
        fs::write(directory.join("state/status"), "")?;
        fs::write(
            directory.join("sources.list"),
            source_lines(mirror).join("\n") + "\n",
        )?;
        let archive = Self {
            directory: directory.to_path_buf(),
            log: log.to_path_buf(),
        };
        process::run(archive.apt("apt-get").arg("update"), log).context(
            "can't fetch the lists of packages of Debian 12 and 13 from this machine's mirror",
        )?;
        Ok(archive)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = |name: &str| self.directory.join(name).display().to_string();
        for option in [
            format!("Dir::State={}", path("state")),
            format!("Dir::State::status={}", path("state/status")),
            format!("Dir::Cache={}", path("cache")),
            format!("Dir::Etc::sourcelist={}", path("sources.list")),
            "Dir::Etc::sourceparts=-".to_owned(),
            "Dir::Etc::preferences=-".to_owned(),
            "Dir::Etc::preferencesparts=-".to_owned(),
            "APT::Architecture=amd64".to_owned(),
            "APT::Architectures=amd64".to_owned(),
            // The cache may be where apt's own user can't write.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command.env("LC_ALL", "C.UTF-8");
        command
    }

    /// What `linux-image-amd64` of `origin` stands for.
    ///
    /// # Errors
    /// If the mirror has no such package.
    pub(crate) fn resolve(&self, origin: Origin) -> Result<Kernel> {
        let image = "linux-image-amd64";
        let listed = process::output(self.apt("apt-cache").args(["madison", image]))?;
        let version = newest(&listed, origin).with_context(|| {
            format!("this machine's mirror has no {image} in {}", origin.name())
        })?;
        let stanza = self.show(image, &version)?;
        let release = depends(&stanza)
            .into_iter()
            .find_map(|name| {
                name.strip_prefix("linux-image-")
                    .filter(|release| release.starts_with(|c: char| c.is_ascii_digit()))
                    .map(str::to_owned)
            })
            .with_context(|| format!("{image} {version} names no kernel"))?;
        let series =
            series(&version).with_context(|| format!("{image} has the odd version {version}"))?;
        Ok(Kernel {
            series,
            release,
            version,
            origin: origin.name().to_owned(),
        })
    }

    fn show(&self, package: &str, version: &str) -> Result<String> {
        process::output(
            self.apt("apt-cache")
                .args(["show", "--no-all-versions"])
                .arg(format!("{package}={version}")),
        )
    }

    /// Downloads the image and modules of `kernel` and unpacks them below
    /// `into`: `vmlinuz` and `lib/modules/RELEASE`.
    ///
    /// # Errors
    /// If a download fails or the packages lack what they should have.
    pub(crate) fn unpack(&self, kernel: &Kernel, into: &Path) -> Result<()> {
        let debs = self.directory.join("debs").join(&kernel.series);
        fs::create_dir_all(&debs)?;
        for package in self.image_packages(kernel)? {
            process::run(
                self.apt("apt-get")
                    .arg("download")
                    .arg(format!("{package}={}", kernel.version))
                    .current_dir(&debs),
                &self.log,
            )?;
        }
        let unpacked = debs.join("unpacked");
        for deb in fs::read_dir(&debs)?.flatten().map(|entry| entry.path()) {
            if deb.extension().is_some_and(|extension| extension == "deb") {
                process::run(
                    Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&unpacked),
                    &self.log,
                )?;
            }
        }
        let release = &kernel.release;
        // Below /lib until Debian 12.
        let modules = [
            format!("usr/lib/modules/{release}"),
            format!("lib/modules/{release}"),
        ]
        .iter()
        .map(|path| unpacked.join(path))
        .find(|path| path.join("kernel").is_dir())
        .with_context(|| format!("the packages of kernel {release} hold no modules"))?;
        // Beside the modules since 7.x.
        let image = [
            unpacked.join(format!("boot/vmlinuz-{release}")),
            modules.join("vmlinuz"),
        ]
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| format!("the packages of kernel {release} hold no vmlinuz"))?;
        fs::create_dir_all(into.join("lib/modules"))?;
        fs::rename(image, into.join("vmlinuz"))?;
        fs::rename(modules, into.join("lib/modules").join(release))?;
        fs::remove_dir_all(&debs)?;
        Ok(())
    }

    /// The image package and those that belong to it: 7.x has its modules and
    /// its binary in packages of their own.
    fn image_packages(&self, kernel: &Kernel) -> Result<Vec<String>> {
        let suffix = format!("-{}", kernel.release);
        let mut packages = vec![format!("linux-image{suffix}")];
        let mut next = 0;
        while let Some(package) = packages.get(next) {
            let stanza = self.show(package, &kernel.version)?;
            for name in depends(&stanza) {
                if name.ends_with(&suffix) && !packages.contains(&name) {
                    packages.push(name);
                }
            }
            next += 1;
        }
        Ok(packages)
    }
}

/// Everything that the build root is made from.
pub(crate) fn source_lines(mirror: &Mirror) -> Vec<String> {
    ORIGINS
        .iter()
        .flat_map(|origin| match origin {
            Origin::Release(release) => mirror.release(release),
            Origin::Suite(suite) => vec![mirror.suite(suite)],
        })
        .collect()
}

/// The newest version in the output of `apt-cache madison` (newest first)
/// that a suite of `origin` has.
fn newest(madison: &str, origin: Origin) -> Option<String> {
    madison.lines().find_map(|line| {
        let mut columns = line.split('|').map(str::trim);
        let version = columns.nth(1)?;
        let suite = columns
            .next()?
            .split_whitespace()
            .nth(1)?
            .split('/')
            .next()?;
        origin.has(suite).then(|| version.to_owned())
    })
}

/// Names of packages in the dependencies of a stanza of `apt-cache show`.
fn depends(stanza: &str) -> Vec<String> {
    stanza
        .lines()
        .filter_map(|line| {
            line.strip_prefix("Depends:")
                .or_else(|| line.strip_prefix("Pre-Depends:"))
        })
        .flat_map(|list| list.split([',', '|']))
        .filter_map(|item| item.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// `6.12` of `6.12.118-1`.
fn series(version: &str) -> Option<String> {
    let mut parts = version.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(major) && digits(minor)).then(|| format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADISON: &str = "\
linux-image-amd64 | 7.3.4-1~bpo13+1 | http://a.example/debian trixie-backports/main amd64 Packages
linux-image-amd64 | 6.12.118-1 | http://a.example/debian-security trixie-security/main amd64 Packages
linux-image-amd64 | 6.12.117-1 | http://a.example/debian trixie/main amd64 Packages
linux-image-amd64 |  6.1.192-2 | http://a.example/debian-security bookworm-security/main amd64 Packages
";

    #[test]
    fn a_release_takes_its_security_updates_and_never_its_backports() {
        let version = |origin| newest(MADISON, origin).unwrap();
        assert_eq!(version(Origin::Release("trixie")), "6.12.118-1");
        assert_eq!(version(Origin::Release("bookworm")), "6.1.192-2");
        assert_eq!(
            version(Origin::Suite("trixie-backports")),
            "7.3.4-1~bpo13+1"
        );
        assert_eq!(newest(MADISON, Origin::Suite("forky")), None);
    }

    #[test]
    fn dependencies_are_read_without_versions() {
        let stanza = "Package: x\nPre-Depends: linux-base (>= 4.12~)\n\
            Depends: kmod, dracut | initramfs-tools (>= 0.1), linux-modules-7.3 (= 7.3)\n";
        assert_eq!(
            depends(stanza),
            [
                "linux-base",
                "kmod",
                "dracut",
                "initramfs-tools",
                "linux-modules-7.3"
            ]
        );
    }

    #[test]
    fn a_series_has_two_numbers() {
        assert_eq!(series("7.3.4-1~bpo13+1").as_deref(), Some("7.3"));
        assert_eq!(series("odd"), None);
    }

    #[test]
    fn kernels_go_by_series_prefix_suite_and_release() {
        let kernel = |series: &str, origin: &str| Kernel {
            series: series.to_owned(),
            release: format!("{series}.0-amd64"),
            version: format!("{series}.5-1"),
            origin: origin.to_owned(),
        };
        let all = [
            kernel("6.1", "bookworm"),
            kernel("6.12", "trixie"),
            kernel("7.3", "trixie-backports"),
        ];
        for (name, series) in [
            ("6.1", "6.1"),
            ("6.12", "6.12"),
            ("7", "7.3"),
            ("7.x", "7.3"),
            ("trixie", "6.12"),
            ("6.12.0-amd64", "6.12"),
        ] {
            assert_eq!(select_one(&all, name).unwrap().series, series, "{name}");
        }
        assert_eq!(select(&all, None).unwrap().len(), 3);
        assert!(
            select_one(&all, "6")
                .unwrap_err()
                .to_string()
                .contains("6.1 or 6.12")
        );
        assert!(
            select(&all, Some("5.10"))
                .unwrap_err()
                .to_string()
                .contains("6.12")
        );
        assert_eq!(Kernel::from_line(&all[1].to_line()).unwrap(), all[1]);
    }
}
