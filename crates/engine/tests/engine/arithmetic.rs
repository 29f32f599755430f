//! What the operations of expressions make of numbers.

use kflat_abi::program::code::{self, Instruction};
use proptest::prelude::*;

use crate::expressions::{operation, value, wide};
use crate::simulation::program::{load, number, step};

/// What an operation makes of two numbers, as its description says.
fn described(operation: u8, a: u64, b: u64) -> Option<u64> {
    let (wide_a, wide_b) = (u128::from(a), u128::from(b));
    let (signed_a, signed_b) = (i128::from(a as i64), i128::from(b as i64));
    Some(match operation {
        code::ADD => (wide_a + wide_b) as u64,
        code::SUBTRACT => (signed_a - signed_b) as u64,
        code::MULTIPLY => (wide_a * wide_b) as u64,
        code::DIVIDE if b == 0 => return None,
        code::REMAINDER if b == 0 => return None,
        code::DIVIDE => (wide_a / wide_b) as u64,
        code::REMAINDER => (wide_a % wide_b) as u64,
        code::AND => (0..64)
            .filter(|bit| a >> bit & b >> bit & 1 == 1)
            .map(|bit| 1 << bit)
            .sum(),
        code::OR => (wide_a + wide_b - (wide_a & wide_b)) as u64,
        code::XOR => (a | b) - (a & b),
        code::SHIFT_LEFT if b > 63 => 0,
        code::SHIFT_LEFT => (wide_a << b) as u64,
        code::SHIFT_RIGHT if b > 63 => 0,
        code::SHIFT_RIGHT => (wide_a / (1 << b)) as u64,
        code::SHIFT_SIGNED => (signed_a >> b.min(64)) as u64,
        code::EQUAL => u64::from(a == b),
        code::LESS => u64::from(wide_a < wide_b),
        code::LESS_OR_EQUAL => u64::from(wide_a <= wide_b),
        code::LESS_SIGNED => u64::from(signed_a < signed_b),
        code::LESS_OR_EQUAL_SIGNED => u64::from(signed_a <= signed_b),
        _ => panic!("no operation on two numbers"),
    })
}

fn operand() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..70u64, Just(u64::MAX), Just(1 << 63)]
}

proptest! {
    #[test]
    fn two_numbers_make_what_is_described(a in operand(), b in operand()) {
        let operations = (code::ADD..=code::SHIFT_SIGNED)
            .chain(code::EQUAL..=code::LESS_OR_EQUAL_SIGNED);
        for binary in operations {
            let code = [&wide(a)[..], &wide(b), &[operation(binary)]].concat();
            prop_assert_eq!(value(&code), described(binary, a, b), "operation {}", binary);
        }
    }

    #[test]
    fn bit_fields_are_cut_out(a in any::<u64>(), first in 0..64u32, width in 1..=64u8) {
        let field = |signed| Instruction { signed, ..load(code::BITS, width, first) };
        let kept = u128::from(a) >> first & ((1 << width) - 1);
        let unsigned = value(&[&wide(a)[..], &[field(0)]].concat());
        prop_assert_eq!(unsigned, Some(kept as u64));
        let sign = kept >> (width - 1) & 1;
        let signed = value(&[&wide(a)[..], &[field(1)]].concat());
        let drawn_in = if sign == 1 { kept as i128 - (1 << width) } else { kept as i128 };
        prop_assert_eq!(signed, Some(drawn_in as u64));
    }
}

#[test]
fn one_number_and_the_stack() {
    let cases: &[(&[Instruction], u64)] = &[
        (&[number(5), operation(code::NOT)], !5),
        (&[number(5), operation(code::IS_ZERO)], 0),
        (&[number(0), operation(code::IS_ZERO)], 1),
        (&[number(0x0102), operation(code::SWAP_BYTES)], 0x0201 << 48),
        (
            &[
                number(3),
                operation(code::DUPLICATE),
                operation(code::MULTIPLY),
            ],
            9,
        ),
        (
            &[
                number(3),
                number(10),
                operation(code::EXCHANGE),
                operation(code::SUBTRACT),
            ],
            7,
        ),
        (&[number(3), number(4), operation(code::DROP)], 3),
        // What is left below the top does not matter.
        (&[number(3), number(4)], 4),
        (
            &[number(1), number(10), number(20), operation(code::SELECT)],
            10,
        ),
        (
            &[number(0), number(10), number(20), operation(code::SELECT)],
            20,
        ),
        (
            &[
                number(1),
                step(code::SKIP_IF_ZERO, 2),
                number(10),
                step(code::SKIP, 1),
                number(20),
            ],
            10,
        ),
        (
            &[
                number(0),
                step(code::SKIP_IF_ZERO, 2),
                number(10),
                step(code::SKIP, 1),
                number(20),
            ],
            20,
        ),
        (
            &[
                number(6),
                number(0),
                step(code::SKIP_IF_ZERO, 2),
                number(7),
                operation(code::ADD),
            ],
            6,
        ),
        (
            &[
                number(6),
                number(1),
                step(code::SKIP_IF_ZERO, 2),
                number(7),
                operation(code::ADD),
            ],
            13,
        ),
    ];
    for (code, expected) in cases {
        assert_eq!(value(code), Some(*expected), "{code:?}");
    }
}
