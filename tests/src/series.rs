//! Somebody captures several times, or at several functions.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::Story;
use crate::child::Child;
use crate::facts::{call, kprobes};
use crate::kflat::{Folder, kflat, number, run, start};
use crate::world::{self, TARGET};

pub(crate) const STORIES: &[Story] = &[
    ("as_often_as_was_asked_for", as_often_as_asked),
    ("a_command_that_calls_less_often", less_often),
    ("a_process_that_goes_away", a_process_that_goes),
    ("any_process_several_times", any_process),
    ("nothing_is_overwritten", nothing_is_overwritten),
    ("two_functions_at_once", two_functions),
    ("several_recipes_of_one_file", several_in_one_file),
    ("options_of_a_function_without_a_recipe", options),
    ("a_dry_run_saves_nothing", a_dry_run),
];

/// A shell that makes the test module's calls, with time to arm in between.
fn calls(case: &str, times: usize) -> String {
    let one = format!("echo {case} >/sys/kernel/debug/kflat_test/call; sleep 0.5; ");
    one.repeat(times)
}

fn nothing_stays() -> Result<()> {
    let list = kflat(&["list"])?.succeeds()?;
    ensure!(list.stdout.is_empty(), "still loaded: {}", list.stdout);
    let armed = kprobes()?;
    ensure!(armed.trim().is_empty(), "still armed: {armed}");
    Ok(())
}

/// The names in a folder, sorted.
fn names(folder: &Folder) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder.path())?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn images_of_the_world(folder: &Folder, expected: &[&str]) -> Result<()> {
    let found = names(folder)?;
    ensure!(found == expected, "{found:?}");
    for name in expected {
        let magic = number(&folder.file(name), "world->magic")?;
        ensure!(magic == world::MAGIC, "{name} holds something else");
    }
    Ok(())
}

fn as_often_as_asked() -> Result<()> {
    let folder = Folder::new("as_often_as_asked")?;
    let image = folder.file("world.img");
    let script = calls("process", 4);
    let options = ["capture", TARGET, "--count", "3", "-o", &image];
    let ran = kflat(&[&options[..], &["--", "sh", "-c", &script]].concat())?.succeeds()?;
    ensure!(
        ran.stderr.matches("captured kflat_test:").count() == 3,
        "{}",
        ran.stderr
    );
    ran.says(&["world-1.img", "world-2.img", "world-3.img"])?;
    images_of_the_world(&folder, &["world-1.img", "world-2.img", "world-3.img"])?;
    nothing_stays()
}

fn less_often() -> Result<()> {
    let folder = Folder::new("less_often")?;
    let script = calls("process", 2);
    let ran = run(Command::new("kflat")
        .args([
            "capture", TARGET, "--count", "10", "--", "sh", "-c", &script,
        ])
        .current_dir(folder.path()))?;
    ran.fails(
        3,
        &["captured 2 of 10 times: `sh` ended without calling kflat_test:kflat_test_target again"],
    )?;
    images_of_the_world(
        &folder,
        &[
            "kflat_test-kflat_test_target-01.img",
            "kflat_test-kflat_test_target-02.img",
        ],
    )?;
    nothing_stays()
}

fn a_process_that_goes() -> Result<()> {
    let folder = Folder::new("a_process_that_goes")?;
    let image = folder.file("world.img");
    let target = Child::start(|| {
        loop {
            call("process")?;
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    })?;
    let pid = target.pid().to_string();
    let options = [
        "capture", TARGET, "--count", "99", "-o", &image, "--pid", &pid,
    ];
    let waiting = start("kflat", &options)?;
    while !fs::exists(folder.file("world-02.img"))? {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    target.kill();
    waiting
        .end()?
        .fails(3, &["of 99 times: process", "ended"])?;
    ensure!(
        number(&folder.file("world-02.img"), "world->magic")? == world::MAGIC,
        "it is damaged"
    );
    nothing_stays()
}

fn any_process() -> Result<()> {
    let folder = Folder::new("any_process_several_times")?;
    let image = folder.file("world.img");
    let waiting = start("kflat", &["capture", TARGET, "--count", "2", "-o", &image])?;
    waiting
        .ends_by(|| call("process").map(|_| ()))?
        .succeeds()?;
    images_of_the_world(&folder, &["world-1.img", "world-2.img"])?;
    nothing_stays()
}

fn nothing_is_overwritten() -> Result<()> {
    let folder = Folder::new("nothing_is_overwritten")?;
    let image = folder.file("world.img");
    let theirs = folder.write("world-2.img", "theirs")?;
    let script = calls("process", 2);
    let options = ["capture", TARGET, "--count", "2", "-o", &image];
    kflat(&[&options[..], &["--", "sh", "-c", &script]].concat())?
        .fails(1, &["world-2.img is there already"])?;
    ensure!(fs::read_to_string(theirs)? == "theirs", "overwritten");
    ensure!(names(&folder)? == ["world-2.img"], "{:?}", names(&folder)?);
    kflat(&["capture", TARGET, "--count", "2", "-o", "-", "--now"])?.fails(2, &["--now"])?;
    kflat(&["capture", TARGET, "--count", "2", "-o", "-", "--", "true"])?
        .fails(1, &["can't all go to the standard output"])?;
    nothing_stays()
}

fn two_functions() -> Result<()> {
    let folder = Folder::new("two_functions")?;
    const FIND: &str = "kflat_test:kflat_test_find";
    for (case, hit, other) in [("process", "target", "find"), ("find", "find", "target")] {
        let script = calls(case, 1);
        let ran = run(Command::new("kflat")
            .args(["capture", FIND, TARGET, "--", "sh", "-c", &script])
            .current_dir(folder.path()))?;
        ran.succeeds()?.says(&[
            &format!("captured kflat_test:kflat_test_{hit} (sh"),
            &format!("kflat_test_{hit}.img"),
        ])?;
        ensure!(
            !names(&folder)?.concat().contains(other),
            "an image of what was not called: {:?}",
            names(&folder)?
        );
        let image = folder.file(&format!("kflat_test-kflat_test_{hit}.img"));
        ensure!(number(&image, "world->magic")? == world::MAGIC, "{case}");
        fs::remove_file(image)?;
    }
    // Turn and turn about.
    let script = [calls("process", 1), calls("find", 1)].concat();
    let ran = run(Command::new("kflat")
        .args([
            "capture", FIND, TARGET, "--count", "2", "--", "sh", "-c", &script,
        ])
        .current_dir(folder.path()))?;
    ran.succeeds()?;
    let expected = [
        "kflat_test-kflat_test_find-2.img",
        "kflat_test-kflat_test_target-1.img",
    ];
    images_of_the_world(&folder, &expected)?;
    kflat(&["capture", FIND, TARGET, "--", "true"])?.fails(
        3,
        &["`true` ended without calling kflat_test:kflat_test_find or kflat_test:kflat_test_target"],
    )?;
    kflat(&["capture", FIND, FIND, "--", "true"])?.fails(1, &["two recipes for"])?;
    nothing_stays()
}

fn several_in_one_file() -> Result<()> {
    let folder = Folder::new("several_in_one_file")?;
    let image = folder.file("world.img");
    // The first never fits.
    let recipe = folder.write(
        "two.kflat",
        "recipe kflat_test:kflat_test_target { world; when number == 9; }
         recipe kflat_test:kflat_test_find at return { returned as found; world; when returned->id == id; }",
    )?;
    let script = [calls("numbers", 1), calls("find", 1)].concat();
    kflat(&["capture", &recipe, "-o", &image, "--", "sh", "-c", &script])?
        .succeeds()?
        .says(&["captured kflat_test:kflat_test_find"])?;
    ensure!(number(&image, "found->id")? == 3, "another node");
    kflat(&["load", &recipe])?.succeeds()?.says(&[
        "loaded kflat_test:kflat_test_target",
        "loaded kflat_test:kflat_test_find",
    ])?;
    for name in ["kflat_test:kflat_test_target", "kflat_test:kflat_test_find"] {
        kflat(&["unload", name])?.succeeds()?;
    }
    nothing_stays()
}

fn options() -> Result<()> {
    let folder = Folder::new("options_of_a_function")?;
    let image = folder.file("world.img");
    let script = calls("numbers", 1);
    let capture = |options: &[&str]| {
        let common = ["capture", TARGET, "-o", &image];
        kflat(&[&common[..], options, &["--", "sh", "-c", &script]].concat())
    };
    capture(&[
        "--when",
        "number % 2 && world->root->name == \"zero\"",
        "--nth",
        "3",
    ])?
    .succeeds()?;
    ensure!(number(&image, "world->magic")? == world::MAGIC, "no world");
    capture(&["--when", "number > 5"])?.fails(3, &["5 calls did not fit"])?;
    capture(&["--nth", "6"])?.fails(3, &["5 calls came before the one it asks for"])?;
    capture(&["--nth", "2", "--when", "number > 4"])?.fails(
        3,
        &["4 calls did not fit its condition, 1 call came before the one it asks for"],
    )?;
    capture(&["--when", "nummer > 4"])?
        .fails(1, &["has no argument `nummer`", "near: `number`"])?;
    // A recipe says itself when; which one counts may be said of any that is not loaded.
    let recipe = folder.write(
        "world.kflat",
        &format!("recipe {TARGET} {{ world; when number > 2; }}"),
    )?;
    let common = ["capture", &recipe, "-o", &image];
    let command = ["--", "sh", "-c", &script];
    kflat(&[&common[..], &["--when", "number"], &command].concat())?.fails(1, &["--when"])?;
    kflat(&[&common[..], &["--nth", "3"], &command].concat())?.succeeds()?;
    kflat(&[&common[..], &["--nth", "4"], &command].concat())?
        .fails(3, &["3 calls came before"])?;
    kflat(&["load", &recipe])?.succeeds()?;
    kflat(&["capture", TARGET, "--nth", "2", "--", "true"])?
        .fails(1, &["--nth is for recipes that are not"])?;
    kflat(&["unload", TARGET])?.succeeds()?;
    nothing_stays()
}

fn a_dry_run() -> Result<()> {
    let folder = Folder::new("a_dry_run")?;
    let dry = |options: &[&str]| {
        run(Command::new("kflat")
            .args([&["capture", TARGET, "--dry-run"], options].concat())
            .current_dir(folder.path()))
    };
    let told = dry(&[])?.succeeds()?.says(&[
        "64 1 struct kflat_test_world",
        "80 2 struct kflat_test_node",
        "It ends at 2000 objects, 1.0 MiB, depth 4",
    ])?;
    ensure!(!told.stderr.contains("captured"), "{}", told.stderr);
    dry(&["--", "sh", "-c", &calls("process", 1)])?
        .succeeds()?
        .says(&[
            "struct kflat_test_node",
            "captured",
            "objects in",
            "not saved",
        ])?;
    dry(&["--", "true"])?.fails(3, &["ended without calling"])?;
    ensure!(names(&folder)?.is_empty(), "saved: {:?}", names(&folder)?);
    // Of what is no function of this kernel nothing can be told.
    kflat(&["capture", "--dry-run", "vfs_raed"])?.fails(1, &["vfs_read"])?;
    nothing_stays()
}
