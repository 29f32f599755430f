//! Long output, a page at a time.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::process::{Child, Command, Stdio};

/// Where output for people goes: to a pager, if there is a terminal and one.
pub(crate) enum Output {
    Plain(BufWriter<Stdout>),
    Paged(Pager),
}

/// A pager that runs.
pub(crate) struct Pager {
    /// `None` when it has all.
    input: Option<BufWriter<std::process::ChildStdin>>,
    child: Child,
}

impl Output {
    /// To a pager if stdout is a terminal: `$KFLAT_PAGER`, `$PAGER`, or less.
    pub(crate) fn new(paged: bool) -> Self {
        let plain = || Self::Plain(BufWriter::new(io::stdout()));
        if !paged || !io::stdout().is_terminal() {
            return plain();
        }
        let Some(command) = choose(|name| std::env::var_os(name)) else {
            return plain();
        };
        let child = (Command::new("sh").arg("-c").arg(&command))
            // As git does: quit if all fits on the screen, let colours through, and
            // leave the text there.
            .env("LESS", std::env::var_os("LESS").unwrap_or("FRX".into()))
            .stdin(Stdio::piped())
            .spawn();
        match child {
            Ok(mut child) => match child.stdin.take() {
                Some(input) => Self::Paged(Pager {
                    input: Some(BufWriter::new(input)),
                    child,
                }),
                None => plain(),
            },
            Err(_) => plain(),
        }
    }

    /// Ends the output, and waits until the pager is left.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let result = self.flush();
        if let Self::Paged(pager) = &mut self {
            pager.end()?;
        }
        result
    }
}

impl Pager {
    fn end(&mut self) -> io::Result<()> {
        drop(self.input.take());
        self.child.wait().map(drop)
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        // An error is told below what was shown, not into it.
        let _ = self.end();
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Paged(pager) => match &mut pager.input {
                Some(input) => input.write(bytes),
                None => Ok(bytes.len()),
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Paged(pager) => match &mut pager.input {
                Some(input) => input.flush(),
                None => Ok(()),
            },
        }
    }
}

/// The pager's command; `None` for those who want none.
fn choose(variable: impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    let command = variable("KFLAT_PAGER")
        .or_else(|| variable("PAGER"))
        // Where there is no less, all is printed.
        .unwrap_or_else(|| {
            "if command -v less >/dev/null; then exec less; else exec cat; fi".into()
        });
    (!command.is_empty() && command != "cat").then_some(command)
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_pager_is_the_users() {
        let with = |pairs: &'static [(&str, &str)]| {
            let found = choose(|name| {
                let pair = pairs.iter().find(|(key, _)| *key == name);
                pair.map(|(_, value)| (*value).into())
            });
            found.map(|command| command.into_string().unwrap())
        };
        assert_eq!(with(&[("PAGER", "more")]).as_deref(), Some("more"));
        let both = &[("PAGER", "more"), ("KFLAT_PAGER", "less -S")];
        assert_eq!(with(both).as_deref(), Some("less -S"));
        assert_eq!(with(&[("PAGER", "cat")]), None);
        assert_eq!(with(&[("PAGER", "")]), None);
        assert!(with(&[]).unwrap().contains("less"));
    }
}
