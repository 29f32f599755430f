//! `cargo xtask bench`: how fast captures are, beside what they may take.
//!
//! Standard output is one line for each case: its name, how much of it, the ratio, the
//! target, `ok` or `short`.

mod guest;
mod native;
mod page;

use std::fmt;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use crate::{progress, workspace};
use guest::Figures;
use native::Shape;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Repetitions of each shape, each in a process of its own
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Leave out what is measured in a guest
    #[arg(long)]
    no_guest: bool,
    /// Measure nothing but that
    #[arg(long, conflicts_with = "no_guest")]
    guest_only: bool,
    /// Kernel of the guest: a series (6.1, 6.12, 7.x), a suite or a release
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Leave doc/performance.md as it is
    #[arg(long)]
    no_page: bool,
}

/// A ratio that has a target.
#[derive(Debug, Clone, PartialEq)]
struct Case {
    name: String,
    count: u64,
    ratio: f64,
    target: f64,
}

impl Case {
    fn is_ok(&self) -> bool {
        // What is no number is no success.
        self.ratio <= self.target
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_ok() { "ok" } else { "short" };
        write!(
            f,
            "{} {} {:.4} {} {verdict}",
            self.name, self.count, self.ratio, self.target
        )
    }
}

/// Measures, and prints and keeps what came of it. It fails if a case falls short.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let shapes = if options.guest_only {
        None
    } else {
        Some(native::measure(options.repetitions)?)
    };
    let mut cases = shapes.as_deref().map(native::cases).unwrap_or_default();
    print(&cases);
    let figures = if options.no_guest {
        None
    } else {
        Some(guest::measure(&options.kernel)?)
    };
    let counted: Vec<Case> = figures.iter().flat_map(Figures::cases).collect();
    print(&counted);
    cases.extend(counted);
    let path = workspace::target().join("bench.json");
    let text = serde_json::to_string_pretty(&json(&cases, shapes.as_deref(), figures.as_ref()))?;
    fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    if !options.no_page {
        page::renew(shapes.as_deref(), figures.as_ref())?;
    }
    let short = cases.iter().filter(|case| !case.is_ok()).count();
    if short > 0 {
        progress::line(&format!("{short} of {} cases fall short", cases.len()));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(cases: &[Case]) {
    for case in cases {
        println!("{case}");
    }
}

fn json(cases: &[Case], shapes: Option<&[Shape]>, figures: Option<&Figures>) -> serde_json::Value {
    let cases: Vec<_> = cases
        .iter()
        .map(|case| {
            json!({
                "case": case.name,
                "n": case.count,
                "ratio": case.ratio,
                "target": case.target,
                "ok": case.is_ok(),
            })
        })
        .collect();
    json!({
        "cases": cases,
        "shapes": shapes,
        "guest": figures.map(Figures::all),
    })
}

#[cfg(test)]
mod tests {
    use super::Case;

    #[test]
    fn a_case_is_one_line_and_a_missing_figure_falls_short() {
        let mut case = Case {
            name: "list".to_owned(),
            count: 10_000,
            ratio: 1.25,
            target: 2.0,
        };
        assert_eq!(case.to_string(), "list 10000 1.2500 2 ok");
        case.ratio = 2.01;
        assert_eq!(case.to_string(), "list 10000 2.0100 2 short");
        case.ratio = f64::NAN;
        assert!(!case.is_ok());
    }
}
