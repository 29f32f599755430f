//! Copies the bytes of objects, with looks at the clock between.

use kflat_abi::program::{ACTION_USER, Action};

use crate::capture::Capture;
use crate::environment::{Clock, Memory, Trace, Unreadable};
use crate::word;

/// Bytes that are copied between two looks at the clock.
const CHUNK: u64 = 64 << 10;
/// What memory is readable or not in; a smaller page only costs time.
pub(crate) const PAGE: u64 = 4096;

/// Whose memory an object lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// The kernel's.
    Kernel,
    /// The current process's.
    User,
}

impl Space {
    #[inline]
    pub(crate) fn of(action: &Action) -> Self {
        if action.flags & ACTION_USER == 0 {
            Self::Kernel
        } else {
            Self::User
        }
    }
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Copies `length` bytes to the words at `position` of the area.
    #[inline]
    pub(crate) fn copy(
        &mut self,
        space: Space,
        address: u64,
        length: u64,
        position: usize,
    ) -> Result<(), Unreadable> {
        if length <= CHUNK {
            return self.read(space, address, length, position);
        }
        self.copy_in_pieces(space, address, length, position, CHUNK)
            .map_or(Ok(()), |_| Err(Unreadable))
    }

    #[inline]
    pub(crate) fn read(
        &mut self,
        space: Space,
        address: u64,
        length: u64,
        position: usize,
    ) -> Result<(), Unreadable> {
        let end = position.wrapping_add(word::words_for(address, length) as usize);
        let words = self.work.area.get_mut(position..end).ok_or(Unreadable)?;
        match space {
            Space::Kernel => self.memory.read(address, length as usize, words),
            Space::User => self.memory.read_user(address, length as usize, words),
        }
    }

    /// Copies piece by piece, each ending at a multiple of `piece`. `Some`: how
    /// many bytes could be copied before one that can't be read, or before the
    /// time was over.
    #[inline(never)]
    pub(crate) fn copy_in_pieces(
        &mut self,
        space: Space,
        address: u64,
        length: u64,
        position: usize,
        piece: u64,
    ) -> Option<u64> {
        let mut done = 0;
        while done < length {
            let at = address.wrapping_add(done);
            let part = (piece - (at & (piece - 1))).min(length - done);
            let word = position.wrapping_add(((address % 8 + done) / 8) as usize);
            if !self.look_at_clock() || self.read(space, at, part, word).is_err() {
                return Some(done);
            }
            done += part;
        }
        None
    }
}
