//! Walks linear containers from their head, as the kernel does: `list_head`,
//! `hlist`, `hlist_nulls`, `llist` and chains of pointers.
//!
//! The walk is iterative and ends where the list ends, at an element that can't be
//! captured, at the limit, or, in a damaged list, when it comes to an element a
//! second time (Brent's algorithm: no memory, at most three rounds).

use kflat_abi::extension as abi;
use kflat_abi::program::{Action, OP_CHAIN, OP_HLIST, OP_HLIST_NULLS, OP_LIST};

use crate::capture::Capture;
use crate::diagnostics::Place;
use crate::element::Element;
use crate::environment::{Clock, Memory, Trace};
use crate::expression::Scope;
use crate::follow::{Space, Wanted};
use crate::work::{Arrival, Link};

/// Offset of `prev` and `pprev` in a link.
const BACK: u64 = 8;

/// A link of the list: its head, or the link of an element.
#[derive(Clone, Copy)]
struct Node {
    /// Its address.
    address: u64,
    /// How the image points to it.
    link: Link,
    /// Its offset in the object that holds it.
    at: u64,
}

/// Where a walk stands.
struct Walk<'e> {
    holder: Element,
    node: Node,
    owner: &'e Element,
    head: Node,
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Captures the list whose head is at byte `at` of `owner`'s object.
    #[inline(never)]
    pub(crate) fn list(&mut self, owner: &Element, place: Place, action: &Action, at: u64) {
        let Some(view) = self.program.type_at(action.target) else {
            return;
        };
        let Ok(delta) = i32::try_from(at) else {
            self.note(place, abi::REASON_OVERFLOW, owner.object.address, at);
            return;
        };
        let head = Node {
            address: owner.object.address.wrapping_add(at),
            link: Link {
                object: owner.index,
                delta,
            },
            at,
        };
        let scope = Scope {
            element: Some(owner),
            value: owner.word(&self.work, at),
            ..Scope::default()
        };
        let extra = self.extra(action);
        let (Some(limit), Some(parameters)) = (
            self.operand(place, action.count, &scope),
            self.handed_down(place, &extra, &scope),
        ) else {
            return;
        };
        let limit = match limit {
            0 => u64::from(self.limits.elements),
            count => count.min(u64::from(self.limits.elements)),
        };
        let mut wanted = Wanted {
            arrival: Arrival {
                address: 0,
                type_index: action.target,
                parent: place.object,
                via: place.via,
                depth: owner.object.depth.saturating_add(1),
            },
            space: Space::Kernel,
            view: &view,
            parameters: parameters.get(..view.parameters as usize).unwrap_or(&[]),
        };
        let mut walk = Walk {
            holder: *owner,
            node: head,
            owner,
            head,
        };
        let mut resting = head.address;
        let (mut rest, mut round) = (2u64, 0u64);
        let mut walked = 0;
        loop {
            let mut next = walk.holder.word(&self.work, walk.node.at);
            let mut tag = 0;
            if walked == 0 {
                tag = next & u64::from(action.tag_mask);
                next &= !tag;
            }
            if self.is_end(action.op, &walk, next, walked == 0) {
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
            let shift = if action.op == OP_CHAIN {
                0
            } else {
                u64::from(action.link)
            };
            wanted.arrival.address = next.wrapping_sub(shift);
            let Some(object) = self.visit(place, &wanted, 1) else {
                return;
            };
            let Some(record) = self.work.object(object) else {
                return;
            };
            let element = Node {
                address: next,
                link: Link {
                    object,
                    delta: shift as i32,
                },
                at: action.link.into(),
            };
            let tagged = Link {
                delta: element.link.delta.wrapping_add(tag as i32),
                ..element.link
            };
            let word = walk.holder.word_at(walk.node.at);
            self.set_link(place, walk.holder.index, word, tagged);
            walk.holder = Element {
                object: record,
                index: object,
                base: 0,
                ..*owner
            };
            if !record.address.wrapping_add(element.at).is_multiple_of(8) {
                let address = record.address.wrapping_add(element.at);
                self.note(place, abi::REASON_UNALIGNED, address, 0);
                return;
            }
            if matches!(action.op, OP_LIST | OP_HLIST | OP_HLIST_NULLS) {
                let holder = walk.holder;
                self.link_back(place, &holder, &element, &walk.node);
            }
            walk.node = element;
            walked += 1;
            round += 1;
            if round == rest {
                (resting, rest, round) = (next, rest.saturating_mul(2), 0);
            }
            if self.work.state.stopped {
                return;
            }
        }
    }

    /// Whether `next` is the end of the list; if it is, completes it.
    fn is_end(&mut self, op: u8, walk: &Walk<'_>, next: u64, first: bool) -> bool {
        match op {
            OP_LIST if next == walk.head.address => {
                let place = self.place(walk.owner, abi::NO_OBJECT);
                let word = walk.holder.word_at(walk.node.at);
                self.set_link(place, walk.holder.index, word, walk.head.link);
                self.link_back(place, walk.owner, &walk.head, &walk.node);
                true
            }
            // A head that was never initialised: an empty list.
            OP_LIST => next == 0 && first,
            OP_HLIST_NULLS => next & 1 != 0 || next == 0,
            _ => next == 0,
        }
    }

    /// Relocates the way back of a node if it leads where it should. A list under
    /// RCU may have other values there: they stay.
    fn link_back(&mut self, place: Place, holder: &Element, node: &Node, previous: &Node) {
        if holder.word(&self.work, node.at + BACK) == previous.address {
            let word = holder.word_at(node.at + BACK);
            self.set_link(place, holder.index, word, previous.link);
        }
    }
}
