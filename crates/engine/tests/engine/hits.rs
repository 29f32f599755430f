//! Which calls a program wants.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{
    PROGRAM_AT_RETURN, Program, REJECTED_EXPRESSION, REJECTED_INSTRUCTION, REJECTED_RESERVED,
    REJECTED_STACK,
};
use kflat_engine::{Inputs, fits, verify};

use crate::simulation::kernel::Kernel;
use crate::simulation::program::{Builder, load, pointer, step};
use crate::simulation::run;

/// Kernel addresses, far apart.
const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;

/// A program with one root.
fn plain() -> Builder {
    let mut program = Builder::default();
    let thing = program.plain(16);
    program.argument(0, Some("thing"), pointer(0, thing));
    program
}

fn conditional(expression: &[Instruction]) -> Builder {
    let mut program = plain();
    program.when(expression);
    program
}

/// `argument 1 == 7`
fn seventh() -> Vec<Instruction> {
    vec![
        step(code::ARGUMENT, 1),
        step(code::CONSTANT, 7),
        step(code::EQUAL, 0),
    ]
}

fn asked(program: &Builder, kernel: &mut Kernel, arguments: &[u64]) -> Option<bool> {
    let bytes = program.build();
    let inputs = Inputs {
        arguments,
        returned: kernel.returned,
        ..Inputs::default()
    };
    fits(&verify(&bytes).expect("it is right"), &inputs, kernel)
}

#[test]
fn without_a_condition_every_call_fits() {
    let mut kernel = Kernel::default();
    assert_eq!(asked(&plain(), &mut kernel, &[]), Some(true));
    assert_eq!(kernel.read, 0);
}

#[test]
fn a_call_fits_by_its_arguments() {
    let (program, mut kernel) = (conditional(&seventh()), Kernel::default());
    assert_eq!(asked(&program, &mut kernel, &[A, 7]), Some(true));
    assert_eq!(asked(&program, &mut kernel, &[A, 8]), Some(false));
    // What was not passed is 0.
    assert_eq!(asked(&program, &mut kernel, &[A]), Some(false));
}

#[test]
fn a_call_fits_by_what_pointers_lead_to() {
    // *(u8 *)*(u64 *)(argument 0 + 8) == 'h'
    let program = conditional(&[
        step(code::ARGUMENT, 0),
        step(code::CONSTANT, 8),
        step(code::ADD, 0),
        load(code::READ, 8, 0),
        load(code::READ, 1, 0),
        step(code::CONSTANT, b'h'.into()),
        step(code::EQUAL, 0),
    ]);
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.map(B, 8);
    kernel.put_word(A + 8, B + 1);
    kernel.put(B, b"xhost");
    assert_eq!(asked(&program, &mut kernel, &[A]), Some(true));
    assert_eq!(kernel.read, 9, "a pointer and a character");
    kernel.put(B, b"xjost");
    assert_eq!(asked(&program, &mut kernel, &[A]), Some(false));
}

#[test]
fn what_cant_be_computed_does_not_fit() {
    let mut kernel = Kernel::default();
    let unreadable = conditional(&[step(code::ARGUMENT, 0), load(code::READ, 8, 0)]);
    assert_eq!(asked(&unreadable, &mut kernel, &[A]), None);
    let by_zero = conditional(&[
        step(code::CONSTANT, 1),
        step(code::ARGUMENT, 0),
        step(code::DIVIDE, 0),
    ]);
    assert_eq!(asked(&by_zero, &mut kernel, &[0]), None);
    assert_eq!(asked(&by_zero, &mut kernel, &[1]), Some(true));
    let no_such_cpu = conditional(&[step(code::CONSTANT, 99), step(code::PER_CPU, 0)]);
    assert_eq!(asked(&no_such_cpu, &mut kernel, &[]), None);
}

#[test]
fn a_call_fits_by_what_it_returned() {
    let mut program = conditional(&[step(code::RETURNED, 0)]);
    program.flags |= PROGRAM_AT_RETURN;
    let mut kernel = Kernel::default();
    assert_eq!(asked(&program, &mut kernel, &[]), Some(false));
    kernel.returned = 3;
    assert_eq!(asked(&program, &mut kernel, &[]), Some(true));
}

#[test]
fn the_deepest_stack_has_room() {
    let mut deep: Vec<_> = (1..=16).map(|n| step(code::CONSTANT, n)).collect();
    deep.extend([step(code::ADD, 0); 15]);
    deep.extend([step(code::CONSTANT, 136), step(code::EQUAL, 0)]);
    let mut kernel = Kernel::default();
    assert_eq!(asked(&conditional(&deep), &mut kernel, &[]), Some(true));
}

/// It is for whoever takes the hits; the capture has it behind itself.
#[test]
fn a_capture_does_not_ask_again() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    let (report, image) = run(&mut kernel, &conditional(&seventh()).build(), &[A]);
    assert_eq!((report.reason, report.objects), (0, 1));
    assert!(image.is_some());
}

#[test]
fn a_number_is_counted_from_1() {
    let mut program = plain();
    for (nth, counted) in [(0, 1), (1, 1), (5, 5), (u32::MAX, u32::MAX)] {
        program.nth = nth;
        let bytes = program.build();
        assert!(verify(&bytes).is_ok());
        assert_eq!(Program::find(&bytes).unwrap().nth(), counted);
    }
}

#[test]
fn conditions_are_checked_as_other_expressions_are() {
    let rejected = |program: &Builder| verify(&program.build()).err().map(|why| why.code);
    let member = Instruction {
        width: 8,
        ..step(code::MEMBER, 0)
    };
    // It belongs to no word and no structure.
    for op in [
        code::VALUE,
        code::POINTER,
        code::START,
        code::ELEMENT,
        code::OFFSET,
        code::INDEX,
        code::PARAMETER,
        code::RETURNED,
    ] {
        let refused = rejected(&conditional(&[step(op, 0)]));
        assert_eq!(refused, Some(REJECTED_INSTRUCTION), "{op}");
    }
    for (expression, code) in [
        (vec![member], REJECTED_INSTRUCTION),
        (vec![step(code::ARGUMENT, 16)], REJECTED_INSTRUCTION),
        (vec![step(code::GLOBAL, 0)], REJECTED_INSTRUCTION),
        (vec![], REJECTED_STACK),
        (vec![step(code::ADD, 0)], REJECTED_STACK),
        (vec![step(code::CPU, 0); 17], REJECTED_STACK),
        (
            [
                vec![step(code::CONSTANT, 0)],
                vec![load(code::READ, 8, 0); 9],
            ]
            .concat(),
            REJECTED_EXPRESSION,
        ),
        (
            [vec![step(code::CONSTANT, 0)], vec![step(code::NOT, 0); 63]].concat(),
            REJECTED_EXPRESSION,
        ),
    ] {
        assert_eq!(rejected(&conditional(&expression)), Some(code));
    }
    let mut outside = conditional(&seventh());
    outside.when = 4;
    assert_eq!(rejected(&outside), Some(REJECTED_EXPRESSION));
    // A condition that nobody asked for.
    let mut unasked = conditional(&seventh());
    unasked.flags = 0;
    assert_eq!(rejected(&unasked), None, "it is expression 0: no condition");
    unasked.when = 1;
    assert_eq!(rejected(&unasked), Some(REJECTED_RESERVED));
    let mut unknown = plain();
    unknown.flags = 1 << 3;
    assert_eq!(rejected(&unknown), Some(REJECTED_RESERVED));
}
