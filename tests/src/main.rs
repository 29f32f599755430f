//! The integration tests, run by `cargo xtask test` in a guest in which
//! `kflat.ko` and `kflat_test.ko` are loaded.
//!
//! `kflat-tests [PART_OF_A_NAME]` prints one line for each story, which took longest and
//! the sum of them at the end. `kflat-tests --memory` leaves out what does the same at
//! any depth of page tables. `kflat-tests --measure` prints what captures cost, for
//! `cargo xtask bench`.

mod actor;
mod automatic;
mod bad_input;
mod captured;
mod child;
mod client;
mod command;
mod containers;
mod contents;
mod executor;
mod facts;
mod hits;
mod image;
mod kdump;
mod kflat;
mod lifetimes;
mod loading;
mod measure;
mod memory_map;
mod probes;
mod program;
mod recipes;
mod registers;
mod samples;
mod self_tests;
mod series;
mod session;
mod sites;
mod stop_machine;
mod tools;
mod views;
mod world;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

/// A story: its name, and what happens in it.
type Story = (&'static str, fn() -> Result<()>);

type Theme = (&'static str, &'static [Story]);

/// Stories that read memory of each kind, at addresses of each kind: with deeper page
/// tables all of it lies elsewhere.
const MEMORY: &[Theme] = &[
    ("memory_map", memory_map::STORIES),
    ("probes", probes::STORIES),
    ("stop_machine", stop_machine::STORIES),
    ("self_tests", self_tests::STORIES),
    ("client", client::STORIES),
    ("containers", containers::STORIES),
    ("tools", tools::STORIES),
    ("loading", loading::STORIES),
];

/// Others read memory as those do, or none; what they are about is something else.
const OTHERS: &[Theme] = &[
    ("sites", sites::STORIES),
    ("hits", hits::STORIES),
    ("hits_in_series", series::STORIES),
    ("registers", registers::STORIES),
    ("lifetimes", lifetimes::STORIES),
    ("command", command::STORIES),
    ("views", views::STORIES),
    ("executor", executor::STORIES),
    ("recipes", recipes::STORIES),
    ("automatic", automatic::STORIES),
    ("contents", contents::STORIES),
    ("bad_input", bad_input::STORIES),
    ("samples", samples::STORIES),
];

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    match &*argument {
        "--measure" => measure::measure(),
        "--memory" => tell(MEMORY.iter(), ""),
        filter => tell(MEMORY.iter().chain(OTHERS), filter),
    }
}

/// The stories of `themes` whose names contain `filter`.
fn tell<'t>(themes: impl Iterator<Item = &'t Theme>, filter: &str) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    let mut times = Vec::new();
    for (theme, stories) in themes {
        for (story, run) in *stories {
            let name = format!("{theme}::{story}");
            if !name.contains(filter) {
                continue;
            }
            let start = Instant::now();
            match run() {
                Ok(()) => {
                    passed += 1;
                    println!("test {name} ... ok");
                }
                Err(error) => {
                    failed += 1;
                    println!("test {name} ... FAILED");
                    println!("    {}", format!("{error:#}").replace('\n', "\n    "));
                }
            }
            times.push((start.elapsed(), name));
        }
    }
    println!("slowest: {}", slowest(times));
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The stories that took longest, with their seconds.
fn slowest(mut times: Vec<(Duration, String)>) -> String {
    times.sort();
    let slowest = times.iter().rev().take(8);
    let told: Vec<String> = slowest
        .map(|(time, name)| format!("{name} {:.1} s", time.as_secs_f64()))
        .collect();
    told.join(", ")
}
