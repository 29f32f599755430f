//! The module comes and goes.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use kflat_abi::uapi::DEVICE_PATH;

use crate::Story;
use crate::facts::{call_runs, kprobes};
use crate::session::{Options, Session};
use crate::world::{self, Scene, TARGET};

pub(crate) const STORIES: &[Story] = &[
    ("an_open_session_keeps_the_module", an_open_session),
    ("it_can_be_loaded_again_and_again", again_and_again),
];

const MODULE: &str = "modules/kflat.ko";

fn run(command: &str, argument: &str) -> Result<()> {
    let output = Command::new(command).arg(argument).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command} {argument}: {error}");
    Ok(())
}

fn an_open_session() -> Result<()> {
    let _session = Session::open()?;
    ensure!(
        run("rmmod", "kflat").is_err(),
        "removed under an open session"
    );
    ensure!(Path::new(DEVICE_PATH).exists(), "the device is gone");
    Ok(())
}

fn again_and_again() -> Result<()> {
    for _ in 0..5 {
        run("rmmod", "kflat")?;
        ensure!(
            !Path::new(DEVICE_PATH).exists(),
            "the device is still there"
        );
        run("insmod", MODULE)?;
        let scene = Scene::at(TARGET)?;
        for stop_machine in [false, true] {
            scene.enable(Options {
                stop_machine,
                ..Options::default()
            })?;
            call_runs("process")?;
            world::check(&scene.captured()?)?;
        }
    }
    let left = kprobes()?;
    ensure!(left.trim().is_empty(), "still armed: {left}");
    Ok(())
}
