//! Whatever goes wrong, one message says what, and what to do.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kflat_abi::extension::KIND_PROGRAM;
use kflat_abi::program::{Action, Header};
use kflat_abi::record::Record;
use kflat_image::container::{Builder, Container};

use crate::Story;
use crate::child::{Child, wait_for_death};
use crate::kflat::{Folder, Ran, kflat, run, start};

pub(crate) const STORIES: &[Story] = &[
    ("an_unknown_function", an_unknown_function),
    (
        "a_function_that_must_not_be_probed",
        an_unprobeable_function,
    ),
    ("an_unknown_member", an_unknown_member),
    ("a_program_that_is_rejected", a_rejected_program),
    ("an_area_that_is_too_small", a_small_area),
    ("a_process_that_dies", a_process_that_dies),
    ("a_process_that_is_not_there", no_process),
    ("a_command_that_is_not_there", no_command),
    ("files_of_the_wrong_kind", files_of_the_wrong_kind),
    ("a_recipe_that_is_loaded_already", a_recipe_loaded_already),
    ("names_that_are_unknown", unknown_names),
    ("no_permission", no_permission),
    ("no_debugfs", no_debugfs),
    ("no_module", no_module),
];

/// Captures of a command that reads.
fn capture(recipe: &str, options: &[&str]) -> Result<Ran> {
    let front = ["capture", recipe, "-o", "/tmp/bad_input.img"];
    let command = ["--", "head", "-n1", "/etc/group"];
    kflat(&[&front[..], options, &command].concat())
}

fn an_unknown_function() -> Result<()> {
    capture("vfs_raed", &[])?.fails(1, &["no such function", "near: `vfs_read`"])?;
    let folder = Folder::new("an_unknown_function")?;
    let recipe = folder.write("a.kflat", "recipe vfs_raed { current as task; }")?;
    capture(&recipe, &[])?.fails(1, &["can't probe `vfs_raed`", "near: vfs_read"])?;
    Ok(())
}

fn an_unprobeable_function() -> Result<()> {
    let folder = Folder::new("an_unprobeable_function")?;
    let forbidden = fs::read_to_string("/sys/kernel/debug/kprobes/blacklist")?;
    let function = "do_int3";
    ensure!(forbidden.contains(function), "{function} may be probed");
    let recipe = format!("recipe {function} {{ current as task; }}");
    let recipe = folder.write("a.kflat", &recipe)?;
    capture(&recipe, &[])?.fails(1, &["can't probe `do_int3`", "forbids", "callers"])?;
    // In the midst of an instruction.
    let recipe = folder.write("b.kflat", "recipe vfs_read+1 { current as task; }")?;
    capture(&recipe, &[])?.fails(1, &["can't probe `vfs_read+1`", "start of an instruction"])?;
    Ok(())
}

fn an_unknown_member() -> Result<()> {
    let folder = Folder::new("an_unknown_member")?;
    let text = "recipe vfs_read { file; }\nstruct file { f_inod; }\n";
    let recipe = folder.write("a.kflat", text)?;
    let words = [
        "`struct file` has no member `f_inod`",
        "a.kflat:2:15",
        "near: `f_inode`",
    ];
    capture(&recipe, &[])?.fails(1, &words)?;
    kflat(&["recipe", "check", &recipe])?.fails(1, &words)?;
    kflat(&["load", &recipe])?.fails(1, &words)?;
    Ok(())
}

/// A compiled recipe that was tampered with, all checksums right.
fn a_rejected_program() -> Result<()> {
    let folder = Folder::new("a_rejected_program")?;
    let path = folder.file("a.kprog");
    kflat(&["recipe", "compile", "recipes/vfs_read.kflat", "-o", &path])?.succeeds()?;
    let file = fs::read(&path)?;
    let container = Container::parse(&file)?;
    let program = container.get(KIND_PROGRAM).context("no program")?;
    let header = Header::decode(program).context("no header")?;
    let at = header.actions.offset as usize;
    let mut program = program.to_vec();
    let action = program.get_mut(at..).context("no actions")?;
    let outside = Action {
        offset: u32::MAX - 7,
        ..Action::decode(action).context("no action")?
    };
    outside.encode(action).context("no room")?;
    let mut builder = Builder::new();
    for (kind, payload) in container.entries() {
        let program = program.as_slice();
        builder.add(
            kind,
            if kind == KIND_PROGRAM {
                program
            } else {
                payload
            },
        );
    }
    fs::write(&path, builder.finish())?;
    let words = [
        "verifier rejects",
        "lies outside its type",
        "action 0 (`",
        "compile",
    ];
    capture(&path, &[])?.fails(1, &words)?;
    Ok(())
}

fn a_small_area() -> Result<()> {
    let recipe = "recipes/current_task.kflat";
    let image = "/tmp/small_area.img";
    let small = |area: &str| {
        let options = ["--area", area, "--", "sh", "-c", "kill -0 $$"];
        kflat(&[&["capture", recipe, "-o", image][..], &options].concat())
    };
    let suggested = |ran: Ran| -> Result<String> {
        let ran = ran.fails(1, &["run again with --area "])?;
        let (_, next) = ran.stderr.rsplit_once("--area ").context("no size")?;
        Ok(next.trim_end().to_owned())
    };
    // Where the working memory ends first, what the rest would need is not known:
    // it takes some steps, but not many.
    let mut area = "4K".to_owned();
    for _ in 0..12 {
        let ran = small(&area)?;
        if ran.is_success() {
            break;
        }
        let next = suggested(ran)?;
        ensure!(next != area, "the same size again");
        area = next;
    }
    // What has no room at the end is left out of the image, which says so.
    let size = fs::metadata(image)?.len();
    fs::remove_file(image)?;
    let mut ran = small(&(size * 19 / 20).to_string())?.says(&["the image is partial"])?;
    kflat(&["image", image])?.says(&["too small for the image"])?;
    for _ in 0..3 {
        if ran.is_success() {
            break;
        }
        ran = small(&suggested(ran)?)?;
    }
    ran.succeeds()?;
    fs::remove_file(image)?;
    Ok(())
}

fn a_process_that_dies() -> Result<()> {
    let target = Child::start(|| wait_for_death())?;
    let pid = target.pid().to_string();
    let waiting = start(
        "kflat",
        &["capture", "vfs_read", "-o", "/tmp/x.img", "--pid", &pid],
    )?;
    target.kill();
    let words = format!("process {pid} ended without calling vfs_read");
    waiting.end()?.fails(3, &[&words])?;
    Ok(())
}

fn no_process() -> Result<()> {
    kflat(&["capture", "vfs_read", "--pid", "4194000"])?
        .fails(1, &["there is no process 4194000"])?;
    kflat(&["capture", "vfs_read", "--pid", "-1"])?.fails(2, &["--pid"])?;
    Ok(())
}

fn no_command() -> Result<()> {
    kflat(&[
        "capture",
        "vfs_read",
        "-o",
        "/tmp/x.img",
        "--",
        "no-such-command",
    ])?
    .fails(1, &["there is no command `no-such-command`"])?;
    Ok(())
}

fn files_of_the_wrong_kind() -> Result<()> {
    let folder = Folder::new("files_of_the_wrong_kind")?;
    capture("missing.kflat", &[])?.fails(1, &["can't read recipe missing.kflat"])?;
    let recipe = folder.write("a.kflat", "recipe vfs_read { file; }")?;
    kflat(&["show", &recipe])?.fails(1, &["not a flattened image"])?;
    kflat(&["capture", &recipe, "--now", "-o", &recipe])?.fails(1, &["not overwritten"])?;
    let image = folder.file("a.img");
    kflat(&["capture", &recipe, "--now", "-o", &image])?.succeeds()?;
    capture(&image, &[])?.fails(1, &["is an image, not a recipe", "kflat show"])?;
    let whole = fs::read(&image)?;
    fs::write(&image, whole.get(..80).context("a short image")?)?;
    kflat(&["image", &image])?.fails(1, &["104"])?;
    kflat(&["capture", &recipe, "--now", "-o", "/proc/a.img"])?.fails(1, &["can't write"])?;
    Ok(())
}

fn a_recipe_loaded_already() -> Result<()> {
    let folder = Folder::new("a_recipe_loaded_already")?;
    let other = folder.write("a.kflat", "recipe vfs_read { current as task; }")?;
    kflat(&["load", &other])?.succeeds()?;
    let refused = capture("recipes/vfs_read.kflat", &[]);
    kflat(&["unload", "vfs_read"])?.succeeds()?;
    refused?.fails(
        1,
        &["`vfs_read` is loaded already", "kflat unload vfs_read"],
    )?;
    Ok(())
}

fn unknown_names() -> Result<()> {
    kflat(&["unload", "vfs_read"])?.fails(1, &["no recipe `vfs_read` is loaded"])?;
    kflat(&["test", "no_such_test"])?.fails(1, &["no test `no_such_test`", "it has: "])?;
    kflat(&["types", "struct", "fil"])?.fails(1, &["no type `fil`", "near: file"])?;
    kflat(&["functions", "no*such*function"])?.fails(1, &["no function matches"])?;
    Ok(())
}

/// Runs `kflat list` as a process that `change` makes of root's.
fn run_as(change: impl FnOnce(&mut Command)) -> Result<Ran> {
    let mut command = Command::new("kflat");
    command.arg("list");
    change(&mut command);
    run(&mut command)
}

fn no_permission() -> Result<()> {
    const NOBODY: u32 = 65534;
    /// Of `<linux/capability.h>`.
    const CAP_SYS_RAWIO: libc::c_ulong = 17;
    let words = ["no permission", "root", "CAP_SYS_RAWIO"];
    run_as(|command| {
        command.uid(NOBODY).gid(NOBODY);
    })?
    .fails(1, &words)?;
    run_as(|command| {
        let drop = || {
            // SAFETY: Concerns this process only.
            match unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_RAWIO, 0, 0, 0) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: A system call, and nothing else.
        unsafe { command.pre_exec(drop) };
    })?
    .fails(1, &words)?;
    Ok(())
}

fn no_debugfs() -> Result<()> {
    let place = c"/sys/kernel/debug";
    // SAFETY: A string with an end.
    let gone = unsafe { libc::umount2(place.as_ptr(), libc::MNT_DETACH) };
    ensure!(
        gone == 0,
        "debugfs can't be unmounted: {}",
        io::Error::last_os_error()
    );
    let told = kflat(&["list"]);
    let (kind, nothing) = (c"debugfs".as_ptr(), std::ptr::null());
    // SAFETY: Strings with an end, and no data.
    let back = unsafe { libc::mount(kind, place.as_ptr(), kind, 0, nothing) };
    ensure!(
        back == 0,
        "debugfs can't be mounted: {}",
        io::Error::last_os_error()
    );
    told?.fails(1, &["debugfs is not mounted", "mount -t debugfs"])?;
    kflat(&["list"])?.succeeds()?;
    Ok(())
}

fn no_module() -> Result<()> {
    run(Command::new("rmmod").arg("kflat"))?.succeeds()?;
    let told = [
        kflat(&["list"]),
        kflat(&["test", "--all"]),
        kflat(&["capture", "vfs_read"]),
        run(Command::new("kflat-executor").arg("list")),
    ];
    run(Command::new("insmod").arg("modules/kflat.ko"))?.succeeds()?;
    let [list, test, capture, executor] = told;
    for ran in [list, test, capture] {
        ran?.fails(1, &["the kflat module is not loaded", "insmod kflat.ko"])?;
    }
    executor?.says(&["the kflat module is not loaded", "insmod kflat.ko"])?;
    Ok(())
}
