//! Where a capture begins.

use kflat_abi::extension as abi;
use kflat_abi::program::{
    PROGRAM_AT_RETURN, REJECTED_ROOT, REJECTED_ROOT_NAME, ROOT_RETURNED, code,
};
use kflat_engine::verify;

use crate::simulation::kernel::Kernel;
use crate::simulation::program::{Builder, constant, number, pointer, pointers, step, string};
use crate::simulation::run;

const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;

#[test]
fn roots_inside_of_others_and_the_same_twice() {
    let mut kernel = Kernel::default();
    kernel.map(A, 64);
    for word in 0..8 {
        kernel.put_word(A + 8 * word, 0x100 + word);
    }
    let mut program = Builder::default();
    let (whole, word) = (program.plain(64), program.plain(8));
    // The inner ones first: the outer one holds them all the same.
    program.argument(0, Some("inside"), pointer(0, word));
    program.argument(1, Some("whole"), pointer(0, whole));
    program.argument(1, Some("again"), pointer(0, whole));
    program.argument(1, None, pointer(0, whole));
    program.argument(1, Some("its first word"), pointer(0, word));
    program.argument(2, Some("past the end"), pointers(0, word, constant(1)));
    let (report, image) = run(&mut kernel, &program.build(), &[A + 24, A, A + 56]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects, report.fragments), (0, 4, 1));
    let (start, size) = image.named["whole"];
    assert_eq!(size, 64);
    assert_eq!(image.named["again"], (start, 64));
    assert_eq!(image.roots[3], start);
    assert_eq!(image.named["its first word"], (start, 8));
    assert_eq!(image.named["inside"], (start + 24, 8));
    assert_eq!(image.named["past the end"], (start + 56, 8));
    assert_eq!(image.word(start + 24), 0x103);
}

#[test]
fn null_and_missing_arguments_are_no_roots() {
    let mut program = Builder::default();
    let word = program.plain(8);
    program.argument(0, Some("null"), pointer(0, word));
    program.argument(7, Some("missing"), pointer(0, word));
    program.argument(1, Some("unreadable"), pointer(0, word));
    let (report, image) = run(&mut Kernel::default(), &program.build(), &[0, B]);
    let image = image.expect("an image without memory");
    assert_eq!(image.roots, [u64::MAX; 3]);
    assert_eq!(report.reason, abi::REASON_UNREADABLE);
    let diagnostic = image.diagnostics[0];
    assert_eq!((diagnostic.object, diagnostic.via), (abi::NO_OBJECT, 2));
}

#[test]
fn what_a_function_returned_is_a_root() {
    let mut kernel = Kernel {
        returned: B,
        ..Kernel::default()
    };
    kernel.map(B, 64);
    kernel.put(B, b"returned\0");
    let mut program = Builder {
        flags: PROGRAM_AT_RETURN,
        ..Builder::default()
    };
    let char_ = program.plain(1);
    program.root(ROOT_RETURNED, 0, Some("return"), string(0, char_));
    let (report, image) = run(&mut kernel, &program.build(), &[]);
    assert_eq!((report.reason, report.objects), (0, 1));
    let image = image.expect("an image");
    assert_eq!(image.string(image.named["return"].0), "returned");
    // When the function is called it has not returned.
    program.flags = 0;
    let rejection = verify(&program.build()).err();
    assert_eq!(rejection.map(|why| why.code), Some(REJECTED_ROOT));
}

#[test]
fn two_roots_have_two_names() {
    let mut program = Builder::default();
    let word = program.plain(8);
    program.argument(0, Some("name"), pointer(0, word));
    program.argument(1, Some("name"), pointer(0, word));
    let rejection = verify(&program.build()).err();
    assert_eq!(rejection.map(|why| why.code), Some(REJECTED_ROOT_NAME));
}

#[test]
fn globals_and_the_current_task_are_roots() {
    let mut kernel = Kernel::default();
    kernel.map(A, 8);
    kernel.map(B, 8);
    kernel.current = B;
    kernel.globals = vec![A, 0];
    let mut program = Builder::default();
    let word = program.plain(8);
    program.current(pointer(0, word));
    program.global("modules", pointer(0, word));
    program.global("absent", pointer(0, word));
    let (report, image) = run(&mut kernel, &program.build(), &[]);
    let image = image.expect("an image");
    assert_eq!(image.original(image.named["current"].0), B);
    assert_eq!(image.original(image.named["modules"].0), A);
    assert_eq!(image.named["absent"], (u64::MAX, 0));
    assert_eq!(report.reason, abi::REASON_NO_GLOBAL);
    assert_eq!(image.diagnostics[0].via, 2, "the root");
}

#[test]
fn a_root_may_have_a_condition_and_be_computed() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.put_word(A + 8, 5);
    let mut program = Builder::default();
    let word = program.plain(8);
    let code = [step(code::ARGUMENT, 0), number(8), step(code::ADD, 0)];
    let member = program.guarded(
        pointer(0, word),
        &[step(code::VALUE, 0), number(8), step(code::AND, 0)],
    );
    program.root_of(&code, "second", member);
    program.argument(0, Some("first"), member);
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 1));
    assert_eq!(image.word(image.named["second"].0), 5);
    assert_eq!(
        image.named["first"].0,
        u64::MAX,
        "the address is even in 8s"
    );
}
