//! A function that is captured notices nothing of it: its registers and flags,
//! and those that its caller gets back, are as without kflat.

use anyhow::Result;

use crate::Story;
use crate::facts::{call, call_is_skipped, call_runs, fact};
use crate::program::Recipe;
use crate::session::Options;
use crate::world::Scene;

pub(crate) const STORIES: &[Story] = &[
    ("at_an_entry_with_a_breakpoint", by_breakpoint),
    ("at_an_entry_with_ftrace", by_ftrace),
    ("between_a_comparison_and_its_jump", between),
];

/// The current registers are all that these functions have.
fn empty(target: &str) -> Result<Scene> {
    let banner = Recipe::new(target)
        .ty("char [8]", 8, &[])
        .global("banner", "linux_banner", 0);
    Scene::with(target, &banner)
}

fn modes() -> impl Iterator<Item = Options> {
    [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(stop_machine, skip_body)| Options {
            stop_machine,
            skip_body,
            ..Options::default()
        })
}

/// The case itself compares the registers.
fn unchanged(target: &str, case: &str) -> Result<()> {
    let scene = empty(target)?;
    for options in modes() {
        scene.enable(options)?;
        if options.skip_body {
            call_is_skipped(case)?;
        } else {
            call_runs(case)?;
        }
        scene.captured()?;
    }
    Ok(())
}

fn by_breakpoint() -> Result<()> {
    unchanged("kflat_test:kflat_test_by_int3", "int3")
}

fn by_ftrace() -> Result<()> {
    unchanged("kflat_test:kflat_test_by_ftrace", "ftrace")
}

/// A probe inside a function, where the flags matter.
fn between() -> Result<()> {
    let offset = fact("is_seven_offset")?;
    let scene = empty(&format!("kflat_test:kflat_test_is_seven+{offset}"))?;
    for options in modes().filter(|options| !options.skip_body) {
        scene.enable(options)?;
        call("offset")?;
        scene.captured()?;
    }
    Ok(())
}
