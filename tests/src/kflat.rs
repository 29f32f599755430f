//! The commands of user space, run as a user runs them.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    line: String,
    status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `kflat` with these arguments.
pub(crate) fn kflat<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Ran> {
    run(Command::new("kflat").args(arguments))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<Ran> {
    let line = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("{line} does not start"))?;
    Ok(Ran::new(line, &output))
}

impl Ran {
    fn new(line: String, output: &Output) -> Self {
        Self {
            line,
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn told(&self) -> String {
        format!("{}\n{}{}", self.line, self.stdout, self.stderr)
    }

    /// It was successful, and had nothing to complain about.
    pub(crate) fn succeeds(self) -> Result<Self> {
        ensure!(
            self.status == Some(0),
            "status {:?}: {}",
            self.status,
            self.told()
        );
        Ok(self)
    }

    /// Whether it was successful.
    pub(crate) fn is_success(&self) -> bool {
        self.status == Some(0)
    }

    /// It ended with this status, and had nothing to complain about.
    pub(crate) fn ends_with(self, status: i32) -> Result<Self> {
        ensure!(
            self.status == Some(status) && !self.stderr.contains("error:"),
            "status {:?}, not {status}: {}",
            self.status,
            self.told()
        );
        Ok(self)
    }

    /// It ended with this status and one message, which has these words in it.
    pub(crate) fn fails(self, status: i32, words: &[&str]) -> Result<Self> {
        ensure!(
            self.status == Some(status),
            "status {:?}, not {status}: {}",
            self.status,
            self.told()
        );
        let messages = self.stderr.matches("error:").count() + self.stderr.matches("  × ").count();
        ensure!(messages == 1, "{messages} messages: {}", self.told());
        ensure!(!self.stderr.contains("panicked"), "{}", self.told());
        self.says(words)
    }

    /// What it printed has these words in it, spaces and line ends aside.
    pub(crate) fn says<S: AsRef<str>>(self, words: &[S]) -> Result<Self> {
        let all = format!("{} {}", self.stdout, self.stderr);
        let all: Vec<&str> = all.split_whitespace().collect();
        let all = all.join(" ");
        for word in words {
            let word = word.as_ref();
            ensure!(all.contains(word), "nothing of `{word}` in {}", self.told());
        }
        Ok(self)
    }
}

/// A capture that waits while the story goes on.
pub(crate) struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
    line: String,
}

/// Starts `program`; it is waiting when this returns.
pub(crate) fn start(program: &str, arguments: &[&str]) -> Result<Waiting> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let line = format!("{command:?}");
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take().context("no stderr")?;
    let mut stderr = BufReader::new(stderr);
    let mut said = String::new();
    stderr.read_line(&mut said)?;
    ensure!(said.starts_with("waiting for "), "{line} says {said}");
    Ok(Waiting {
        child,
        stderr,
        line,
    })
}

impl Waiting {
    /// Does something again and again until it has ended: when exactly it is armed
    /// nobody can see.
    pub(crate) fn ends_by(mut self, mut action: impl FnMut() -> Result<()>) -> Result<Ran> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                self.child.kill()?;
                bail!("{} does not end", self.line);
            }
            action()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        self.end()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: Our own child, not waited for yet.
        unsafe { libc::kill(self.child.id().cast_signed(), signal) };
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Result<Ran> {
        let mut stderr = Vec::new();
        self.stderr.read_to_end(&mut stderr)?;
        let mut output = self.child.wait_with_output()?;
        output.stderr = stderr;
        Ok(Ran::new(self.line, &output))
    }
}

/// A folder of a story's own, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let path = PathBuf::from("/tmp").join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A file in it, with a text.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.file(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What `kflat show` says the value at a path in an image is.
pub(crate) fn value(image: &str, path: &str) -> Result<String> {
    let shown = kflat(&["show", image, path])?.succeeds()?.stdout;
    let line = shown.lines().next().unwrap_or_default();
    let (_, value) = (line.split_once(" = ")).with_context(|| format!("{path}: {line}"))?;
    Ok(value.trim_end_matches(';').trim_matches('"').to_owned())
}

/// The value at a path, a number.
pub(crate) fn number(image: &str, path: &str) -> Result<u64> {
    let value = value(image, path)?;
    let word = value.split(' ').next().unwrap_or_default();
    let number = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    number.with_context(|| format!("{path} is {value}"))
}
