//! `kflat-bench`: the engine beside loops written by hand, in one process.
//!
//! For each shape the loop chases the same pointers, copies the same bytes and
//! writes a complete relocatable image; the figure is the ratio of the engine's
//! time, capture and write-out, to the loop's. Each repetition has a process of
//! its own, and they take turns in which side is the first; *cold* is a side's first
//! run, with nothing in the caches, *warm* the best of some more.

mod by_hand;
mod image;
mod load;
mod memory;
mod programs;
mod repetition;
#[cfg(test)]
mod same;
mod shapes;
mod summary;

use std::io::Write;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;

use repetition::Times;
use shapes::Shape;
use summary::Summary;

/// Compares the engine with loops written by hand.
#[derive(Parser)]
struct Options {
    /// Repetitions of each shape, each in a process of its own
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only shapes whose name contains this
    #[arg(default_value = "")]
    filter: String,
    /// One repetition of the shape of this name, in this process
    #[arg(long, hide = true)]
    once: Option<String>,
    /// In that repetition the engine is the first
    #[arg(long, hide = true)]
    engine_first: bool,
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
        println!("{}", repetition::run(shape, options.engine_first)?);
        return Ok(ExitCode::SUCCESS);
    }
    if !options.json {
        println!("{}", summary::HEADING);
    }
    let mut summaries = Vec::new();
    for shape in shapes::all().filter(|shape| shape.to_string().contains(&options.filter)) {
        let runs = (0..options.repetitions.max(1))
            .map(|repetition| in_a_process_of_its_own(shape, repetition % 2 == 1))
            .collect::<Result<Vec<Times>>>()?;
        let summary = Summary::new(shape, &runs);
        if !options.json {
            println!("{summary}");
            std::io::stdout().flush()?;
        }
        summaries.push(summary);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&summaries)?);
    }
    Ok(ExitCode::SUCCESS)
}

fn in_a_process_of_its_own(shape: Shape, engine_first: bool) -> Result<Times> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--once", &shape.to_string()]);
    if engine_first {
        command.arg("--engine-first");
    }
    let output = command.output()?;
    if !output.status.success() {
        bail!("{shape}: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8_lossy(&output.stdout).parse()
}
