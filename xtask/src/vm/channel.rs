//! The lines between a guest and us: sockets that QEMU connects to.

use std::io::{ErrorKind, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Work;

/// What is said on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// The kernel's console.
    Console,
    /// The command's standard output.
    Stdout,
    /// The command's standard error.
    Stderr,
    /// Init's messages.
    Control,
    /// The kernel log at the end.
    Dmesg,
}

impl Channel {
    /// Those that a guest has. There are four serial lines at most.
    pub(super) fn all(work: &Work) -> &'static [Self] {
        if work.is_counted() {
            &[Self::Console, Self::Stdout, Self::Control, Self::Dmesg]
        } else {
            &[
                Self::Console,
                Self::Stdout,
                Self::Stderr,
                Self::Control,
                Self::Dmesg,
            ]
        }
    }

    /// Its name on both sides.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Control => "control",
            Self::Dmesg => "dmesg",
        }
    }
}

/// Something came in on a channel; nothing more will, if it is empty.
pub(super) struct Event {
    pub(super) channel: Channel,
    pub(super) bytes: Vec<u8>,
}

/// Sockets that wait for QEMU.
pub(super) struct Listeners(Vec<(Channel, UnixListener)>);

impl Listeners {
    /// Makes one for each of `channels` in `directory`.
    pub(super) fn bind(directory: &Path, channels: &[Channel]) -> Result<Self> {
        channels
            .iter()
            .map(|&channel| {
                let path = directory.join(channel.name());
                let listener = UnixListener::bind(&path)
                    .with_context(|| format!("can't make the socket {}", path.display()))?;
                listener.set_nonblocking(true)?;
                Ok((channel, listener))
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Waits until QEMU has connected to all, and reads from them from then on.
    ///
    /// # Errors
    /// If QEMU ends before, or takes longer than any QEMU does.
    pub(super) fn accept(self, qemu: &mut Child) -> Result<Receiver<Event>> {
        let (sender, receiver) = channel();
        let deadline = Instant::now() + Duration::from_secs(30);
        for (channel, listener) in self.0 {
            let stream = loop {
                match listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error).context("can't talk to QEMU"),
                }
                if qemu.try_wait()?.is_some() {
                    bail!("QEMU ended at once");
                }
                if Instant::now() > deadline {
                    bail!("QEMU doesn't start");
                }
                thread::sleep(Duration::from_millis(5));
            };
            stream.set_nonblocking(false)?;
            let sender = sender.clone();
            thread::spawn(move || read(channel, stream, &sender));
        }
        Ok(receiver)
    }
}

fn read(channel: Channel, mut stream: UnixStream, sender: &Sender<Event>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // A reset line is a closed line: QEMU is gone.
        let length = stream.read(&mut buffer).unwrap_or(0);
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if sender.send(Event { channel, bytes }).is_err() || length == 0 {
            return;
        }
    }
}
