//! The `kflat` command: a file for each subcommand.

#![forbid(unsafe_code)]

mod automatic;
mod capture;
mod colour;
mod context;
mod diff;
mod export;
mod failure;
mod functions;
mod graph;
mod image;
mod list;
mod load;
mod log;
mod output;
mod pager;
mod printable;
mod recipe;
mod recipe_source;
mod report;
mod show;
mod show_json;
mod size;
mod system_calls;
mod test;
mod type_source;
mod types;
mod vmcoreinfo;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::colour::Colour;

/// Captures data structures of the running kernel, and shows them with their types
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = BEGINNING)]
struct Arguments {
    /// Use colours
    #[arg(
        long,
        visible_alias = "color",
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN"
    )]
    colour: Colour,
    #[command(subcommand)]
    command: Command,
}

const BEGINNING: &str = "\
To begin, as root with kflat.ko loaded:
  kflat capture vfs_read -- head -n1 /etc/hostname    # saves vfs_read.img
  kflat show vfs_read.img file
  kflat recipe generate vfs_read                      # what to edit to capture less, or more";

#[derive(Debug, Subcommand)]
enum Command {
    Capture(capture::Arguments),
    Show(show::Arguments),
    Image(image::Arguments),
    Diff(diff::Arguments),
    Export(export::Arguments),
    Graph(graph::Arguments),
    Report(report::Arguments),
    List(list::Arguments),
    Load(load::LoadArguments),
    Unload(load::UnloadArguments),
    Recipe(recipe::Arguments),
    Functions(functions::Arguments),
    Types(types::Arguments),
    Test(test::Arguments),
    Log(log::Arguments),
    /// What `capture` runs to become its target command.
    #[command(hide = true, name = capture::BECOME)]
    Become {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.colour.write_global();
    let result = match &arguments.command {
        Command::Capture(arguments) => capture::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Image(arguments) => image::run(arguments),
        Command::Diff(arguments) => return diff::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Graph(arguments) => graph::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::List(arguments) => list::run(arguments),
        Command::Load(arguments) => load::load(arguments),
        Command::Unload(arguments) => load::unload(arguments),
        Command::Recipe(arguments) => recipe::run(arguments),
        Command::Functions(arguments) => functions::run(arguments),
        Command::Types(arguments) => types::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Log(arguments) => log::run(arguments),
        Command::Become { command } => capture::become_command(command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
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
