//! What people see on the terminal while they wait.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs one step: says what it is, and how long it took or that it failed.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    line(&format!("==> {what}"));
    let start = Instant::now();
    let result = work();
    let took = seconds(start.elapsed());
    match &result {
        Ok(_) => line(&format!("    done in {took}: {what}")),
        Err(_) => line(&format!("    failed after {took}: {what}")),
    }
    result
}

/// A remark inside a step.
pub(crate) fn note(what: &str) {
    line(&format!("    {what}"));
}

/// A whole line on stderr, so that stdout stays the result of a command.
pub(crate) fn line(text: &str) {
    // A closed terminal is no reason to stop.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// `0.4 s`, `12 s`, `2 min 5 s`.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{whole} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}
