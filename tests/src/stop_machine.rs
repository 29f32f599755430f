//! Somebody captures while all other CPUs are halted.

use anyhow::{Result, ensure};
use kflat_abi::extension::REASON_ATOMIC_CONTEXT;

use crate::Story;
use crate::facts::{call_is_skipped, call_runs};
use crate::probes::ATOMIC;
use crate::session::Options;
use crate::world::{self, Scene, TARGET};

pub(crate) const STORIES: &[Story] = &[
    ("a_call_is_captured", a_call_is_captured),
    ("a_skipped_body_is_not_executed", a_skipped_body),
    ("run_now_halts_them_too", run_now),
    ("in_atomic_context_it_ends_with_an_error", atomic_contexts),
];

const HALTED: Options = Options {
    pid: 0,
    stop_machine: true,
    skip_body: false,
    run_now: false,
    debug: true,
};

fn check_pause(scene: &Scene) -> Result<()> {
    let status = scene.session.status()?;
    ensure!(status.pause_ns > 0, "the others were not halted");
    Ok(())
}

fn a_call_is_captured() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(HALTED)?;
    call_runs("process")?;
    world::check(&scene.captured()?)?;
    check_pause(&scene)
}

fn a_skipped_body() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(Options {
        skip_body: true,
        ..HALTED
    })?;
    call_is_skipped("process")?;
    world::check(&scene.captured()?)
}

fn run_now() -> Result<()> {
    let scene = Scene::with(TARGET, &world::recipe_by_symbol(TARGET))?;
    scene.enable(Options {
        run_now: true,
        ..HALTED
    })?;
    world::check(&scene.captured()?)?;
    check_pause(&scene)
}

fn atomic_contexts() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    for context in ATOMIC {
        scene.enable(HALTED)?;
        // The function runs as if there were no kflat.
        call_runs(context)?;
        let events = scene.session.poll(10_000)?;
        ensure!(events & libc::POLLERR != 0, "{context}: {events:#x}");
        let report = scene.session.disable()?;
        ensure!(
            (report.invoked, report.size, report.error) == (1, 0, libc::EDEADLK),
            "{context}: {report:?}"
        );
        let reason = scene.session.status()?.reason;
        ensure!(
            reason == REASON_ATOMIC_CONTEXT,
            "{context}: reason {reason}"
        );
        let log = std::fs::read_to_string(kflat_abi::uapi::DEVICE_PATH)?;
        ensure!(
            log.contains("atomic context"),
            "{context}: the log says {log:?}"
        );
    }
    Ok(())
}
