//! Programs that are run for their effect: quiet when they succeed, their
//! whole output at hand when they fail.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// `$0` of the script that enters the build root: what comes before the command
/// is of no interest to people.
pub(crate) const ENTER: &str = "enter-the-build-root";

/// How many of the last lines of a log a failure shows.
const SHOWN: usize = 60;

/// Runs `command` with its output in `log` (appended).
///
/// # Errors
/// If it can't be started or ends with another status than 0; the error
/// carries the end of the log.
pub(crate) fn run(command: &mut Command, log: &Path) -> Result<()> {
    if let Some(parent) = log.parent() {
        fs::create_dir_all(parent).with_context(|| format!("can't create {}", parent.display()))?;
    }
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("can't open {}", log.display()))?;
    writeln!(file, "$ {}", display(command))?;
    let start = file.metadata()?.len();
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("can't start {}", display(command)))?;
    if !status.success() {
        bail!(
            "{} failed ({status}); its output, also in {}:\n{}",
            display(command),
            log.display(),
            tail(log, start)
        );
    }
    Ok(())
}

/// Runs `command` and returns what it printed.
///
/// # Errors
/// As [`run`], with what it printed on stderr.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", display(command)))?;
    if !output.status.success() {
        bail!(
            "{} failed ({}):\n{}",
            display(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last lines of the log at `path`, of what comes after byte `start`.
pub(crate) fn tail(path: &Path, start: u64) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let from = usize::try_from(start).unwrap_or(0).min(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(SHOWN);
    let mut shown = String::new();
    for line in lines.iter().skip(skipped) {
        shown.push_str("  | ");
        shown.push_str(line);
        shown.push('\n');
    }
    shown
}

/// The command as one would type it, long arguments cut.
fn display(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    let mut arguments = command.get_args();
    if command.get_args().any(|argument| argument == ENTER) {
        text = "in the build root:".to_owned();
        arguments.find(|argument| *argument == ENTER);
        arguments.find(|argument| *argument == "--");
    }
    for argument in arguments {
        let argument = argument.to_string_lossy();
        text.push(' ');
        text.extend(argument.chars().take(120));
    }
    text
}
