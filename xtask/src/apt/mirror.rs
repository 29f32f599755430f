//! Which mirror of the Debian archive this machine uses, so that other suites
//! can be fetched from it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::sources::{Source, parse_deb822, parse_list};

/// The key ring of Debian's package `debian-archive-keyring`: the keys of all
/// living releases.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Suites by which an entry of the archive is known, apart from `-security`
/// and the like behind them.
const RELEASES: &[&str] = &[
    "bookworm",
    "trixie",
    "forky",
    "sid",
    "stable",
    "oldstable",
    "testing",
    "unstable",
];

/// The archive and, if this machine has it, the archive of security updates.
#[derive(Debug)]
pub(crate) struct Mirror {
    main: Source,
    security: Option<Source>,
}

impl Mirror {
    /// Reads it from `/etc/apt`.
    ///
    /// # Errors
    /// If no entry there looks like the Debian archive.
    pub(crate) fn of_this_machine() -> Result<Self> {
        Self::read(Path::new("/etc/apt"))
    }

    fn read(etc: &Path) -> Result<Self> {
        let mut sources = Vec::new();
        if let Ok(text) = fs::read_to_string(etc.join("sources.list")) {
            sources.extend(parse_list(&text));
        }
        let parts = etc.join("sources.list.d");
        let mut files: Vec<_> = fs::read_dir(&parts)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.sort();
        for file in files {
            let read = || {
                fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))
            };
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("list") => sources.extend(parse_list(&read()?)),
                Some("sources") => sources.extend(parse_deb822(&read()?)),
                _ => {}
            }
        }
        Self::choose(&sources)
    }

    fn choose(sources: &[Source]) -> Result<Self> {
        let debian = || {
            sources.iter().filter(|source| {
                source
                    .components
                    .iter()
                    .any(|component| component == "main")
                    && !source.uri.starts_with("cdrom:")
            })
        };
        let main = debian().find(|source| {
            source
                .suites
                .iter()
                .any(|suite| RELEASES.contains(&suite.as_str()))
        });
        let security = debian().find(|source| {
            source.suites.iter().any(|suite| {
                suite
                    .strip_suffix("-security")
                    .is_some_and(|release| RELEASES.contains(&release))
            })
        });
        let Some(main) = main else {
            bail!(
                "no entry of the Debian archive in /etc/apt/sources.list or \
                 /etc/apt/sources.list.d: kflat builds with packages of Debian 12 and 13; \
                 add one (see sources.list(5)) and try again"
            );
        };
        Ok(Self {
            main: main.clone(),
            security: security.cloned(),
        })
    }

    /// Lines of a `sources.list` for `release` (and its updates).
    pub(crate) fn release(&self, release: &str) -> Vec<String> {
        let mut lines = vec![
            line(&self.main, release),
            line(&self.main, &format!("{release}-updates")),
        ];
        if let Some(security) = &self.security {
            lines.push(line(security, &format!("{release}-security")));
        }
        lines
    }

    /// Line of a `sources.list` for one suite of the main archive.
    pub(crate) fn suite(&self, suite: &str) -> String {
        line(&self.main, suite)
    }
}

fn line(source: &Source, suite: &str) -> String {
    let options = if source.trusted {
        "[trusted=yes]".to_owned()
    } else {
        let key = source.signed_by.as_deref().unwrap_or(KEYRING);
        format!("[signed-by={key}]")
    };
    format!("deb {options} {} {suite} main", source.uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(uri: &str, suite: &str) -> Source {
        Source {
            uri: uri.to_owned(),
            suites: vec![suite.to_owned()],
            components: vec!["main".to_owned()],
            signed_by: None,
            trusted: false,
        }
    }

    #[test]
    fn other_vendors_are_passed_over_and_suites_swapped() {
        let mirror = Mirror::choose(&[
            source("https://vendor.example", "nodistro"),
            source("http://one.example/debian-security", "bookworm-security"),
            source("http://one.example/debian", "bookworm"),
        ])
        .unwrap();
        let lines = mirror.release("trixie");
        assert_eq!(lines.len(), 3);
        assert!(lines[0].ends_with("http://one.example/debian trixie main"));
        assert!(lines[2].ends_with("http://one.example/debian-security trixie-security main"));
        assert!(lines[0].contains("[signed-by=/"));
    }

    #[test]
    fn a_machine_without_a_debian_archive_is_told_so() {
        let error = Mirror::choose(&[source("https://vendor.example", "nodistro")]).unwrap_err();
        assert!(error.to_string().contains("sources.list"));
    }
}
