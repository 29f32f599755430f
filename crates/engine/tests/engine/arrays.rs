//! Arrays: computed, ended by what is in them, of arrays, flexible.

use kflat_abi::extension as abi;
use kflat_abi::program::Operand;
use kflat_abi::program::code::{self, Instruction};

use crate::simulation::kernel::Kernel;
use crate::simulation::program::{
    Builder, constant, embed, get, load, member, number, pointer, pointers, step, string,
};
use crate::simulation::run;

const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;
const C: u64 = 0xffff_8880_0002_3000;

#[test]
fn from_one_address_up_to_another() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.map(B, 0x100);
    kernel.put_word(A, B + 0x10);
    kernel.put_word(A + 8, B + 0x40);
    let mut program = Builder::default();
    let element = program.plain(12);
    let bytes = [get(8, 8), get(0, 8), step(code::SUBTRACT, 0)];
    let count = program.computed(&[&bytes[..], &[number(12), step(code::DIVIDE, 0)]].concat());
    let view = program.type_(16, vec![pointers(0, element, count)]);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!((report.reason, report.objects), (0, 2));
    assert_eq!(image.expect("an image").objects[1].count, 4);
    // The other way round it is an unsigned number, beyond every limit.
    kernel.put_word(A + 8, B);
    program.limits.elements = 20;
    let (report, _) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(report.reason, abi::REASON_LIMIT_ELEMENTS);
}

#[test]
fn a_negative_count_is_none() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.map(B, 0x100);
    kernel.put_u32(A, -3i32 as u32);
    kernel.put_word(A + 8, B);
    let mut program = Builder::default();
    let word = program.plain(8);
    let signed = |operand: Operand| Operand {
        signed: 1,
        ..operand
    };
    let load = Instruction {
        signed: 1,
        ..get(0, 4)
    };
    let computed = program.computed(&[load]);
    for count in [signed(member(0, 4)), signed(computed)] {
        let mut program = program.clone();
        let view = program.type_(16, vec![pointers(8, word, count)]);
        program.argument(0, None, pointer(0, view));
        let (report, image) = run(&mut kernel, &program.build(), &[A]);
        assert_eq!((report.reason, report.objects), (0, 1));
        assert!(image.expect("an image").pointers.is_empty());
    }
}

/// An array of the strings at `B`, up to NULL.
fn strings() -> Builder {
    let mut program = Builder::default();
    let char_ = program.plain(1);
    let text = program.type_(8, vec![string(0, char_)]);
    let end = program.until(&[get(0, 8), step(code::IS_ZERO, 0)]);
    program.argument(0, None, pointers(0, text, end));
    program
}

#[test]
fn up_to_null_and_not_beyond() {
    let mut kernel = Kernel::default();
    kernel.map(A, 0x40);
    kernel.map(B, 0x40);
    kernel.put(B, b"one\0two\0three\0");
    for (at, text) in [(0, B), (8, B + 4), (16, B + 8), (32, B)] {
        kernel.put_word(A + at, text);
    }
    let (report, image) = run(&mut kernel, &strings().build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 4));
    assert_eq!(image.objects[0].count, 4, "the NULL included");
    let texts: Vec<String> = (0..3)
        .map(|i| image.string(image.follow(image.roots[0] + 8 * i)))
        .collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert_eq!(image.at(A + 32), None);
    // One that is nothing but its end.
    let (report, image) = run(&mut kernel, &strings().build(), &[A + 24]);
    assert_eq!((report.reason, report.objects), (0, 1));
    assert_eq!(image.expect("an image").objects[0].count, 1);
}

#[test]
fn an_end_that_is_not_there_is_the_end_of_memory_or_of_the_limit() {
    let mut kernel = Kernel::default();
    kernel.map(A, 0x38);
    for word in 0..7 {
        kernel.put_word(A + 8 * word, A);
    }
    let (report, image) = run(&mut kernel, &strings().build(), &[A]);
    assert_eq!(report.reason, abi::REASON_UNREADABLE);
    let image = image.expect("an image");
    assert_eq!(image.objects[0].count, 7, "what is there");
    assert_eq!(image.diagnostics[0].address, A + 0x38);
    let mut program = strings();
    program.limits.elements = 5;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(report.reason, abi::REASON_LIMIT_ELEMENTS);
    assert_eq!(image.expect("an image").objects[0].count, 5);
    let mut program = strings();
    program.limits.bytes = 24;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(report.reason, abi::REASON_LIMIT_BYTES);
    assert_eq!(image.expect("an image").objects[0].count, 3);
    // Nothing at all.
    let (report, image) = run(&mut kernel, &strings().build(), &[C]);
    assert_eq!((report.reason, report.objects), (abi::REASON_UNREADABLE, 0));
    assert_eq!(image.expect("an image").roots, [u64::MAX]);
}

#[test]
fn up_to_a_sentinel_that_only_kernel_memory_knows() {
    // The last element is the one whose id is at C.
    let mut kernel = Kernel::default();
    kernel.map(A, 0x100);
    kernel.map(C, 8);
    kernel.put_u32(C, 77);
    for (element, id) in [(0, 5), (1, 76), (2, 77), (3, 78)] {
        kernel.put_u32(A + 12 * element, id);
    }
    let mut program = Builder::default();
    let element = program.plain(12);
    let last = [
        get(0, 4),
        step(code::ARGUMENT, 1),
        load(code::READ, 4, 0),
        step(code::EQUAL, 0),
    ];
    let end = program.until(&last);
    program.argument(0, None, pointers(0, element, end));
    let (report, image) = run(&mut kernel, &program.build(), &[A, C]);
    assert_eq!((report.reason, report.objects), (0, 1));
    assert_eq!(image.expect("an image").objects[0].count, 3);
    // Where the expression fails there is no telling where the array ends.
    let (report, image) = run(&mut kernel, &program.build(), &[A, C + 8]);
    assert_eq!((report.reason, report.objects), (abi::REASON_EXPRESSION, 1));
    assert_eq!(image.expect("an image").objects[0].count, 1);
}

#[test]
fn rows_of_columns() {
    // int **rows, each row of `columns`; and structure cells[2][3].
    let mut kernel = Kernel::default();
    kernel.map(A, 0x80);
    kernel.map(B, 0x100);
    kernel.map(C, 0x100);
    kernel.put_u32(A, 2);
    kernel.put_u32(A + 4, 3);
    kernel.put_word(A + 8, B);
    kernel.put_word(B, C);
    kernel.put_word(B + 8, C + 0x80);
    for cell in 0..6 {
        kernel.put_word(A + 16 + 16 * cell, C + 0x40);
    }
    let mut program = Builder::default();
    let int = program.plain(4);
    let columns = program.computed(&[step(code::PARAMETER, 0)]);
    let row = program.type_(8, vec![pointers(0, int, columns)]);
    program.parameters(row, 1);
    let rows = program.handing(pointers(8, row, member(0, 4)), &[get(4, 4)]);
    let cell = program.type_(16, vec![pointer(0, int)]);
    let cells = program.type_(48, vec![embed(0, cell, constant(3))]);
    let view = program.type_(0x80, vec![rows, embed(16, cells, constant(2))]);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 5));
    let root = image.roots[0];
    let rows = image.follow(root + 8);
    assert_eq!(image.original(image.follow(rows + 8)), C + 0x80);
    let counts: Vec<u32> = image.objects.iter().map(|object| object.count).collect();
    assert_eq!(counts.iter().filter(|count| **count == 3).count(), 2);
    let cells = (0..6).map(|cell| image.original(image.follow(root + 16 + 16 * cell)));
    assert!(cells.eq([C + 0x40; 6]));
}

/// `{ u32 count; u32 x; struct { void *p; u64 n; } slots[]; }`, reached by a pointer.
fn flexible() -> (Builder, u32) {
    let mut program = Builder::default();
    let leaf = program.plain(8);
    let slot = program.type_(16, vec![pointer(0, leaf)]);
    let view = program.type_(8, vec![]);
    program.tail(view, slot, 8, member(0, 4));
    program.argument(0, None, pointer(0, view));
    (program, view)
}

#[test]
fn a_flexible_array_is_as_long_as_its_structure_says() {
    let mut kernel = Kernel::default();
    // It ends with its page.
    let at = A + 0x1000 - (8 + 3 * 16);
    kernel.map(A, 0x1000);
    kernel.map(B, 0x100);
    kernel.put_u32(at, 3);
    for slot in 0..3 {
        kernel.put_word(at + 8 + 16 * slot, B + 0x20 * slot);
        kernel.put_word(at + 16 + 16 * slot, 0x50 + slot);
    }
    let (program, _) = flexible();
    let (report, image) = run(&mut kernel, &program.build(), &[at]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 4));
    let root = image.roots[0];
    assert_eq!(image.objects[0].count, 3);
    for slot in 0..3 {
        let slot_at = root + 8 + 16 * slot;
        assert_eq!(image.original(image.follow(slot_at)), B + 0x20 * slot);
        assert_eq!(image.word(slot_at + 8), 0x50 + slot);
    }
    // None, and more than there is.
    kernel.put_u32(at, 0);
    let (report, image) = run(&mut kernel, &program.build(), &[at]);
    assert_eq!((report.reason, report.objects), (0, 1));
    assert_eq!(image.expect("an image").fragments[0].1, 8);
    kernel.put_u32(at, 5);
    let (report, image) = run(&mut kernel, &program.build(), &[at]);
    let image = image.expect("an image");
    assert_eq!(report.reason, abi::REASON_UNREADABLE);
    assert_eq!(image.diagnostics[0].address, A + 0x1000);
    assert_eq!((image.objects[0].count, report.objects), (3, 4));
}

#[test]
fn a_flexible_array_knows_limits() {
    let mut kernel = Kernel::default();
    kernel.map(A, 8 + 16 * 100);
    kernel.put_u32(A, 100);
    let (mut program, _) = flexible();
    program.limits.elements = 10;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(report.reason, abi::REASON_LIMIT_ELEMENTS);
    assert_eq!(image.expect("an image").objects[0].count, 10);
    let (mut program, _) = flexible();
    program.limits.bytes = 100;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(
        (report.reason, report.objects),
        (abi::REASON_LIMIT_BYTES, 0)
    );
    assert!(image.is_some());
}

#[test]
fn a_flexible_array_is_handed_what_its_structure_is() {
    // It begins in the padding of the structure, its elements counted by a parameter.
    let mut kernel = Kernel::default();
    kernel.map(A, 0x40);
    kernel.map(B, 0x40);
    kernel.put(A + 10, &[1, 2, 3, 4]);
    let mut program = Builder::default();
    let leaf = program.plain(1);
    let count = program.computed(&[step(code::PARAMETER, 0)]);
    let view = program.type_(16, vec![]);
    program.types[view as usize].0.flags = 0;
    program.tail(view, leaf, 10, count);
    program.parameters(view, 1);
    let root = program.handing(pointer(0, view), &[step(code::ARGUMENT, 1)]);
    program.argument(0, None, root);
    for (count, size) in [(0, 16), (4, 16), (6, 16), (7, 17), (20, 30)] {
        let (report, image) = run(&mut kernel, &program.build(), &[A, count]);
        let image = image.expect("an image");
        assert_eq!(
            (report.reason, u64::from(image.objects[0].count)),
            (0, count)
        );
        assert_eq!(
            image.fragments[0].1,
            u64::next_multiple_of(size, 8),
            "{count}"
        );
        assert_eq!(image.memory[image.roots[0] as usize + 13], 4);
    }
}

#[test]
fn a_pointer_may_lead_behind_what_the_limit_leaves_of_an_array() {
    let mut kernel = Kernel::default();
    kernel.map(A, 24);
    kernel.map(B, 0x1000);
    kernel.put_word(A, u64::MAX);
    // It leads far behind the first of the elements, and all would be too many.
    kernel.put_word(A + 8, B + 0x800);
    let mut program = Builder::default();
    let word = program.plain(8);
    let mut shifted = pointers(8, word, member(0, 8));
    shifted.shift = -0x800;
    let view = program.type_(24, vec![shifted]);
    program.argument(0, None, pointer(0, view));
    program.limits.elements = 4;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!(report.reason, abi::REASON_LIMIT_ELEMENTS);
    assert_eq!(image.objects[1].count, 4);
    let target = image.follow(image.roots[0] + 8);
    let start = image.objects[1].offset;
    assert_eq!(target - start, 0x800, "the image has room behind it");
}
