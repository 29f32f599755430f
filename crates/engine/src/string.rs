//! Copies a NUL-terminated string.

use kflat_abi::extension as abi;
use kflat_abi::program::{Action, NONE};

use crate::capture::Capture;
use crate::copy::Space;
use crate::diagnostics::Place;
use crate::environment::{Clock, Memory, Trace};
use crate::expression::Scope;
use crate::visit::Wanted;
use crate::visited::Visited;
use crate::word;
use crate::work::{Arrival, Link};

/// A piece of a string ends at a multiple of this: it never reaches into a page
/// that the string does not reach into, and is at most a cache line.
const PIECE: u64 = 64;

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Follows the word of `scope` to a string.
    #[inline]
    pub(crate) fn string(
        &mut self,
        place: Place,
        action: &Action,
        scope: Scope<'_>,
        depth: u32,
    ) -> Option<Link> {
        let pointer = if action.extra == NONE {
            scope.value & !u64::from(action.tag_mask)
        } else {
            let extra = self.extra(action);
            self.address_of(place, action, &extra, &scope)?
        };
        let address = pointer.wrapping_add_signed(i64::from(action.shift));
        let tag = scope.value & u64::from(action.tag_mask);
        let delta = (pointer | tag).wrapping_sub(address) as i64;
        let slot = Visited::find(&self.work, address, action.target, 0);
        if let Some(object) = slot.object {
            let length = self.work.object(object)?.count;
            return self.link(place, object, delta, length.into());
        }
        let limit = match self.operand(place, action.count, &scope)? {
            0 => u64::from(self.work.state.limits.string),
            count => count.min(u64::from(self.work.state.limits.string)),
        };
        let view = self.program.type_at(action.target)?;
        let wanted = Wanted {
            arrival: Arrival {
                address,
                type_index: action.target,
                parent: place.object,
                via: place.via,
                // A string is no farther away than what names it: an object without
                // its names is worth little.
                depth: depth.saturating_sub(1),
            },
            space: Space::of(action),
            view: &view,
            parameters: 0,
        };
        if !self.admit(place, &wanted.arrival, 1) {
            return None;
        }
        let (position, length) = self.copy_string(place, &wanted, limit)?;
        self.work.shrink(position, address, length);
        let object = self.keep(place, &wanted, slot, length as u32, position, length)?;
        self.link(place, object, delta, length)
    }

    /// Copies up to and with the NUL, or as far as can be read or `limit`
    /// allows. Where the copy is, and its bytes.
    fn copy_string(
        &mut self,
        place: Place,
        wanted: &Wanted<'_>,
        limit: u64,
    ) -> Option<(usize, u64)> {
        let address = wanted.arrival.address;
        let first = self.work.state.stream_end;
        let mut done = 0;
        while done < limit {
            let at = address.wrapping_add(done);
            let part = (PIECE - at % PIECE).min(limit - done);
            let Some(position) = self.work.reserve(at, part, 1, 0) else {
                self.out_of_memory(place, address);
                break;
            };
            if self.read(wanted.space, at, part, position).is_err() {
                self.unreadable(place, wanted, done, done);
                break;
            }
            let from = at % 8;
            let words = self.work.area.get(position..)?;
            if let Some(nul) = word::find_nul(words, from, from + part) {
                return Some((first, done + nul - from + 1));
            }
            done += part;
        }
        if done == limit {
            self.note(place, abi::REASON_STRING_CUT, address, limit);
        }
        if done == 0 {
            self.work.cut(first);
            return None;
        }
        Some((first, done))
    }
}

/// Copies the string at `address` to the start of `words`, which has room for `limit`
/// bytes, in pieces as above; its bytes, the NUL included. `None`: it is longer, or not
/// all of it can be read.
#[inline(never)]
pub(crate) fn copy(
    memory: &mut impl Memory,
    address: u64,
    limit: u32,
    words: &mut [u64],
) -> Option<u32> {
    let limit = u64::from(limit);
    *words.first_mut()? = 0;
    let mut done = 0;
    while done < limit {
        let at = address.wrapping_add(done);
        let part = (PIECE - at % PIECE).min(limit - done);
        let (from, end) = (at % 8, at % 8 + part);
        let first = ((address % 8 + done) / 8) as usize;
        let piece = words.get_mut(first..first + end.div_ceil(8) as usize)?;
        if !end.is_multiple_of(8) {
            *piece.last_mut()? = 0;
        }
        memory.read(at, part as usize, piece).ok()?;
        if let Some(nul) = word::find_nul(piece, from, end) {
            // What is behind it in its word is none of the string.
            let last = piece.get_mut((nul / 8) as usize)?;
            *last &= u64::MAX >> (56 - 8 * (nul % 8));
            return Some((done + nul - from + 1) as u32);
        }
        done += part;
    }
    None
}
