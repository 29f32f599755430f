//! Copies a NUL-terminated string.

use kflat_abi::extension as abi;
use kflat_abi::program::Action;

use crate::capture::{Capture, Current};
use crate::diagnostics::Place;
use crate::environment::{Clock, Memory, Trace};
use crate::visited::Visited;
use crate::word;
use crate::work::{Arrival, Link};

/// A piece of a string ends at a multiple of this: it never reaches into a page
/// that the string does not reach into, and is at most a cache line.
const PIECE: u64 = 64;

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Follows `value` to a string of type `char`.
    #[inline]
    pub(crate) fn string(
        &mut self,
        place: Place,
        action: &Action,
        value: u64,
        within: Option<(&Current, u64)>,
        depth: u32,
    ) -> Option<Link> {
        let tag = u64::from(action.tag_mask);
        let address = (value & !tag).wrapping_add_signed(i64::from(action.shift));
        let limit = match self.operand(action.count, within) {
            0 => u64::from(self.limits.string),
            count => count.min(u64::from(self.limits.string)),
        };
        let arrival = Arrival {
            address,
            type_index: action.target,
            parent: place.object,
            via: place.via,
            depth,
        };
        let delta = value.wrapping_sub(address) as u32 as i32;
        let slot = Visited::find(&self.work, address, action.target);
        if let Some(object) = slot.object {
            return Some(Link { object, delta });
        }
        if !self.admit(place, &arrival, 1) {
            return None;
        }
        let (position, length) = self.copy_string(place, address, limit)?;
        self.work.shrink(position, address, length);
        let object = self.keep(place, arrival, length as u32, position, false)?;
        self.work.state.bytes += length;
        if Visited::put(&mut self.work, slot, object).is_none() {
            self.out_of_memory(place, address);
            return None;
        }
        self.step();
        Some(Link { object, delta })
    }

    /// Copies up to and with the NUL, or as far as can be read or `limit`
    /// allows. Where the copy is, and its bytes.
    fn copy_string(&mut self, place: Place, address: u64, limit: u64) -> Option<(usize, u64)> {
        let first = self.work.state.top;
        let mut done = 0;
        while done < limit {
            let at = address.wrapping_add(done);
            let part = (PIECE - at % PIECE).min(limit - done);
            let Some(position) = self.work.reserve(at, part, false) else {
                self.out_of_memory(place, address);
                return None;
            };
            let end = position.wrapping_add(word::words_for(at, part) as usize);
            let words = self.work.words.get_mut(position..end)?;
            if self.memory.read(at, part as usize, words).is_err() {
                self.note(place, abi::REASON_UNREADABLE, at, 0);
                break;
            }
            let from = at % 8;
            if let Some(nul) = word::find_nul(words, from, from + part) {
                return Some((first, done + nul - from + 1));
            }
            done += part;
        }
        if done == limit {
            self.note(place, abi::REASON_STRING_CUT, address, limit);
        }
        if done == 0 {
            self.work.state.top = first;
            return None;
        }
        Some((first, done))
    }
}
