//! Follows a pointer: where it leads, and how many elements are there.

use kflat_abi::extension as abi;
use kflat_abi::program::{Action, Extra, MAX_PARAMETERS, NONE, OPERAND_CONSTANT, OPERAND_UNTIL};

use crate::capture::Capture;
use crate::copy::Space;
use crate::diagnostics::Place;
use crate::environment::{Clock, Memory, Trace};
use crate::expression::Scope;
use crate::visit::Wanted;
use crate::work::{Arrival, Link, PARAMETERS, STACK};

/// Bytes by which a link may lead outside of its object.
const OUTSIDE: u64 = 64 << 10;

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
                let length = self.work.object(object)?.length(self.program);
                let delta = scope.pointer.wrapping_sub(scope.start);
                here = self.link(place, object, delta as i64, length);
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
}
