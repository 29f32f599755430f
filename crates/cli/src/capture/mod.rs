//! `kflat capture`.

mod armed;
mod ending;
mod estimate;
mod output;
mod series;
mod surroundings;
mod target;
mod unmet;
mod wait;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kflat_device::Device;

pub(crate) use self::target::{BECOME, become_command};
use crate::automatic::Automatic;
use crate::failure::{self, NoCapture};
use crate::recipe_source::{self, Recipe};
use crate::size;
use crate::type_source::TypeSource;
use armed::Loaded;
use series::Series;
use surroundings::Machine;
use target::Target;
use wait::Signals;

/// Capture at the next call of a function, and save the image with its types
///
/// With a COMMAND, kflat starts it, and captures at the first call that its process
/// makes; calls of processes that it starts in turn do not count. A program that is
/// linked dynamically reads its libraries first: a condition (--when, or `when` in a
/// recipe) or --nth says which call is meant. With --pid, the calls of a running
/// process or thread count; with neither, those of all processes, kernel threads and
/// interrupts.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    /// A recipe file, the name of a loaded recipe, or a function (`function`,
    /// `module:function`), for which a recipe is generated; of several the first to
    /// be called is captured
    #[arg(value_name = "RECIPE-OR-FUNCTION", required = true)]
    recipes: Vec<String>,
    /// Only calls of this process (all its threads) or thread
    #[arg(long, short, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
    /// Capture the Nth call, of those that fit the recipe's condition if it has one;
    /// with --count each Nth
    #[arg(long, value_name = "N", conflicts_with = "now", value_parser = clap::value_parser!(u32).range(1..))]
    nth: Option<u32>,
    /// Capture N times, to FUNCTION-1.img, FUNCTION-2.img and so on; calls while an
    /// image is being saved are not captured
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
          conflicts_with = "now", value_parser = clap::value_parser!(u32).range(1..100_000))]
    count: u32,
    /// Save nothing: say which types would be followed, and how large they are; with a
    /// COMMAND, --pid or --now also capture once, and say how much that was
    #[arg(long)]
    dry_run: bool,
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
    /// Give up if the function is not called for so long; a COMMAND is terminated
    /// then
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
    /// The command to capture from
    #[arg(last = true, conflicts_with = "pid")]
    command: Vec<OsString>,
    #[command(flatten)]
    types: TypeSource,
    // Last: it has a heading of its own.
    #[command(flatten)]
    automatic: Automatic,
}

const EXIT_STATUS: &str = "\
Exit status:
  0    all images were saved; if the recipe's limits or unreadable memory thinned one,
       a warning says so
  1    an error, also if the area was too small
  2    wrong arguments
  3    the function was not called, or not as and as often as was asked for
  130  interrupted before it was

Examples:
  kflat capture vfs_read -- head -n1 /etc/hostname
  kflat capture recipes/current_task.kflat -- sh -c 'kill -0 $$'
  kflat capture recipes/modules.kflat --now -o modules.img
  kflat capture tcp_sendmsg --pid 1234 --timeout 60
  kflat capture vfs_read --when 'count > 4096' --nth 2 --count 3 -- tar c /etc
  kflat capture vfs_read vfs_write -- dd if=/etc/hostname of=/dev/null";

impl Arguments {
    /// Whether there will be a call to capture, or none is needed.
    fn has_call(&self) -> bool {
        self.now || self.pid.is_some() || !self.command.is_empty()
    }

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
    if arguments.dry_run && !arguments.has_call() {
        let device = Device::open().ok();
        return estimate::print(&chosen(arguments, device.as_ref())?, arguments.area);
    }
    let device = Device::open()?;
    let recipes = chosen(arguments, Some(&device))?;
    let outputs = match arguments.dry_run {
        true => {
            estimate::print(&recipes, arguments.area)?;
            None
        }
        false => Some(series::outputs(arguments, &recipes)?),
    };
    let machine = Machine::look(&device);
    let session = device.session(arguments.area)?;
    let series = Series::prepare(arguments, &session, &recipes, &machine, outputs)?;
    let signals = Signals::watch()?;
    let loaded = Loaded::load(session.device(), &recipes)?;
    let mut target = Target::prepare(arguments.pid, &arguments.command)?;
    let captured = series.run(&mut target, &signals, || drop(loaded));
    if let Err(error) = &captured
        && error.is::<NoCapture>()
    {
        return captured;
    }
    // The command goes on to its end, however the capture went.
    let ended = target.wait(&signals);
    captured?;
    ended.context("the command's end is unknown")
}

/// The recipes, of whatever kind they are named.
fn chosen(arguments: &Arguments, device: Option<&Device>) -> Result<Vec<Recipe>> {
    let mut recipes = Vec::new();
    for named in &arguments.recipes {
        let found = recipe_source::find(named, device, &arguments.types, &arguments.automatic)?;
        recipes.extend(found);
    }
    for recipe in &mut recipes {
        if let Some(nth) = arguments.nth {
            recipe.set_nth(nth)?;
        }
        if arguments.now && recipe.asks_for_a_call() {
            failure::warn(format!(
                "{} is captured at once: the call that it asks for does not count",
                recipe.target
            ));
        }
    }
    for (index, recipe) in recipes.iter().enumerate() {
        let same = |other: &Recipe| other.target.eq_ignore_ascii_case(&recipe.target);
        if recipes[..index].iter().any(same) {
            bail!("there are two recipes for {}: one is enough", recipe.target);
        }
    }
    match recipes.len() {
        2.. if arguments.now => bail!("one recipe at a time can be captured at once (--now)"),
        _ => Ok(recipes),
    }
}
