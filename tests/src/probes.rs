//! Somebody captures at the entry of a function.

use anyhow::{Result, ensure};

use crate::Story;
use crate::child::{Child, new_pid_namespace};
use crate::facts::{call, call_is_skipped, call_runs, fact};
use crate::session::Options;
use crate::world::{self, Scene, TARGET};

pub(crate) const STORIES: &[Story] = &[
    ("a_call_is_captured", a_call_is_captured),
    ("the_image_announces_itself", the_image_announces_itself),
    ("only_the_first_call_is_captured", only_the_first_call),
    ("enabling_again_starts_afresh", enabling_again),
    ("calls_by_others_are_not_captured", calls_by_others),
    (
        "a_pid_is_that_of_the_callers_namespace",
        a_pid_in_a_namespace,
    ),
    ("a_skipped_body_is_not_executed", a_skipped_body),
    ("run_now_needs_no_call", run_now),
    ("calls_in_atomic_context_are_captured", atomic_contexts),
    ("many_cpus_race_for_one_capture", racing_cpus),
    ("an_unknown_function_is_refused", an_unknown_function),
    (
        "a_device_behind_a_pointer_is_not_read",
        a_device_behind_a_pointer,
    ),
];

/// Contexts in which a function must not sleep.
pub(crate) const ATOMIC: &[&str] = &[
    "spinlock",
    "preempt_off",
    "irqs_off",
    "timer",
    "hrtimer",
    "irq_work",
];

fn own_pid() -> Options {
    Options {
        pid: std::process::id().cast_signed(),
        ..Options::default()
    }
}

fn a_call_is_captured() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(own_pid())?;
    call_runs("process")?;
    world::check(&scene.captured()?)
}

fn the_image_announces_itself() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(own_pid())?;
    ensure!(scene.session.poll(0)? == 0, "ready before the call");
    call_runs("process")?;
    let events = scene.session.poll(10_000)?;
    ensure!(
        events & libc::POLLIN != 0,
        "not ready after it: {events:#x}"
    );
    scene.captured()?;
    Ok(())
}

fn only_the_first_call() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(own_pid())?;
    for _ in 0..3 {
        call_runs("process")?;
    }
    world::check(&scene.captured()?)?;
    let missed = scene.session.status()?.missed;
    ensure!(missed == 2, "{missed} calls came too late");
    Ok(())
}

fn enabling_again() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    for _ in 0..3 {
        scene.enable(own_pid())?;
        let start = scene.area.copy(0, 104).unwrap_or_default();
        ensure!(start == [0; 104], "an earlier header is still there");
        call_runs("process")?;
        world::check(&scene.captured()?)?;
    }
    scene.enable(own_pid())?;
    scene.not_hit()
}

fn calls_by_others() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(own_pid())?;
    Child::start(|| call_runs("process"))?.join()?;
    scene.not_hit()
}

/// In a container a process knows itself by another number.
fn a_pid_in_a_namespace() -> Result<()> {
    Child::start(|| {
        new_pid_namespace()?;
        Child::start(|| {
            ensure!(std::process::id() == 1, "not in a namespace of its own");
            let scene = Scene::at(TARGET)?;
            scene.enable(own_pid())?;
            call_runs("process")?;
            world::check(&scene.captured()?)
        })?
        .join()
    })?
    .join()
}

fn a_skipped_body() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(Options {
        skip_body: true,
        ..own_pid()
    })?;
    call_is_skipped("process")?;
    // It fires once.
    call_runs("process")?;
    world::check(&scene.captured()?)
}

fn run_now() -> Result<()> {
    let scene = Scene::with(TARGET, &world::recipe_by_symbol(TARGET))?;
    scene.enable(Options {
        run_now: true,
        ..Options::default()
    })?;
    world::check(&scene.captured()?)
}

fn atomic_contexts() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    for context in ATOMIC.iter().chain(&["rcu"]) {
        for skip_body in [false, true] {
            scene.enable(Options {
                skip_body,
                ..Options::default()
            })?;
            if skip_body {
                call_is_skipped(context)?;
            } else {
                call_runs(context)?;
            }
            let events = scene.session.poll(10_000)?;
            ensure!(events & libc::POLLIN != 0, "{context}: no image");
            world::check(&scene.captured()?)?;
        }
    }
    Ok(())
}

/// All CPUs call the target in a loop, armed before the first call and disarmed
/// in the midst of them; the case itself checks what every call returned.
fn racing_cpus() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    let mut too_late = 0;
    for _ in 0..5 {
        scene.enable(Options::default())?;
        let hammer = Child::start(|| call("hammer").map(|_| ()))?;
        let events = scene.session.poll(30_000)?;
        ensure!(events & libc::POLLIN != 0, "no image: {events:#x}");
        world::check(&scene.captured()?)?;
        too_late += scene.session.status()?.missed;
        hammer.join()?;
    }
    ensure!(too_late > 0, "no call raced with the captured ones");
    Ok(())
}

fn an_unknown_function() -> Result<()> {
    for target in ["kflat_has_no_such_function", "kflat_test:kflat_test_world"] {
        let scene = Scene::at(target)?;
        let result = scene.session.enable(target, own_pid());
        let error = result.err().and_then(|error| error.raw_os_error());
        ensure!(error == Some(libc::EFAULT), "{target}: {error:?}");
        let error = scene
            .session
            .disable()
            .err()
            .and_then(|error| error.raw_os_error());
        ensure!(
            error == Some(libc::EINVAL),
            "{target} stayed enabled: {error:?}"
        );
    }
    Ok(())
}

fn a_device_behind_a_pointer() -> Result<()> {
    let scene = Scene::at(TARGET)?;
    scene.enable(own_pid())?;
    call_runs("process")?;
    scene.captured()?;
    let status = scene.session.status()?;
    ensure!(
        status.diagnostics == 2,
        "{} things were not captured",
        status.diagnostics
    );
    ensure!(fact("device_read")? == 0, "the device was read");
    Ok(())
}
