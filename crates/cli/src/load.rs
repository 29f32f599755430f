//! `kflat load` and `kflat unload`.

use anyhow::Result;
use kflat_device::Device;

use crate::automatic::Automatic;
use crate::recipe_source;
use crate::type_source::TypeSource;

/// Load a recipe for other clients of the kernel API, under its function's name
///
/// `kflat capture` loads its recipe itself, and unloads it at its end.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadArguments {
    /// A file of recipes (text or compiled), or a function to make a recipe for
    #[arg(value_name = "RECIPE-OR-FUNCTION")]
    recipe: String,
    #[command(flatten)]
    types: TypeSource,
    #[command(flatten)]
    automatic: Automatic,
}

/// Unload a recipe
#[derive(Debug, clap::Args)]
pub(crate) struct UnloadArguments {
    /// Its name, as `kflat list` shows it
    name: String,
}

pub(crate) fn load(arguments: &LoadArguments) -> Result<()> {
    let device = Device::open()?;
    let recipes = recipe_source::find(
        &arguments.recipe,
        Some(&device),
        &arguments.types,
        &arguments.automatic,
    )?;
    for recipe in recipes {
        device.load_recipe(&recipe.program, &recipe.attachment())?;
        anstream::eprintln!("loaded {}: {}", recipe.target, recipe.summary());
    }
    Ok(())
}

pub(crate) fn unload(arguments: &UnloadArguments) -> Result<()> {
    Ok(Device::open()?.unload(&arguments.name)?)
}
