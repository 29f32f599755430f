//! Somebody uses the example client, `kflat-executor`.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use kflat_image::Image;

use crate::Story;
use crate::kflat::{Folder, Ran, kflat, run, start};
use crate::session::Session;

pub(crate) const STORIES: &[Story] = &[
    ("list_mode", list_mode),
    ("automatic_mode", automatic_mode),
    ("manual_mode", manual_mode),
    ("run_now", run_now),
    ("a_call_that_does_not_come", no_call),
];

/// A recipe that is loaded until the end of the story.
struct Loaded(&'static str);

impl Loaded {
    fn new(folder: &Folder, function: &'static str, root: &str) -> Result<Self> {
        let recipe = folder.write(function, &format!("recipe {function} {{ {root} }}"))?;
        kflat(&["load", &recipe])?.succeeds()?;
        Ok(Self(function))
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        if let Ok(session) = Session::open() {
            let _ = session.unload(self.0);
        }
    }
}

fn executor(arguments: &[&str]) -> Result<Ran> {
    run(Command::new("kflat-executor").args(arguments))
}

/// The image can be opened, and has so many roots.
fn has_roots(path: &str, count: usize) -> Result<()> {
    let image = Image::open(fs::read(path)?)?;
    let roots = image.roots().filter(|root| root.offset.is_some()).count();
    ensure!(roots == count, "{roots} roots in {path}");
    Ok(())
}

fn list_mode() -> Result<()> {
    let folder = Folder::new("list_mode")?;
    let _read = Loaded::new(&folder, "vfs_read", "file;")?;
    let _write = Loaded::new(&folder, "vfs_write", "file;")?;
    let list = executor(&["list"])?.succeeds()?.stdout;
    ensure!(list == "vfs_read\nvfs_write\n", "the list is {list}");
    Ok(())
}

fn automatic_mode() -> Result<()> {
    let folder = Folder::new("automatic_mode")?;
    let file = folder.write("file", "0000")?;
    let show = "/sys/kernel/mm/transparent_hugepage/khugepaged/defrag";
    for (function, root, interface, target) in [
        ("vfs_read", "file;", "READ", file.as_str()),
        ("vfs_write", "file;", "write", &file),
        ("kobj_attr_show", "kobj; attr;", "SHOW", show),
        ("kobj_attr_store", "kobj; attr;", "STORE", show),
        ("tty_ioctl", "file;", "IOCTL", "/dev/console"),
    ] {
        let _recipe = Loaded::new(&folder, function, root)?;
        let image = folder.file(&format!("{function}.img"));
        executor(&["auto", function, interface, target, "-o", &image])?
            .succeeds()?
            .says(&[&image, "bytes"])?;
        has_roots(&image, root.matches(';').count())?;
    }
    let changed = fs::read_to_string(&file)?;
    ensure!(changed == "0000", "a byte was written: {changed}");

    // As above, under other conditions.
    let _recipe = Loaded::new(&folder, "vfs_write", "file;")?;
    let image = folder.file("skipped.img");
    let options = [
        "--skip-function-body",
        "--stop-machine",
        "--debug",
        "-o",
        &image,
    ];
    let command = ["auto", "vfs_write", "WRITE", &file];
    executor(&[&command[..], &options].concat())?
        .succeeds()?
        .says(&["1 x struct file at 0xff"])?;
    has_roots(&image, 1)
}

fn manual_mode() -> Result<()> {
    let folder = Folder::new("manual_mode")?;
    let _recipe = Loaded::new(&folder, "__x64_sys_rmdir", "current as task;")?;
    let image = folder.file("task.img");
    let own = std::process::id().to_string();
    let waiting = start(
        "kflat-executor",
        &["manual", "__x64_sys_rmdir", "-o", &image, "-p", &own],
    )?;
    let gone = folder.file("gone");
    let remove = || {
        fs::create_dir(&gone)?;
        Ok(fs::remove_dir(&gone)?)
    };
    waiting.ends_by(remove)?.succeeds()?;
    has_roots(&image, 1)
}

fn run_now() -> Result<()> {
    let folder = Folder::new("run_now")?;
    let list = "global modules: list of struct module by list;";
    let _recipe = Loaded::new(&folder, "vfs_read", list)?;
    let image = folder.file("modules.img");
    executor(&["manual", "vfs_read", "--run-now", "-o", &image])?.succeeds()?;
    has_roots(&image, 1)
}

fn no_call() -> Result<()> {
    let folder = Folder::new("no_call")?;
    let _recipe = Loaded::new(&folder, "__x64_sys_rmdir", "current as task;")?;
    let wait = [
        "auto",
        "__x64_sys_rmdir",
        "READ",
        "/etc/group",
        "--poll-timeout",
        "100",
    ];
    let ran = executor(&wait)?;
    ran.says(&["Error: __x64_sys_rmdir was not called"])?;
    Ok(())
}
