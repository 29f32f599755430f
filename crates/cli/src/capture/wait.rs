//! Waiting for the capture, the target's end, the user and the clock at once.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kflat_device::Session;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::target::Target;

/// What ended the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The capture has ended, well or not.
    Captured,
    /// The target process is gone.
    TargetEnded,
    /// The time is over.
    TimedOut,
    /// A signal.
    Interrupted,
}

/// Signals that would end this process, caught.
pub(super) struct Signals {
    caught: UnixStream,
    terminate: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn watch() -> io::Result<Self> {
        let (caught, raised) = UnixStream::pair()?;
        caught.set_nonblocking(true)?;
        let terminate = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGHUP] {
            flag::register(signal, terminate.clone())?;
        }
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            low_level::pipe::register(signal, raised.try_clone()?)?;
        }
        Ok(Self { caught, terminate })
    }

    /// Waits for `fd` to be readable; false: for a signal.
    pub(super) fn wait_for(&self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        let mut fds = [
            PollFd::from_borrowed_fd(fd, PollFlags::IN),
            PollFd::new(&self.caught, PollFlags::IN),
        ];
        retry(|| poll(&mut fds, None))?;
        let [ready, _] = &fds;
        if !ready.revents().is_empty() {
            return Ok(true);
        }
        // So that the next wait is one.
        let _ = (&self.caught).read(&mut [0; 64]);
        Ok(false)
    }

    /// Whether this process was asked to end other than from the terminal's keys.
    pub(super) fn terminate(&self) -> bool {
        self.terminate.load(Ordering::Relaxed)
    }
}

/// Waits for the first event.
pub(super) fn wait(
    session: &Session,
    target: &Target,
    signals: &Signals,
    timeout: Option<Duration>,
) -> io::Result<Event> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let end = target.end_fd();
    let mut fds = vec![
        PollFd::from_borrowed_fd(session.as_fd(), PollFlags::IN),
        PollFd::new(&signals.caught, PollFlags::IN),
    ];
    fds.extend(end.map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN)));
    retry(|| {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        poll(&mut fds, left.as_ref())
    })?;
    // What was captured counts more than what happened after it.
    let events = [Event::Captured, Event::Interrupted, Event::TargetEnded];
    let happened = fds
        .iter()
        .zip(events)
        .find(|(fd, _)| !fd.revents().is_empty());
    Ok(happened.map_or(Event::TimedOut, |(_, event)| event))
}

/// A signal's handler is no event; what it wrote is.
fn retry(mut poll: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<()> {
    loop {
        match poll() {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other.map(|_| ())?),
        }
    }
}
