//! `kflat-bench`: the engine beside loops written by hand, in one process.
//!
//! For each shape the loop chases the same pointers, copies the same bytes and
//! writes a complete relocatable image; the figure is the ratio of the engine's
//! time, capture and write-out, to the loop's. Each repetition has a process of
//! its own; *cold* is its first run, *warm* the best of some more.

mod by_hand;
mod image;
mod load;
mod memory;
mod programs;
mod repetition;
mod shapes;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;

use repetition::Times;
use shapes::Shape;

/// Compares the engine with loops written by hand.
#[derive(Parser)]
struct Options {
    /// Repetitions of each shape, each in a process of its own
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// Only shapes whose name contains this
    #[arg(default_value = "")]
    filter: String,
    /// One repetition of the shape of this name, in this process
    #[arg(long, hide = true)]
    once: Option<String>,
}

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "load") {
        return load::run(arguments).map(|()| ExitCode::SUCCESS);
    }
    let options = Options::parse();
    if let Some(name) = options.once {
        let shape = shapes::all().find(|shape| shape.to_string() == name);
        let shape = shape.with_context(|| format!("no shape {name}"))?;
        println!("{}", repetition::run(shape)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", Times::heading());
    for shape in shapes::all().filter(|shape| shape.to_string().contains(&options.filter)) {
        let mut runs = Vec::new();
        for _ in 0..options.repetitions.max(1) {
            runs.push(in_a_process_of_its_own(shape)?);
        }
        println!("{}", repetition::summary(shape, &runs));
    }
    Ok(ExitCode::SUCCESS)
}

fn in_a_process_of_its_own(shape: Shape) -> Result<Times> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--once", &shape.to_string()])
        .output()?;
    if !output.status.success() {
        bail!("{shape}: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8_lossy(&output.stdout).parse()
}
