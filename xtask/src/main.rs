//! `cargo xtask`: everything that needs more than cargo.

mod apt;
mod bench;
mod btf;
mod buildroot;
mod demo;
mod fuzz;
mod guest;
mod header;
mod kernels;
mod library;
mod lock;
mod module;
mod process;
mod programs;
mod progress;
mod root;
mod share;
mod test;
mod testroot;
mod transcripts;
mod verdict;
mod vm;
mod workspace;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use buildroot::BuildRoot;
use root::Root;
use testroot::TestRoot;

/// Builds, boots and tests kflat.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set everything up, capture from a real kernel and show what was captured
    Demo(demo::Options),
    /// Make the build root and print where it is
    Buildroot {
        /// Make it anew, with the newest packages and kernels
        #[arg(long)]
        renew: bool,
    },
    /// Build the module and the tests' module for each kernel
    Module {
        /// Only for this kernel: a series (6.1, 6.12, 7.x), a suite or a release
        #[arg(long)]
        kernel: Option<String>,
    },
    /// Run every test there is
    Test(test::Options),
    /// Fuzz what reads untrusted bytes
    Fuzz(fuzz::Options),
    /// Measure captures beside loops written by hand, and in a guest
    Bench(bench::Options),
    /// Run the commands that README.md and doc/ show in a guest, and renew what they print
    Transcripts(transcripts::Options),
    /// Write the C header of the kernel interface, include/kflat_uapi.h
    Header {
        /// Only say whether it is current
        #[arg(long)]
        check: bool,
    },
    /// Build libunflatten and install it with its headers, for programs in C and C++
    Install(library::Options),
    /// Run a command, or a shell, in a guest with the module loaded
    Vm(guest::Options),
    /// Run a command in the build root, with the checkout and /tmp in it
    InBuildroot {
        /// The command and its arguments
        #[arg(required = true, last = true)]
        command: Vec<OsString>,
    },
    /// The same in the test root: debuggers, a browser, sanitizers
    InTestroot {
        /// The command and its arguments
        #[arg(required = true, last = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            progress::line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Buildroot { renew } => {
            let root = if renew {
                BuildRoot::renew()?
            } else {
                BuildRoot::get()?
            };
            for kernel in &root.kernels {
                progress::note(&format!("{}: {}", kernel.series, kernel.release));
            }
            println!("{}", root.root().display());
            Ok(ExitCode::SUCCESS)
        }
        Task::Module { kernel } => {
            let root = BuildRoot::get()?;
            for kernel in kernels::select(&root.kernels, kernel.as_deref())? {
                let modules = module::build(&root, kernel)?;
                println!("{}\n{}", modules.kflat.display(), modules.test.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => Ok(test::run(&options)),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Transcripts(options) => transcripts::run(&options),
        Task::Header { check } => header::header(check).map(|()| ExitCode::SUCCESS),
        Task::Install(options) => library::run(&options).map(|()| ExitCode::SUCCESS),
        Task::Vm(options) => guest::run(&options),
        Task::InBuildroot { command } => {
            let root = BuildRoot::get()?;
            enter(&root, command)
        }
        Task::InTestroot { command } => {
            let root = TestRoot::get()?;
            enter(&root, command)
        }
    }
}

/// Runs `command` in `root`, here.
fn enter(root: &Root, command: Vec<OsString>) -> Result<ExitCode> {
    let status = root
        .command(
            &std::env::current_dir()?,
            &[Path::new("/tmp"), &workspace::root()],
            command,
        )
        .status()
        .context("can't enter the root")?;
    Ok(ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    ))
}
