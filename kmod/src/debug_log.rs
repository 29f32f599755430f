//! The debug log that a read of the device gives: whole lines, written in any
//! context, of the latest test or capture that asked for it.

use crate::alloc::Buffer;
use crate::error::Result;
use crate::sync::TryLock;
use crate::text::Line;
use crate::user::UserAddress;

/// What the owner of the log has to show to write to it. A later owner's log
/// is not mixed with what earlier ones still have to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(u32);

/// The log.
pub(crate) struct DebugLog {
    lines: TryLock<Lines>,
}

struct Lines {
    text: Buffer<u8>,
    used: usize,
    owner: u32,
    /// What had no room.
    missing_lines: u64,
    missing_bytes: u64,
}

impl Lines {
    fn append(&mut self, bytes: &[u8]) {
        let end = self.used.saturating_add(bytes.len());
        match self.text.get_mut(self.used..end) {
            // After the first line without room no shorter one is let in.
            Some(room) if self.missing_lines == 0 => {
                copy_start(bytes, room);
                self.used = end;
            }
            _ => {
                self.missing_lines += 1;
                self.missing_bytes += bytes.len() as u64;
            }
        }
    }

    /// What is read behind the last line.
    fn trailer(&self, line: &mut Line) {
        if self.missing_lines > 0 {
            line.text("The log is full: ").decimal(self.missing_lines);
            line.text(" more lines (").decimal(self.missing_bytes);
            line.text(" bytes) are missing; see the parameter dbg_buffer_size")
                .end();
        }
    }

    /// Copies what is at `position`; how many bytes.
    fn copy(&self, position: u64, into: &mut [u8]) -> usize {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let text = self.text.get(position..self.used).unwrap_or(&[]);
        if !text.is_empty() {
            return copy_start(text, into);
        }
        let mut trailer = Line::new();
        self.trailer(&mut trailer);
        let behind = position.saturating_sub(self.used);
        copy_start(trailer.as_bytes().get(behind..).unwrap_or(&[]), into)
    }
}

fn copy_start(from: &[u8], into: &mut [u8]) -> usize {
    for (into, from) in into.iter_mut().zip(from) {
        *into = *from;
    }
    into.len().min(from.len())
}

impl DebugLog {
    /// Room for `size` bytes. `ENOMEM`.
    pub(crate) fn new(size: usize) -> Result<Self> {
        Ok(Self {
            lines: TryLock::new(Lines {
                text: Buffer::new(size)?,
                used: 0,
                owner: 0,
                missing_lines: 0,
                missing_bytes: 0,
            }),
        })
    }

    /// Empties the log for a new owner.
    pub(crate) fn begin(&self) -> Option<Owner> {
        self.lines.with(|lines| {
            lines.used = 0;
            lines.missing_lines = 0;
            lines.missing_bytes = 0;
            lines.owner = lines.owner.wrapping_add(1);
            Owner(lines.owner)
        })
    }

    /// Appends `line`, which ends in a newline. Any context; left out if another
    /// has begun a log since.
    pub(crate) fn write(&self, owner: Owner, line: &Line) {
        self.lines.with(|lines| {
            if lines.owner == owner.0 {
                lines.append(line.as_bytes());
            }
        });
    }

    /// Copies what is at `position`, at most `size` bytes, to `user`; how many
    /// bytes, 0 at the end. Sleeps. `EFAULT`.
    pub(crate) fn read(&self, position: u64, user: UserAddress, size: u64) -> Result<u64> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut done = 0;
        let mut chunk = [0; 256];
        while done < size {
            let part = chunk.len().min(size - done);
            let into = chunk.get_mut(..part).unwrap_or(&mut []);
            let at = position.saturating_add(done as u64);
            let copied = self.lines.with(|lines| lines.copy(at, into)).unwrap_or(0);
            let bytes = chunk.get(..copied).unwrap_or(&[]);
            if bytes.is_empty() {
                break;
            }
            match user.offset(done).and_then(|user| user.write_bytes(bytes)) {
                Ok(()) => done += copied,
                // What was copied before counts.
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done as u64)
    }
}
