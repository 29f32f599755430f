//! Follows a pointer: finds its object among the visited ones or copies it.

use kflat_abi::extension as abi;
use kflat_abi::program::{Action, TYPE_HAS_POINTERS, Type};

use crate::capture::{Capture, Current};
use crate::diagnostics::{Place, note, stop};
use crate::environment::{Clock, Event, Memory, Trace, Unreadable};
use crate::visited::Visited;
use crate::word;
use crate::work::{Arrival, Link, Mark};

/// Bytes that are copied between two looks at the clock.
const CHUNK: u64 = 64 << 10;
/// Bytes by which a link may lead outside of its object.
const OUTSIDE: u64 = 64 << 10;
/// What memory is readable or not in; a smaller page only costs time.
const PAGE: u64 = 4096;

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Follows `value` as `action` says.
    #[inline]
    pub(crate) fn pointer(
        &mut self,
        place: Place,
        action: &Action,
        value: u64,
        within: Option<(&Current, u64)>,
        depth: u32,
    ) -> Option<Link> {
        let view = self.program.type_at(action.target)?;
        let mut count = self.operand(action.count, within);
        if count == 0 {
            return None;
        }
        let address =
            (value & !u64::from(action.tag_mask)).wrapping_add_signed(i64::from(action.shift));
        if count > u64::from(self.limits.elements) {
            count = u64::from(self.limits.elements);
            self.note(place, abi::REASON_LIMIT_ELEMENTS, address, count);
        }
        let arrival = Arrival {
            address,
            type_index: action.target,
            parent: place.object,
            via: place.via,
            depth,
        };
        let object = self.visit(place, arrival, &view, count as u32)?;
        let length = u64::from(view.size) * count;
        let delta = value.wrapping_sub(address) as i64;
        if delta < 0 || delta as u64 > length {
            return self.link_outside(place, object, delta, length);
        }
        match i32::try_from(delta) {
            Ok(delta) => Some(Link { object, delta }),
            Err(_) => self.link_outside(place, object, delta, length),
        }
    }

    /// A link that leads outside of its object, by a shift: the image gets room
    /// for that at its ends, so that every pointer in it stays inside.
    #[cold]
    #[inline(never)]
    fn link_outside(&mut self, place: Place, object: u32, delta: i64, length: u64) -> Option<Link> {
        let state = &mut self.work.state;
        let behind = u64::try_from(delta).map_or(0, |delta| delta.saturating_sub(length));
        let before = if delta < 0 { delta.unsigned_abs() } else { 0 };
        match i32::try_from(delta) {
            Ok(delta) if behind.max(before) <= OUTSIDE => {
                state.before = state.before.max(before as u32);
                state.behind = state.behind.max(behind as u32);
                Some(Link { object, delta })
            }
            _ => {
                let address = self.work.address(object).wrapping_add_signed(delta);
                self.note(place, abi::REASON_OVERFLOW, address, length);
                None
            }
        }
    }

    /// The object of `count` elements at an address: a visited one, or a copy.
    #[inline]
    pub(crate) fn visit(
        &mut self,
        place: Place,
        arrival: Arrival,
        view: &Type,
        count: u32,
    ) -> Option<u32> {
        let slot = Visited::find(&self.work, arrival.address, arrival.type_index);
        if let Some(index) = slot.object
            && self.work.object(index)?.count >= count
        {
            return Some(index);
        }
        let marks = view.flags & TYPE_HAS_POINTERS != 0;
        let length = u64::from(view.size) * u64::from(count);
        if !self.admit(place, &arrival, length) {
            return None;
        }
        let Some(position) = self.work.reserve(arrival.address, length, marks) else {
            self.out_of_memory(place, arrival.address);
            return None;
        };
        let mut count = count;
        if self.copy(arrival.address, length, position).is_err() {
            let readable = self.readable(arrival.address, length, position);
            let address = arrival.address.wrapping_add(readable);
            self.note(place, abi::REASON_UNREADABLE, address, length - readable);
            count = readable.checked_div(u64::from(view.size)).unwrap_or(0) as u32;
            if count == 0 || self.work.state.stopped {
                self.work.release(position, arrival.address, length, marks);
                return None;
            }
        }
        let index = self.keep(place, arrival, count, position, marks)?;
        self.work.state.bytes += u64::from(view.size) * u64::from(count);
        Visited::put(&mut self.work, slot, index).or_else(|| {
            self.out_of_memory(place, arrival.address);
            None
        })?;
        self.step();
        Some(index)
    }

    /// Makes the copy at `position` an object.
    #[inline]
    pub(crate) fn keep(
        &mut self,
        place: Place,
        arrival: Arrival,
        count: u32,
        position: usize,
        marks: bool,
    ) -> Option<u32> {
        let Some(index) = self.work.push(arrival, count, position, marks) else {
            self.out_of_memory(place, arrival.address);
            return None;
        };
        if T::ENABLED {
            self.trace.event(Event::Object {
                index,
                address: arrival.address,
                type_index: arrival.type_index,
                count,
            });
        }
        Some(index)
    }

    /// Whether the limits admit an object of `length` bytes.
    #[inline]
    pub(crate) fn admit(&mut self, place: Place, arrival: &Arrival, length: u64) -> bool {
        let limits = &self.limits;
        if arrival.address.checked_add(length).is_some()
            && arrival.depth <= limits.depth
            && self.work.state.objects < limits.objects
            && self.work.state.bytes.saturating_add(length) <= limits.bytes
        {
            return true;
        }
        self.refuse(place, arrival, length);
        false
    }

    #[cold]
    #[inline(never)]
    fn refuse(&mut self, place: Place, arrival: &Arrival, length: u64) {
        let (address, limits) = (arrival.address, self.limits);
        if address.checked_add(length).is_none() {
            self.note(place, abi::REASON_UNREADABLE, address, length);
        } else if arrival.depth > limits.depth {
            self.note(place, abi::REASON_LIMIT_DEPTH, address, limits.depth.into());
        } else if self.work.state.objects >= limits.objects {
            let limit = limits.objects.into();
            self.stop(place, abi::REASON_LIMIT_OBJECTS, address, limit);
        } else {
            self.stop(place, abi::REASON_LIMIT_BYTES, address, limits.bytes);
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn out_of_memory(&mut self, place: Place, address: u64) {
        let bytes = self.work.words.len() as u64 * 8;
        self.stop(place, abi::REASON_NO_MEMORY, address, bytes);
    }

    /// Copies `length` bytes to the words at `position`.
    #[inline]
    fn copy(&mut self, address: u64, length: u64, position: usize) -> Result<(), Unreadable> {
        if length <= CHUNK {
            return self.read(address, length, position);
        }
        self.copy_in_pieces(address, length, position, CHUNK)
            .map_or(Ok(()), |_| Err(Unreadable))
    }

    #[inline]
    fn read(&mut self, address: u64, length: u64, position: usize) -> Result<(), Unreadable> {
        let end = position.wrapping_add(word::words_for(address, length) as usize);
        let words = self.work.words.get_mut(position..end).ok_or(Unreadable)?;
        self.memory.read(address, length as usize, words)
    }

    /// How many of the bytes can be read, page by page from the first; copies
    /// them.
    #[cold]
    #[inline(never)]
    fn readable(&mut self, address: u64, length: u64, position: usize) -> u64 {
        self.copy_in_pieces(address, length, position, PAGE)
            .unwrap_or(length)
    }

    /// Copies piece by piece, each ending at a multiple of `piece`. `Some`: how
    /// many bytes could be copied before one that can't be read, or before the
    /// time was over.
    #[inline(never)]
    fn copy_in_pieces(
        &mut self,
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
            if !self.look_at_clock() || self.read(at, part, word).is_err() {
                return Some(done);
            }
            done += part;
        }
        None
    }

    /// The original word at byte `at` of an object, which must lie at a multiple
    /// of 8.
    #[inline]
    pub(crate) fn word_of(&self, current: &Current, at: u64) -> u64 {
        let (word, position) = Self::place_of(current, at);
        let value = self.work.get(position);
        match self.work.mark(&current.object, word, current.words) {
            Mark::Pointer => {
                let link = Link::unpack(value);
                let address = self.work.address(link.object);
                address.wrapping_add_signed(i64::from(link.delta))
            }
            _ => value,
        }
    }

    /// Makes the word at byte `at` a pointer to `link`.
    #[inline]
    pub(crate) fn set_link(&mut self, current: &Current, at: u64, link: Link) {
        if current.object.has_marks() {
            let (_, position) = Self::place_of(current, at);
            self.work.set(position, link.pack());
            self.mark(current, at, Mark::Pointer);
        }
    }

    /// Marks the word at byte `at`.
    #[inline]
    pub(crate) fn mark(&mut self, current: &Current, at: u64, mark: Mark) {
        let (word, _) = Self::place_of(current, at);
        if mark == Mark::Function {
            self.work.state.functions = self.work.state.functions.saturating_add(1);
        }
        self.work
            .set_mark(&current.object, word, current.words, mark);
    }

    /// Which word of the object byte `at` is in, and where that is in the work
    /// region.
    #[inline]
    fn place_of(current: &Current, at: u64) -> (u64, usize) {
        let word = (current.object.address % 8 + at) / 8;
        let position = (current.object.position as usize).wrapping_add(word as usize);
        (word, position)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn note(&mut self, place: Place, reason: u32, address: u64, detail: u64) {
        note(&mut self.work, self.trace, place, reason, address, detail);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn stop(&mut self, place: Place, reason: u32, address: u64, detail: u64) {
        stop(&mut self.work, self.trace, place, reason, address, detail);
    }
}
