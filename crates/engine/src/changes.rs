//! Compares what was captured with memory again, and keeps the ranges that
//! changed meanwhile.

use crate::capture::Capture;
use crate::environment::{Clock, Memory, Trace};
use crate::word;
use crate::work::Work;

/// Words that are compared at once.
const PIECE: usize = 64;
/// Words of a range: object, first byte, bytes.
const RANGE: usize = 2;

/// A range of an object that changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) object: u32,
    /// First byte in the object.
    pub(crate) at: u64,
    /// Bytes.
    pub(crate) size: u32,
}

impl Change {
    /// Change `index` of the list.
    pub(crate) fn read(work: &Work<'_>, index: usize) -> Option<Self> {
        let at = work.state.changes + RANGE * index;
        let [object, at] = *work.words.get(at..)?.first_chunk()?;
        Some(Self {
            object: (object >> 32) as u32,
            at,
            size: object as u32,
        })
    }
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Reads everything once more.
    #[inline(never)]
    pub(crate) fn detect_changes(&mut self) {
        let Some(buffer) = self.work.take(PIECE + 1) else {
            return;
        };
        self.work.state.changes = self.work.state.top;
        for index in 0..self.work.state.objects {
            if !self.compare(index, buffer) {
                return;
            }
        }
    }

    /// False: there is no room for more, or no time.
    fn compare(&mut self, index: u32, buffer: usize) -> bool {
        let Some(object) = self.work.object(index) else {
            return false;
        };
        let length = object.length(self.program);
        let (mut done, mut open) = (0, None::<Change>);
        while done < length {
            let address = object.address.wrapping_add(done);
            let piece = PIECE as u64 * 8 - address % 8;
            let part = piece.min(length - done);
            let first = object.position as usize + ((object.address % 8 + done) / 8) as usize;
            let words = word::words_for(address, part) as usize;
            let Some(again) = self.work.words.get_mut(buffer..buffer + words) else {
                return false;
            };
            // Memory of a process lies below; what vanished has not changed.
            let read = if address >> 63 == 0 {
                self.memory.read_user(address, part as usize, again)
            } else {
                self.memory.read(address, part as usize, again)
            };
            let old = self.work.area.get(first..first + words).unwrap_or(&[]);
            if read.is_ok()
                && let Some((from, to)) = difference(old, again, address % 8, part)
            {
                let change = Change {
                    object: index,
                    at: done + from,
                    size: (to - from) as u32,
                };
                open = match open {
                    Some(before) if before.at + u64::from(before.size) == change.at => {
                        Some(Change {
                            size: before.size + change.size,
                            ..before
                        })
                    }
                    Some(before) => {
                        if !self.keep_change(before) {
                            return false;
                        }
                        Some(change)
                    }
                    None => Some(change),
                };
            }
            done += part;
            if !self.step() {
                return false;
            }
        }
        open.is_none_or(|change| self.keep_change(change))
    }

    fn keep_change(&mut self, change: Change) -> bool {
        // In the image it takes as many words.
        if self.work.room() < RANGE {
            return false;
        }
        let Some(at) = self.work.take(RANGE) else {
            return false;
        };
        let head = u64::from(change.object) << 32 | u64::from(change.size);
        self.work.set(at, head);
        self.work.set(at + 1, change.at);
        self.work.state.change_count += 1;
        self.work.state.around += RANGE;
        true
    }
}

/// First and last (excluded) byte in which two copies of `length` bytes differ,
/// counted from the byte `lead` of the words.
fn difference(old: &[u64], new: &[u64], lead: u64, length: u64) -> Option<(u64, u64)> {
    let mut found = None;
    for (index, (old, new)) in (0u64..).zip(old.iter().zip(new)) {
        let differing = (old ^ new).to_le_bytes();
        for (byte, differs) in (0..8).zip(differing) {
            let at = 8 * index + byte;
            if differs != 0 && at >= lead && at < lead + length {
                let at = at - lead;
                found = Some((found.map_or(at, |(first, _)| first), at + 1));
            }
        }
    }
    found
}
