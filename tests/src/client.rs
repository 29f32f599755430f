//! A client that others wrote: `tests/uapi/client.c`, against the C header only.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Story;
use crate::program::Recipe;
use crate::world::Scene;

pub(crate) const STORIES: &[Story] = &[("the_c_client_walks_the_api", the_c_client)];

const PROGRAM: &str = "uapi/client";

fn the_c_client() -> Result<()> {
    let target = "vfs_read";
    let recipe = Recipe::new(target)
        .ty("struct file", 16, &[])
        .argument("file", 0, 0);
    let _scene = Scene::with(target, &recipe)?;
    let output = Command::new(PROGRAM)
        .output()
        .with_context(|| format!("{PROGRAM} does not start"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}:\n{said}", output.status);
    let stories = said
        .lines()
        .filter(|line| line.ends_with(" ... ok"))
        .count();
    ensure!(stories > 0, "it told no story:\n{said}");
    Ok(())
}
