//! Runs the expressions of a program.

use kflat_abi::program::Program;
use kflat_abi::program::code::{self, Instruction};

/// What an expression of a program leaves: members from `element`, arguments from
/// `arguments`, memory as the byte of its address.
pub(crate) fn evaluate(
    program: &Program<'_>,
    first: u32,
    element: &[u8],
    arguments: &[u64],
) -> u64 {
    let number = |bytes: &[u8], signed: bool| {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        extend(u64::from_le_bytes(wide), bytes.len() as u32 * 8, signed)
    };
    let mut stack: Vec<u64> = Vec::new();
    let mut at = first;
    loop {
        let Instruction {
            op,
            width,
            signed,
            value,
            ..
        } = program.instruction_at(at).expect("an instruction");
        at += 1;
        let signed = signed != 0;
        let wide = usize::from(width);
        match op {
            code::END => return stack.pop().expect("a value"),
            code::CONSTANT => stack.push(value.into()),
            code::MEMBER => {
                let from = value as usize;
                stack.push(number(&element[from..from + wide], signed));
            }
            code::ARGUMENT => stack.push(arguments[value as usize]),
            code::ELEMENT => stack.push(0x1000),
            code::SKIP => at += value,
            code::VALUE => stack.push(arguments[0]),
            _ => {
                let b = stack.pop().expect("a value");
                match op {
                    code::HIGH => stack.push(b | u64::from(value) << 32),
                    code::READ => stack.push(number(&vec![b as u8; wide], signed)),
                    code::BITS => stack.push(extend(b >> value, width.into(), signed)),
                    code::IS_ZERO => stack.push(u64::from(b == 0)),
                    code::NOT => stack.push(!b),
                    code::SWAP_BYTES => stack.push(b.swap_bytes()),
                    code::SKIP_IF_ZERO => at += if b == 0 { value } else { 0 },
                    _ => {
                        let a = stack.pop().expect("a value");
                        stack.push(match op {
                            code::ADD => a.wrapping_add(b),
                            code::SUBTRACT => a.wrapping_sub(b),
                            code::MULTIPLY => a.wrapping_mul(b),
                            code::DIVIDE => a / b,
                            code::REMAINDER => a % b,
                            code::AND => a & b,
                            code::OR => a | b,
                            code::XOR => a ^ b,
                            code::SHIFT_LEFT => a << b,
                            code::SHIFT_RIGHT => a >> b,
                            code::SHIFT_SIGNED => ((a as i64) >> b) as u64,
                            code::EQUAL => u64::from(a == b),
                            code::LESS => u64::from(a < b),
                            code::LESS_OR_EQUAL => u64::from(a <= b),
                            code::LESS_SIGNED => u64::from((a as i64) < b as i64),
                            code::LESS_OR_EQUAL_SIGNED => u64::from(a as i64 <= b as i64),
                            other => panic!("instruction {other}"),
                        });
                    }
                }
            }
        }
    }
}

fn extend(value: u64, bits: u32, signed: bool) -> u64 {
    let shifted = value << (64 - bits);
    match signed {
        true => ((shifted as i64) >> (64 - bits)) as u64,
        false => shifted >> (64 - bits),
    }
}

/// A `struct thing` with kind 7, small -3, wide 10, next 0x2211, low 5, high -2.
pub(crate) fn thing() -> Vec<u8> {
    let mut bytes = vec![0; 160];
    bytes[0] = 7;
    bytes[4..6].copy_from_slice(&(-3i16).to_le_bytes());
    bytes[8] = 10;
    bytes[16..18].copy_from_slice(&[0x11, 0x22]);
    bytes[144] = 5 | (30 << 3);
    bytes
}
