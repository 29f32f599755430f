//! Memory of the process, reached from the kernel's.

use kflat_abi::extension as abi;
use kflat_abi::program::{ACTION_KEEP, ACTION_USER, Action, PROGRAM_DETECT_CHANGES, code};

use crate::simulation::kernel::Kernel;
use crate::simulation::program::{Builder, constant, get, pointer, pointers, step, string};
use crate::simulation::run;

const A: u64 = 0xffff_8880_0000_1000;
const USER: u64 = 0x7ffe_0000_1000;

fn user(action: Action) -> Action {
    Action {
        flags: action.flags | ACTION_USER,
        ..action
    }
}

fn machine() -> Kernel {
    let mut kernel = Kernel::default();
    kernel.map(A, 64);
    let mut page = b"a string of the process\0".to_vec();
    page.resize(4096, 0);
    kernel.user.insert(USER, page);
    kernel.put_word(A, USER);
    kernel
}

#[test]
fn strings_buffers_and_arrays_of_a_process() {
    let mut kernel = machine();
    kernel.put_word(A + 8, USER + 2);
    kernel.put_word(A + 16, USER + 64);
    let page = kernel.user.get_mut(&USER).expect("there");
    page[64..80].copy_from_slice(&[&USER.to_le_bytes()[..], &0u64.to_le_bytes()].concat());
    let mut program = Builder::default();
    let byte = program.plain(1);
    let entry = program.type_(8, vec![user(string(0, byte))]);
    let end = program.until(&[get(0, 8), step(code::IS_ZERO, 0)]);
    let view = program.type_(
        64,
        vec![
            user(string(0, byte)),
            user(pointers(8, byte, constant(6))),
            user(pointers(16, entry, end)),
        ],
    );
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects, report.fragments), (0, 4, 3));
    let root = image.roots[0];
    let text = image.follow(root);
    assert_eq!(image.string(text), "a string of the process");
    assert_eq!(image.follow(root + 8), text + 2);
    // argv: its words are pointers, to what is captured already.
    let argv = image.follow(root + 16);
    assert_eq!((image.follow(argv), image.word(argv + 8)), (text, 0));
}

#[test]
fn a_page_that_is_absent_is_told_as_such() {
    let mut kernel = machine();
    kernel.put_word(A, USER + 0x1000);
    kernel.put_word(A + 8, USER + 4090);
    let mut program = Builder::default();
    let byte = program.plain(1);
    let view = program.type_(
        64,
        vec![user(string(0, byte)), user(pointers(8, byte, constant(20)))],
    );
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!(report.reason, abi::REASON_USER_ABSENT);
    assert_eq!(image.reasons(), [abi::REASON_USER_ABSENT; 2]);
    assert_eq!(image.diagnostics[1].address, USER + 4096);
    assert_eq!(image.objects[1].count, 6, "what is there");
}

#[test]
fn kernel_addresses_are_not_of_a_process_nor_the_other_way_round() {
    let mut kernel = machine();
    kernel.put_word(A + 8, A);
    let mut program = Builder::default();
    let word = program.plain(8);
    let view = program.type_(64, vec![pointer(0, word), user(pointer(8, word))]);
    program.argument(0, None, pointer(0, view));
    let (_, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!(
        image.reasons(),
        [abi::REASON_UNREADABLE, abi::REASON_USER_ABSENT]
    );
    assert!(image.pointers.is_empty());
}

#[test]
fn a_word_may_keep_its_value() {
    let mut kernel = machine();
    let mut program = Builder {
        flags: PROGRAM_DETECT_CHANGES,
        ..Builder::default()
    };
    let word = program.plain(8);
    let kept = Action {
        flags: ACTION_USER | ACTION_KEEP,
        ..pointer(0, word)
    };
    let view = program.type_(64, vec![kept]);
    program.argument(0, None, pointer(0, view));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 2));
    assert_eq!(image.word(image.roots[0]), USER);
    assert!(image.pointers.is_empty() && image.changes.is_empty());
    assert!(image.at(USER).is_some());
}
