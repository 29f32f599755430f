//! A process that waits for its cue: what it does comes after the capture is armed,
//! and nothing else does.

use anyhow::{Result, ensure};

use crate::child::Child;

/// A child that has not played its part yet.
pub(crate) struct Actor {
    child: Child,
}

impl Actor {
    /// A process that will carry out `part`.
    pub(crate) fn new(part: impl FnOnce() -> Result<()>) -> Result<Self> {
        // Blocked before there is a child: a cue is not lost, however early.
        let cue = cue();
        // SAFETY: Reads the set.
        let blocked =
            unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const cue, std::ptr::null_mut()) };
        ensure!(blocked == 0, "the cue can't be blocked");
        let child = Child::start(move || {
            let mut came = 0;
            // SAFETY: Reads the set, and fills in a number.
            let waited = unsafe { libc::sigwait(&raw const cue, &raw mut came) };
            ensure!(waited == 0, "no cue");
            part()
        })?;
        Ok(Self { child })
    }

    /// Its number here.
    pub(crate) fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Gives the cue, and waits for the end; its failure is ours.
    pub(crate) fn play(self) -> Result<()> {
        // SAFETY: Our own child, not waited for yet.
        unsafe { libc::kill(self.child.pid(), libc::SIGUSR1) };
        self.child.join()
    }
}

/// The set of the one signal that is the cue.
fn cue() -> libc::sigset_t {
    // SAFETY: All bit patterns are values of it.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: The set is filled in.
    unsafe { libc::sigemptyset(&raw mut set) };
    // SAFETY: As above.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGUSR1) };
    set
}
