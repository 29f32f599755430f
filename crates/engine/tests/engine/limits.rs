//! Limits end or thin a capture, and the report says which.

use kflat_abi::extension as abi;

use crate::containers::linked;
use crate::simulation::kernel::Kernel;
use crate::simulation::program::{Builder, argument, get, pointer, pointers, step};
use crate::simulation::{PLENTY, run, run_in};
use kflat_abi::program::code;

const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;

#[test]
fn each_limit_ends_the_capture_with_what_there_is() {
    let mut kernel = Kernel::default();
    let mut program = linked(&mut kernel, 200);
    program.limits.objects = 10;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(
        (report.reason, report.objects),
        (abi::REASON_LIMIT_OBJECTS, 10)
    );
    assert_eq!(image.expect("partial").objects.len(), 10);

    let mut program = linked(&mut Kernel::default(), 200);
    program.limits.bytes = 16 + 5 * 32;
    let (report, _) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(
        (report.reason, report.objects),
        (abi::REASON_LIMIT_BYTES, 6)
    );

    let mut program = linked(&mut Kernel::default(), 200);
    program.limits.elements = 7;
    let (report, _) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(
        (report.reason, report.objects),
        (abi::REASON_LIMIT_ELEMENTS, 8)
    );

    let mut program = linked(&mut Kernel::default(), 200);
    program.limits.depth = 1;
    let (report, _) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(
        (report.reason, report.objects),
        (abi::REASON_LIMIT_DEPTH, 1)
    );

    let mut program = linked(&mut Kernel::default(), 200);
    program.limits.time_ns = 2;
    kernel.clock.step = 1;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(report.reason, abi::REASON_LIMIT_TIME);
    let objects = image.expect("partial").objects.len();
    assert!(objects > 10 && objects < 200, "{objects}");
}

#[test]
fn too_little_memory_gives_a_partial_image() {
    let mut kernel = Kernel::default();
    let program = linked(&mut kernel, 400).build();
    let (report, image) = run_in(&mut kernel, &program, &[A], 2048, PLENTY);
    assert_eq!(report.reason, abi::REASON_NO_MEMORY);
    assert!(report.objects > 50 && report.objects < 400);
    let image = image.expect("partial");
    let head = image.roots[0];
    assert_eq!(image.word(image.follow(head) - 8), 1);
}

#[test]
fn too_small_an_area_gives_what_fits_and_tells_how_many_bytes_are_needed() {
    let mut kernel = Kernel::default();
    let program = linked(&mut kernel, 400).build();
    let (full, _) = run(&mut kernel, &program, &[A]);
    assert_eq!((full.reason, full.objects), (0, 400));
    for area in [0, 10, 100] {
        let (report, image) = run_in(&mut kernel, &program, &[A], PLENTY, area);
        assert!(image.is_none());
        assert_eq!(report.reason, abi::REASON_AREA_TOO_SMALL);
        assert_eq!((report.image_size, report.total_size), (0, 0));
        assert!(report.needed_size > area as u64 * 8);
    }
    let (report, image) = run_in(&mut kernel, &program, &[A], PLENTY, 1500);
    assert_eq!(report.reason, abi::REASON_AREA_TOO_SMALL);
    let image = image.expect("partial");
    assert!(report.objects > 50 && report.objects < 400);
    let head = image.roots[0];
    assert_eq!(image.word(image.follow(head) - 8), 1);
    // Whoever does as told gets everything in the end.
    let (mut words, mut rounds) = (0, 0);
    loop {
        let (report, _) = run_in(&mut kernel, &program, &[A], PLENTY, words);
        if report.reason == 0 {
            break;
        }
        let needed = report.needed_size.div_ceil(8) as usize;
        assert!(needed > words, "{needed} words after {words}");
        (words, rounds) = (needed.max(words * 3 / 2), rounds + 1);
    }
    assert!(rounds < 20);
    let words = full.needed_size.div_ceil(8) as usize;
    let (report, image) = run_in(&mut kernel, &program, &[A], PLENTY, words);
    assert_eq!((report.reason, report.objects), (0, 400));
    assert!(image.is_some());
}

#[test]
fn an_array_is_cut_at_the_limit_of_elements() {
    let mut kernel = Kernel::default();
    kernel.map(A, 800);
    let mut program = Builder::default();
    let word = program.plain(8);
    program.argument(0, None, pointers(0, word, argument(1)));
    program.limits.elements = 30;
    let (report, image) = run(&mut kernel, &program.build(), &[A, 100]);
    assert_eq!(
        (report.reason, report.objects),
        (abi::REASON_LIMIT_ELEMENTS, 1)
    );
    assert_eq!(image.expect("an image").objects[0].count, 30);
    // The limit thins a capture: what comes after is captured.
    let mut program = Builder::default();
    let word = program.plain(8);
    program.argument(0, None, pointers(0, word, argument(1)));
    program.argument(2, Some("other"), pointer(0, word));
    program.limits.elements = 30;
    let (report, image) = run(&mut kernel, &program.build(), &[A, 100, A + 400]);
    assert_eq!(report.objects, 2);
    assert_ne!(image.expect("an image").named["other"].0, u64::MAX);
}

#[test]
fn the_limit_of_depth_thins_a_capture_at_its_edge() {
    // Two ways to a node: the short one within the limit.
    let mut kernel = Kernel::default();
    for node in 0..6 {
        kernel.map(B + 0x100 * node, 16);
        kernel.put_word(B + 0x100 * node, B + 0x100 * (node + 1));
    }
    kernel.put_word(B + 0x500, 0);
    kernel.put_word(B + 8, B + 0x500);
    let mut program = Builder::default();
    program.type_(16, vec![pointer(0, 0), pointer(8, 0)]);
    program.argument(0, None, pointer(0, 0));
    program.limits.depth = 3;
    let (report, image) = run(&mut kernel, &program.build(), &[B]);
    let image = image.expect("an image");
    // The nodes 0, 1, 2 and 5; what 2 leads to is not there.
    assert_eq!(report.objects, 4);
    assert_eq!(report.reason, abi::REASON_LIMIT_DEPTH);
    assert!(image.at(B + 0x500).is_some() && image.at(B + 0x300).is_none());
}

#[test]
fn time_ends_long_arrays_and_large_copies_too() {
    let mut program = Builder::default();
    let word = program.plain(8);
    let end = program.until(&[get(0, 8), step(code::IS_ZERO, 0)]);
    program.argument(0, None, pointers(0, word, end));
    program.limits.time_ns = 4;
    let mut kernel = Kernel::default();
    kernel.map(A, 8 * 4096);
    for word in 0..4000 {
        kernel.put_word(A + 8 * word, 1 + word);
    }
    kernel.clock.step = 1;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(report.reason, abi::REASON_LIMIT_TIME);
    let count = image.expect("an image").objects[0].count;
    assert!((64..512).contains(&count), "{count}");

    let mut program = Builder::default();
    let page = program.plain(4096);
    program.argument(0, None, pointers(0, page, argument(1)));
    program.limits.time_ns = 4;
    let mut kernel = Kernel::default();
    kernel.map(B, 4096 * 100);
    kernel.clock.step = 1;
    let (report, _) = run(&mut kernel, &program.build(), &[B, 100]);
    assert_eq!(report.reason, abi::REASON_LIMIT_TIME);
    assert!(kernel.read < 4096 * 80, "{}", kernel.read);
}
