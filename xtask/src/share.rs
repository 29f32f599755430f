//! What a guest finds in its share: our commands on its path, the C clients,
//! the kernel objects, the recipes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::module::Modules;
use crate::programs::Programs;
use crate::workspace;

/// Fills `share` with `bin`, `uapi`, `modules`, `recipes`; what else is in it
/// stays.
pub(crate) fn fill(share: &Path, programs: &Programs, modules: Option<&Modules>) -> Result<()> {
    place(&programs.commands, &share.join("bin"))?;
    place(&programs.clients, &share.join("uapi"))?;
    if let Some(modules) = modules {
        let objects = [modules.kflat.clone(), modules.test.clone()];
        place(&objects, &share.join("modules"))?;
    }
    let recipes: Vec<PathBuf> = fs::read_dir(workspace::root().join("recipes"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    place(&recipes, &share.join("recipes"))
}

fn place(files: &[PathBuf], directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    for file in files {
        let to = directory.join(file.file_name().unwrap_or_default());
        fs::copy(file, &to)
            .with_context(|| format!("can't copy {} to {}", file.display(), to.display()))?;
    }
    Ok(())
}
