//! Actions that are plain: they follow a pointer to one object of a type of fixed size,
//! or to a string, with nothing to compute.

use kflat_abi::program::{Action, NONE, OP_POINTER, OP_STRING, OPERAND_CONSTANT, Program, Type};

use crate::work::LARGE;

/// Most actions of a type that are handled together.
pub(crate) const MOST: usize = 4;

/// Bytes of a string that are asked for ahead.
const EXPECTED: u32 = 32;

/// A plain action, decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    /// Word of the element.
    pub(crate) word: u32,
    /// The action.
    pub(crate) via: u32,
    pub(crate) target: u32,
    /// Bytes of the target; of a string, how many it has at most.
    pub(crate) size: u32,
    /// Bytes that are asked for ahead.
    pub(crate) expected: u32,
    /// It leads to a string.
    pub(crate) string: bool,
}

impl Step {
    /// `longest`: bytes of a string, where the action sets no limit.
    fn new(via: u32, action: &Action, target: &Type, longest: u32) -> Option<Self> {
        let plain = action.flags == 0
            && action.tag_mask == 0
            && action.shift == 0
            && action.extra == NONE
            && action.count.kind == OPERAND_CONSTANT
            && action.offset.is_multiple_of(8)
            && target.tail == NONE
            && target.parameters == 0
            && target.align <= 8;
        let string = action.op == OP_STRING;
        let size = match (action.op, action.count.value) {
            (OP_POINTER, 1) => target.size,
            (OP_STRING, 0) => longest,
            (OP_STRING, most) => most.min(longest),
            _ => return None,
        };
        let plain = plain && u64::from(size) <= LARGE;
        plain.then_some(Self {
            word: action.offset / 8,
            via,
            target: action.target,
            size,
            expected: if string { EXPECTED.min(size) } else { size },
            string,
        })
    }
}

/// The actions of a type, if all of them are plain.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    all: [Step; MOST],
    count: usize,
    /// Bytes of the type.
    pub(crate) size: u32,
    largest: u32,
    /// Any of them leads to a string.
    pub(crate) strings: bool,
    /// What any of them leads to has actions.
    pub(crate) active: bool,
}

impl Steps {
    /// Those of a type; `longest`: bytes of a string.
    #[inline(never)]
    pub(crate) fn of(program: &Program<'_>, type_index: u32, longest: u32) -> Option<Self> {
        let view = program.type_at(type_index)?;
        let count = view.action_count as usize;
        if view.tail != NONE || count > MOST {
            return None;
        }
        let mut steps = Self {
            all: [Step::default(); MOST],
            count,
            size: view.size,
            largest: 0,
            strings: false,
            active: false,
        };
        for (step, via) in steps.all.iter_mut().zip(view.first_action..).take(count) {
            let action = program.action_at(via)?;
            let target = program.type_at(action.target)?;
            *step = Step::new(via, &action, &target, longest)?;
            steps.largest = steps.largest.max(step.size);
            steps.strings |= step.string;
            steps.active |= target.action_count > 0;
        }
        Some(steps)
    }

    #[inline]
    pub(crate) fn all(&self) -> &[Step] {
        self.all.get(..self.count).unwrap_or(&[])
    }

    /// The most bytes that any of them copies.
    #[inline]
    pub(crate) fn largest(&self) -> u32 {
        self.largest
    }

    /// Step `number`, which there is.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &Step {
        &self.all[number as usize % MOST]
    }
}
