//! Whether a call is one that a program wants: asked before a capture begins.

use kflat_abi::extension::NO_OBJECT;
use kflat_abi::program::NONE;
use kflat_abi::program::code::MAX_STACK;

use crate::capture::{Capture, Inputs};
use crate::diagnostics::Place;
use crate::environment::{Clock, Memory, Quiet};
use crate::expression::Scope;
use crate::verify::Verified;
use crate::work::{STACK, State, Work};

/// Whether a call fits the condition of `program`, if it has one. `None`: the
/// condition can't be computed, so that the call does not fit.
///
/// Runs in any context, on several CPUs at a time: all that it writes is on its own
/// stack, less than 1 KiB. It ends after the verifier's bound of instructions and
/// reads.
pub fn fits<M: Memory>(
    program: &Verified<'_>,
    inputs: &Inputs<'_>,
    memory: &mut M,
) -> Option<bool> {
    let program = program.program();
    let Some(condition) = program.when() else {
        return Some(true);
    };
    let mut words = [0; STACK + MAX_STACK];
    let mut evaluation = Capture {
        work: Work {
            words: &mut words,
            area: &mut [],
            state: &mut State::new(),
        },
        program,
        inputs,
        memory,
        clock: &Timeless,
        trace: &mut Quiet,
        deadline: 0,
        steps: 0,
    };
    let nowhere = Place {
        object: NO_OBJECT,
        via: NONE,
        element: 0,
    };
    let value = evaluation.compute(nowhere, condition, &Scope::default())?;
    Some(value != 0)
}

/// Nobody asks for the time.
struct Timeless;

impl Clock for Timeless {
    fn now_ns(&self) -> u64 {
        0
    }
}
