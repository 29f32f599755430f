//! `kflat capture`.

mod armed;
mod ending;
mod output;
mod surroundings;
mod target;
mod wait;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use kflat_device::{Device, EnableOptions};

pub(crate) use self::target::{BECOME, become_command};
use crate::automatic::Automatic;
use crate::failure::NoCapture;
use crate::size;
use crate::type_source::TypeSource;
use crate::{context, recipe_source};
use armed::{Armed, Loaded};
use ending::{Ending, Found};
use output::Output;
use surroundings::Machine;
use target::Target;
use wait::{Event, Signals};

/// Capture at the next call of a function, and save the image with its types
///
/// With a COMMAND, it is started, and its process is the one whose call counts:
/// the recipe is armed before the command's program is executed. Processes that
/// it starts in turn do not count, and the first call does: a program that is
/// linked dynamically reads its libraries before anything else. With --pid, the calls of a running process or
/// thread count; with neither, those of any process.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    /// A recipe file, the name of a loaded recipe, or a function (`function`,
    /// `module:function`), for which a recipe is generated
    #[arg(value_name = "RECIPE-OR-FUNCTION")]
    recipe: String,
    /// Only calls of this process (all its threads) or thread
    #[arg(long, short, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
    /// Where the image goes; `-` for the standard output [default: FUNCTION.img]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Capture while all other CPUs are halted, so that nothing changes meanwhile
    #[arg(long)]
    stop_machine: bool,
    /// Do not execute the function after the capture; its caller gets 0
    #[arg(long)]
    skip_body: bool,
    /// Capture at once instead of at a call: for recipes of globals
    #[arg(long, conflicts_with_all = ["pid", "skip_body", "timeout", "command"])]
    now: bool,
    /// Give up when the function was not called for so long; a COMMAND is
    /// terminated then
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Bytes for the image; the kernel sets aside more than twice as much
    #[arg(long, value_name = "SIZE", default_value = "32M", value_parser = size::parse)]
    area: u64,
    /// Also save the whole pages around the objects, the kernel's log and what
    /// else crash wants (kflat export --profile crash)
    #[arg(long)]
    pages: bool,
    /// Write the debug log (kflat log)
    #[arg(long)]
    debug: bool,
    #[command(flatten)]
    types: TypeSource,
    #[command(flatten)]
    automatic: Automatic,
    /// The command to capture from
    #[arg(last = true, conflicts_with = "pid")]
    command: Vec<OsString>,
}

const EXIT_STATUS: &str = "\
Exit status:
  0    an image was saved; if the recipe's limits or unreadable memory thinned it,
       a warning says so
  1    an error, also if the area was too small
  2    wrong arguments
  3    the function was not called
  130  interrupted before the function was called

Examples:
  kflat capture vfs_read -- busybox head -n1 /etc/hostname
  kflat capture recipes/current_task.kflat -- sh -c 'kill -0 $$'
  kflat capture recipes/modules.kflat --now -o modules.img
  kflat capture tcp_sendmsg --pid 1234 --timeout 60";

impl Arguments {
    /// The command as it was given.
    pub(crate) fn command_line(&self) -> Option<String> {
        let words: Vec<_> = self
            .command
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "a number of seconds above 0".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let device = Device::open()?;
    let recipe = recipe_source::find(
        &arguments.recipe,
        &device,
        &arguments.types,
        &arguments.automatic,
    )?;
    // A call can't be waited for twice: what can fail, fails before.
    let output = Output::prepare(arguments.output.as_deref(), &recipe.target)?;
    let machine = Machine::look(&device);
    let facts = context::gather(&device, &recipe, arguments, machine.vmcoreinfo())?;
    let session = device.session(arguments.area)?;
    let signals = Signals::watch()?;
    let loaded = Loaded::load(session.device(), &recipe)?;
    let mut target = Target::prepare(arguments.pid, &arguments.command)?;
    let waits_for_others = arguments.command.is_empty() && !arguments.now;
    let waiting = || {
        let (name, function) = (target.name(), &recipe.target);
        anstream::eprintln!("waiting for {name} to call {function} (Ctrl-C ends it)");
    };
    // Saying so is a call of some functions, which counts if any process's does.
    if waits_for_others && target.pid().is_none() {
        waiting();
    }
    let armed = Armed::enable(
        &session,
        &recipe.target,
        &EnableOptions {
            pid: target.pid(),
            debug: arguments.debug,
            stop_machine: arguments.stop_machine,
            skip_body: arguments.skip_body,
            run_now: arguments.now,
        },
    )?;
    if waits_for_others && target.pid().is_some() {
        waiting();
    }
    target.release()?;
    let event = match arguments.now {
        true => Event::Captured,
        false => wait::wait(&session, &target, &signals, arguments.timeout)?,
    };
    let (report, status) = armed.finish()?;
    drop(loaded);

    if !report.invoked {
        let name = &recipe.target;
        return Err(not_called(event, &mut target, name, arguments)
            .context_missed(status.missed)
            .into());
    }
    let ending = Ending {
        recipe: &recipe,
        report,
        status,
        area: session.area_size(),
    };
    let captured = session.captured(&report);
    let surroundings = machine.surroundings(session.device(), &captured, arguments.pages);
    let found = Found {
        context: &facts,
        vmcoreinfo: machine.vmcoreinfo(),
        surroundings: &surroundings,
    };
    let saved = ending.save(&captured, &found, output);
    // The command goes on to its end, however the capture went.
    let ended = target.wait(&signals);
    saved?;
    ended.context("the command's end is unknown")
}

/// Why the function was not called.
fn not_called(
    event: Event,
    target: &mut Target,
    function: &str,
    arguments: &Arguments,
) -> NoCapture {
    let name = target.name();
    match event {
        Event::Interrupted => {
            target.terminate();
            NoCapture::Interrupted
        }
        Event::TimedOut => {
            target.terminate();
            let seconds = arguments.timeout.unwrap_or_default().as_secs_f64();
            NoCapture::NotCalled(format!("{name} did not call {function} within {seconds} s"))
        }
        Event::Captured | Event::TargetEnded => NoCapture::NotCalled(format!(
            "{name} ended without calling {function}{}",
            target.end()
        )),
    }
}

impl NoCapture {
    /// Adds that others called it.
    fn context_missed(self, missed: u64) -> Self {
        match self {
            Self::NotCalled(why) if missed > 0 => Self::NotCalled(format!(
                "{why}; others called it {}, and without --pid and COMMAND the first of them \
                 is captured",
                size::counted(missed, "time")
            )),
            other => other,
        }
    }
}
