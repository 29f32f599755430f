//! Somebody runs the module's own tests.

use anyhow::{Result, ensure};
use kflat_abi::extension::REASON_NO_OBJECT;
use kflat_abi::uapi::KFLAT_MMAP_FLATTEN;

use crate::Story;
use crate::kflat::kflat;
use crate::session::Session;

pub(crate) const STORIES: &[Story] = &[
    ("all_pass", all_pass),
    ("halted_all_but_one_pass", halted),
    ("one_writes_the_debug_log", with_the_log),
    ("slab_objects_need_a_recipe", slab_objects),
];

fn names() -> Result<Vec<String>> {
    let list = kflat(&["test", "--list"])?.succeeds()?.stdout;
    Ok(list.lines().map(str::to_owned).collect())
}

fn all_pass() -> Result<()> {
    let count = names()?.len();
    ensure!(count >= 52, "only {count} tests");
    let all = format!("{count} passed, 0 failed");
    kflat(&["test", "--all"])?.succeeds()?.says(&[&all])?;
    Ok(())
}

/// Memory of a process can't be had then.
fn halted() -> Result<()> {
    let all = format!("{} passed, 0 failed, 1 left out", names()?.len() - 1);
    kflat(&["test", "--all", "--stop-machine"])?
        .succeeds()?
        .says(&["test user ... left out", &all])?;
    kflat(&["test", "user", "--stop-machine"])?
        .says(&["test user ... FAILED", "run it without stop_machine"])?;
    Ok(())
}

fn with_the_log() -> Result<()> {
    let names = names()?;
    let first = names.first().map_or("", String::as_str);
    let ok = format!("test {first} ... ok");
    kflat(&["test", first, "--debug"])?
        .succeeds()?
        .says(&[&ok, "1 passed"])?;
    kflat(&["log"])?
        .succeeds()?
        .says(&[&format!("{first}: complete")])?;
    Ok(())
}

/// Only they do: what pages are, the module knows by itself.
fn slab_objects() -> Result<()> {
    let session = Session::open()?;
    let _area = session.map(1 << 20, KFLAT_MMAP_FLATTEN)?;
    for (test, reason, objects) in [
        ("whole_slab_object", REASON_NO_OBJECT, 1),
        ("whole_object", 0, 3),
    ] {
        session.test(test)?;
        let status = session.status()?;
        ensure!(
            status.reason == reason && status.objects == objects,
            "{test}: reason {}, {} objects",
            status.reason,
            status.objects
        );
    }
    Ok(())
}
