//! `kflat list`.

use std::io::{self, Write};

use anyhow::Result;
use kflat_abi::program::{NONE, Program};
use kflat_device::Device;

use crate::size;

/// List the loaded recipes
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Also the roots of each, and how many types and members it follows
    #[arg(long, short)]
    long: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let device = Device::open()?;
    let names = device.list_recipes()?;
    if names.is_empty() {
        anstream::eprintln!(
            "No recipe is loaded; `kflat load` loads one, `kflat capture` its own."
        );
    }
    let mut out = io::stdout().lock();
    for name in names {
        if !arguments.long {
            writeln!(out, "{name}")?;
            continue;
        }
        // It may have been unloaded since.
        let Ok(stored) = device.describe(&name) else {
            continue;
        };
        writeln!(out, "{name}  {}", summary(&stored.program))?;
    }
    Ok(())
}

fn summary(program: &[u8]) -> String {
    let Some(program) = Program::find(program) else {
        return String::new();
    };
    let (types, actions, roots) = program.counts();
    let names: Vec<&str> = (0..roots)
        .filter_map(|index| program.root_at(index))
        .map(|root| match root.name {
            NONE => "unnamed",
            name => program.string_at(name).unwrap_or("unnamed"),
        })
        .collect();
    let roots = names.join(", ");
    let types = size::counted(types.into(), "type");
    let actions = size::counted(actions.into(), "member");
    format!("from {roots}: {types}, {actions} to follow")
}
