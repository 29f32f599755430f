//! Follows a pointer: finds its object among the visited ones or copies it.

use kflat_abi::extension as abi;
use kflat_abi::program::{
    ACTION_USER, Action, Extra, MAX_PARAMETERS, NONE, OPERAND_CONSTANT, OPERAND_UNTIL, Type,
};

use crate::capture::Capture;
use crate::diagnostics::Place;
use crate::environment::{Clock, Event, Memory, Trace, Unreadable};
use crate::expression::Scope;
use crate::until::in_the_making;
use crate::visited::{Slot, Visited};
use crate::word;
use crate::work::{Arrival, Link, PARAMETERS, STACK};

/// Bytes that are copied between two looks at the clock.
const CHUNK: u64 = 64 << 10;
/// Bytes by which a link may lead outside of its object.
const OUTSIDE: u64 = 64 << 10;
/// What memory is readable or not in; a smaller page only costs time.
const PAGE: u64 = 4096;

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
    /// Follows the word of `scope` as `action` says.
    #[inline]
    pub(crate) fn pointer(
        &mut self,
        place: Place,
        action: &Action,
        scope: Scope<'_>,
        depth: u32,
    ) -> Option<Link> {
        let view = self.program.type_at(action.target)?;
        let value = scope.value;
        let pointer = value & !u64::from(action.tag_mask);
        let address = pointer.wrapping_add_signed(i64::from(action.shift));
        let count = if action.count.kind == OPERAND_CONSTANT {
            u64::from(action.count.value)
        } else {
            let scope = Scope {
                pointer,
                start: address,
                ..scope
            };
            self.operand(place, action.count, &scope)?
        };
        if count == 0 {
            return None;
        }
        let wanted = Wanted {
            arrival: Arrival {
                address,
                type_index: action.target,
                parent: place.object,
                via: place.via,
                depth,
            },
            space: Space::of(action),
            view: &view,
            parameters: 0,
        };
        let object = self.visit(place, &wanted, count)?;
        if value == address {
            return Some(Link { object, delta: 0 });
        }
        // It may have fewer elements than were asked for.
        let length = self.work.object(object)?.length(self.program);
        self.link(place, object, value.wrapping_sub(address) as i64, length)
    }

    /// As [`pointer`](Self::pointer) for an action with expressions.
    #[inline(never)]
    pub(crate) fn decoded(
        &mut self,
        place: Place,
        action: &Action,
        mut scope: Scope<'_>,
        depth: u32,
    ) -> Option<Link> {
        let view = self.program.type_at(action.target)?;
        let count = self.aim(place, action, &mut scope, view.parameters)?;
        let wanted = Wanted {
            arrival: Arrival {
                address: scope.start,
                type_index: action.target,
                parent: place.object,
                via: place.via,
                depth,
            },
            space: Space::of(action),
            view: &view,
            parameters: view.parameters as usize,
        };
        let object = if action.count.kind == OPERAND_UNTIL {
            self.until(place, &wanted, action.count.value)?
        } else {
            self.visit(place, &wanted, count)?
        };
        let length = self.work.object(object)?.length(self.program);
        let tag = scope.value & u64::from(action.tag_mask);
        let delta = (scope.pointer | tag).wrapping_sub(scope.start);
        self.link(place, object, delta as i64, length)
    }

    /// Computes where the word of `scope` leads: the address that it stands for, the
    /// object's start, how many elements, and so many parameters. `None`: nowhere.
    #[inline(never)]
    fn aim(
        &mut self,
        place: Place,
        action: &Action,
        scope: &mut Scope<'_>,
        parameters: u32,
    ) -> Option<u64> {
        let extra = self.extra(action);
        scope.pointer = self.address_of(place, action, &extra, scope)?;
        scope.start = if extra.start == NONE {
            scope.pointer.wrapping_add_signed(i64::from(action.shift))
        } else {
            self.compute(place, extra.start, scope)?
        };
        let count = if action.count.kind == OPERAND_UNTIL {
            1
        } else {
            self.operand(place, action.count, scope)?
        };
        let handed = parameters == 0 || self.hand_down(place, extra.hand_down, scope);
        (handed && count > 0).then_some(count)
    }

    pub(crate) fn extra(&self, action: &Action) -> Extra {
        let extra = self.program.extra_at(action.extra);
        extra
            .filter(|_| action.extra != NONE)
            .unwrap_or(Extra::BARE)
    }

    /// The address that a word stands for. `None`: NULL, or unknown.
    pub(crate) fn address_of(
        &mut self,
        place: Place,
        action: &Action,
        extra: &Extra,
        scope: &Scope<'_>,
    ) -> Option<u64> {
        let address = if extra.decode == NONE {
            scope.value & !u64::from(action.tag_mask)
        } else {
            self.compute(place, extra.decode, scope)?
        };
        (address != 0).then_some(address)
    }

    /// Leaves what an expression computes as parameters. False: it failed.
    #[inline(never)]
    pub(crate) fn hand_down(&mut self, place: Place, expression: u32, scope: &Scope<'_>) -> bool {
        let left = match expression {
            NONE => 0,
            _ => match self.run(place, expression, scope) {
                Some(left) => left,
                None => return false,
            },
        };
        for number in 0..MAX_PARAMETERS {
            let value = if number < left {
                self.work.get(STACK + number)
            } else {
                0
            };
            self.work.set(PARAMETERS + number, value);
        }
        true
    }

    /// Captures a per-CPU variable on every CPU; the link leads to that of this one.
    #[inline(never)]
    pub(crate) fn on_each_cpu(
        &mut self,
        place: Place,
        action: &Action,
        scope: Scope<'_>,
        depth: u32,
    ) -> Option<Link> {
        let view = self.program.type_at(action.target)?;
        let extra = self.extra(action);
        let variable = self.address_of(place, action, &extra, &scope)?;
        let mut here = None;
        for (cpu, offset) in (0u32..).zip(self.inputs.per_cpu) {
            if *offset == u64::MAX {
                continue;
            }
            let pointer = variable.wrapping_add(*offset);
            let scope = Scope {
                pointer,
                start: pointer.wrapping_add_signed(i64::from(action.shift)),
                ..scope
            };
            let wanted = Wanted {
                arrival: Arrival {
                    address: scope.start,
                    type_index: action.target,
                    parent: place.object,
                    via: place.via,
                    depth,
                },
                space: Space::Kernel,
                view: &view,
                parameters: view.parameters as usize,
            };
            let count = self.operand(place, action.count, &scope)?;
            if count == 0 {
                continue;
            }
            if view.parameters > 0 && !self.hand_down(place, extra.hand_down, &scope) {
                return here;
            }
            let object = self.visit(place, &wanted, count);
            if self.work.state.stopped {
                return here;
            }
            if let Some(object) = object.filter(|_| cpu == self.inputs.cpu) {
                let delta = scope.pointer.wrapping_sub(scope.start) as i32;
                here = Some(Link { object, delta });
            }
        }
        here
    }

    /// A link to `delta` bytes from the start of an object of `length` bytes.
    #[inline]
    pub(crate) fn link(
        &mut self,
        place: Place,
        object: u32,
        delta: i64,
        length: u64,
    ) -> Option<Link> {
        if delta >= 0
            && delta as u64 <= length
            && let Ok(delta) = i32::try_from(delta)
        {
            return Some(Link { object, delta });
        }
        self.link_outside(place, object, delta, length)
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
                let more = (before.saturating_sub(state.before.into()))
                    .saturating_add(behind.saturating_sub(state.behind.into()));
                // Both are rounded up to words, and to what fragments are aligned to.
                state.around += more.div_ceil(8) as usize + 512;
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

    /// Copies piece by piece, each ending at a multiple of `piece`. `Some`: how
    /// many bytes could be copied before one that can't be read, or before the
    /// time was over.
    #[inline(never)]
    fn copy_in_pieces(
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
