//! `cargo xtask vm`: a guest for people.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::buildroot::BuildRoot;
use crate::vm::{self, Levels, Output, Spec, Work};
use crate::{kernels, module, process, programs, progress, share, workspace};

/// What guest, and what to run in it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Kernel: a series (6.1, 6.12, 7.x), a suite or a release
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Levels of page tables
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=5))]
    levels: u8,
    /// Number of CPUs
    #[arg(long, default_value_t = 2)]
    smp: u32,
    /// Memory
    #[arg(long, default_value = "1G")]
    mem: String,
    /// Don't load the module
    #[arg(long)]
    no_module: bool,
    /// Kernel objects to load after the module
    #[arg(long, value_name = "FILE.ko")]
    load: Vec<PathBuf>,
    /// Seconds after which the guest is stopped [default: 600, none for a shell]
    #[arg(long)]
    timeout: Option<u64>,
    /// The command and its arguments; a shell if there is none. It starts in
    /// /share (target/vm/share here); the checkout is at its usual path,
    /// read-only
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// Runs it; the exit status is the command's.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let root = BuildRoot::get()?;
    let kernel = kernels::select_one(&root.kernels, &options.kernel)?;
    let directory = workspace::target().join("vm");
    let mut modules = Vec::new();
    let built = if options.no_module {
        None
    } else {
        Some(module::build(&root, kernel)?)
    };
    share::fill(
        &directory.join("share"),
        &programs::build(&root)?,
        built.as_ref(),
    )?;
    modules.extend(built.map(|built| built.kflat));
    modules.extend_from_slice(&options.load);
    let shell = options.command.is_empty();
    let spec = Spec {
        kernel: kernel.clone(),
        levels: if options.levels == 5 {
            Levels::Five
        } else {
            Levels::Four
        },
        cpus: options.smp,
        memory: options.mem.clone(),
        modules,
        share: directory.join("share"),
        logs: directory.join("logs"),
        work: if shell {
            shell_here()?
        } else {
            Work::Command(options.command.clone())
        },
        limit: match (options.timeout, shell) {
            (Some(seconds), _) => Duration::from_secs(seconds),
            (None, true) => Duration::MAX,
            (None, false) => Duration::from_secs(600),
        },
    };
    let outcome = vm::run(&root, &spec, &mut |which, bytes| {
        // A reader that has gone away is its own affair.
        let _ = match which {
            Output::Stdout => std::io::stdout().lock().write_all(bytes),
            Output::Stderr => std::io::stderr().lock().write_all(bytes),
        };
        let _ = std::io::stdout().lock().flush();
    })?;
    if outcome.complaints.is_empty() {
        return Ok(outcome.status.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    progress::line("---- console of the guest:");
    progress::line(&process::tail(&spec.logs.join("console.log"), 0));
    for complaint in &outcome.complaints {
        progress::line(&format!("error: {complaint}"));
    }
    progress::line(&format!("The guest's logs are in {}", spec.logs.display()));
    // A command that failed in a sick guest keeps its own status.
    Ok(match outcome.status {
        Some(status) if status != 0 => ExitCode::from(status),
        _ => ExitCode::FAILURE,
    })
}

fn shell_here() -> Result<Work> {
    if !std::io::stdin().is_terminal() {
        bail!("a shell needs a terminal; give a command: cargo xtask vm -- COMMAND");
    }
    // `stty size` asks the terminal on its standard input.
    let size = Command::new("stty")
        .arg("size")
        .stdin(std::process::Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&size.stdout).into_owned();
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
    Ok(Work::Shell {
        rows: numbers.next().unwrap_or(24),
        columns: numbers.next().unwrap_or(80),
    })
}
