//! Arrays that end with an element that says so: a NULL, a sentinel.

use kflat_abi::extension as abi;

use crate::capture::Capture;
use crate::diagnostics::Place;
use crate::element::Element;
use crate::environment::{Clock, Memory, Trace};
use crate::expression::Scope;
use crate::visit::Wanted;
use crate::visited::Visited;
use crate::word;
use crate::work::Object;

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// The elements from `wanted` on, up to and with the first for which the
    /// expression at `last` is not 0.
    #[inline(never)]
    pub(crate) fn until(&mut self, place: Place, wanted: &Wanted<'_>, last: u32) -> Option<u32> {
        let address = wanted.arrival.address;
        let slot = Visited::find(
            &self.work,
            address,
            wanted.arrival.type_index,
            wanted.parameters,
        );
        if slot.object.is_some() {
            return slot.object;
        }
        let size = u64::from(wanted.view.size);
        let position = self.begin(place, wanted, size)?;
        let mut count = 0u32;
        loop {
            let done = size * u64::from(count);
            let at = address.wrapping_add(done);
            let from = position + ((address % 8 + done) / 8) as usize;
            if self.read(wanted.space, at, size, from).is_err() {
                self.unreadable(place, wanted, done, done + size);
                break;
            }
            count += 1;
            let element = Element {
                base: done,
                number: count - 1,
                ..in_the_making(wanted, position, count)
            };
            let scope = Scope {
                element: Some(&element),
                ..Scope::default()
            };
            // Where the expression fails there is no telling where the array ends.
            if self.compute(place, last, &scope) != Some(0) {
                break;
            }
            if count >= self.work.state.limits.elements {
                self.note(place, abi::REASON_LIMIT_ELEMENTS, address, count.into());
                break;
            }
            let length = size * u64::from(count);
            if !self.step() || !self.admit(place, &wanted.arrival, length + size) {
                break;
            }
            let words = word::words_for(address, length + size) - word::words_for(address, length);
            if self.work.extend(words as usize).is_none() {
                self.out_of_memory(place, at);
                break;
            }
        }
        if count == 0 {
            self.abandon(wanted, position);
            return None;
        }
        let length = size * u64::from(count);
        self.work.shrink(position, address, length);
        self.keep(place, wanted, slot, count, position, length)
    }
}

/// The first element of an object that is being copied to `position`.
pub(crate) fn in_the_making(wanted: &Wanted<'_>, position: usize, count: u32) -> Element {
    let arrival = &wanted.arrival;
    let object = Object {
        address: arrival.address,
        type_index: arrival.type_index,
        count,
        parent: arrival.parent,
        via: arrival.via,
        position: position as u32,
        depth: arrival.depth,
    };
    Element::first(object, arrival.parent, wanted.parameters as u32)
}
