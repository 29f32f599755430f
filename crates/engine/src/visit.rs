//! The object that a pointer leads to: a visited one, or a copy.

use kflat_abi::extension as abi;
use kflat_abi::program::{NONE, Type};

use crate::capture::Capture;
use crate::copy::{PAGE, Space};
use crate::diagnostics::Place;
use crate::environment::{Clock, Event, Memory, Trace};
use crate::expression::Scope;
use crate::until::in_the_making;
use crate::visited::{Slot, Visited};
use crate::word;
use crate::work::{Arrival, PARAMETERS};

/// What an object is a copy of.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) arrival: Arrival,
    pub(crate) space: Space,
    pub(crate) view: &'a Type,
    /// How many numbers are handed down to it: those from the word [`PARAMETERS`] of
    /// the work region on.
    pub(crate) parameters: usize,
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// The object of `count` elements at an address: a visited one, or a copy.
    #[inline(always)]
    pub(crate) fn visit(&mut self, place: Place, wanted: &Wanted<'_>, count: u64) -> Option<u32> {
        let slot = Visited::find(
            &self.work,
            wanted.arrival.address,
            wanted.arrival.type_index,
            wanted.parameters,
        );
        if let Some(index) = slot.object
            && (count == 1 || u64::from(self.work.object(index)?.count) >= count)
        {
            return Some(index);
        }
        // Both side by side: neither takes of the stack for the other.
        if wanted.view.tail == NONE {
            self.fresh(place, wanted, slot, count)
        } else {
            self.flexible(place, wanted, slot)
        }
    }

    /// A copy of `count` elements.
    #[inline(never)]
    fn fresh(
        &mut self,
        place: Place,
        wanted: &Wanted<'_>,
        slot: Slot,
        mut count: u64,
    ) -> Option<u32> {
        let Wanted { arrival, view, .. } = wanted;
        if count > u64::from(self.work.state.limits.elements) {
            count = u64::from(self.work.state.limits.elements);
            self.note(place, abi::REASON_LIMIT_ELEMENTS, arrival.address, count);
        }
        let mut length = u64::from(view.size) * count;
        let position = self.begin(place, wanted, length)?;
        if self
            .copy(wanted.space, arrival.address, length, position)
            .is_err()
        {
            length = self.readable(place, wanted, length, position)?;
            count = length.checked_div(u64::from(view.size)).unwrap_or(0);
        }
        self.keep(place, wanted, slot, count as u32, position, length)
    }

    /// Room for an object of `length` bytes, if the limits admit it.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        place: Place,
        wanted: &Wanted<'_>,
        length: u64,
    ) -> Option<usize> {
        let arrival = &wanted.arrival;
        if !self.admit(place, arrival, length) {
            return None;
        }
        let parameters = wanted.parameters;
        let position = self
            .work
            .reserve(arrival.address, length, wanted.view.align, parameters);
        let Some(position) = position else {
            self.out_of_memory(place, arrival.address);
            return None;
        };
        for number in 0..parameters {
            let parameter = self.work.get(PARAMETERS + number);
            let at = position.wrapping_sub(parameters).wrapping_add(number);
            *self.work.area.get_mut(at)? = parameter;
        }
        Some(position)
    }

    /// Takes back what [`begin`](Self::begin) gave.
    #[cold]
    pub(crate) fn abandon(&mut self, wanted: &Wanted<'_>, position: usize) {
        self.work.cut(position.saturating_sub(wanted.parameters));
    }

    /// Makes the copy at `position` an object.
    #[inline]
    pub(crate) fn keep(
        &mut self,
        place: Place,
        wanted: &Wanted<'_>,
        slot: Slot,
        count: u32,
        position: usize,
        length: u64,
    ) -> Option<u32> {
        let arrival = &wanted.arrival;
        let index = self.work.push(arrival, count, position, length);
        let kept = index.and_then(|index| {
            if T::ENABLED {
                self.trace.event(Event::Object {
                    index,
                    address: arrival.address,
                    type_index: arrival.type_index,
                    count,
                });
            }
            Visited::put(&mut self.work, self.program, slot, index)
        });
        if kept.is_none() {
            self.out_of_memory(place, arrival.address);
            return None;
        }
        self.step();
        index
    }

    /// An object with a flexible array: its type first, which says how long the
    /// array is.
    #[inline(never)]
    fn flexible(&mut self, place: Place, wanted: &Wanted<'_>, slot: Slot) -> Option<u32> {
        let Wanted { arrival, view, .. } = wanted;
        if let Some(index) = slot.object {
            return Some(index);
        }
        let head = u64::from(view.size);
        let position = self.begin(place, wanted, head)?;
        if self
            .copy(wanted.space, arrival.address, head, position)
            .is_err()
        {
            self.unreadable(place, wanted, 0, head);
            self.abandon(wanted, position);
            return None;
        }
        let mut count = self.tail_count(place, wanted, position);
        let mut length = crate::work::length(self.program, view, count);
        if !self.admit(place, arrival, length) {
            self.abandon(wanted, position);
            return None;
        }
        let rest = length - head;
        let more = word::words_for(arrival.address, length) as usize;
        let more = more - word::words_for(arrival.address, head) as usize;
        if self.work.extend(more).is_none() {
            self.abandon(wanted, position);
            self.out_of_memory(place, arrival.address);
            return None;
        }
        let from = arrival.address.wrapping_add(head);
        let at = position + ((arrival.address % 8 + head) / 8) as usize;
        if self.copy(wanted.space, from, rest, at).is_err() {
            let read = self
                .copy_in_pieces(wanted.space, from, rest, at, PAGE)
                .unwrap_or(rest);
            self.unreadable(place, wanted, head + read, length);
            let element = self.program.type_at(view.tail).map_or(1, |tail| tail.size);
            let tail = (head + read).saturating_sub(view.tail_offset.into());
            count = tail.checked_div(element.into()).unwrap_or(0) as u32;
            length = crate::work::length(self.program, view, count);
            self.work.shrink(position, arrival.address, length);
        }
        self.keep(place, wanted, slot, count, position, length)
    }

    /// How many elements the flexible array has of an object whose type is copied to
    /// `position`.
    #[inline(never)]
    fn tail_count(&mut self, place: Place, wanted: &Wanted<'_>, position: usize) -> u32 {
        let element = in_the_making(wanted, position, 0);
        let scope = Scope {
            element: Some(&element),
            ..Scope::default()
        };
        let count = self.operand(place, wanted.view.tail_count, &scope);
        let count = count.unwrap_or(0);
        let most = u64::from(self.work.state.limits.elements);
        if count > most {
            let address = wanted.arrival.address;
            self.note(place, abi::REASON_LIMIT_ELEMENTS, address, most);
        }
        count.min(most) as u32
    }

    /// Whether the limits admit an object of `length` bytes.
    #[inline]
    pub(crate) fn admit(&mut self, place: Place, arrival: &Arrival, length: u64) -> bool {
        let limits = &self.work.state.limits;
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
        let (address, limits) = (arrival.address, self.work.state.limits);
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

    /// How many bytes of whole elements can be read, page by page from the first;
    /// copies them. `None`: there is none, and the room for it is given back.
    #[cold]
    #[inline(never)]
    fn readable(
        &mut self,
        place: Place,
        wanted: &Wanted<'_>,
        length: u64,
        position: usize,
    ) -> Option<u64> {
        let address = wanted.arrival.address;
        let readable = self
            .copy_in_pieces(wanted.space, address, length, position, PAGE)
            .unwrap_or(length);
        self.unreadable(place, wanted, readable, length);
        let size = u64::from(wanted.view.size);
        let whole = readable.checked_div(size).unwrap_or(0) * size;
        if whole == 0 || self.work.state.stopped {
            self.abandon(wanted, position);
            return None;
        }
        self.work.shrink(position, address, whole);
        Some(whole)
    }

    /// Notes that only `readable` of `length` bytes could be read.
    #[cold]
    #[inline(never)]
    pub(crate) fn unreadable(
        &mut self,
        place: Place,
        wanted: &Wanted<'_>,
        readable: u64,
        length: u64,
    ) {
        let reason = match wanted.space {
            Space::Kernel => abi::REASON_UNREADABLE,
            Space::User => abi::REASON_USER_ABSENT,
        };
        let address = wanted.arrival.address.wrapping_add(readable);
        self.note(place, reason, address, length - readable);
    }
}
