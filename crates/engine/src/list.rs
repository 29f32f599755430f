//! Walks linear containers from their head, as the kernel does: `list_head`,
//! `hlist`, `hlist_nulls`, `llist` and chains of pointers.
//!
//! The walk is iterative and ends where the list ends, at an element that can't be
//! captured, at the limit, or, in a damaged list, when it comes to an element a
//! second time (Brent's algorithm: no memory, at most three rounds).

use kflat_abi::extension as abi;
use kflat_abi::program::{Action, OP_CHAIN, OP_HLIST, OP_HLIST_NULLS, OP_LIST};

use crate::capture::Capture;
use crate::copy::Space;
use crate::diagnostics::Place;
use crate::element::Element;
use crate::environment::{Clock, Memory, Trace};
use crate::expression::Scope;
use crate::visit::Wanted;
use crate::work::{Arrival, Link, Work};

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

impl Node {
    /// The word at byte `offset` of the node.
    fn word(&self, work: &Work<'_>, offset: u64) -> u64 {
        let (position, _) = work.place(self.link.object);
        let word = position.wrapping_add(self.word_at(work, offset));
        work.area.get(word as usize).copied().unwrap_or(0)
    }

    /// Which word of its object that is.
    fn word_at(&self, work: &Work<'_>, offset: u64) -> u32 {
        let lead = work.address(self.link.object) % 8;
        ((lead + self.at + offset) / 8) as u32
    }
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Captures the list whose head is at byte `at` of `owner`'s object.
    #[inline(never)]
    pub(crate) fn list(&mut self, owner: &Element, place: Place, action: &Action, at: u64) {
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
        if let Some(limit) = self.prepare(owner, place, action, &head) {
            let depth = owner.object.depth.saturating_add(1);
            self.walk(place, action, &head, limit, depth);
        }
    }

    /// How many elements the list may have, and what is handed down to them, which
    /// stays where it is. `None`: an expression failed.
    #[inline(never)]
    fn prepare(
        &mut self,
        owner: &Element,
        place: Place,
        action: &Action,
        head: &Node,
    ) -> Option<u64> {
        let scope = Scope {
            element: Some(owner),
            value: head.word(&self.work, 0),
            ..Scope::default()
        };
        let most = u64::from(self.work.state.limits.elements);
        let limit = match self.operand(place, action.count, &scope)? {
            0 => most,
            count => count.min(most),
        };
        let hand_down = self.extra(action).hand_down;
        let handed = self.hand_down(place, hand_down, &scope);
        handed.then_some(limit)
    }

    #[inline(never)]
    fn walk(&mut self, place: Place, action: &Action, head: &Node, limit: u64, depth: u32) {
        let Some(view) = self.program.type_at(action.target) else {
            return;
        };
        let shift = if action.op == OP_CHAIN {
            0
        } else {
            action.link
        };
        let mut wanted = Wanted {
            arrival: Arrival {
                address: 0,
                type_index: action.target,
                parent: place.object,
                via: place.via,
                depth,
            },
            space: Space::Kernel,
            view: &view,
            parameters: view.parameters as usize,
        };
        let mut node = *head;
        let mut resting = head.address;
        let (mut rest, mut round) = (2u64, 0u64);
        let mut walked = 0;
        loop {
            let word = node.word(&self.work, 0);
            let tag = if walked == 0 {
                word & u64::from(action.tag_mask)
            } else {
                0
            };
            let next = word & !tag;
            if self.is_end(place, action.op, (head, &node), next) {
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
            wanted.arrival.address = next.wrapping_sub(shift.into());
            let Some(object) = self.visit(place, &wanted, 1) else {
                return;
            };
            let link = Link {
                object,
                delta: shift as i32,
            };
            if tag == 0 {
                self.link_word(place, &node, 0, link);
            } else {
                self.link_tagged(place, &node, link, tag);
            }
            let element = Node {
                address: next,
                link,
                at: action.link.into(),
            };
            let at = wanted.arrival.address.wrapping_add(element.at);
            if !at.is_multiple_of(8) {
                self.note(place, abi::REASON_UNALIGNED, at, 0);
                return;
            }
            if matches!(action.op, OP_LIST | OP_HLIST | OP_HLIST_NULLS) {
                self.link_back(place, &element, &node);
            }
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
    }

    /// Whether `next`, the word of the last node, is the end of the list; if it is,
    /// completes it.
    #[inline(never)]
    fn is_end(&mut self, place: Place, op: u8, (head, last): (&Node, &Node), next: u64) -> bool {
        match op {
            OP_LIST if next == head.address => {
                self.link_word(place, last, 0, head.link);
                self.link_back(place, head, last);
                true
            }
            // A head that was never initialised: an empty list.
            OP_LIST => next == 0 && last.address == head.address,
            OP_HLIST_NULLS => next & 1 != 0 || next == 0,
            _ => next == 0,
        }
    }

    /// Relocates the way back of a node if it leads where it should. A list under
    /// RCU may have other values there: they stay.
    #[inline(never)]
    fn link_back(&mut self, place: Place, node: &Node, previous: &Node) {
        if node.word(&self.work, BACK) == previous.address {
            self.link_word(place, node, BACK, previous.link);
        }
    }

    /// Makes the head's word a pointer with a tag, which may lead out of a small object.
    #[inline(never)]
    fn link_tagged(&mut self, place: Place, head: &Node, Link { object, delta }: Link, tag: u64) {
        let length = (self.work.object(object)).map_or(0, |object| object.length(self.program));
        let delta = i64::from(delta).wrapping_add(tag as i64);
        if let Some(link) = self.link(place, object, delta, length) {
            self.link_word(place, head, 0, link);
        }
    }

    /// Makes the word at byte `offset` of a node a pointer.
    #[inline(never)]
    fn link_word(&mut self, place: Place, node: &Node, offset: u64, link: Link) {
        let word = node.word_at(&self.work, offset);
        self.set_link(place, node.link.object, word, link);
    }
}
