//! The integration tests, run by `cargo xtask test` in a guest in which
//! `kflat.ko` and `kflat_test.ko` are loaded.
//!
//! `kflat-tests [PART_OF_A_NAME]` prints one line for each story and the sum of
//! them at the end. `kflat-tests --measure` prints what captures cost, for
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
mod series;
mod session;
mod sites;
mod stop_machine;
mod tools;
mod views;
mod world;

use std::process::ExitCode;

use anyhow::Result;

/// A story: its name, and what happens in it.
type Story = (&'static str, fn() -> Result<()>);

const THEMES: &[(&str, &[Story])] = &[
    ("memory_map", memory_map::STORIES),
    ("probes", probes::STORIES),
    ("sites", sites::STORIES),
    ("hits", hits::STORIES),
    ("hits_in_series", series::STORIES),
    ("stop_machine", stop_machine::STORIES),
    ("registers", registers::STORIES),
    ("lifetimes", lifetimes::STORIES),
    ("client", client::STORIES),
    ("command", command::STORIES),
    ("views", views::STORIES),
    ("executor", executor::STORIES),
    ("recipes", recipes::STORIES),
    ("containers", containers::STORIES),
    ("automatic", automatic::STORIES),
    ("contents", contents::STORIES),
    ("bad_input", bad_input::STORIES),
    ("tools", tools::STORIES),
    ("loading", loading::STORIES),
    ("samples", samples::STORIES),
];

fn main() -> ExitCode {
    let filter = std::env::args().nth(1).unwrap_or_default();
    if filter == "--measure" {
        return measure::measure();
    }
    let (mut passed, mut failed) = (0, 0);
    for (theme, stories) in THEMES {
        for (story, run) in *stories {
            let name = format!("{theme}::{story}");
            if !name.contains(&filter) {
                continue;
            }
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
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
