//! What programs can hold: checked here, so that the message has a place.

use kflat_abi::program::code::{self, Instruction, MAX_INSTRUCTIONS, MAX_READS, MAX_STACK};

use crate::diagnostics::{Problem, Span};

/// An instruction.
pub(crate) fn instruction(op: u8, width: u8, signed: bool, value: u32) -> Instruction {
    Instruction {
        op,
        width,
        signed: u8::from(signed),
        reserved: 0,
        value,
    }
}

/// What an instruction takes from the stack and puts there.
fn effect(op: u8) -> (usize, usize) {
    match op {
        code::CONSTANT
        | code::MEMBER
        | code::VALUE..=code::CPU
        | code::GLOBAL
        | code::PARAMETER => (0, 1),
        code::ADD..=code::SHIFT_SIGNED | code::EQUAL..=code::LESS_OR_EQUAL_SIGNED => (2, 1),
        code::DUPLICATE => (1, 2),
        code::EXCHANGE => (2, 2),
        code::DROP | code::SKIP_IF_ZERO => (1, 0),
        code::SELECT => (3, 1),
        code::SKIP | code::END => (0, 0),
        _ => (1, 1),
    }
}

/// Instructions without their end fit a program.
pub(crate) fn check(all: &[Instruction], span: Span) -> Result<(), Problem> {
    let reads =
        |i: &&Instruction| matches!(i.op, code::READ | code::OBJECT_START | code::OBJECT_END);
    let too = |what: String, label: &str| {
        Err(Problem::new(what, span, label).help(
            "split it: conditions of members inside, or values handed down (`with NAME = …`)",
        ))
    };
    if all.len() >= MAX_INSTRUCTIONS as usize {
        let count = all.len() + 1;
        let message = format!("this takes {count} steps, an expression has {MAX_INSTRUCTIONS}");
        return too(message, "too long");
    }
    let reads = all.iter().filter(reads).count();
    if reads > MAX_READS as usize {
        let message =
            format!("this reads memory {reads} times, an expression does {MAX_READS} times");
        return too(message, "too many pointers");
    }
    if highest(all) > MAX_STACK {
        let message = format!("this holds more than {MAX_STACK} numbers at a time");
        return too(message, "too many parentheses");
    }
    Ok(())
}

/// How many numbers are on the stack at most.
fn highest(all: &[Instruction]) -> usize {
    let mut heights: Vec<Option<usize>> = vec![None; all.len() + 1];
    let (mut height, mut most) = (Some(0), 0);
    for (at, step) in all.iter().enumerate() {
        let Some(now) = height.or(heights[at]) else {
            continue;
        };
        let (takes, gives) = effect(step.op);
        let next = now.saturating_sub(takes) + gives;
        most = most.max(next);
        let target = at + 1 + step.value as usize;
        if matches!(step.op, code::SKIP | code::SKIP_IF_ZERO) && target < heights.len() {
            heights[target] = Some(next);
        }
        height = (step.op != code::SKIP).then_some(next);
    }
    most
}
