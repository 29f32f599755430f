//! Processes end when they like; nothing stays behind.

use anyhow::{Context, Result, ensure};

use crate::Story;
use crate::child::{Child, wait_for_death};
use crate::facts::{call_runs, kprobes};
use crate::session::{Options, Session};
use crate::world::{self, Scene, TARGET};

pub(crate) const STORIES: &[Story] = &[
    ("the_target_dies_while_armed", the_target_dies),
    ("the_client_dies_while_armed", the_client_dies),
    ("a_process_has_one_recipe_at_a_time", one_recipe_at_a_time),
    ("no_probe_is_left", no_probe_is_left),
];

fn for_process(pid: i32) -> Options {
    Options {
        pid,
        ..Options::default()
    }
}

fn the_target_dies() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    let target = Child::start(|| wait_for_death())?;
    scene.enable(for_process(target.pid()))?;
    target.kill();
    call_runs("process")?;
    // Still enabled, though nobody will hit it.
    scene.not_hit()
}

fn the_client_dies() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    let own = std::process::id().cast_signed();
    let (ready, wait) = std::io::pipe()?;
    let client = Child::start(|| {
        let session = Session::open()?;
        let _area = session.map(1 << 20, 0)?;
        session.enable(TARGET, for_process(own))?;
        std::io::Write::write_all(&mut &wait, b".")?;
        wait_for_death()
    })?;
    std::io::Read::read_exact(&mut &ready, &mut [0])?;
    let busy = scene.session.enable(TARGET, for_process(own)).err();
    let busy = busy.context("two sessions have a recipe for one process")?;
    ensure!(busy.raw_os_error() == Some(libc::EBUSY), "{busy}");
    client.kill();
    // Its end has disarmed it, so the process is free again.
    scene.enable(for_process(own))?;
    call_runs("process")?;
    world::check(&scene.captured()?)
}

fn one_recipe_at_a_time() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    let own = std::process::id().cast_signed();
    scene.enable(for_process(own))?;
    let unload = scene.session.unload(TARGET).err();
    let error = unload.and_then(|error| error.raw_os_error());
    ensure!(
        error == Some(libc::EBUSY),
        "an enabled recipe was unloaded: {error:?}"
    );
    scene.not_hit()
}

fn no_probe_is_left() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(Options::default())?;
    let armed = kprobes()?;
    ensure!(armed.contains("kflat_test_target"), "not armed: {armed:?}");
    drop(scene);
    let left = kprobes()?;
    ensure!(left.trim().is_empty(), "still armed: {left}");
    Ok(())
}
