//! `kflat recipe`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use crate::automatic::Automatic;
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
    /// Print the recipe that `capture FUNCTION` uses, to be edited
    Generate {
        /// Its name: `function` or `module:function`
        function: String,
        #[command(flatten)]
        types: TypeSource,
        #[command(flatten)]
        automatic: Automatic,
    },
    /// Say what a recipe follows, what it does not, and why
    Explain {
        /// The recipe
        file: PathBuf,
        #[command(flatten)]
        types: TypeSource,
    },
    /// Put recipes into the usual form
    Fmt {
        /// The recipes
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Change nothing; the exit status is 1 if there is something to change
        #[arg(long)]
        check: bool,
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
        Command::Generate {
            function,
            types,
            automatic,
        } => {
            let text = recipe_source::generated(function, types, automatic)?;
            io::stdout().lock().write_all(text.as_bytes())?;
        }
        Command::Explain { file, types } => {
            let (text, btf) = recipe_source::text(file, types)?;
            let said = kflat_recipe::explain(&text, &file.display().to_string(), &btf)?;
            io::stdout().lock().write_all(said.as_bytes())?;
        }
        Command::Fmt { files, check } => format(files, *check)?,
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

fn format(files: &[PathBuf], check: bool) -> Result<()> {
    let mut unformed = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let text = fs::read_to_string(file).with_context(|| format!("can't read recipe {name}"))?;
        let formed = kflat_recipe::fmt(&text, &name)?;
        if formed == text {
            continue;
        }
        if !check {
            replace(file, &formed)?;
        }
        unformed.push(name);
    }
    if check && !unformed.is_empty() {
        bail!(
            "not in the usual form: {}; run kflat recipe fmt",
            unformed.join(", ")
        );
    }
    Ok(())
}

/// A file that is complete or as it was.
fn replace(file: &Path, text: &str) -> Result<()> {
    let wrong = || format!("can't write {}", file.display());
    let beside = file.with_extension("kflat-new");
    fs::write(&beside, text).with_context(wrong)?;
    fs::rename(&beside, file).with_context(wrong)
}
