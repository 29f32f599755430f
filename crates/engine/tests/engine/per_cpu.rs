//! Per-CPU variables.

use kflat_abi::extension as abi;
use kflat_abi::program::{Extra, OP_PER_CPU, code};

use crate::simulation::kernel::Kernel;
use crate::simulation::program::{Builder, action, constant, pointer, pointers, step};
use crate::simulation::run;

const A: u64 = 0xffff_8880_0000_1000;
const VARIABLE: u64 = 0x1_5000;
/// There is no third CPU.
const OFFSETS: [u64; 4] = [
    0xffff_8881_0000_0000,
    0xffff_8881_0001_0000,
    u64::MAX,
    0xffff_8881_0003_0000,
];
/// CPU 3 has it.
const HERE: u32 = 3;

fn machine() -> Kernel {
    let mut kernel = Kernel {
        cpu: HERE,
        per_cpu: OFFSETS.to_vec(),
        ..Kernel::default()
    };
    kernel.map(A, 16);
    kernel.put_word(A, VARIABLE);
    for (cpu, offset) in (0..).zip(OFFSETS).filter(|(_, offset)| *offset != u64::MAX) {
        kernel.map(VARIABLE.wrapping_add(offset), 32);
        kernel.put_word(VARIABLE.wrapping_add(offset), 0xc0 + cpu);
    }
    kernel
}

#[test]
fn each_cpu_has_its_own() {
    let mut kernel = machine();
    let mut program = Builder::default();
    let variable = program.plain(16);
    let view = program.type_(16, vec![action(OP_PER_CPU, 0, variable, constant(2))]);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects, report.fragments), (0, 4, 4));
    let values: Vec<u64> = image.objects[1..]
        .iter()
        .map(|o| image.word(o.offset))
        .collect();
    assert_eq!(values, [0xc0, 0xc1, 0xc3]);
    assert!(image.objects[1..].iter().all(|object| object.count == 2));
    let root = image.roots[0];
    assert_eq!(
        (image.word(root), image.pointers.len()),
        (VARIABLE, 0),
        "the word stays"
    );
}

#[test]
fn a_root_leads_to_that_of_this_cpu() {
    let mut kernel = machine();
    kernel.globals = vec![VARIABLE];
    let mut program = Builder::default();
    let variable = program.plain(32);
    program.global("runqueues", action(OP_PER_CPU, 0, variable, constant(1)));
    let (report, image) = run(&mut kernel, &program.build(), &[]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 3));
    let (at, size) = image.named["runqueues"];
    assert_eq!((image.word(at), size), (0xc3, 32));
}

#[test]
fn a_root_in_front_of_what_is_captured_lies_in_the_image() {
    let mut kernel = machine();
    (kernel.globals, kernel.cpu) = (vec![VARIABLE], 0);
    let mut program = Builder::default();
    let variable = program.plain(16);
    let mut behind = action(OP_PER_CPU, 0, variable, constant(1));
    behind.shift = 8;
    program.global("runqueues", behind);
    let (report, image) = run(&mut kernel, &program.build(), &[]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 3));
    let (at, _) = image.named["runqueues"];
    assert_eq!(at + 8, image.objects[0].offset);
}

#[test]
fn that_of_this_cpu_or_of_another_by_its_number() {
    let mut kernel = machine();
    let mut program = Builder::default();
    let variable = program.plain(32);
    let of = |cpu| {
        [
            step(code::VALUE, 0),
            cpu,
            step(code::PER_CPU, 0),
            step(code::ADD, 0),
        ]
    };
    let this = program.decoded(pointer(0, variable), &of(step(code::CPU, 0)));
    let view = program.type_(16, vec![this]);
    let first = program.decoded(pointer(0, variable), &of(step(code::CONSTANT, 0)));
    let other = program.type_(16, vec![first]);
    let missing = program.decoded(pointer(0, variable), &of(step(code::CONSTANT, 2)));
    let none = program.type_(16, vec![missing]);
    for (view, cpu) in [(view, Some(0xc3)), (other, Some(0xc0)), (none, None)] {
        let mut program = program.clone();
        program.argument(0, None, pointer(0, view));
        let (report, image) = run(&mut kernel, &program.build(), &[A]);
        let image = image.expect("an image");
        match cpu {
            Some(cpu) => assert_eq!(image.word(image.follow(image.roots[0])), cpu),
            None => assert_eq!(report.reason, abi::REASON_EXPRESSION),
        }
    }
}

#[test]
fn one_that_is_not_there_is_told() {
    let mut kernel = machine();
    kernel.put_word(A, VARIABLE + 0x8000);
    let mut program = Builder::default();
    let variable = program.plain(16);
    // Decoded, and with a member in front.
    let decode = program.expression(&[step(code::VALUE, 0)]);
    let extra = Extra {
        decode,
        ..Extra::BARE
    };
    let each = program.with(action(OP_PER_CPU, 0, variable, constant(1)), extra);
    let view = program.type_(16, vec![each]);
    program.argument(0, None, pointers(0, view, constant(1)));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!((report.reason, report.objects), (abi::REASON_UNREADABLE, 1));
    assert_eq!(image.expect("an image").reasons().len(), 3);
}
