//! Goes through elements that lie inside of an object: embedded structures and
//! arrays, and flexible arrays.

use kflat_abi::extension as abi;
use kflat_abi::program::{Action, MAX_NESTING, MAX_PARAMETERS, NONE, OP_EMBED, Type};

use crate::capture::Capture;
use crate::element::Element;
use crate::environment::{Clock, Memory, Trace};
use crate::expression::Scope;
use crate::work::Object;

/// Elements of a type whose actions are carried out in turn.
#[derive(Clone, Copy, Default)]
struct Frame {
    next: u32,
    first: u32,
    end: u32,
    /// Bytes of an element.
    size: u32,
    /// Bytes from the object's start to the element.
    base: u64,
    number: u32,
    count: u32,
    parameters: [u64; MAX_PARAMETERS],
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Carries out the actions of the elements that `action`, an [`OP_EMBED`], has
    /// in `outer`.
    #[inline(never)]
    pub(crate) fn embedded(&mut self, outer: &Element, via: u32, action: &Action) {
        if let Some(frame) = self.frame(outer, via, action) {
            self.frames(outer, frame);
        }
    }

    /// The actions of a type with a flexible array, then those of the array.
    #[inline(never)]
    pub(crate) fn flexible_elements(&mut self, object: Object, index: u32, view: &Type) {
        let element = self.first_element(object, index, view);
        let whole = Frame {
            next: view.first_action,
            first: view.first_action,
            end: view.first_action.wrapping_add(view.action_count),
            size: view.size,
            base: 0,
            number: 0,
            count: 1,
            parameters: element.parameters,
        };
        self.frames(&element, whole);
        let Some(tail) = self.program.type_at(view.tail) else {
            return;
        };
        if object.count > 0 && tail.action_count > 0 && !self.work.state.stopped {
            let tail = Frame {
                next: tail.first_action,
                first: tail.first_action,
                end: tail.first_action.wrapping_add(tail.action_count),
                size: tail.size,
                base: view.tail_offset.into(),
                number: 0,
                count: object.count,
                parameters: element.parameters,
            };
            self.frames(&element, tail);
        }
    }

    /// What `action` embeds in `outer`; `None`: nothing that needs a look.
    fn frame(&mut self, outer: &Element, via: u32, action: &Action) -> Option<Frame> {
        let inner = self.program.type_at(action.target)?;
        let place = self.place(outer, via);
        let scope = Scope {
            element: Some(outer),
            ..Scope::default()
        };
        let base = outer.base + u64::from(action.offset);
        let length = outer.object.length(self.program);
        let room = length.saturating_sub(base).checked_div(inner.size.into());
        let wanted = self.operand(place, action.count, &scope)?;
        let count = wanted.min(room.unwrap_or(0));
        if count < wanted {
            let address = outer.object.address.wrapping_add(base);
            self.note(place, abi::REASON_OVERFLOW, address, wanted);
        }
        let mut frame = Frame {
            next: inner.first_action,
            first: inner.first_action,
            end: inner.first_action.wrapping_add(inner.action_count),
            size: inner.size,
            base,
            number: 0,
            count: count as u32,
            parameters: [0; MAX_PARAMETERS],
        };
        if inner.parameters > 0 && action.extra != NONE {
            let extra = self.program.extra_at(action.extra)?;
            frame.parameters = self.handed_down(place, &extra, &scope)?;
        }
        (frame.count > 0 && inner.action_count > 0).then_some(frame)
    }

    /// Carries out the actions of the elements of `outermost`, and of what is
    /// embedded in them.
    #[inline(never)]
    fn frames(&mut self, outer: &Element, outermost: Frame) {
        let mut frames = [Frame::default(); MAX_NESTING];
        let mut depth = 0usize;
        if let Some(first) = frames.first_mut() {
            *first = outermost;
        }
        while let Some(top) = frames.get_mut(depth) {
            if top.next == top.end {
                top.number += 1;
                if top.number < top.count {
                    top.next = top.first;
                    top.base += u64::from(top.size);
                    if !self.step() {
                        return;
                    }
                } else if let Some(up) = depth.checked_sub(1) {
                    depth = up;
                } else {
                    return;
                }
                continue;
            }
            let via = top.next;
            top.next = via.wrapping_add(1);
            let element = Element {
                base: top.base,
                number: top.number,
                parameters: top.parameters,
                ..*outer
            };
            let Some(action) = self.program.action_at(via) else {
                return;
            };
            let Some((via, action)) = self.chosen(&element, via, action) else {
                continue;
            };
            if action.op == OP_EMBED {
                if let Some(inner) = self.frame(&element, via, &action) {
                    depth += 1;
                    if let Some(top) = frames.get_mut(depth) {
                        *top = inner;
                    }
                }
            } else {
                self.member(&element, via, &action);
            }
            if self.work.state.stopped {
                return;
            }
        }
    }
}
