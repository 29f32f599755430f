//! Following a guest from its start to its end, whatever end that is.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::channel::{Channel, Event, Listeners};
use super::{Outcome, Output, Spec, Work, console};
use crate::{process, progress};

/// Init says every 5 s that it is alive: a guest without any sign for so long
/// hangs. Emulation on a busy machine is slow, but not that slow.
const SILENCE: Duration = Duration::from_secs(60);

/// How long a guest that has said its last word may take to go.
const FAREWELL: Duration = Duration::from_secs(10);

/// Starts QEMU and follows the guest.
///
/// # Errors
/// If QEMU can't be started, or a log can't be written.
pub(super) fn watch(
    mut command: Command,
    listeners: Listeners,
    spec: &Spec,
    output: &mut dyn FnMut(Output, &[u8]),
) -> Result<Outcome> {
    let qemu_log = spec.logs.join("qemu.log");
    let terminal = matches!(spec.work, Work::Shell { .. });
    let stdio = |ours: bool| -> Result<Stdio> {
        Ok(if ours {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
    };
    command
        .stdin(stdio(terminal)?)
        .stdout(stdio(terminal)?)
        .stderr(File::create(&qemu_log).context("can't write a log")?);
    let mut qemu = Guard(command.spawn().context("can't start QEMU")?);
    let events = match listeners.accept(&mut qemu.0) {
        Ok(events) => events,
        Err(error) => bail!("{error}; it said:\n{}", process::tail(&qemu_log, 0)),
    };
    let mut watcher = Watcher::new(spec, output)?;
    watcher.follow(&events, &mut qemu.0)?;
    drop(qemu);
    watcher.outcome()
}

/// A QEMU that ends with its owner.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Watcher<'a> {
    spec: &'a Spec,
    output: &'a mut dyn FnMut(Output, &[u8]),
    console_log: File,
    dmesg_log: File,
    output_log: File,
    console: Lines,
    control: Lines,
    open: usize,
    kernel_log: String,
    status: Option<u8>,
    done: bool,
    last_sign: Instant,
    farewell: Option<Instant>,
    complaints: Vec<String>,
}

impl<'a> Watcher<'a> {
    fn new(spec: &'a Spec, output: &'a mut dyn FnMut(Output, &[u8])) -> Result<Self> {
        let log = |name: &str| {
            let path = spec.logs.join(name);
            File::create(&path).with_context(|| format!("can't write {}", path.display()))
        };
        Ok(Self {
            spec,
            output,
            console_log: log("console.log")?,
            dmesg_log: log("dmesg.log")?,
            output_log: log("output.log")?,
            console: Lines::default(),
            control: Lines::default(),
            open: Channel::all(&spec.work).len(),
            kernel_log: String::new(),
            status: None,
            done: false,
            last_sign: Instant::now(),
            farewell: None,
            complaints: Vec::new(),
        })
    }

    fn follow(&mut self, events: &Receiver<Event>, qemu: &mut Child) -> Result<()> {
        let start = Instant::now();
        // One that counts instructions is silent until it has.
        let silence = if self.spec.work.is_counted() {
            self.spec.limit
        } else {
            SILENCE
        };
        while self.open > 0 {
            match events.recv_timeout(Duration::from_millis(200)) {
                Ok(event) => self.take(&event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let reason = if self
                .farewell
                .is_some_and(|since| since.elapsed() > FAREWELL)
            {
                // It said all it had to say.
                (!self.done).then(|| "the guest stopped after a panic".to_owned())
            } else if self.last_sign.elapsed() > silence {
                Some(format!(
                    "the guest hangs: no sign of life for {}",
                    progress::seconds(silence)
                ))
            } else if start.elapsed() > self.spec.limit {
                Some(format!(
                    "the guest took longer than {}",
                    progress::seconds(self.spec.limit)
                ))
            } else {
                continue;
            };
            self.complaints.extend(reason);
            qemu.kill().context("can't stop QEMU")?;
            // What was under way still comes; then the lines close.
            self.farewell = None;
            while self.open > 0 {
                match events.recv_timeout(FAREWELL) {
                    Ok(event) => self.take(&event)?,
                    Err(_) => return Ok(()),
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<()> {
        if event.bytes.is_empty() {
            self.open -= 1;
            return Ok(());
        }
        self.last_sign = Instant::now();
        match event.channel {
            Channel::Stdout => self.hand_on(Output::Stdout, &event.bytes)?,
            Channel::Stderr => self.hand_on(Output::Stderr, &event.bytes)?,
            Channel::Dmesg => {
                self.dmesg_log.write_all(&event.bytes)?;
                self.kernel_log
                    .push_str(&String::from_utf8_lossy(&event.bytes));
            }
            Channel::Console => {
                self.console_log.write_all(&event.bytes)?;
                self.kernel_log
                    .push_str(&String::from_utf8_lossy(&event.bytes));
                for line in self.console.take(&event.bytes) {
                    if console::is_fatal(&line) {
                        self.farewell.get_or_insert_with(Instant::now);
                    }
                }
            }
            Channel::Control => {
                for line in self.control.take(&event.bytes) {
                    self.obey(&line);
                }
            }
        }
        Ok(())
    }

    fn hand_on(&mut self, which: Output, bytes: &[u8]) -> Result<()> {
        self.output_log.write_all(bytes)?;
        (self.output)(which, bytes);
        Ok(())
    }

    /// A message of init: see `init.sh`.
    fn obey(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "exit" => self.status = rest.parse().ok(),
            "load-failed" => self.complaints.push(format!("can't load {rest}")),
            "unload-failed" => self.complaints.push(format!("can't unload {rest}")),
            "tainted" => self
                .complaints
                .extend(rest.parse().ok().and_then(console::taint_complaint)),
            "done" => {
                self.done = true;
                self.farewell.get_or_insert_with(Instant::now);
            }
            _ => {}
        }
    }

    fn outcome(mut self) -> Result<Outcome> {
        if !self.done && self.complaints.is_empty() {
            self.complaints
                .push("the guest ended before its command did".to_owned());
        }
        self.complaints.extend(
            console::complaints(&self.kernel_log)
                .into_iter()
                .map(|line| format!("kernel log: {line}")),
        );
        Ok(Outcome {
            status: self.status.filter(|_| self.done),
            complaints: self.complaints,
        })
    }
}

/// Makes lines of what comes in pieces.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// The lines that `bytes` complete.
    fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        self.0.extend_from_slice(bytes);
        let Some(end) = self.0.iter().rposition(|&byte| byte == b'\n') else {
            return Vec::new();
        };
        let complete: Vec<u8> = self.0.drain(..=end).collect();
        String::from_utf8_lossy(&complete)
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_pieces_are_put_together() {
        let mut lines = Lines::default();
        assert!(lines.take(b"exi").is_empty());
        assert_eq!(lines.take(b"t 3\r\ndone\nre"), ["exit 3", "done"]);
        assert_eq!(lines.take(b"st\n"), ["rest"]);
    }
}
