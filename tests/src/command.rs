//! Somebody uses the `kflat` command.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Story;
use crate::child::{Child, wait_for_death};
use crate::facts::kprobes;
use crate::kflat::{Folder, kflat, run, start, value};

pub(crate) const STORIES: &[Story] = &[
    ("a_recipe_file_and_a_command", a_recipe_file),
    ("a_function_name_is_enough", a_function_name),
    ("a_running_process", a_running_process),
    ("any_process", any_process),
    ("a_loaded_recipe", a_loaded_recipe),
    ("a_compiled_recipe", a_compiled_recipe),
    ("captured_at_once", captured_at_once),
    ("the_other_cpus_halted", the_other_cpus_halted),
    ("a_body_is_skipped", a_body_is_skipped),
    ("the_image_in_a_pipe", the_image_in_a_pipe),
    ("an_image_described", an_image_described),
    ("an_interrupted_wait", an_interrupted_wait),
    ("a_function_that_is_not_called", a_function_not_called),
    ("the_debug_log", the_debug_log),
    ("recipes_checked_and_generated", recipes_checked),
    ("functions_and_types_listed", functions_and_types),
];

const RECIPE: &str = "recipes/vfs_read.kflat";

/// Nothing is loaded or armed any more.
fn nothing_stays() -> Result<()> {
    let list = kflat(&["list"])?.succeeds()?;
    ensure!(list.stdout.is_empty(), "still loaded: {}", list.stdout);
    let armed = kprobes()?;
    ensure!(armed.trim().is_empty(), "still armed: {armed}");
    Ok(())
}

/// The name of the file that was read, by an image.
fn is_image_of(image: &str, name: &str) -> Result<()> {
    let found = value(image, "file->f_path.dentry->d_name.name")?;
    ensure!(found == name, "the file's name is {found}, not {name}");
    Ok(())
}

fn a_recipe_file() -> Result<()> {
    let folder = Folder::new("a_recipe_file")?;
    let image = folder.file("file.img");
    let ran = kflat(&[
        "capture",
        RECIPE,
        "-o",
        &image,
        "--",
        "head",
        "-n1",
        "/etc/hostname",
    ])?
    .succeeds()?
    .says(&["captured vfs_read (head, pid ", "objects in ", &image])?;
    ensure!(ran.stdout == "kflat-guest\n", "head printed {}", ran.stdout);
    is_image_of(&image, "hostname")?;
    nothing_stays()
}

fn a_function_name() -> Result<()> {
    let folder = Folder::new("a_function_name")?;
    let ran = run(Command::new("kflat")
        .args(["capture", "vfs_read", "--", "wc", "/etc/passwd"])
        .current_dir(folder.path()))?;
    ran.succeeds()?.says(&["vfs_read.img"])?;
    // What is captured of a function nobody wrote a recipe for.
    kflat(&["show", &folder.file("vfs_read.img")])?
        .succeeds()?
        .says(&["struct file *file = ", "f_inode = ", "i_ino = "])?;
    nothing_stays()
}

/// Reads a file again and again, until it is killed.
fn reader() -> Result<()> {
    loop {
        fs::read("/etc/group")?;
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn a_running_process() -> Result<()> {
    let folder = Folder::new("a_running_process")?;
    let image = folder.file("file.img");
    let target = Child::start(reader)?;
    let pid = target.pid().to_string();
    kflat(&["capture", RECIPE, "-o", &image, "--pid", &pid])?
        .succeeds()?
        .says(&[&format!("pid {pid}")])?;
    is_image_of(&image, "group")?;
    target.kill();
    nothing_stays()
}

fn any_process() -> Result<()> {
    let folder = Folder::new("any_process")?;
    let image = folder.file("file.img");
    let recipe = folder.write(
        "mkdir.kflat",
        "recipe __x64_sys_mkdir { current as task; } struct task_struct { real_parent; }",
    )?;
    let waiting = start("kflat", &["capture", &recipe, "-o", &image])?;
    let made = folder.file("made");
    let make = || {
        fs::create_dir(&made)?;
        Ok(fs::remove_dir(&made)?)
    };
    waiting.ends_by(make)?.succeeds()?;
    let comm = value(&image, "task->comm")?;
    ensure!(comm == "kflat-tests", "captured of {comm}");
    nothing_stays()
}

fn a_loaded_recipe() -> Result<()> {
    let folder = Folder::new("a_loaded_recipe")?;
    let image = folder.file("file.img");
    kflat(&["load", RECIPE])?
        .succeeds()?
        .says(&["loaded vfs_read: 1 root"])?;
    let list = kflat(&["list"])?.succeeds()?;
    ensure!(list.stdout == "vfs_read\n", "the list is {}", list.stdout);
    kflat(&["list", "--long"])?
        .succeeds()?
        .says(&["vfs_read from file"])?;
    // Names and types come from what was loaded.
    kflat(&[
        "capture",
        "VFS_READ",
        "-o",
        &image,
        "--",
        "head",
        "-n1",
        "/etc/group",
    ])?
    .succeeds()?;
    is_image_of(&image, "group")?;
    let list = kflat(&["list"])?.succeeds()?;
    ensure!(list.stdout == "vfs_read\n", "it was unloaded");
    kflat(&["unload", "vfs_read"])?.succeeds()?;
    nothing_stays()
}

fn a_compiled_recipe() -> Result<()> {
    let folder = Folder::new("a_compiled_recipe")?;
    let (compiled, image) = (folder.file("vfs_read.kprog"), folder.file("file.img"));
    kflat(&["recipe", "compile", RECIPE, "-o", &compiled])?.succeeds()?;
    kflat(&["recipe", "check", &compiled])?
        .succeeds()?
        .says(&["a recipe for vfs_read"])?;
    kflat(&[
        "capture",
        &compiled,
        "-o",
        &image,
        "--",
        "head",
        "-n1",
        "/etc/group",
    ])?
    .succeeds()?;
    is_image_of(&image, "group")
}

fn captured_at_once() -> Result<()> {
    let folder = Folder::new("captured_at_once")?;
    let image = folder.file("modules.img");
    kflat(&["capture", "recipes/modules.kflat", "--now", "-o", &image])?.succeeds()?;
    kflat(&["show", &image])?.succeeds()?.says(&["\"kflat\""])?;
    nothing_stays()
}

fn the_other_cpus_halted() -> Result<()> {
    let folder = Folder::new("the_other_cpus_halted")?;
    let image = folder.file("file.img");
    let command = ["head", "-n1", "/etc/group"];
    let options = ["capture", RECIPE, "--stop-machine", "-o", &image, "--"];
    kflat(&[&options[..], &command].concat())?.succeeds()?;
    is_image_of(&image, "group")
}

fn a_body_is_skipped() -> Result<()> {
    let folder = Folder::new("a_body_is_skipped")?;
    let image = folder.file("file.img");
    let options = ["capture", RECIPE, "--skip-body", "-o", &image];
    let command = ["--", "head", "-n1", "/etc/group"];
    let ran = kflat(&[&options[..], &command].concat())?.succeeds()?;
    ensure!(ran.stdout.is_empty(), "head could read {}", ran.stdout);
    is_image_of(&image, "group")
}

fn the_image_in_a_pipe() -> Result<()> {
    let folder = Folder::new("the_image_in_a_pipe")?;
    let image = folder.file("file.img");
    let script = format!("kflat capture {RECIPE} --now -o - >{image}");
    // Without a call the argument is NULL, which is an image all the same.
    run(Command::new("sh").args(["-c", &script]))?.succeeds()?;
    kflat(&["show", &image])?
        .succeeds()?
        .says(&["file = NULL"])?;
    // A reader that has enough is no error.
    let script = format!("kflat show {image} | head -c1; kflat functions | head -n1");
    let ran = run(Command::new("sh").args(["-c", &script]))?.succeeds()?;
    ensure!(ran.stderr.is_empty(), "complaints: {}", ran.stderr);
    Ok(())
}

fn an_image_described() -> Result<()> {
    let folder = Folder::new("an_image_described")?;
    let image = folder.file("file.img");
    kflat(&[
        "capture",
        RECIPE,
        "-o",
        &image,
        "--",
        "head",
        "-n1",
        "/etc/group",
    ])?
    .succeeds()?;
    let described = kflat(&["image", &image])?.succeeds()?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let described = described.says(&[release.trim_end(), "\"head\"", "file: struct file *"])?;
    // The kernel's base is that of its symbols.
    let offset = (described.stdout.lines())
        .find_map(|line| line.trim_start().strip_prefix("kernel_offset: 0x"))
        .context("no kernel_offset")?;
    let base = crate::facts::symbol("_text")?;
    let linked_at = 0xffff_ffff_8100_0000;
    ensure!(
        base == linked_at + u64::from_str_radix(offset, 16)?,
        "_text is at {base:#x}, the offset {offset}"
    );
    Ok(())
}

fn an_interrupted_wait() -> Result<()> {
    let target = Child::start(|| wait_for_death())?;
    let pid = target.pid().to_string();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let waiting = start(
            "kflat",
            &["capture", RECIPE, "-o", "/tmp/x.img", "--pid", &pid],
        )?;
        ensure!(kprobes()?.contains("vfs_read"), "not armed");
        waiting.signal(signal);
        waiting.end()?.fails(130, &["interrupted"])?;
        nothing_stays()?;
    }
    ensure!(!fs::exists("/tmp/x.img")?, "an image of nothing");
    Ok(())
}

fn a_function_not_called() -> Result<()> {
    let folder = Folder::new("a_function_not_called")?;
    let image = folder.file("file.img");
    let capture = ["capture", RECIPE, "-o", &image];
    kflat(&[&capture[..], &["--", "false"]].concat())?.fails(
        3,
        &["`false` ended without calling vfs_read", "exit status: 1"],
    )?;
    kflat(&[&capture[..], &["--timeout", "0.2", "--", "sleep", "60"]].concat())?
        .fails(3, &["`sleep` did not call vfs_read within 0.2 s"])?;
    nothing_stays()?;
    let left = fs::read_dir(folder.path())?.count();
    ensure!(left == 0, "{left} files are left behind");
    Ok(())
}

fn the_debug_log() -> Result<()> {
    let folder = Folder::new("the_debug_log")?;
    let image = folder.file("file.img");
    let options = ["capture", RECIPE, "--debug", "-o", &image, "--"];
    kflat(&[&options[..], &["head", "-n1", "/etc/group"]].concat())?.succeeds()?;
    kflat(&["log"])?
        .succeeds()?
        .says(&["root 0 (file)", "1 x struct dentry at 0xff"])?;
    Ok(())
}

fn recipes_checked() -> Result<()> {
    let folder = Folder::new("recipes_checked")?;
    for entry in fs::read_dir("recipes")? {
        let recipe = entry?.path();
        // Rules to be included are no recipe by themselves.
        let is_rules = recipe.ends_with("knowledge.kflat");
        if !is_rules && recipe.extension().is_some_and(|end| end == "kflat") {
            let recipe = recipe.display().to_string();
            kflat(&["recipe", "check", &recipe])?
                .succeeds()?
                .says(&["is a recipe for"])?;
        }
    }
    // What is generated is a recipe, also with another source of types.
    let generate = [
        "recipe",
        "generate",
        "tcp_sendmsg",
        "--btf",
        "/sys/kernel/btf/vmlinux",
    ];
    let text = kflat(&generate)?.succeeds()?.stdout;
    let recipe = folder.write("tcp_sendmsg.kflat", &text)?;
    kflat(&["recipe", "check", &recipe])?.succeeds()?;
    kflat(&["recipe", "fmt", "--check", &recipe, RECIPE])?.succeeds()?;
    kflat(&["recipe", "explain", RECIPE])?
        .succeeds()?
        .says(&["When vfs_read is called", "d_name.name a string"])?;
    // What is generated can be told; what is written says it itself.
    kflat(&[
        "recipe", "generate", "vfs_read", "--arg", "file", "--depth", "1",
    ])?
    .succeeds()?
    .says(&["limit depth 1;"])?;
    kflat(&["load", RECIPE, "--depth", "1"])?.fails(1, &["is a recipe", "for functions"])?;
    Ok(())
}

fn functions_and_types() -> Result<()> {
    let functions = kflat(&["functions", "vfs_rea?"])?.succeeds()?.stdout;
    ensure!(functions.lines().count() == 1, "not one: {functions}");
    ensure!(
        functions.contains("vfs_read(struct file *file,"),
        "{functions}"
    );
    let module = kflat(&["functions", "target", "--module", "kflat_test"])?.succeeds()?;
    ensure!(
        !module.stdout.contains("ip_"),
        "the kernel's too: {}",
        module.stdout
    );
    module.says(&["kflat_test_target("])?;
    // Nobody said whose it is.
    kflat(&["functions", "kflat_test_targ*"])?
        .succeeds()?
        .says(&["// kflat_test: u64 kflat_test_target("])?;
    kflat(&["types", "list_head"])?
        .succeeds()?
        .says(&["struct list_head *prev; // 8 8", "// 16 bytes"])?;
    kflat(&["types", "struct", "file"])?
        .succeeds()?
        .says(&["struct path f_path;"])?;
    kflat(&["types", "pid_t"])?
        .succeeds()?
        .says(&["// 4 bytes"])?;
    Ok(())
}
