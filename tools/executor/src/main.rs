//! `kflat-executor`: captures by a recipe that is loaded (`kflat load`). A small
//! example of the kernel API's use: a file for each mode.

mod auto;
mod capture;
mod interface;
mod list;
mod manual;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Captures by a loaded recipe: an example for clients of the kernel API
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Debug, Subcommand)]
enum Mode {
    Auto(auto::Arguments),
    Manual(manual::Arguments),
    List(list::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().mode {
        Mode::Auto(arguments) => auto::run(&arguments),
        Mode::Manual(arguments) => manual::run(&arguments),
        Mode::List(arguments) => list::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
