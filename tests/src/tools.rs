//! An image that is left in the share: `cargo xtask test` opens it in debuggers
//! afterwards.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::Story;
use crate::kflat::{kflat, run};

pub(crate) const STORIES: &[Story] = &[("an_image_is_left_for_debuggers", leave_an_image)];

/// In the share.
const FOLDER: &str = "/share/tools";

fn leave_an_image() -> Result<()> {
    fs::create_dir_all(FOLDER)?;
    // A file in /proc has no length.
    let symbols = fs::read("/proc/kallsyms").context("/proc/kallsyms")?;
    fs::write(format!("{FOLDER}/kallsyms"), symbols)?;
    let log = run(std::process::Command::new("dmesg").args(["-s", "16777216"]))?.succeeds()?;
    ensure!(log.stdout.contains("Linux version"), "{}", log.stdout);
    fs::write(format!("{FOLDER}/dmesg"), log.stdout)?;
    let image = format!("{FOLDER}/captured.img");
    let capture = ["capture", "--pages", "recipes/vfs_read.kflat", "-o", &image];
    let command = ["--", "head", "-n1", "/etc/hostname"];
    kflat(&[&capture[..], &command[..]].concat())?.succeeds()?;
    Ok(())
}
