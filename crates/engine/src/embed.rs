//! Goes through elements that lie inside of an object: embedded structures and
//! arrays, and flexible arrays.

use kflat_abi::extension as abi;
use kflat_abi::program::{Action, MAX_NESTING, MAX_PARAMETERS, NONE, OP_EMBED, Type};

use crate::capture::{Capture, Rest};
use crate::element::{Element, HandedDown};
use crate::environment::{Clock, Memory, Trace};
use crate::expression::Scope;
use crate::work::{FRAME_WORDS, FRAMES, PARAMETERS, Work};

/// Elements of a type whose actions are carried out in turn. Frames lie in the work
/// region, each followed by what was handed down to its elements.
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
}

impl Frame {
    fn new(view: &Type, base: u64, count: u32) -> Self {
        Self {
            next: view.first_action,
            first: view.first_action,
            end: view.first_action.wrapping_add(view.action_count),
            size: view.size,
            base,
            number: 0,
            count,
        }
    }

    fn at(depth: usize) -> usize {
        FRAMES + depth * FRAME_WORDS
    }

    /// Where the parameters of its elements are.
    fn parameters(depth: usize) -> usize {
        Self::at(depth) + FRAME_WORDS - MAX_PARAMETERS
    }

    fn load(work: &Work<'_>, depth: usize) -> Self {
        let at = Self::at(depth);
        let (actions, type_, number) = (work.get(at), work.get(at + 1), work.get(at + 3));
        Self {
            next: actions as u32,
            first: type_ as u32,
            end: (actions >> 32) as u32,
            size: (type_ >> 32) as u32,
            base: work.get(at + 2),
            number: number as u32,
            count: (number >> 32) as u32,
        }
    }

    fn store(&self, work: &mut Work<'_>, depth: usize) {
        let at = Self::at(depth);
        work.set(at, u64::from(self.end) << 32 | u64::from(self.next));
        work.set(at + 1, u64::from(self.size) << 32 | u64::from(self.first));
        work.set(at + 2, self.base);
        work.set(at + 3, u64::from(self.count) << 32 | u64::from(self.number));
    }
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Makes the elements of object `index` from `rest` on the first frame.
    #[inline(never)]
    pub(crate) fn enter_object(&mut self, index: u32, rest: Rest) -> bool {
        let Some(object) = self.work.object(index) else {
            return false;
        };
        let Some(view) = self.program.type_at(object.type_index) else {
            return false;
        };
        let element = Element::first(object, index, view.parameters);
        for number in 0..view.parameters {
            let parameter = element.parameter(&self.work, number);
            let at = Frame::parameters(0) + number as usize;
            self.work.set(at, parameter);
        }
        let count = if view.tail == NONE { object.count } else { 1 };
        let base = u64::from(view.size) * u64::from(rest.number);
        let mut frame = Frame::new(&view, base, count);
        (frame.next, frame.number) = (rest.via, rest.number);
        frame.store(&mut self.work, 0);
        true
    }

    /// Makes the elements of an object's flexible array, if it has one, the first
    /// frame; what was handed down to the object stays there.
    #[inline(never)]
    pub(crate) fn enter_tail(&mut self, index: u32) -> bool {
        let object = self.work.object(index).filter(|object| object.count > 0);
        let Some(object) = object.filter(|_| !self.work.state.stopped) else {
            return false;
        };
        let view = self.program.type_at(object.type_index);
        let Some(view) = view.filter(|view| view.tail != NONE) else {
            return false;
        };
        let Some(tail) = self.program.type_at(view.tail) else {
            return false;
        };
        let frame = Frame::new(&tail, view.tail_offset.into(), object.count);
        frame.store(&mut self.work, 0);
        true
    }

    /// Makes the elements that `action` embeds in `outer` the frame at `depth`.
    /// False: there are none that need a look.
    #[inline(never)]
    fn enter(&mut self, outer: &Element, via: u32, action: &Action, depth: usize) -> bool {
        let Some(inner) = self.program.type_at(action.target) else {
            return false;
        };
        let place = self.place(outer, via);
        let scope = Scope {
            element: Some(outer),
            ..Scope::default()
        };
        let base = outer.base + u64::from(action.offset);
        let length = outer.object.length(self.program);
        let room = length.saturating_sub(base).checked_div(inner.size.into());
        let Some(wanted) = self.operand(place, action.count, &scope) else {
            return false;
        };
        let count = wanted.min(room.unwrap_or(0));
        if count < wanted {
            let address = outer.object.address.wrapping_add(base);
            self.note(place, abi::REASON_OVERFLOW, address, wanted);
        }
        if count == 0 || inner.action_count == 0 || depth >= MAX_NESTING {
            return false;
        }
        if inner.parameters > 0 && action.extra != NONE {
            let extra = self.program.extra_at(action.extra);
            let hand_down = extra.map_or(NONE, |extra| extra.hand_down);
            if !self.hand_down(place, hand_down, &scope) {
                return false;
            }
            for number in 0..MAX_PARAMETERS {
                let parameter = self.work.get(PARAMETERS + number);
                self.work.set(Frame::parameters(depth) + number, parameter);
            }
        }
        Frame::new(&inner, base, count as u32).store(&mut self.work, depth);
        true
    }

    /// Carries out the actions of the elements of the first frame, which lie in object
    /// `index`, and of what is embedded in them.
    #[inline(never)]
    pub(crate) fn frames(&mut self, index: u32) {
        let Some(object) = self.work.object(index) else {
            return;
        };
        let mut element = Element::first(object, index, 0);
        let mut depth = 0usize;
        loop {
            let mut top = Frame::load(&self.work, depth);
            if top.next == top.end {
                top.number = top.number.saturating_add(1);
                if top.number < top.count {
                    top.next = top.first;
                    top.base += u64::from(top.size);
                    top.store(&mut self.work, depth);
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
            top.store(&mut self.work, depth);
            element.base = top.base;
            element.number = top.number;
            element.parameters = HandedDown::Work(Frame::parameters(depth) as u32);
            if depth == 0 {
                element.outermost = top.number;
            }
            let Some(via) = self.chosen(&element, via) else {
                continue;
            };
            let Some(action) = self.program.action_at(via) else {
                return;
            };
            if action.op == OP_EMBED {
                if self.enter(&element, via, &action, depth + 1) {
                    depth += 1;
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
