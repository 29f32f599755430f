//! Images that are kept for tests outside of the guest: those of debuggers, of
//! Python, of the harnesses. `cargo xtask test` finds them in the share.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::Story;
use crate::kflat::{kflat, run};

pub(crate) const STORIES: &[Story] = &[
    ("a_file_that_is_read", a_file),
    ("a_file_with_its_pages", a_file_with_its_pages),
    ("the_list_of_modules", the_list_of_modules),
];

/// Where the host looks for them.
const PLACE: &str = "/share/images";

fn keep(name: &str, arguments: &[&str]) -> Result<String> {
    fs::create_dir_all(PLACE)?;
    let image = format!("{PLACE}/{name}.img");
    // A file of an earlier run is not to pass for one of this.
    let _ = fs::remove_file(&image);
    let (options, command) = arguments.split_at(
        (arguments.iter())
            .position(|argument| *argument == "--")
            .unwrap_or(arguments.len()),
    );
    let ran = run(Command::new("kflat")
        .arg("capture")
        .args(options)
        .args(["-o", &image])
        .args(command))?
    .succeeds()?;
    ensure!(Path::new(&image).is_file(), "there is no {image}");
    Ok(ran.stdout)
}

fn a_file() -> Result<()> {
    let command = [
        "recipes/vfs_read.kflat",
        "--",
        "head",
        "-n1",
        "/etc/hostname",
    ];
    keep("vfs_read", &command)?;
    // What `kflat` itself says of it, to compare with.
    let shown = kflat(&["show", "--json", &format!("{PLACE}/vfs_read.img")])?.succeeds()?;
    Ok(fs::write(format!("{PLACE}/vfs_read.json"), shown.stdout)?)
}

fn a_file_with_its_pages() -> Result<()> {
    let command = [
        "--pages",
        "recipes/vfs_read.kflat",
        "--",
        "head",
        "-n1",
        "/etc/hostname",
    ];
    keep("pages", &command).map(drop)
}

fn the_list_of_modules() -> Result<()> {
    let command = ["recipes/modules.kflat", "--", "cat", "/proc/modules"];
    let listed = keep("modules", &command)?;
    let names = listed.lines().filter_map(|line| line.split(' ').next());
    let names: Vec<&str> = names.collect();
    ensure!(names.contains(&"kflat"), "{listed}");
    Ok(fs::write(
        format!("{PLACE}/modules.txt"),
        names.join("\n") + "\n",
    )?)
}
