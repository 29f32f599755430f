//! Checks an expression: that it ends, and never takes what is not there.

use kflat_abi::program::code::{self, Instruction, MAX_INSTRUCTIONS, MAX_READS, MAX_STACK};
use kflat_abi::program::{
    self as abi, MAX_ARGUMENTS, MAX_PARAMETERS, NONE, PROGRAM_AT_RETURN, Program,
};

use super::{Check, Rejection, Verifier, demand, position};

/// What an expression may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// Bytes of the element; 0: there is none.
    pub(super) size: u32,
    /// Parameters that it has.
    pub(super) parameters: u32,
    /// It belongs to a word.
    pub(super) value: bool,
}

impl Context {
    /// Of an expression that belongs to no element.
    pub(super) const ROOT: Self = Self {
        size: 0,
        parameters: 0,
        value: true,
    };

    /// Of one that belongs to no word either.
    pub(super) const NOTHING: Self = Self {
        value: false,
        ..Self::ROOT
    };
}

/// Depth of the stack where a skip leads to; `UNKNOWN`: none does.
const UNKNOWN: u8 = u8::MAX;

impl Verifier<'_> {
    /// Checks that the expression at `first` leaves at least `least` numbers.
    pub(super) fn expression(&self, first: u32, context: Context, least: usize) -> Check {
        let program = &self.program;
        let code = program.header().code;
        let at = |index: u32| position::<Instruction>(code, index);
        let mut joins = [UNKNOWN; MAX_INSTRUCTIONS as usize + 1];
        let mut depth = Some(0usize);
        let mut reads = 0;
        for step in 0..MAX_INSTRUCTIONS {
            self.spend(at(first))?;
            let index = first.checked_add(step).filter(|index| *index != NONE);
            let instruction = index.and_then(|index| program.instruction_at(index));
            let here = at(first.wrapping_add(step));
            let Some(instruction) = instruction else {
                demand(false, abi::REJECTED_EXPRESSION, here)?;
                break;
            };
            match joins.get(step as usize).copied().unwrap_or(UNKNOWN) {
                UNKNOWN => {}
                joined => {
                    let same = depth.is_none_or(|depth| depth == usize::from(joined));
                    demand(same, abi::REJECTED_STACK, here)?;
                    depth = Some(joined.into());
                }
            }
            // What no path leads to has no place in a program.
            let Some(before) = depth else {
                return Err(Rejection {
                    code: abi::REJECTED_INSTRUCTION,
                    at: here,
                });
            };
            if instruction.op == code::END {
                operands(program, &instruction, context, here)?;
                let pending = joins.iter().skip(step as usize + 1);
                demand(
                    before >= least && pending.clone().all(|join| *join == UNKNOWN),
                    abi::REJECTED_STACK,
                    here,
                )?;
                return Ok(());
            }
            let Some((takes, leaves)) = effect(instruction.op) else {
                return Err(Rejection {
                    code: abi::REJECTED_INSTRUCTION,
                    at: here,
                });
            };
            operands(program, &instruction, context, here)?;
            let left = before.checked_sub(takes);
            let after = left.map_or(usize::MAX, |left| left.saturating_add(leaves));
            demand(after <= MAX_STACK, abi::REJECTED_STACK, here)?;
            reads += u32::from(matches!(
                instruction.op,
                code::READ | code::OBJECT_START | code::OBJECT_END
            ));
            demand(reads <= MAX_READS, abi::REJECTED_EXPRESSION, here)?;
            if matches!(instruction.op, code::SKIP | code::SKIP_IF_ZERO) {
                let target = instruction.value.saturating_add(step).saturating_add(1);
                let join = joins.get_mut(target as usize);
                let Some(join) = join.filter(|_| instruction.value > 0) else {
                    return Err(Rejection {
                        code: abi::REJECTED_INSTRUCTION,
                        at: here,
                    });
                };
                demand(
                    *join == UNKNOWN || usize::from(*join) == after,
                    abi::REJECTED_STACK,
                    here,
                )?;
                *join = after as u8;
            }
            depth = (instruction.op != code::SKIP).then_some(after);
        }
        demand(false, abi::REJECTED_EXPRESSION, at(first))
    }
}

/// How many numbers an instruction takes off the stack, and how many it leaves.
/// `None`: there is no such instruction.
fn effect(op: u8) -> Option<(usize, usize)> {
    Some(match op {
        code::CONSTANT | code::MEMBER | code::VALUE..=code::CPU | code::GLOBAL => (0, 1),
        code::PARAMETER => (0, 1),
        code::HIGH
        | code::LOAD
        | code::READ
        | code::BITS
        | code::PER_CPU
        | code::OBJECT_START
        | code::OBJECT_END
        | code::NOT
        | code::IS_ZERO
        | code::SWAP_BYTES => (1, 1),
        code::ADD..=code::SHIFT_SIGNED | code::EQUAL..=code::LESS_OR_EQUAL_SIGNED => (2, 1),
        code::DUPLICATE => (1, 2),
        code::EXCHANGE => (2, 2),
        code::DROP | code::SKIP_IF_ZERO => (1, 0),
        code::SKIP => (0, 0),
        code::SELECT => (3, 1),
        _ => return None,
    })
}

fn operands(program: &Program<'_>, instruction: &Instruction, context: Context, at: u32) -> Check {
    let Instruction {
        op,
        width,
        signed,
        reserved,
        value,
    } = *instruction;
    let number = matches!(width, 1 | 2 | 4 | 8) && signed <= 1;
    let bare = width == 0 && signed == 0;
    let inside = |end: u64| end <= u64::from(context.size);
    let good = match op {
        code::CONSTANT | code::HIGH | code::SKIP | code::SKIP_IF_ZERO => bare,
        code::MEMBER => number && inside(u64::from(value) + u64::from(width)),
        code::LOAD => number && value == 0 && context.size > 0,
        code::READ => number && value == 0,
        code::BITS => (1..=64).contains(&width) && signed <= 1 && value < 64,
        code::ELEMENT | code::OFFSET | code::INDEX => bare && value == 0 && context.size > 0,
        code::VALUE => bare && value == 0 && context.value,
        code::POINTER | code::START => bare && value == 0 && (context.value || context.size > 0),
        code::ARGUMENT => bare && (value as usize) < MAX_ARGUMENTS,
        code::RETURNED => bare && value == 0 && program.flags() & PROGRAM_AT_RETURN != 0,
        code::GLOBAL => bare && value < program.header().globals.count,
        code::PARAMETER => bare && value < context.parameters && (value as usize) < MAX_PARAMETERS,
        _ => bare && value == 0,
    };
    demand(good && reserved == 0, abi::REJECTED_INSTRUCTION, at)
}
