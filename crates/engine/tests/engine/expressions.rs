//! Numbers that a program computes, and what it can refer to for that.

use kflat_abi::extension as abi;
use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{Extra, PROGRAM_AT_RETURN};
use kflat_engine::verify;

use crate::simulation::kernel::Kernel;
use crate::simulation::program::{
    Builder, action, constant, embed, get, load, number, pointer, pointers, step,
};
use crate::simulation::{run, run_in};

const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;

/// A constant of 64 bits.
pub(crate) fn wide(value: u64) -> [Instruction; 2] {
    [number(value as u32), step(code::HIGH, (value >> 32) as u32)]
}

pub(crate) fn operation(code: u8) -> Instruction {
    step(code, 0)
}

/// What an expression over the element at `A` comes to; `None`: it failed. The address
/// that it computes is not readable, and so it is told.
fn value_in(kernel: &mut Kernel, code: &[Instruction], arguments: &[u64]) -> Option<u64> {
    let mut program = Builder {
        flags: PROGRAM_AT_RETURN,
        ..Builder::default()
    };
    let leaf = program.plain(1);
    let computed = program.decoded(pointer(8, leaf), code);
    let view = program.type_(64, vec![computed]);
    program.argument(0, None, pointer(0, view));
    let (_, image) = run_in(kernel, &program.build(), arguments, 4096, 512);
    let image = image.expect("an image");
    let Some(diagnostic) = image.diagnostics.first() else {
        let followed = image.pointers.first().map(|at| image.word(*at));
        return Some(followed.map_or(0, |target| image.original(target)));
    };
    (diagnostic.reason == abi::REASON_UNREADABLE).then_some(diagnostic.address)
}

pub(crate) fn value(code: &[Instruction]) -> Option<u64> {
    let mut kernel = Kernel::default();
    kernel.map(A, 64);
    kernel.put_word(A + 8, 0x0102_0304_0506_07f8);
    kernel.put_word(A + 16, 0xfedc_ba98_7654_3210);
    value_in(&mut kernel, code, &[A])
}

#[test]
fn members_are_read_from_the_copy() {
    assert_eq!(value(&[get(8, 1)]), Some(0xf8));
    assert_eq!(value(&[get(9, 2)]), Some(0x0607));
    let signed = |from| Instruction { signed: 1, ..from };
    assert_eq!(value(&[signed(get(8, 1))]), Some(-8i64 as u64));
    // Across words.
    assert_eq!(value(&[get(14, 4)]), Some(0x3210_0102));
    assert_eq!(
        value(&[number(16), load(code::LOAD, 8, 0)]),
        Some(0xfedc_ba98_7654_3210)
    );
    // Not outside of the object.
    assert_eq!(value(&[number(60), load(code::LOAD, 4, 0)]), Some(0));
    assert_eq!(value(&[number(61), load(code::LOAD, 4, 0)]), None);
    assert_eq!(
        value(&[&wide(u64::MAX)[..], &[load(code::LOAD, 1, 0)]].concat()),
        None
    );
}

#[test]
fn memory_is_read_where_it_can_be() {
    let mut kernel = Kernel::default();
    kernel.map(A, 64);
    kernel.map(B, 16);
    kernel.put_word(A + 16, B);
    kernel.put_word(B + 8, 0x1234_5678_9abc);
    let at = |offset: u32| [get(16, 8), number(offset), operation(code::ADD)];
    let read = |offset, width| [&at(offset)[..], &[load(code::READ, width, 0)]].concat();
    assert_eq!(
        value_in(&mut kernel, &read(8, 8), &[A]),
        Some(0x1234_5678_9abc)
    );
    assert_eq!(value_in(&mut kernel, &read(9, 2), &[A]), Some(0x789a));
    // Half of it is not there.
    assert_eq!(value_in(&mut kernel, &read(12, 8), &[A]), None);
    // Failing tells the address and the expression.
    let mut program = Builder::default();
    let leaf = program.plain(8);
    program.expression(&[number(1)]);
    let broken = program.guarded(pointer(16, leaf), &read(12, 8));
    let view = program.type_(64, vec![broken]);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!(report.reason, abi::REASON_EXPRESSION);
    let diagnostic = image.diagnostics[0];
    assert_eq!((diagnostic.address, diagnostic.detail), (B + 12, 2));
    assert!(image.pointers.is_empty(), "the action is not carried out");
}

#[test]
fn what_surrounds_a_capture_can_be_referred_to() {
    let mut kernel = Kernel {
        current: 0x1111,
        returned: 0x2222,
        cpu: 1,
        per_cpu: vec![0x100, 0x200, u64::MAX],
        globals: vec![0x3333],
        ..Kernel::default()
    };
    kernel.map(A, 64);
    kernel.put_word(A + 8, 0x4444);
    let mut in_it = |code: &[Instruction]| value_in(&mut kernel, code, &[A, 0x55]);
    assert_eq!(in_it(&[step(code::ARGUMENT, 1)]), Some(0x55));
    assert_eq!(
        in_it(&[step(code::ARGUMENT, 2)]),
        Some(0),
        "missing arguments are 0"
    );
    assert_eq!(in_it(&[operation(code::RETURNED)]), Some(0x2222));
    assert_eq!(in_it(&[operation(code::CURRENT)]), Some(0x1111));
    assert_eq!(in_it(&[operation(code::CPU)]), Some(1));
    assert_eq!(
        in_it(&[operation(code::CPU), operation(code::PER_CPU)]),
        Some(0x200)
    );
    assert_eq!(
        in_it(&[number(2), operation(code::PER_CPU)]),
        None,
        "there is no CPU 2"
    );
    assert_eq!(in_it(&[number(3), operation(code::PER_CPU)]), None);
    assert_eq!(in_it(&[operation(code::VALUE)]), Some(0x4444));
    assert_eq!(in_it(&[operation(code::ELEMENT)]), Some(A));
    assert_eq!(
        in_it(&[operation(code::OFFSET), operation(code::NOT)]),
        Some(u64::MAX)
    );
    // Globals are known to programs that name them.
    let mut program = Builder::default();
    let leaf = program.plain(8);
    program.global("absent", pointer(0, leaf));
    let by_global = program.decoded(pointer(8, leaf), &[step(code::GLOBAL, 0)]);
    let view = program.type_(64, vec![by_global]);
    program.argument(0, None, pointer(0, view));
    let (_, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(image.expect("an image").diagnostics[0].address, 0x3333);
}

#[test]
fn an_element_knows_its_number_and_its_place() {
    let mut kernel = Kernel::default();
    kernel.map(A, 64);
    kernel.map(B, 0x400);
    for at in [8, 24, 40, 56] {
        kernel.put_word(A + at, B);
    }
    let mut program = Builder::default();
    let leaf = program.plain(1);
    // Each leads to the base and 0x40 for each number, 2 for each byte of offset.
    let code = [
        operation(code::VALUE),
        operation(code::INDEX),
        number(0x40),
        operation(code::MULTIPLY),
        operation(code::ADD),
        operation(code::OFFSET),
        number(2),
        operation(code::MULTIPLY),
        operation(code::ADD),
    ];
    let indexed = program.decoded(pointer(8, leaf), &code);
    let element = program.type_(16, vec![indexed]);
    let outer = program.type_(32, vec![embed(0, element, constant(2))]);
    program.argument(0, None, pointers(0, outer, constant(2)));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 5));
    let mut leaves: Vec<u64> = image.objects[1..]
        .iter()
        .map(|o| image.original(o.offset))
        .collect();
    leaves.sort_unstable();
    assert_eq!(leaves, [B, B + 0x40, B + 0x60, B + 0xa0]);
}

#[test]
fn an_object_begins_where_an_expression_says() {
    let mut kernel = Kernel::default();
    kernel.map(A, 24);
    kernel.map(B, 0x100);
    kernel.put_word(A, B + 0x48);
    kernel.put_word(A + 8, B + 0x90);
    // The allocator's objects: one that is known, the rest is not.
    kernel.allocations.insert(B + 0x40, B + 0x80);
    let mut program = Builder::default();
    let byte = program.plain(1);
    let start = program.expression(&[operation(code::POINTER), operation(code::OBJECT_START)]);
    let size = [
        operation(code::POINTER),
        operation(code::OBJECT_END),
        operation(code::START),
        operation(code::SUBTRACT),
    ];
    let whole = Extra {
        start,
        ..Extra::BARE
    };
    let count = program.computed(&size);
    let first = program.with(pointers(0, byte, count), whole);
    let unknown = program.with(pointers(8, byte, count), whole);
    let view = program.type_(24, vec![first, unknown]);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (abi::REASON_NO_OBJECT, 2));
    assert_eq!(image.diagnostics[0].address, B + 0x90);
    let root = image.roots[0];
    // The whole object, and the pointer leads into it.
    assert_eq!(image.objects[1].count, 0x40);
    assert_eq!(image.original(image.objects[1].offset), B + 0x40);
    assert_eq!(image.original(image.follow(root)), B + 0x48);

    // Or what is left of it, for an action that has no more than this expression.
    for (from, is_alone) in [
        (code::POINTER, true),
        (code::START, true),
        (code::START, false),
    ] {
        let mut program = Builder::default();
        let byte = program.plain(1);
        let rest = [
            operation(from),
            operation(code::OBJECT_END),
            operation(from),
            operation(code::SUBTRACT),
        ];
        let count = program.computed(&rest);
        let mut rest = pointers(0, byte, count);
        if !is_alone {
            rest = program.with(rest, Extra::BARE);
        }
        let view = program.type_(24, vec![rest]);
        program.argument(0, None, pointer(0, view));
        let (_, image) = run(&mut kernel, &program.build(), &[A]);
        let image = image.expect("an image");
        assert_eq!(image.objects[1].count, 0x38);
        assert_eq!(image.original(image.follow(image.roots[0])), B + 0x48);
    }
}

#[test]
fn the_verifier_rejects_what_could_go_wrong() {
    let rejected = |code: &[Instruction]| {
        let mut program = Builder::default();
        let leaf = program.plain(8);
        let computed = program.decoded(pointer(8, leaf), code);
        let view = program.type_(64, vec![computed]);
        program.argument(0, None, pointer(0, view));
        verify(&program.build())
            .err()
            .map(|rejection| rejection.code)
    };
    use kflat_abi::program as reason;
    assert_eq!(rejected(&[number(1)]), None);
    let stack = Some(reason::REJECTED_STACK);
    assert_eq!(rejected(&[]), stack, "leaves nothing");
    assert_eq!(
        rejected(&[number(1), operation(code::ADD)]),
        stack,
        "takes too much"
    );
    assert_eq!(rejected(&[number(1); 17]), stack, "holds too much");
    assert_eq!(rejected(&[number(1); 16]), None);
    // Where two ways meet, both must leave as much.
    let uneven = [number(1), number(0), step(code::SKIP_IF_ZERO, 1), number(2)];
    assert_eq!(rejected(&uneven), stack);
    let instruction = Some(reason::REJECTED_INSTRUCTION);
    let dead = [number(1), step(code::SKIP, 1), number(2)];
    assert_eq!(rejected(&dead), instruction, "no way leads there");
    assert_eq!(
        rejected(&[number(1), step(code::SKIP, 0)]),
        instruction,
        "a skip of nothing"
    );
    assert_eq!(rejected(&[number(1), step(99, 0)]), instruction);
    assert_eq!(rejected(&[get(57, 8)]), instruction, "outside of the type");
    assert_eq!(rejected(&[get(0, 3)]), instruction, "no number has 3 bytes");
    assert_eq!(
        rejected(&[step(code::PARAMETER, 0)]),
        instruction,
        "none is handed down"
    );
    assert_eq!(
        rejected(&[operation(code::RETURNED)]),
        instruction,
        "nothing was returned"
    );
    assert_eq!(
        rejected(&[step(code::GLOBAL, 0)]),
        instruction,
        "there is none"
    );
    let endless = Some(reason::REJECTED_EXPRESSION);
    let mut long = vec![number(1)];
    long.extend([operation(code::NOT); 63]);
    assert_eq!(rejected(&long), endless, "64 instructions and an end");
    long.pop();
    assert_eq!(rejected(&long), None);
    let mut reads = vec![number(1)];
    reads.extend([load(code::READ, 8, 0); 8]);
    assert_eq!(rejected(&reads), None);
    reads.push(load(code::READ, 8, 0));
    assert_eq!(rejected(&reads), endless, "9 reads");
    // Roots have no element.
    let mut program = Builder::default();
    let leaf = program.plain(8);
    let member = program.decoded(
        action(kflat_abi::program::OP_POINTER, 0, leaf, constant(1)),
        &[get(0, 8)],
    );
    program.argument(0, None, member);
    assert_eq!(verify(&program.build()).err().map(|r| r.code), instruction);
}
