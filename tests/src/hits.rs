//! Somebody captures one call of many: that which fits a condition, and the nth of
//! these.

use std::fs;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, ensure};
use kflat_abi::control::CaptureStatus;
use kflat_abi::program::code::{self, Instruction};
use kflat_image::Image;

use crate::Story;
use crate::child::Child;
use crate::facts::{call, kprobes};
use crate::kflat::{Folder, kflat, number, value};
use crate::probes::ATOMIC;
use crate::program::{Recipe, step};
use crate::session::Options;
use crate::world::{self, Scene, TARGET};

pub(crate) const STORIES: &[Story] = &[
    ("a_call_by_its_argument", by_argument),
    ("the_nth_call", the_nth),
    ("the_nth_of_the_calls_that_fit", the_nth_that_fits),
    ("no_call_that_fits", none_fits),
    ("a_condition_that_cant_be_computed", not_computed),
    ("each_enable_counts_anew", counted_anew),
    ("only_the_call_that_fits_is_skipped", only_one_skipped),
    ("the_others_are_halted_for_the_call_that_fits", halted),
    ("conditions_in_atomic_context", atomic_contexts),
    ("many_cpus_and_one_that_fits", racing_cpus),
    ("disarmed_while_calls_are_looked_at", disarmed_in_between),
    ("what_pointers_lead_to", what_pointers_lead_to),
    ("a_call_by_what_it_returns", by_what_it_returns),
    ("a_tracepoint_by_its_arguments", at_a_tracepoint),
    ("the_current_task_by_its_name", the_current_task),
];

fn own_pid() -> Options {
    Options {
        pid: std::process::id().cast_signed(),
        ..Options::default()
    }
}

/// `number == N`; the number is the target's second argument.
fn is(number: u32) -> [Instruction; 3] {
    [
        step(code::ARGUMENT, 1),
        step(code::CONSTANT, number),
        step(code::EQUAL, 0),
    ]
}

/// `number % 2`
const IS_ODD: [Instruction; 3] = [
    step(code::ARGUMENT, 1),
    step(code::CONSTANT, 2),
    step(code::REMAINDER, 0),
];

fn target() -> Recipe {
    world::recipe(TARGET)
}

fn scene(recipe: &Recipe) -> Result<Scene> {
    Scene::with(TARGET, recipe)
}

/// The second argument of the captured call, by its registers.
fn second_argument(image: Vec<u8>) -> Result<u64> {
    const RSI: usize = 13;
    let image = Image::open(image)?;
    let hit = image.extension().and_then(|extension| extension.hit());
    Ok(hit.context("the image does not tell of its hit")?.registers[RSI])
}

/// The world was captured by the call with that number; how it stands.
fn captured_at(scene: &Scene, number: u64) -> Result<CaptureStatus> {
    world::check(&scene.captured()?)?;
    let status = scene.session.status()?;
    let size = usize::try_from(status.total_size)?;
    let image = scene.area.copy(0, size).context("it leaves the area")?;
    let found = second_argument(image)?;
    ensure!(
        found == number,
        "call {found} was captured, not call {number}"
    );
    Ok(status)
}

/// Calls that did not fit, came before the one asked for, and too late.
fn counted(status: &CaptureStatus, counts: (u64, u64, u64)) -> Result<()> {
    let found = (status.unfit, status.early, status.missed);
    ensure!(found == counts, "counted {found:?}, not {counts:?}");
    Ok(())
}

fn by_argument() -> Result<()> {
    let scene = scene(&target().when(&is(3)))?;
    scene.enable(own_pid())?;
    // Those of others are not looked at.
    Child::start(|| call("numbers").map(|_| ()))?.join()?;
    let status = scene.session.status()?;
    counted(&status, (0, 0, 5))?;
    call("numbers")?;
    counted(&captured_at(&scene, 3)?, (2, 0, 7))
}

fn the_nth() -> Result<()> {
    let scene = scene(&target().nth(4))?;
    scene.enable(own_pid())?;
    call("numbers")?;
    counted(&captured_at(&scene, 4)?, (0, 3, 1))
}

fn the_nth_that_fits() -> Result<()> {
    let scene = scene(&target().when(&IS_ODD).nth(2))?;
    scene.enable(own_pid())?;
    call("numbers")?;
    counted(&captured_at(&scene, 3)?, (1, 1, 2))
}

fn none_fits() -> Result<()> {
    let never = scene(&target().when(&is(9)))?;
    never.enable(own_pid())?;
    ensure!(never.session.poll(0)? == 0, "ready before a call");
    call("numbers")?;
    ensure!(
        never.session.poll(0)? == 0,
        "ready after calls that don't fit"
    );
    never.not_hit()?;
    counted(&never.session.status()?, (5, 0, 0))?;
    drop(never);
    // One call too few.
    let sixth = scene(&target().nth(6))?;
    sixth.enable(own_pid())?;
    call("numbers")?;
    sixth.not_hit()?;
    counted(&sixth.session.status()?, (0, 5, 0))
}

fn not_computed() -> Result<()> {
    // What lies at addresses 1 to 5, and one divided by number - 4.
    let nowhere = [
        step(code::ARGUMENT, 1),
        Instruction {
            width: 8,
            ..step(code::READ, 0)
        },
    ];
    let divided = [
        step(code::CONSTANT, 100),
        step(code::ARGUMENT, 1),
        step(code::CONSTANT, 4),
        step(code::SUBTRACT, 0),
        step(code::DIVIDE, 0),
        step(code::IS_ZERO, 0),
        step(code::IS_ZERO, 0),
        step(code::ARGUMENT, 1),
        step(code::CONSTANT, 4),
        step(code::LESS, 0),
        step(code::IS_ZERO, 0),
        step(code::AND, 0),
    ];
    let unreadable = scene(&target().when(&nowhere))?;
    unreadable.enable(own_pid())?;
    call("numbers")?;
    unreadable.not_hit()?;
    let status = unreadable.session.status()?;
    counted(&status, (5, 0, 0))?;
    ensure!(status.uncomputed == 5, "{} failed", status.uncomputed);
    drop(unreadable);
    let by_zero = scene(&target().when(&divided))?;
    by_zero.enable(own_pid())?;
    call("numbers")?;
    let status = captured_at(&by_zero, 5)?;
    counted(&status, (4, 0, 0))?;
    ensure!(status.uncomputed == 1, "{} failed", status.uncomputed);
    ensure!(status.diagnostics == 2, "the capture tells of it");
    Ok(())
}

fn counted_anew() -> Result<()> {
    let scene = scene(&target().nth(2))?;
    for _ in 0..3 {
        scene.enable(own_pid())?;
        counted(&scene.session.status()?, (0, 0, 0))?;
        call("numbers")?;
        counted(&captured_at(&scene, 2)?, (0, 1, 3))?;
    }
    Ok(())
}

fn only_one_skipped() -> Result<()> {
    let scene = scene(&target().when(&is(3)))?;
    for stop_machine in [false, true] {
        scene.enable(Options {
            skip_body: true,
            stop_machine,
            ..own_pid()
        })?;
        let result = call("numbers")?;
        ensure!(result.starts_with("skipped 1\n"), "{result}");
        counted(&captured_at(&scene, 3)?, (2, 0, 2))?;
    }
    Ok(())
}

fn halted() -> Result<()> {
    let scene = scene(&target().when(&is(3)).nth(1))?;
    scene.enable(Options {
        stop_machine: true,
        ..own_pid()
    })?;
    let result = call("numbers")?;
    ensure!(result.starts_with("skipped 0\n"), "{result}");
    // The captured call passes the probe once more, which is no call.
    let status = captured_at(&scene, 3)?;
    counted(&status, (2, 0, 2))?;
    ensure!(status.pause_ns > 0, "the others were not halted");
    Ok(())
}

fn atomic_contexts() -> Result<()> {
    // The cases call it with this number.
    let scene = scene(&target().when(&is(1_234_567)))?;
    for context in ATOMIC {
        scene.enable(Options::default())?;
        call("numbers")?;
        call(context)?;
        let events = scene.session.poll(10_000)?;
        ensure!(events & libc::POLLIN != 0, "{context}: no image");
        counted(&captured_at(&scene, 1_234_567)?, (5, 0, 0))?;
    }
    Ok(())
}

/// Every CPU calls with 0 to 19999, as fast as it can.
fn racing_cpus() -> Result<()> {
    let cpus = std::thread::available_parallelism()?.get() as u32;
    ensure!(cpus > 1, "no race on one CPU");
    let last = scene(&target().when(&is(777)).nth(cpus))?;
    for _ in 0..3 {
        last.enable(Options::default())?;
        call("hammer")?;
        let status = captured_at(&last, 777)?;
        // None was lost: it is the last of them, however they raced.
        ensure!(
            status.early == u64::from(cpus) - 1,
            "{} early",
            status.early
        );
        let calls = status.unfit + status.early + 1 + status.missed;
        ensure!(calls == 20_000 * u64::from(cpus), "{calls} calls");
    }
    drop(last);
    let thousandth = scene(&target().nth(1000))?;
    for _ in 0..3 {
        thousandth.enable(Options::default())?;
        call("hammer")?;
        world::check(&thousandth.captured()?)?;
        let status = thousandth.session.status()?;
        counted(&status, (0, 999, 20_000 * u64::from(cpus) - 1000))?;
    }
    Ok(())
}

fn disarmed_in_between() -> Result<()> {
    let scene = scene(&target().when(&is(50_000)))?;
    for _ in 0..5 {
        scene.enable(Options::default())?;
        let hammer = Child::start(|| call("hammer").map(|_| ()))?;
        while scene.session.status()?.unfit < 100 {
            std::thread::yield_now();
        }
        scene.not_hit()?;
        let left = kprobes()?;
        ensure!(left.trim().is_empty(), "still armed: {left}");
        hammer.join()?;
    }
    Ok(())
}

/// Captures by a recipe what this process, or a shell with a script, calls.
fn capture(recipe: &str, script: &str, image: &str) -> Result<crate::kflat::Ran> {
    kflat(&["capture", recipe, "-o", image, "--", "sh", "-c", script])
}

/// A script in which the shell itself makes the test module's calls.
fn calls(case: &str) -> String {
    format!("echo {case} >/sys/kernel/debug/kflat_test/call")
}

fn what_pointers_lead_to() -> Result<()> {
    let folder = Folder::new("what_pointers_lead_to")?;
    let image = folder.file("world.img");
    let of = |when: &str| format!("recipe {TARGET} {{ world; when {when}; }}");
    for (index, when) in [
        "world->root->name == \"zero\" && world->text[0] == 'k' && number == 4",
        "world->text == \"kflat was here\" && number == 4",
        "world->root->left->name != \"two\" && number > 3",
        "world->root->right->right->name[4] == 'e' && number == 4",
        "(world->root->color == KFLAT_TEST_BLUE || !world) && number == 4",
    ]
    .into_iter()
    .enumerate()
    {
        let recipe = folder.write(&format!("{index}.kflat"), &of(when))?;
        capture(&recipe, &calls("numbers"), &image)?
            .succeeds()?
            .says(&["captured kflat_test:kflat_test_target"])?;
        ensure!(number(&image, "world->magic")? == world::MAGIC, "{when}");
        let call = second_argument(fs::read(&image)?)?;
        ensure!(call == 4, "{when} fitted call {call}");
        fs::remove_file(&image)?;
    }
    for (when, told) in [
        (
            "world->root->name == \"one\"",
            "5 calls did not fit its condition",
        ),
        (
            "*(unsigned long *)number == 0",
            "5 calls did not fit its condition (5 because it reads memory that can't be read)",
        ),
    ] {
        let recipe = folder.write("never.kflat", &of(when))?;
        capture(&recipe, &calls("numbers"), &image)?.fails(
            3,
            &[
                "nothing captured: `sh` ended without calling",
                "as the recipe asks",
                told,
            ],
        )?;
    }
    ensure!(!fs::exists(&image)?, "an image of nothing");
    Ok(())
}

fn by_what_it_returns() -> Result<()> {
    let folder = Folder::new("by_what_it_returns")?;
    let image = folder.file("node.img");
    let of = |when: &str| {
        format!("recipe kflat_test:kflat_test_find at return {{ returned; when {when}; }}")
    };
    let fits = "returned && returned->name == \"three\" && id == 3 && world->root->id == 0";
    let recipe = folder.write("fits.kflat", &of(fits))?;
    capture(&recipe, &calls("find"), &image)?.succeeds()?;
    ensure!(number(&image, "returned->id")? == 3, "another node");
    for when in ["!returned", "id != 3", "returned->id > 3"] {
        let recipe = folder.write("never.kflat", &of(when))?;
        capture(&recipe, &calls("find"), &image)?.fails(3, &["1 call did not fit"])?;
    }
    Ok(())
}

fn at_a_tracepoint() -> Result<()> {
    let folder = Folder::new("at_a_tracepoint")?;
    let image = folder.file("fork.img");
    let recipe = folder.write(
        "fork.kflat",
        "recipe tracepoint:sched_process_fork {
            parent; child;
            when parent->comm == \"sh\" && parent == current;
            nth 2;
        }",
    )?;
    // The shell's forks, one for each process that it starts.
    let script = "head -n1 /proc/self/stat; head -n1 /proc/self/stat; true";
    let ran = capture(&recipe, script, &image)?.succeeds()?;
    let second = ran.stdout.lines().nth(1).context("two lines")?.to_owned();
    let pid: u64 = second.split(' ').next().unwrap_or_default().parse()?;
    ensure!(number(&image, "child->pid")? == pid, "not the second fork");
    ensure!(value(&image, "parent->comm")? == "sh", "not the shell");
    Ok(())
}

fn the_current_task() -> Result<()> {
    let folder = Folder::new("the_current_task")?;
    let image = folder.file("task.img");
    // The command's process is the one to be called by another name first.
    let recipe = folder.write(
        "read.kflat",
        "recipe vfs_read { file; when current->comm == \"head\" && file->f_path.dentry->d_name.name == \"group\"; }
         struct file { f_path; } struct path { dentry; } struct dentry { d_name; } struct qstr { name: string; }",
    )?;
    let ran = kflat(&[
        "capture",
        &recipe,
        "-o",
        &image,
        "--",
        "head",
        "-n1",
        "/etc/hostname",
        "/etc/group",
    ])?;
    ran.succeeds()?.says(&["captured vfs_read (head"])?;
    let name = value(&image, "file->f_path.dentry->d_name.name")?;
    ensure!(name == "group", "{name} was read");
    // The same with no recipe.
    let when = "file->f_path.dentry->d_name.name == \"hostname\"";
    let files = ["head", "-n1", "/etc/group", "/etc/hostname"];
    let options = ["capture", "vfs_read", "-o", &image, "--when", when, "--"];
    kflat(&[&options[..], &files].concat())?.succeeds()?;
    let inode = number(&image, "file->f_inode->i_ino")?;
    let hostname = fs::metadata("/etc/hostname")?.ino();
    ensure!(inode == hostname, "inode {inode} was read, not {hostname}");
    Ok(())
}
