//! Somebody captures elsewhere than at the entry of a function.

use anyhow::{Result, ensure};

use crate::Story;
use crate::child::Child;
use crate::facts::{call, call_runs, kprobes, symbol};
use crate::program::Recipe;
use crate::session::{Options, Session};
use crate::world::{self, Scene};

pub(crate) const STORIES: &[Story] = &[
    ("at_an_address", at_an_address),
    ("an_address_that_is_no_code_is_refused", no_code),
    ("at_a_return", at_a_return),
    ("a_return_can_neither_skip_nor_halt", a_return_runs_on),
    ("at_a_tracepoint", at_a_tracepoint),
    ("an_unknown_tracepoint_is_refused", no_tracepoint),
    ("the_first_of_several_recipes_captures", several_recipes),
    (
        "a_tracepoint_can_neither_skip_nor_halt",
        a_tracepoint_runs_on,
    ),
];

/// A tracepoint whose first argument is the current task.
const FORK: &str = "tracepoint:sched_process_fork";

fn own_pid() -> Options {
    Options {
        pid: std::process::id().cast_signed(),
        ..Options::default()
    }
}

fn refused_with(scene: &Scene, options: Options) -> Option<i32> {
    let error = scene.enable(options).err()?;
    let error = error.downcast::<std::io::Error>().ok()?;
    error.raw_os_error()
}

fn at_an_address() -> Result<()> {
    let target = format!("{:#x}", symbol("kflat_test_target")?);
    let scene = Scene::at(&target)?;
    scene.enable(own_pid())?;
    call_runs("process")?;
    world::check(&scene.captured()?)
}

fn no_code() -> Result<()> {
    let target = format!("{:#x}", symbol("linux_banner")?);
    let error = refused_with(&Scene::at(&target)?, own_pid());
    ensure!(error == Some(libc::EFAULT), "{error:?}");
    Ok(())
}

const FIND: &str = "kflat_test:kflat_test_find";

/// What is found, and where it was looked for.
fn found() -> Recipe {
    Recipe::new(FIND)
        .ty("struct kflat_test_node", 80, &[])
        .ty("struct kflat_test_world", 64, &[])
        .returned("found", 0)
        .argument("world", 0, 1)
}

fn at_a_return() -> Result<()> {
    let scene = Scene::with(FIND, &found())?;
    scene.enable(own_pid())?;
    Child::start(|| call("find").map(|_| ()))?.join()?;
    ensure!(scene.session.poll(0)? == 0, "captured for another process");
    call("find")?;
    let image = scene.captured()?;
    let id = image.word(image.root(0)?)?;
    ensure!(id == 3, "node {id} was returned");
    let magic = image.word(image.root(1)?)?;
    ensure!(magic == world::MAGIC, "its argument is gone: {magic:#x}");
    let kept = kprobes()?;
    ensure!(kept.trim().is_empty(), "still armed: {kept}");
    Ok(())
}

fn a_return_runs_on() -> Result<()> {
    neither_skips_nor_halts(&Scene::with(FIND, &found())?)
}

/// Both roots are the task that forks.
fn forked(target: &str) -> Recipe {
    Recipe::new(target)
        .ty("struct task_struct", 64, &[])
        .argument("parent", 0, 0)
        .argument("child", 1, 0)
        .current("current", 0)
}

fn at_a_tracepoint() -> Result<()> {
    let scene = Scene::with(FORK, &forked(FORK))?;
    scene.enable(own_pid())?;
    Child::start(|| Ok(()))?.join()?;
    let image = scene.captured()?;
    let (parent, child) = (image.root(0)?, image.root(1)?);
    ensure!(parent == image.root(2)?, "its first argument is another");
    ensure!(parent != child, "a task is its own child");
    Ok(())
}

fn no_tracepoint() -> Result<()> {
    let target = "tracepoint:kflat_has_no_such_tracepoint";
    let error = refused_with(&Scene::with(target, &forked(target))?, own_pid());
    ensure!(error == Some(libc::EFAULT), "{error:?}");
    Ok(())
}

fn a_tracepoint_runs_on() -> Result<()> {
    neither_skips_nor_halts(&Scene::with(FORK, &forked(FORK))?)
}

fn neither_skips_nor_halts(scene: &Scene) -> Result<()> {
    for options in [
        Options {
            stop_machine: true,
            ..own_pid()
        },
        Options {
            skip_body: true,
            ..own_pid()
        },
    ] {
        let error = refused_with(scene, options);
        ensure!(error == Some(libc::EINVAL), "{error:?}");
    }
    Ok(())
}

/// A recipe that waits beside others, unloaded at the end.
struct Beside<'s>(&'s Session, &'static str);

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        let _ = self.0.unload(self.1);
    }
}

fn several_recipes() -> Result<()> {
    let scene = Scene::with(FORK, &forked(FORK))?;
    let session = &scene.session;
    let refused = session.enable_also(world::TARGET).err();
    ensure!(
        refused.and_then(|error| error.raw_os_error()) == Some(libc::EINVAL),
        "one more than none"
    );
    session.load(&world::recipe(world::TARGET).build())?;
    let _beside = Beside(session, world::TARGET);

    // The added one is hit first, then the other one.
    scene.enable(own_pid())?;
    session.enable_also(world::TARGET)?;
    call_runs("process")?;
    Child::start(|| Ok(()))?.join()?;
    world::check(&scene.captured()?)?;
    let status = session.status()?;
    ensure!(status.recipe == 1, "it was recipe {}", status.recipe);

    // The other way round.
    scene.enable(own_pid())?;
    session.enable_also(world::TARGET)?;
    Child::start(|| Ok(()))?.join()?;
    let late = session.enable_also(world::TARGET).err();
    ensure!(
        late.and_then(|error| error.raw_os_error()) == Some(libc::EBUSY),
        "armed after the hit"
    );
    call_runs("process")?;
    let image = scene.captured()?;
    ensure!(image.root(0)? == image.root(2)?, "not the task that forked");
    ensure!(session.status()?.recipe == 0, "it was the added one");
    Ok(())
}
