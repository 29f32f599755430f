//! Types that are embedded in types: not too deeply, and never in a circle.

use kflat_abi::program::{self as abi, MAX_NESTING, Type};

use super::{Check, Rejection, Verifier, position};

impl Verifier<'_> {
    /// Walks the types embedded in type `index`, at most [`MAX_NESTING`] deep.
    pub(super) fn nesting(&self, index: u32) -> Check {
        let at = position::<Type>(self.program.header().types, index);
        let too_deep = Rejection {
            code: abi::REJECTED_NESTING,
            at,
        };
        let mut path = [Range::default(); MAX_NESTING];
        let mut depth = 0usize;
        if let (Some(first), Some(view)) = (path.first_mut(), self.program.type_at(index)) {
            *first = Range::of(&view);
            // A flexible array lies one deeper than the type.
            if let Some(tail) = self.program.type_at(view.tail) {
                depth = 1;
                *path.get_mut(depth).ok_or(too_deep)? = Range::of(&tail);
            }
        }
        loop {
            let Some(range) = path.get_mut(depth) else {
                return Err(too_deep);
            };
            let Some(embedded) = range.embedded(self, at)? else {
                let Some(up) = depth.checked_sub(1) else {
                    return Ok(());
                };
                depth = up;
                continue;
            };
            if let Some(inner) = self.program.type_at(embedded) {
                depth += 1;
                *path.get_mut(depth).ok_or(too_deep)? = Range::of(&inner);
            }
        }
    }
}

/// Actions of a type that are still to be looked at, and the cases of one.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    next: u32,
    end: u32,
    next_case: u32,
    end_case: u32,
}

impl Range {
    fn of(view: &Type) -> Self {
        Self {
            next: view.first_action,
            end: view.first_action.wrapping_add(view.action_count),
            next_case: 0,
            end_case: 0,
        }
    }

    /// The next type that is embedded.
    fn embedded(&mut self, verifier: &Verifier<'_>, at: u32) -> Result<Option<u32>, Rejection> {
        let program = &verifier.program;
        loop {
            verifier.spend(at)?;
            let action = if self.next_case < self.end_case {
                let case = program.case_at(self.next_case);
                self.next_case += 1;
                case.and_then(|case| program.action_at(case.action))
            } else if self.next < self.end {
                let action = program.action_at(self.next);
                self.next += 1;
                action
            } else {
                return Ok(None);
            };
            let Some(action) = action else { continue };
            if action.op == abi::OP_EMBED {
                return Ok(Some(action.target));
            }
            if action.op == abi::OP_CHOICE
                && let Some(extra) = program.extra_at(action.extra)
            {
                self.next_case = extra.first_case;
                self.end_case = extra.first_case.wrapping_add(extra.case_count);
            }
        }
    }
}
