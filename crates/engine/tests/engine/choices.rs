//! What is followed depends on the data, and on the way by which it is reached.

use kflat_abi::extension as abi;
use kflat_abi::program::code;

use crate::simulation::kernel::Kernel;
use crate::simulation::program::{
    Builder, constant, embed, function, get, list, number, pointer, pointers, step, string,
};
use crate::simulation::run;

const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;
const C: u64 = 0xffff_8880_0002_3000;

/// `{ u32 kind; union { struct pair *pair; char *text; struct { … } inner; void (*f)(); } }`
fn variant(kernel: &mut Kernel, kind: u32, word: u64) -> Builder {
    kernel.map(A, 32);
    kernel.put_u32(A, kind);
    kernel.put_word(A + 8, word);
    kernel.put_word(A + 16, C);
    let mut program = Builder::default();
    let char_ = program.plain(1);
    let pair = program.plain(16);
    let inner = program.type_(16, vec![pointer(8, pair)]);
    let choice = program.choice(
        8,
        &[get(0, 4)],
        &[
            (Some(1), Some(pointer(8, pair))),
            (Some(2), Some(string(8, char_))),
            (Some(3), Some(embed(8, inner, constant(1)))),
            (Some(4), Some(function(8))),
            (Some(5), None),
            // Never reached: the first that fits is taken.
            (Some(1), Some(function(8))),
        ],
    );
    let view = program.type_(32, vec![choice]);
    program.argument(0, None, pointer(0, view));
    program
}

#[test]
fn a_discriminator_says_what_a_union_is() {
    let mut kernel = Kernel::default();
    kernel.map(B, 64);
    kernel.map(C, 16);
    kernel.put(B, b"text\0");
    kernel.symbols.insert(B, "vfs_read".to_owned());
    for (kind, objects, pointers) in [
        (1, 2, 1),
        (2, 2, 1),
        (3, 2, 1),
        (4, 1, 0),
        (5, 1, 0),
        (9, 1, 0),
    ] {
        let program = variant(&mut kernel, kind, B);
        let (report, image) = run(&mut kernel, &program.build(), &[A]);
        let image = image.expect("an image");
        assert_eq!((report.reason, report.objects), (0, objects), "{kind}");
        assert_eq!(image.pointers.len(), pointers, "{kind}");
        let root = image.roots[0];
        match kind {
            1 => assert_eq!(image.objects[1].count, 1),
            2 => assert_eq!(image.string(image.follow(root + 8)), "text"),
            3 => assert_eq!(image.original(image.follow(root + 16)), C),
            4 => assert_eq!(image.functions[&(root + 8)], "vfs_read"),
            _ => assert_eq!(image.word(root + 8), B),
        }
    }
}

#[test]
fn anything_else_may_have_a_case_too() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.map(B, 64);
    kernel.put_word(A + 8, B);
    let mut program = Builder::default();
    let word = program.plain(8);
    let choice = program.choice(
        8,
        &[get(0, 8)],
        &[
            (Some(0), Some(pointer(8, word))),
            (None, Some(pointers(8, word, constant(8)))),
        ],
    );
    let view = program.type_(16, vec![choice]);
    program.argument(0, None, pointer(0, view));
    for (kind, count) in [(0, 1), (1, 8), (u64::MAX, 8)] {
        kernel.put_word(A, kind);
        let (_, image) = run(&mut kernel, &program.build(), &[A]);
        assert_eq!(image.expect("an image").objects[1].count, count);
    }
}

#[test]
fn any_member_may_have_a_condition() {
    let mut kernel = Kernel::default();
    kernel.symbols.insert(B, "f".to_owned());
    kernel.map(A, 64);
    kernel.map(B, 64);
    kernel.put_word(B, B);
    kernel.put_word(B + 8, B);
    for at in [8, 16, 24, 32] {
        kernel.put_word(A + at, B);
    }
    kernel.put_word(A + 40, A + 40);
    kernel.put_word(A + 48, A + 40);
    let mut program = Builder::default();
    let word = program.plain(8);
    let char_ = program.plain(1);
    let inner = program.type_(8, vec![pointer(0, word)]);
    let element = program.type_(16, vec![]);
    let members = [
        pointer(8, word),
        string(16, char_),
        function(24),
        embed(32, inner, constant(1)),
        list(40, element, 0),
    ];
    let set = [get(0, 8), step(code::ARGUMENT, 1), step(code::EQUAL, 0)];
    let members = members.map(|member| program.guarded(member, &set)).to_vec();
    let view = program.type_(64, members);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A, 0]);
    let image = image.expect("an image");
    assert_eq!(report.reason, 0);
    assert_eq!((image.pointers.len(), image.functions.len()), (5, 1));
    let (report, image) = run(&mut kernel, &program.build(), &[A, 1]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 1));
    assert_eq!((image.pointers.len(), image.functions.len()), (0, 0));
}

#[test]
fn one_type_is_followed_in_two_ways() {
    // A person and the boss; of the boss only the name.
    let mut kernel = Kernel::default();
    for at in [A, B, C] {
        kernel.map(at, 64);
        kernel.put(at + 16, b"name\0");
        kernel.put_word(at, at + 16);
    }
    kernel.put_word(A + 8, B);
    kernel.put_word(B + 8, C);
    kernel.put_word(C + 8, A);
    let mut program = Builder::default();
    let char_ = program.plain(1);
    let boss = program.type_(16, vec![string(0, char_)]);
    let person = program.type_(16, vec![string(0, char_), pointer(8, boss)]);
    program.argument(0, Some("person"), pointer(0, person));
    program.argument(1, Some("other"), pointer(0, person));
    let (report, image) = run(&mut kernel, &program.build(), &[A, 0]);
    assert_eq!((report.reason, report.objects), (0, 4));
    let image = image.expect("an image");
    let boss = image.follow(image.roots[0] + 8);
    assert_eq!(image.word(boss + 8), C, "keeps its value");
    assert!(!image.is_pointer(boss + 8));
    // Reached in both ways, the more that is followed counts, in one fragment.
    let (report, image) = run(&mut kernel, &program.build(), &[A, B]);
    let image = image.expect("an image");
    assert_eq!(report.reason, 0);
    let boss = image.follow(image.named["person"].0 + 8);
    assert_eq!(boss, image.named["other"].0);
    assert_eq!(image.original(image.follow(boss + 8)), C);
}

#[test]
fn with_other_parameters_it_is_another_object() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.map(B, 16);
    kernel.map(C, 0x80);
    kernel.put_word(A, B);
    kernel.put_word(A + 8, B);
    kernel.put_word(B, C);
    let mut program = Builder::default();
    let word = program.plain(8);
    let sum = [
        step(code::PARAMETER, 0),
        step(code::PARAMETER, 1),
        step(code::ADD, 0),
    ];
    let count = program.computed(&sum);
    let middle = program.type_(16, vec![pointers(0, word, count)]);
    program.parameters(middle, 2);
    let first = program.handing(pointer(0, middle), &[number(1), number(2)]);
    let second = program.handing(pointer(8, middle), &[step(code::ARGUMENT, 1), number(3)]);
    let view = program.type_(16, vec![first, second]);
    program.argument(0, None, pointer(0, view));
    // 1 + 2 words, and 9 + 3.
    let (report, image) = run(&mut kernel, &program.build(), &[A, 9]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects, report.fragments), (0, 5, 3));
    let most = image.objects.iter().map(|object| object.count).max();
    assert_eq!(most, Some(12));
    // The same parameters, the same object.
    let second = program.handing(pointer(8, middle), &[number(1), number(2)]);
    program.types[view as usize].1[1] = second;
    let (report, _) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!((report.reason, report.objects), (0, 3));
}

#[test]
fn what_is_handed_down_goes_through_embedded_structures() {
    let mut kernel = Kernel::default();
    kernel.map(A, 32);
    kernel.map(C, 0x80);
    kernel.put_word(A, 2);
    kernel.put_word(A + 16, C);
    kernel.put_word(A + 24, C + 0x40);
    let mut program = Builder::default();
    let word = program.plain(8);
    let count = program.computed(&[
        step(code::PARAMETER, 0),
        step(code::INDEX, 0),
        step(code::ADD, 0),
    ]);
    let innermost = program.type_(8, vec![pointers(0, word, count)]);
    program.parameters(innermost, 1);
    let passed_on = program.handing(
        embed(0, innermost, constant(2)),
        &[step(code::PARAMETER, 0), number(2), step(code::MULTIPLY, 0)],
    );
    let inner = program.type_(16, vec![passed_on]);
    program.parameters(inner, 1);
    let handed = program.handing(embed(16, inner, constant(1)), &[get(0, 8)]);
    let view = program.type_(32, vec![handed]);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 3));
    let counts: Vec<u32> = image.objects[1..]
        .iter()
        .map(|object| object.count)
        .collect();
    assert_eq!(counts, [4, 5]);
}

#[test]
fn a_choice_that_fails_is_told_and_nothing_is_done() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.put_word(A + 8, A);
    let mut program = Builder::default();
    let word = program.plain(8);
    let choice = program.choice(
        8,
        &[number(1), get(0, 8), step(code::DIVIDE, 0)],
        &[(None, Some(pointer(8, word)))],
    );
    let view = program.type_(16, vec![choice]);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!((report.reason, report.objects), (abi::REASON_EXPRESSION, 1));
    assert!(image.expect("an image").pointers.is_empty());
}
