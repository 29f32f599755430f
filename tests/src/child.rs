//! Parts of a story that another process plays.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;

use anyhow::{Context, Result, bail, ensure};

/// A process that plays a part, killed when it is dropped.
pub(crate) struct Child {
    pid: i32,
    /// Says why it failed.
    says: File,
}

impl Child {
    /// Another process that carries out `part` and ends.
    pub(crate) fn start(part: impl FnOnce() -> Result<()>) -> Result<Self> {
        let mut ends = [0; 2];
        // SAFETY: Two file descriptors are filled in.
        ensure!(unsafe { libc::pipe(ends.as_mut_ptr()) } == 0, "no pipe");
        // SAFETY: The descriptor is new and ours.
        let says = unsafe { File::from_raw_fd(ends[0]) };
        // SAFETY: As above.
        let mut told = unsafe { File::from_raw_fd(ends[1]) };
        // SAFETY: This process has one thread, so that its copy may do anything.
        match unsafe { libc::fork() } {
            -1 => bail!("no process can be made"),
            0 => {
                let result = part();
                if let Err(error) = &result {
                    let _ = write!(told, "{error:#}");
                }
                // SAFETY: Ends the process without what `exit` would flush: the
                // parent's output.
                unsafe { libc::_exit(i32::from(result.is_err())) }
            }
            pid => Ok(Self { pid, says }),
        }
    }

    /// Its number here.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for its end; its failure is ours.
    pub(crate) fn join(mut self) -> Result<()> {
        let mut why = String::new();
        let status = self.wait();
        self.says
            .read_to_string(&mut why)
            .context("the other process says nothing")?;
        ensure!(
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
            "in the other process: {why} (status {status})"
        );
        Ok(())
    }

    /// Ends it at any point of its part.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if self.pid != 0 {
            // SAFETY: Our own child, not waited for yet.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            self.wait();
        }
    }

    fn wait(&mut self) -> i32 {
        let mut status = -1;
        // SAFETY: Our own child; the status lives until the call returns.
        unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        self.pid = 0;
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Nothing, until it is killed.
pub(crate) fn wait_for_death() -> ! {
    loop {
        std::thread::park();
    }
}

/// The children that this process has from now on live in a pid namespace of
/// their own.
pub(crate) fn new_pid_namespace() -> Result<()> {
    // SAFETY: Concerns later children only.
    let result = unsafe { libc::unshare(libc::CLONE_NEWPID) };
    let error = std::io::Error::last_os_error();
    ensure!(result == 0, "no pid namespace: {error}");
    Ok(())
}
