//! What a capture makes of the shapes that kernel data has.

use crate::simulation::faithful::is_faithful;
use crate::simulation::kernel::Kernel;
use crate::simulation::program::{
    Builder, argument, constant, embed, function, member, pointer, pointers, string,
};
use crate::simulation::{PLENTY, run, run_in};
use kflat_abi::extension as abi;
use kflat_abi::program::REJECTED_ACTION_TARGET;
use kflat_engine::verify;

/// Kernel addresses, far apart.
const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;
const C: u64 = 0xffff_8880_0002_3000;

#[test]
fn a_structure_and_what_it_points_to() {
    let mut kernel = Kernel::default();
    kernel.map(A, 24);
    kernel.map(B, 16);
    kernel.put_word(A, 7);
    kernel.put_word(A + 8, B);
    kernel.put_word(A + 16, 0);
    kernel.put_word(B + 8, 99);
    let mut program = Builder::default();
    let inner = program.plain(16);
    let outer = program.type_(24, vec![pointer(8, inner), pointer(16, inner)]);
    program.argument(0, Some("outer"), pointer(0, outer));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects, report.fragments), (0, 2, 2));
    let (root, size) = image.named["outer"];
    assert_eq!((root, size), (image.roots[0], 24));
    assert_eq!(image.word(root), 7);
    let inner = image.follow(root + 8);
    assert_eq!(image.word(inner + 8), 99);
    assert_eq!(image.word(root + 16), 0);
    assert_eq!(image.pointers, [root + 8], "NULL is not relocated");
    assert_eq!(image.original(inner), B);
    assert_eq!(image.objects[1].parent, 0);
    assert_eq!(kernel.read, 40, "every byte is read once");
}

#[test]
fn cycles_and_sharing_keep_their_shape() {
    let mut kernel = Kernel::default();
    for at in [A, B, C] {
        kernel.map(at, 16);
    }
    kernel.put_word(A, B);
    kernel.put_word(A + 8, C);
    kernel.put_word(B, C);
    kernel.put_word(B + 8, B);
    kernel.put_word(C, A);
    let mut program = Builder::default();
    program.type_(16, vec![pointer(0, 0), pointer(8, 0)]);
    program.argument(0, None, pointer(0, 0));
    program.argument(1, None, pointer(0, 0));
    program.argument(2, None, pointer(0, 0));
    let (report, image) = run(&mut kernel, &program.build(), &[A, A]);
    let image = image.expect("an image");
    assert_eq!(report.objects, 3);
    let [a, again, absent] = image.roots[..] else {
        panic!("three roots");
    };
    assert_eq!((a, absent), (again, u64::MAX));
    let (b, c) = (image.follow(a), image.follow(a + 8));
    assert_eq!(image.follow(b), c);
    assert_eq!(image.follow(b + 8), b);
    assert_eq!(image.follow(c), a);
}

#[test]
fn ranges_that_touch_or_overlap_are_one_fragment() {
    let mut kernel = Kernel::default();
    kernel.map(A, 64);
    kernel.map(B, 48);
    for word in 0..8 {
        kernel.put_word(A + 8 * word, 0x1000 + word);
    }
    // Four pointers: to the array, to its third word, past its end, and before it.
    kernel.put_word(B, A + 8);
    kernel.put_word(B + 8, A + 16);
    kernel.put_word(B + 16, A + 40);
    kernel.put_word(B + 24, A);
    let mut program = Builder::default();
    let word = program.plain(8);
    let array = program.plain(32);
    let table = program.type_(
        48,
        vec![
            pointer(0, array),
            pointer(8, word),
            pointer(16, word),
            pointer(24, word),
        ],
    );
    program.argument(0, None, pointer(0, table));
    let (report, image) = run(&mut kernel, &program.build(), &[B]);
    let image = image.expect("an image");
    assert_eq!((report.objects, report.fragments), (5, 2));
    let root = image.roots[0];
    let array = image.follow(root);
    assert_eq!(image.follow(root + 8), array + 8, "interior");
    assert_eq!(image.follow(root + 16), array + 32, "touching");
    assert_eq!(image.follow(root + 24), array - 8, "touching in front");
    let values: Vec<u64> = (0..6).map(|i| image.word(array - 8 + 8 * i)).collect();
    assert_eq!(values, [0x1000, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005]);
    assert!(image.fragments.iter().any(|(_, size)| *size == 48));
}

#[test]
fn a_word_that_two_overlapping_objects_know_is_listed_once() {
    let mut kernel = Kernel::default();
    kernel.map(A, 64);
    kernel.map(C, 8);
    kernel.put_word(A, A + 16);
    kernel.put_word(A + 24, C);
    let mut program = Builder::default();
    let leaf = program.plain(8);
    // The inner structure at 16, seen both inside of the outer one and by itself.
    let inner = program.type_(16, vec![pointer(8, leaf)]);
    let outer = program.type_(64, vec![pointer(0, inner), embed(16, inner, constant(1))]);
    program.argument(0, None, pointer(0, outer));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.objects, report.fragments), (3, 2));
    let root = image.roots[0];
    assert_eq!(image.pointers, [root, root + 24]);
    assert_eq!(image.original(image.follow(root + 24)), C);
}

#[test]
fn strings_end_at_their_nul_or_at_the_limit() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.map(B + 5, 100);
    kernel.map(C + 0xff8, 8);
    kernel.put(
        B + 5,
        b"a string that begins at an odd place and goes on and on\0garbage",
    );
    kernel.put(C + 0xff8, b"no end..");
    kernel.put_word(A, B + 5);
    kernel.put_word(A + 8, C + 0xff8);
    let mut program = Builder::default();
    let char_ = program.plain(1);
    let pair = program.type_(16, vec![string(0, char_), string(8, char_)]);
    program.argument(0, None, pointer(0, pair));
    program.limits.string = 200;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    let root = image.roots[0];
    let text = image.follow(root);
    assert_eq!(
        image.string(text),
        "a string that begins at an odd place and goes on and on"
    );
    assert_eq!(text % 8, 5);
    let cut = image.follow(root + 8);
    assert_eq!(&image.memory[cut as usize..][..8], b"no end..");
    assert_eq!(report.reason, abi::REASON_UNREADABLE);
    assert_eq!(image.diagnostics[0].address, C + 0x1000);
    program.limits.string = 6;
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(report.reason, abi::REASON_STRING_CUT);
    let image = image.expect("an image");
    assert_eq!(
        &image.memory[image.follow(image.roots[0]) as usize..][..6],
        b"a stri"
    );
}

#[test]
fn a_dangling_pointer_keeps_its_value_and_is_told() {
    let mut kernel = Kernel::default();
    kernel.map(A, 8);
    kernel.put_word(A, 0xdead_0000_0000_0100);
    let mut program = Builder::default();
    program.type_(8, vec![pointer(0, 0)]);
    program.argument(0, None, pointer(0, 0));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!(
        (report.reason, report.diagnostics),
        (abi::REASON_UNREADABLE, 1)
    );
    assert!(image.pointers.is_empty());
    assert_eq!(image.word(image.roots[0]), 0xdead_0000_0000_0100);
    let diagnostic = image.diagnostics[0];
    assert_eq!(diagnostic.address, 0xdead_0000_0000_0100);
    assert_eq!(
        (diagnostic.object, diagnostic.via),
        (0, 0),
        "the path that led there"
    );
}

#[test]
fn an_array_is_captured_as_far_as_it_can_be_read() {
    let mut kernel = Kernel::default();
    kernel.map(A, 2 * 4096);
    kernel.map(B, 8);
    for element in 0..512 {
        kernel.put_word(A + 16 * element, B);
    }
    let mut program = Builder::default();
    let leaf = program.plain(8);
    let element = program.type_(16, vec![pointer(0, leaf)]);
    program.argument(0, None, pointers(0, element, argument(1)));
    let (report, image) = run(&mut kernel, &program.build(), &[A, 700]);
    let image = image.expect("an image");
    assert_eq!(report.reason, abi::REASON_UNREADABLE);
    assert_eq!(image.objects[0].count, 512);
    assert_eq!(image.pointers.len(), 512);
    assert_eq!(image.diagnostics[0].detail, (700 - 512) * 16);
}

#[test]
fn counts_come_from_members_and_embedded_elements_are_followed() {
    let mut kernel = Kernel::default();
    kernel.map(A, 0x40);
    kernel.map(B, 64);
    kernel.map(C, 0x100);
    // { u32 count; struct element *elements; struct pair { u16 n; void *p } pairs[2]; }
    kernel.put_u32(A, 3);
    kernel.put_word(A + 8, B);
    kernel.put(A + 16, &2u16.to_le_bytes());
    kernel.put_word(A + 24, C);
    kernel.put(A + 32, &1u16.to_le_bytes());
    kernel.put_word(A + 40, C + 0x80);
    let mut program = Builder::default();
    let element = program.plain(12);
    let word = program.plain(8);
    let pair = program.type_(16, vec![pointers(8, word, member(0, 2))]);
    let top = program.type_(
        0x40,
        vec![
            pointers(8, element, member(0, 4)),
            embed(16, pair, constant(2)),
        ],
    );
    program.argument(0, None, pointer(0, top));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 4));
    let counts: Vec<u32> = image.objects.iter().map(|o| o.count).collect();
    assert_eq!(counts, [1, 3, 2, 1]);
    let root = image.roots[0];
    assert_eq!(
        image.follow(root + 40) - image.follow(root + 24),
        0x80 - (0x80 - 16)
    );
}

#[test]
fn an_embedded_array_never_leaves_its_object() {
    let mut kernel = Kernel::default();
    kernel.map(A, 64);
    kernel.put_u32(A, 1000);
    let mut program = Builder::default();
    let element = program.type_(16, vec![pointer(0, 0)]);
    let top = program.type_(64, vec![embed(16, element, member(0, 4))]);
    program.argument(0, None, pointer(0, top));
    let (report, _) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!((report.reason, report.objects), (abi::REASON_OVERFLOW, 1));
}

#[test]
fn functions_are_named_and_keep_their_value() {
    let mut kernel = Kernel::default();
    kernel.map(A, 32);
    let text = 0xffff_ffff_8100_0000;
    kernel.symbols.insert(text, "vfs_read".to_owned());
    kernel.put_word(A, text);
    kernel.put_word(A + 8, text + 0x10);
    kernel.put_word(A + 16, 0x1234);
    let mut program = Builder::default();
    let actions = [0, 8, 16, 24].map(function).to_vec();
    let operations = program.type_(32, actions);
    program.argument(0, None, pointer(0, operations));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    let root = image.roots[0];
    let named: Vec<(u64, &str)> = (image.functions.iter())
        .map(|(at, name)| (at - root, name.as_str()))
        .collect();
    assert_eq!(named, [(0, "vfs_read"), (8, "vfs_read+0x10")]);
    assert_eq!(image.word(root), text);
    assert_eq!(image.reasons(), [abi::REASON_NO_SYMBOL]);
    assert_eq!(report.reason, 0, "what has no name is no function");
}

#[test]
fn tag_bits_and_shifts_come_back_in_the_image() {
    let mut kernel = Kernel::default();
    kernel.map(A, 16);
    kernel.map(B, 32);
    kernel.put_word(A, B | 3);
    // container_of: the pointer leads to the member at 24; and 8 in front of it.
    kernel.put_word(A + 8, B + 24);
    let mut program = Builder::default();
    let leaf = program.plain(32);
    let mut tagged = pointer(0, leaf);
    tagged.tag_mask = 7;
    let mut contained = pointer(8, leaf);
    contained.shift = -24;
    let top = program.type_(16, vec![tagged, contained]);
    program.argument(0, None, pointer(0, top));
    let mut ahead = pointer(0, leaf);
    ahead.shift = 8;
    program.argument(1, None, ahead);
    let (report, image) = run(&mut kernel, &program.build(), &[A, B - 8]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 2));
    let root = image.roots[0];
    let leaf = image.follow(root) & !7;
    assert_eq!(image.follow(root), leaf | 3);
    assert_eq!(image.follow(root + 8), leaf + 24);
    assert_eq!(image.roots[1], leaf - 8);
}

#[test]
fn fragments_are_aligned_as_a_type_asks() {
    let mut kernel = Kernel::default();
    kernel.map(A, 24);
    kernel.map(B, 64);
    kernel.put_word(A, B);
    kernel.put_word(A + 8, B + 64);
    let mut program = Builder::default();
    let line = program.plain(64);
    program.types[line as usize].0.align = 64;
    let top = program.type_(24, vec![pointer(0, line)]);
    program.argument(0, None, pointer(0, top));
    let (_, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!(image.follow(image.roots[0]) % 64, 0);
}

#[test]
fn aligned_objects_may_take_more_room_together_than_apart() {
    // Words, each with an aligned line behind it: all the words are captured before the
    // lines, without gaps; together there is a gap in front of each.
    const PAIRS: u64 = 100;
    let mut kernel = Kernel::default();
    kernel.map(A, 16 * PAIRS as usize);
    for pair in 0..PAIRS {
        let line = B + 0x100 * pair;
        kernel.map(line - 8, 72);
        for (at, value) in [(line - 8, pair), (line, 2 * pair), (line + 56, 3 * pair)] {
            kernel.put_word(at, value);
        }
        kernel.put_word(A + 8 * pair, line - 8);
        kernel.put_word(A + 8 * (PAIRS + pair), line);
    }
    let mut program = Builder::default();
    let (word, line) = (program.plain(8), program.plain(64));
    program.types[line as usize].0.align = 64;
    let to_word = program.type_(8, vec![pointer(0, word)]);
    let to_line = program.type_(8, vec![pointer(0, line)]);
    let half = 8 * PAIRS as u32;
    let top = program.type_(
        2 * half,
        vec![
            embed(0, to_word, constant(PAIRS as u32)),
            embed(half, to_line, constant(PAIRS as u32)),
        ],
    );
    program.argument(0, None, pointer(0, top));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!((report.reason, report.objects), (0, 201));
    let image = image.expect("an image");
    let root = image.roots[0];
    for pair in 0..PAIRS {
        let word = image.follow(root + 8 * pair);
        let line = image.follow(root + 8 * (PAIRS + pair));
        assert_eq!((line, line % 64), (word + 8, 0));
        let words = [word, line, line + 56].map(|at| image.word(at));
        assert_eq!(words, [pair, 2 * pair, 3 * pair]);
    }
}

#[test]
fn strings_of_aligned_characters_are_rejected() {
    let program = |align| {
        let mut program = Builder::default();
        let character = program.plain(1);
        program.types[character as usize].0.align = align;
        let top = program.type_(8, vec![string(0, character)]);
        program.argument(0, None, pointer(0, top));
        program.build()
    };
    assert!(verify(&program(8)).is_ok());
    let rejection = verify(&program(4096)).expect_err("aligned");
    assert_eq!(rejection.code, REJECTED_ACTION_TARGET);
}

#[test]
fn many_diagnostics_are_counted_where_there_is_no_room() {
    let mut kernel = Kernel::default();
    kernel.map(A, 8 * 512);
    for word in 0..512 {
        kernel.put_word(A + 8 * word, 8);
    }
    let mut program = Builder::default();
    let slot = program.type_(8, vec![pointer(0, 0)]);
    program.argument(0, None, pointers(0, slot, constant(512)));
    let (report, image) = run_in(&mut kernel, &program.build(), &[A], 4096, PLENTY);
    assert_eq!(report.diagnostics, 512);
    let last = *image.expect("an image").diagnostics.last().expect("some");
    assert_eq!(last.reason, abi::REASON_DIAGNOSTICS_DROPPED);
    assert!(last.detail > 400);
}

#[test]
fn an_unaligned_pointer_is_told_and_left_alone() {
    let mut kernel = Kernel::default();
    kernel.map(A, 32);
    kernel.put_word(A + 12, A);
    let mut program = Builder::default();
    program.type_(24, vec![pointer(8, 0)]);
    program.argument(0, None, pointer(0, 0));
    let (report, image) = run(&mut kernel, &program.build(), &[A + 4]);
    assert_eq!(report.reason, abi::REASON_UNALIGNED);
    assert!(image.expect("an image").pointers.is_empty());
}

/// The pointer leads to the fourth of ten elements, of which one was captured: the
/// image has room up to there.
#[test]
fn a_shifted_pointer_into_an_array_that_was_cut_stays_inside_of_the_image() {
    let mut kernel = Kernel::default();
    kernel.map(A, 80);
    let mut program = Builder::default();
    let element = program.plain(8);
    let mut fourth = pointers(0, element, argument(1));
    fourth.shift = -24;
    program.argument(0, None, fourth);
    program.limits.elements = 1;
    for count in [10, u64::MAX] {
        let (report, image) = run(&mut kernel, &program.build(), &[A + 24, count]);
        let image = image.expect("an image");
        assert_eq!(report.reason, abi::REASON_LIMIT_ELEMENTS);
        assert_eq!(image.original(image.roots[0]), A + 24);
    }
}

#[test]
fn where_the_lists_need_the_room_the_memory_begins_with_another_object_than_the_first() {
    let mut kernel = Kernel::default();
    let (nodes, at) = (1000, |node: u64| A + node * 64);
    for node in 0..nodes {
        kernel.map(at(node), 40);
        kernel.put_word(at(node) + 32, node);
        for (word, child) in [2 * node + 1, 2 * node + 2].into_iter().enumerate() {
            let child = if child < nodes { at(child) } else { 0 };
            kernel.put_word(at(node) + 8 * word as u64, child);
        }
        // A name in every third, of another length each time.
        let name = B + node * 64;
        kernel.map(name, 64);
        kernel.put(name, &[b'n'; 20][..(node % 20) as usize]);
        kernel.put_word(at(node) + 16, if node % 3 == 0 { name } else { 0 });
    }
    let mut program = Builder::default();
    let char_ = program.plain(1);
    let tree = program.type_(40, vec![pointer(0, 1), pointer(8, 1), string(16, char_)]);
    assert_eq!(tree, 1);
    program.argument(0, Some("tree"), pointer(0, tree));
    let program = program.build();
    let (report, image) = run(&mut kernel, &program, &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 1000 + 334));
    assert_eq!(report.fragments, report.objects);
    is_faithful(&kernel, &image, verify(&program).expect("right").program());
    assert!(image.roots[0] > 0, "the root is not in front");
    assert_eq!(image.original(image.roots[0]), A);
    let mut last = image.roots[0];
    while image.is_pointer(last + 8) {
        last = image.follow(last + 8);
    }
    assert_eq!(image.word(last + 32), 510);
}
