//! What all views of a program share: expressions and globals.

use std::collections::HashMap;

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{MAX_GLOBALS, NONE};

use crate::diagnostics::{Problem, Span};
use crate::formula::instruction;

/// The expressions and globals of a program.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) code: Vec<Instruction>,
    pub(crate) globals: Vec<String>,
    known: HashMap<Vec<(u8, u8, u8, u32)>, u32>,
}

impl Pool {
    /// The number of an expression, whose end is added.
    pub(crate) fn expression(&mut self, steps: &[Instruction]) -> u32 {
        let key = (steps.iter())
            .map(|step| (step.op, step.width, step.signed, step.value))
            .collect();
        let next = u32::try_from(self.code.len()).unwrap_or(NONE);
        let number = *self.known.entry(key).or_insert(next);
        if number == next {
            self.code.extend(steps);
            self.code.push(instruction(code::END, 0, false, 0));
        }
        number
    }

    /// Whether an expression asks for the bounds of an allocated object.
    pub(crate) fn asks_the_allocator(&self) -> bool {
        let asks = |op| matches!(op, code::OBJECT_START | code::OBJECT_END);
        self.code.iter().any(|step| asks(step.op))
    }

    /// The number of a global.
    ///
    /// # Errors
    /// If there are too many.
    pub(crate) fn global(&mut self, symbol: &str, span: Span) -> Result<u32, Problem> {
        let known = self.globals.iter().position(|known| known == symbol);
        let number = known.unwrap_or(self.globals.len());
        if number >= MAX_GLOBALS as usize {
            let message = format!("a recipe names at most {MAX_GLOBALS} globals");
            return Err(Problem::new(message, span, "one too many"));
        }
        if known.is_none() {
            self.globals.push(symbol.to_owned());
        }
        Ok(number as u32)
    }
}
