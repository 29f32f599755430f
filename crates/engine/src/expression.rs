//! Computes expressions ([`kflat_abi::program::code`]).

use kflat_abi::extension as abi;
use kflat_abi::program::code::{self, Instruction, MAX_INSTRUCTIONS, MAX_STACK};
use kflat_abi::program::{NONE, OPERAND_ARGUMENT, OPERAND_CONSTANT, OPERAND_EXPRESSION, Operand};

use crate::capture::Capture;
use crate::diagnostics::Place;
use crate::element::Element;
use crate::environment::{Clock, Memory, Trace};
use crate::word;
use crate::work::{STACK, Work};

/// What an expression can refer to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scope<'e> {
    /// The element; `None` for roots.
    pub(crate) element: Option<&'e Element>,
    /// The word that the action is carried out on.
    pub(crate) value: u64,
    /// The address that it stands for.
    pub(crate) pointer: u64,
    /// The address of the object to capture.
    pub(crate) start: u64,
}

/// An expression has no value; the address that it could not read, or 0.
struct Failure(u64);

/// The numbers at work: how many there are. They lie in the work region.
struct Stack(usize);

impl Stack {
    #[inline]
    fn push(&mut self, work: &mut Work<'_>, number: u64) {
        if self.0 < MAX_STACK {
            work.set(STACK + self.0, number);
            self.0 += 1;
        }
    }

    #[inline]
    fn pop(&mut self, work: &Work<'_>) -> u64 {
        self.0 = self.0.saturating_sub(1);
        work.get(STACK + self.0)
    }
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// The value of the expression that begins at `first`. `None`: it failed,
    /// which has been noted.
    pub(crate) fn compute(&mut self, place: Place, first: u32, scope: &Scope<'_>) -> Option<u64> {
        let left = self.run(place, first, scope)?;
        Some(self.work.get(STACK + left.saturating_sub(1)))
    }

    /// Runs the expression that begins at `first`: how many numbers it leaves on the
    /// stack, whose first is the word [`STACK`] of the work region.
    #[inline(never)]
    pub(crate) fn run(&mut self, place: Place, first: u32, scope: &Scope<'_>) -> Option<usize> {
        let mut stack = Stack(0);
        let mut at = first;
        // Skips lead forward only: this is the verifier's bound.
        for _ in 0..MAX_INSTRUCTIONS {
            let instruction = self.program.instruction_at(at)?;
            at = at.wrapping_add(1);
            match instruction.op {
                code::END => break,
                code::SKIP => at = at.wrapping_add(instruction.value),
                code::SKIP_IF_ZERO => {
                    if stack.pop(&self.work) == 0 {
                        at = at.wrapping_add(instruction.value);
                    }
                }
                _ => {
                    if let Err(Failure(address)) = self.instruction(instruction, &mut stack, scope)
                    {
                        let reason = match instruction.op {
                            code::OBJECT_START | code::OBJECT_END => abi::REASON_NO_OBJECT,
                            _ => abi::REASON_EXPRESSION,
                        };
                        self.note(place, reason, address, first.into());
                        return None;
                    }
                }
            }
        }
        Some(stack.0)
    }

    fn instruction(
        &mut self,
        instruction: Instruction,
        stack: &mut Stack,
        scope: &Scope<'_>,
    ) -> Result<(), Failure> {
        let value = instruction.value;
        let number = match instruction.op {
            code::CONSTANT => u64::from(value),
            code::HIGH => stack.pop(&self.work) | u64::from(value) << 32,
            code::MEMBER => {
                let base = scope.element.map_or(0, |element| element.base);
                self.load(instruction, base.wrapping_add(value.into()), scope)?
            }
            code::LOAD => {
                let at = stack.pop(&self.work);
                self.load(instruction, at, scope)?
            }
            code::READ => {
                let address = stack.pop(&self.work);
                self.peek(instruction, address)?
            }
            code::BITS => bits(stack.pop(&self.work), instruction),
            code::VALUE => scope.value,
            code::POINTER => scope.pointer,
            code::START => scope.start,
            code::ELEMENT => scope.element.map_or(0, Element::address),
            code::OFFSET => scope.element.map_or(0, |element| element.base),
            code::INDEX => scope.element.map_or(0, |element| element.number.into()),
            code::ARGUMENT => self.argument(value),
            code::RETURNED => self.inputs.returned,
            code::CURRENT => self.inputs.current,
            code::CPU => u64::from(self.inputs.cpu),
            code::PER_CPU => {
                let cpu = stack.pop(&self.work);
                self.per_cpu(cpu).ok_or(Failure(0))?
            }
            code::GLOBAL => self.global(value),
            code::PARAMETER => {
                let element = scope.element;
                element.map_or(0, |element| element.parameter(&self.work, value))
            }
            code::OBJECT_START => {
                let address = stack.pop(&self.work);
                self.memory
                    .allocation(address)
                    .ok_or(Failure(address))?
                    .start
            }
            code::OBJECT_END => {
                let address = stack.pop(&self.work);
                self.memory.allocation(address).ok_or(Failure(address))?.end
            }
            code::NOT => !stack.pop(&self.work),
            code::IS_ZERO => u64::from(stack.pop(&self.work) == 0),
            code::SWAP_BYTES => stack.pop(&self.work).swap_bytes(),
            code::DROP => {
                stack.pop(&self.work);
                return Ok(());
            }
            code::DUPLICATE => {
                let number = stack.pop(&self.work);
                stack.push(&mut self.work, number);
                number
            }
            code::EXCHANGE => {
                let (upper, lower) = (stack.pop(&self.work), stack.pop(&self.work));
                stack.push(&mut self.work, upper);
                lower
            }
            code::SELECT => {
                let (otherwise, then, condition) = (
                    stack.pop(&self.work),
                    stack.pop(&self.work),
                    stack.pop(&self.work),
                );
                if condition == 0 { otherwise } else { then }
            }
            operation => {
                let (b, a) = (stack.pop(&self.work), stack.pop(&self.work));
                binary(operation, a, b).ok_or(Failure(0))?
            }
        };
        stack.push(&mut self.work, number);
        Ok(())
    }

    /// The number at byte `at` of the element's object.
    fn load(&self, from: Instruction, at: u64, scope: &Scope<'_>) -> Result<u64, Failure> {
        let element = scope.element.ok_or(Failure(0))?;
        let length = element.object.length(self.program);
        let end = at.checked_add(from.width.into());
        if end.is_none_or(|end| end > length) {
            return Err(Failure(element.object.address.wrapping_add(at)));
        }
        Ok(element.number_at(&self.work, at, from.width, from.signed != 0))
    }

    /// The number in memory at `address`.
    fn peek(&mut self, from: Instruction, address: u64) -> Result<u64, Failure> {
        let mut words = [0; 2];
        let read = self.memory.read(address, from.width.into(), &mut words);
        read.map_err(|_| Failure(address))?;
        let signed = from.signed != 0;
        Ok(word::number_at(&words, address % 8, from.width, signed))
    }

    pub(crate) fn per_cpu(&self, cpu: u64) -> Option<u64> {
        let offset = self.inputs.per_cpu.get(usize::try_from(cpu).ok()?);
        offset.copied().filter(|offset| *offset != u64::MAX)
    }

    /// A number that is known now. `None`: its expression failed.
    #[inline]
    pub(crate) fn operand(
        &mut self,
        place: Place,
        operand: Operand,
        scope: &Scope<'_>,
    ) -> Option<u64> {
        if operand.kind == OPERAND_CONSTANT {
            Some(u64::from(operand.value))
        } else {
            self.variable(place, operand, scope)
        }
    }

    #[inline(never)]
    fn variable(&mut self, place: Place, operand: Operand, scope: &Scope<'_>) -> Option<u64> {
        let number = match operand.kind {
            OPERAND_ARGUMENT => return Some(self.argument(operand.value)),
            OPERAND_EXPRESSION => self.compute(place, operand.value, scope)?,
            _ => scope.element.map_or(0, |element| {
                let at = element.base + u64::from(operand.value);
                element.number_at(&self.work, at, operand.width, operand.signed != 0)
            }),
        };
        Some(if operand.signed != 0 && (number as i64) < 0 {
            0
        } else {
            number
        })
    }

    /// Whether an action's condition, if any, holds.
    pub(crate) fn holds(&mut self, place: Place, condition: u32, scope: &Scope<'_>) -> bool {
        condition == NONE
            || self
                .compute(place, condition, scope)
                .is_some_and(|n| n != 0)
    }
}

/// `width` bits from bit `value` on.
fn bits(number: u64, field: Instruction) -> u64 {
    let width = u32::from(field.width).clamp(1, 64);
    let unused = 64 - width;
    let shifted = number.checked_shr(field.value).unwrap_or(0) << unused;
    if field.signed != 0 {
        (shifted as i64 >> unused) as u64
    } else {
        shifted >> unused
    }
}

/// `None`: a division by zero.
fn binary(operation: u8, a: u64, b: u64) -> Option<u64> {
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    let (signed_a, signed_b) = (a as i64, b as i64);
    Some(match operation {
        code::ADD => a.wrapping_add(b),
        code::SUBTRACT => a.wrapping_sub(b),
        code::MULTIPLY => a.wrapping_mul(b),
        code::DIVIDE => a.checked_div(b)?,
        code::REMAINDER => a.checked_rem(b)?,
        code::AND => a & b,
        code::OR => a | b,
        code::XOR => a ^ b,
        code::SHIFT_LEFT => a.checked_shl(shift).unwrap_or(0),
        code::SHIFT_RIGHT => a.checked_shr(shift).unwrap_or(0),
        code::SHIFT_SIGNED => (signed_a >> shift.min(63)) as u64,
        code::EQUAL => u64::from(a == b),
        code::LESS => u64::from(a < b),
        code::LESS_OR_EQUAL => u64::from(a <= b),
        code::LESS_SIGNED => u64::from(signed_a < signed_b),
        code::LESS_OR_EQUAL_SIGNED => u64::from(signed_a <= signed_b),
        _ => return None,
    })
}
