//! The process whose call is captured.
//!
//! A command's process exists before its program is executed: it is this
//! program, which stops itself, is armed for while it stands still, and then
//! becomes the command. So no call of the command's is missed, and none of the
//! preparations is taken for one.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use anyhow::{Context, Result, bail};
use kflat_device::Error;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, waitpid,
};

use super::wait::Signals;

/// The hidden subcommand that becomes the command.
pub(crate) const BECOME: &str = "__become";

/// What the hidden subcommand does.
pub(crate) fn become_command(command: &[OsString]) -> Result<()> {
    let [program, arguments @ ..] = command else {
        bail!("there is no command");
    };
    kill_process(getpid(), Signal::STOP)?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("can't run {}", program.display()))
}

/// Whose call counts.
pub(super) enum Target {
    /// Anybody's.
    Any,
    /// A process's that runs already.
    Running { pid: i32, end: OwnedFd },
    /// A command's.
    Command {
        name: String,
        child: Child,
        end: OwnedFd,
        released: bool,
        status: Option<ExitStatus>,
    },
}

impl Target {
    /// The command's process stands still when this returns.
    pub(super) fn prepare(pid: Option<i32>, command: &[OsString]) -> Result<Self> {
        match (pid, command.first()) {
            (Some(pid), _) => Ok(Self::Running {
                pid,
                end: end_of(pid)?,
            }),
            (None, None) => Ok(Self::Any),
            (None, Some(program)) => start(program, command),
        }
    }

    /// The only process that counts.
    pub(super) fn pid(&self) -> Option<i32> {
        match self {
            Self::Any => None,
            Self::Running { pid, .. } => Some(*pid),
            // A pid is a positive `pid_t`.
            Self::Command { child, .. } => Some(child.id().cast_signed()),
        }
    }

    /// Lets the command go.
    pub(super) fn release(&mut self) -> Result<()> {
        if let Self::Command {
            child, released, ..
        } = self
        {
            kill_process(Pid::from_child(child), Signal::CONT)?;
            *released = true;
        }
        Ok(())
    }

    /// What is readable when the process has ended.
    pub(super) fn end_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Any => None,
            Self::Running { end, .. } | Self::Command { end, .. } => Some(end.as_fd()),
        }
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Any => "any process".to_owned(),
            Self::Running { pid, .. } => format!("process {pid}"),
            Self::Command { name, .. } => format!("`{name}`"),
        }
    }

    /// How the command ended, for messages about it.
    pub(super) fn end(&mut self) -> String {
        let Self::Command { child, .. } = self else {
            return String::new();
        };
        match child.wait() {
            Ok(status) => format!(" ({status})"),
            Err(_) => String::new(),
        }
    }

    /// Ends the command.
    pub(super) fn terminate(&mut self) {
        if let Self::Command { child, .. } = self {
            // It may have ended by itself.
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
        }
    }

    /// Waits for the command's end, if it was let go; a signal to this process is one
    /// to it.
    pub(super) fn wait(&mut self, signals: &Signals) -> Result<()> {
        loop {
            let Self::Command {
                child,
                end,
                status,
                released: true,
                ..
            } = self
            else {
                return Ok(());
            };
            if signals.wait_for(end.as_fd())? {
                *status = Some(child.wait()?);
                return Ok(());
            }
            // The terminal sends its own to both.
            if signals.terminate() {
                self.terminate();
            }
        }
    }
}

impl Drop for Target {
    /// A command that never got to run is not left standing.
    fn drop(&mut self) {
        if let Self::Command {
            child,
            released: false,
            ..
        } = self
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether the shell would find the program: told before anything is armed.
fn is_there(program: &OsStr) -> bool {
    if program.as_encoded_bytes().contains(&b'/') {
        return Path::new(program).is_file();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

fn start(program: &OsStr, command: &[OsString]) -> Result<Target> {
    let name = program.display().to_string();
    if !is_there(program) {
        bail!("there is no command `{name}`");
    }
    let child = Command::new("/proc/self/exe")
        .arg(BECOME)
        .arg("--")
        .args(command)
        .spawn()
        .with_context(|| format!("can't start a process for {name}"))?;
    let pid = Pid::from_child(&child);
    let target = Target::Command {
        name,
        end: pidfd_open(pid, PidfdFlags::empty())?,
        child,
        released: false,
        status: None,
    };
    loop {
        match waitpid(Some(pid), WaitOptions::UNTRACED) {
            Ok(Some((_, status))) if status.stopped() => return Ok(target),
            Ok(Some((_, status))) => bail!(
                "the process for {} ended before it could run ({})",
                target.name(),
                ExitStatus::from_raw(status.as_raw())
            ),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What tells of the end of a process, or of a thread's.
fn end_of(pid: i32) -> Result<OwnedFd> {
    let open = |number| match Pid::from_raw(number) {
        Some(pid) => pidfd_open(pid, PidfdFlags::empty()).ok(),
        None => None,
    };
    // A thread has no such descriptor on all kernels; its process has.
    let process = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let number = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
        open(number.trim().parse().ok()?)
    };
    open(pid)
        .or_else(process)
        .ok_or_else(|| Error::NoProcess { pid }.into())
}
