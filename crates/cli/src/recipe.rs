//! `kflat recipe`.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::recipe_source;
use crate::type_source::TypeSource;

/// Check, generate and compile recipes
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is wrong with a recipe, or that nothing is
    Check {
        /// The recipe
        file: PathBuf,
        #[command(flatten)]
        types: TypeSource,
    },
    /// Print a recipe for a function, to begin with
    Generate {
        /// function or module:function
        function: String,
        #[command(flatten)]
        types: TypeSource,
    },
    /// Compile a recipe to a file that `capture` and `load` take in its place,
    /// also on a machine whose kernel has no type information
    Compile {
        /// The recipe
        file: PathBuf,
        /// Where it goes [default: the recipe's name with the end `.kprog`]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        types: TypeSource,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Check { file, types } => {
            let recipe = recipe_source::read(file, types)?;
            let (file, target) = (file.display(), &recipe.target);
            anstream::eprintln!("{file} is a recipe for {target}: {}", recipe.summary());
        }
        Command::Generate { function, types } => {
            let text = recipe_source::generated(function, types)?;
            io::stdout().lock().write_all(text.as_bytes())?;
        }
        Command::Compile {
            file,
            output,
            types,
        } => {
            let recipe = recipe_source::read(file, types)?;
            let output = output
                .clone()
                .unwrap_or_else(|| file.with_extension("kprog"));
            fs::write(&output, recipe.file())
                .with_context(|| format!("can't write {}", output.display()))?;
            anstream::eprintln!("compiled {}: {}", output.display(), recipe.summary());
        }
    }
    Ok(())
}
