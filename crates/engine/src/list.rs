//! Walks a `struct list_head` list from its head, as the kernel does.
//!
//! The walk is iterative and ends at the head, at an element that can't be
//! captured, at the limit, or, in a damaged list, when it comes to an element a
//! second time (Brent's algorithm: no memory, at most three rounds).

use kflat_abi::extension as abi;
use kflat_abi::program::Action;

use crate::capture::{Capture, Current};
use crate::diagnostics::Place;
use crate::environment::{Clock, Memory, Trace};
use crate::word;
use crate::work::{Arrival, Link};

/// Offset of `prev` in `struct list_head`.
const PREV: u64 = 8;

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Captures the list whose head is at byte `at` of an object.
    pub(crate) fn list(&mut self, current: &Current, place: Place, action: &Action, at: u64) {
        let Some(view) = self.program.type_at(action.target) else {
            return;
        };
        let Ok(delta) = i32::try_from(at) else {
            self.note(place, abi::REASON_OVERFLOW, current.object.address, at);
            return;
        };
        let head = Node {
            address: current.object.address.wrapping_add(at),
            link: Link {
                object: current.index,
                delta,
            },
            at,
        };
        let limit = match self.operand(action.count, None) {
            0 => u64::from(self.limits.elements),
            count => count.min(u64::from(self.limits.elements)),
        };
        let link = u64::from(action.link);
        let (mut node, mut holder) = (head, *current);
        let mut resting = head.address;
        let (mut rest, mut round) = (2u64, 0u64);
        let mut walked = 0;
        loop {
            let next = self.word_of(&holder, node.at);
            if next == head.address {
                self.set_link(&holder, node.at, head.link);
                break;
            }
            if next == 0 && walked == 0 {
                // A head that was never initialised: an empty list.
                return;
            }
            if next == resting {
                self.note(place, abi::REASON_LIST_DAMAGED, next, walked);
                return;
            }
            if walked == limit {
                self.note(place, abi::REASON_LIMIT_ELEMENTS, next, limit);
                return;
            }
            let arrival = Arrival {
                address: next.wrapping_sub(link),
                type_index: action.target,
                parent: place.object,
                via: place.via,
                depth: current.object.depth().saturating_add(1),
            };
            let Some(object) = self.visit(place, arrival, &view, 1) else {
                return;
            };
            let Some(record) = self.work.object(object) else {
                return;
            };
            let element = Node {
                address: next,
                link: Link {
                    object,
                    delta: action.link as i32,
                },
                at: link,
            };
            self.set_link(&holder, node.at, element.link);
            holder = Current {
                object: record,
                index: object,
                words: word::words_for(
                    record.address,
                    u64::from(view.size) * u64::from(record.count),
                ),
            };
            self.link_back(&holder, &element, &node);
            node = element;
            walked += 1;
            round += 1;
            if round == rest {
                (resting, rest, round) = (next, rest.saturating_mul(2), 0);
            }
            if self.work.state.stopped {
                return;
            }
        }
        self.link_back(current, &head, &node);
    }

    /// Relocates `prev` of a node if it leads where it should. A list under RCU
    /// may have other values there: they stay.
    fn link_back(&mut self, holder: &Current, node: &Node, previous: &Node) {
        if self.word_of(holder, node.at + PREV) == previous.address {
            self.set_link(holder, node.at + PREV, previous.link);
        }
    }
}

/// A `list_head` of the list.
#[derive(Clone, Copy)]
struct Node {
    /// Its address.
    address: u64,
    /// How the image points to it.
    link: Link,
    /// Its offset in the object that holds it.
    at: u64,
}
