//! What changes while a capture runs is told.

use kflat_abi::program::PROGRAM_DETECT_CHANGES;

use crate::simulation::kernel::Kernel;
use crate::simulation::program::{Builder, constant, pointer, pointers};
use crate::simulation::run;

const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;

/// Two objects of 2000 bytes, the second at an odd place.
fn program(kernel: &mut Kernel, flags: u32) -> Vec<u8> {
    kernel.map(A, 2000);
    kernel.map(B, 2048);
    let mut program = Builder {
        flags,
        ..Builder::default()
    };
    let byte = program.plain(1);
    program.argument(0, None, pointers(0, byte, constant(2000)));
    program.argument(1, None, pointers(0, byte, constant(2000)));
    program.build()
}

/// The changed ranges, as addresses and sizes.
fn changes(kernel: &mut Kernel, flags: u32) -> Vec<(u64, u64)> {
    let program = program(kernel, flags);
    let (report, image) = run(kernel, &program, &[A, B + 3]);
    let image = image.expect("an image");
    assert_eq!(report.reason, 0, "a change is no failure");
    (image.changes.iter())
        .map(|change| (image.original(change.offset), change.size))
        .collect()
}

/// After both objects were copied.
const LATER: u64 = 3;

#[test]
fn what_stays_is_not_told() {
    assert_eq!(changes(&mut Kernel::default(), PROGRAM_DETECT_CHANGES), []);
}

#[test]
fn bytes_that_changed_are_told_and_the_image_has_the_old_ones() {
    let mut kernel = Kernel {
        written_later: vec![
            (LATER, A, vec![1]),
            (LATER, A + 100, vec![1, 2, 3]),
            (LATER, A + 1999, vec![1]),
            // Outside of what was captured.
            (LATER, B + 2, vec![9]),
            (LATER, B + 3, vec![9]),
            (LATER, B + 2003, vec![9]),
        ],
        ..Kernel::default()
    };
    let program = program(&mut kernel, PROGRAM_DETECT_CHANGES);
    let (_, image) = run(&mut kernel, &program, &[A, B + 3]);
    let image = image.expect("an image");
    let covers = |address: u64| {
        let at = image.at(address).expect("captured");
        let mut all = image.changes.iter();
        all.any(|change| (change.offset..change.offset + change.size).contains(&at))
    };
    for changed in [A, A + 100, A + 101, A + 102, A + 1999, B + 3] {
        assert!(covers(changed), "{changed:#x}");
        let at = image.at(changed).expect("captured");
        assert_eq!(image.memory[at as usize], 0, "as it was when it was copied");
    }
    for stayed in [A + 700, A + 1500, B + 1000, B + 2002] {
        assert!(!covers(stayed), "{stayed:#x}");
    }
    let ascending = image
        .changes
        .windows(2)
        .all(|pair| pair[0].offset < pair[1].offset);
    assert!(ascending);
}

#[test]
fn a_change_before_its_copy_is_none() {
    let mut kernel = Kernel {
        written_later: vec![(2, B + 10, vec![7])],
        ..Kernel::default()
    };
    assert_eq!(changes(&mut kernel, PROGRAM_DETECT_CHANGES), []);
}

#[test]
fn nothing_is_compared_unless_asked_for() {
    let mut kernel = Kernel {
        written_later: vec![(LATER, A, vec![1])],
        ..Kernel::default()
    };
    assert_eq!(changes(&mut kernel, 0), []);
    assert_eq!(kernel.read, 4000, "everything was read once");
}

#[test]
fn what_vanished_has_not_changed() {
    let mut kernel = Kernel {
        unmapped_later: vec![(LATER, A)],
        written_later: vec![(LATER, B + 3, vec![1])],
        ..Kernel::default()
    };
    assert_eq!(changes(&mut kernel, PROGRAM_DETECT_CHANGES), [(B + 3, 1)]);
}

#[test]
fn pointers_are_compared_as_they_were_in_memory() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.map(B, 16);
    kernel.put_word(A, B);
    kernel.put_word(B, A);
    kernel.written_later = vec![(3, B + 8, vec![1])];
    let mut program = Builder {
        flags: PROGRAM_DETECT_CHANGES,
        ..Builder::default()
    };
    program.type_(16, vec![pointer(0, 0)]);
    program.argument(0, None, pointer(0, 0));
    let (_, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    let changes: Vec<u64> = image
        .changes
        .iter()
        .map(|c| image.original(c.offset))
        .collect();
    assert_eq!(changes, [B + 8]);
}
