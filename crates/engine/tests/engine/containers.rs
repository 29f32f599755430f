//! Linear containers, sound and damaged, walked as the kernel walks them.

use kflat_abi::extension as abi;
use kflat_abi::program::code;
use kflat_abi::program::{OP_CHAIN, OP_HLIST, OP_HLIST_NULLS, OP_LIST, OP_LLIST};
use proptest::prelude::*;

use crate::simulation::kernel::Kernel;
use crate::simulation::loader::Image;
use crate::simulation::program::{Builder, constant, container, list, pointer, pointers, step};
use crate::simulation::run;

const A: u64 = 0xffff_8880_0000_1000;
const B: u64 = 0xffff_8880_0100_2000;

/// A list of `count` elements of 32 bytes with the link at 8, its head at `A`.
pub(crate) fn linked(kernel: &mut Kernel, count: u64) -> Builder {
    let element = |index: u64| B + 0x100 * (index * 7 % count);
    kernel.map(A, 16);
    let node = |index| if index == 0 { A } else { element(index) + 8 };
    for index in 1..count {
        kernel.map(element(index), 32);
        kernel.put_word(element(index), index);
    }
    for index in 0..count {
        let next = node((index + 1) % count);
        kernel.put_word(node(index), next);
        kernel.put_word(next + 8, node(index));
    }
    let mut program = Builder::default();
    let element = program.type_(32, vec![]);
    let head = program.type_(16, vec![list(0, element, 8)]);
    program.argument(0, None, pointer(0, head));
    program
}

#[test]
fn a_list_is_walked_and_relocated_in_both_directions() {
    let mut kernel = Kernel::default();
    let program = linked(&mut kernel, 200);
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 200));
    let head = image.roots[0];
    let (mut at, mut previous) = (image.follow(head), head);
    for index in 1..200 {
        assert_eq!(image.word(at - 8), index);
        assert_eq!(image.follow(at + 8), previous);
        (at, previous) = (image.follow(at), at);
    }
    assert_eq!(at, head);
    assert_eq!(image.follow(head + 8), previous);
    assert_eq!(image.pointers.len(), 400);
}

#[test]
fn an_empty_list_points_to_itself_and_one_of_zeros_is_left_alone() {
    let mut kernel = Kernel::default();
    let program = linked(&mut kernel, 1);
    let (_, image) = run(&mut kernel, &program.build(), &[A]);
    let image = image.expect("an image");
    assert_eq!(image.follow(image.roots[0]), image.roots[0]);
    kernel.put_word(A, 0);
    kernel.put_word(A + 8, 0);
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(report.reason, 0);
    assert!(image.expect("an image").pointers.is_empty());
}

#[test]
fn a_list_that_bites_its_tail_ends() {
    let mut kernel = Kernel::default();
    let program = linked(&mut kernel, 50);
    // The last element leads to the tenth instead of to the head.
    let element = |index: u64| B + 0x100 * (index * 7 % 50);
    kernel.put_word(element(49) + 8, element(10) + 8);
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(
        (report.reason, report.objects),
        (abi::REASON_LIST_DAMAGED, 50)
    );
    assert!(image.is_some());
    // And one that leads nowhere.
    kernel.put_word(element(49) + 8, 0xdead_0000_0000_0122);
    let (report, _) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!(
        (report.reason, report.objects),
        (abi::REASON_UNREADABLE, 50)
    );
}

/// The kinds of containers.
const KINDS: [u8; 5] = [OP_LIST, OP_HLIST, OP_HLIST_NULLS, OP_LLIST, OP_CHAIN];
/// Where the link of an element is.
const LINK: u64 = 16;
/// What ends an `hlist_nulls`.
const NULLS: u64 = 0x7b;

/// A container of `elements` in this order, its head at `A`. Of each element the first
/// word is its number. The tag is put on the head.
fn build(kernel: &mut Kernel, kind: u8, elements: &[u64], tag: u64) {
    let two = matches!(kind, OP_LIST | OP_HLIST | OP_HLIST_NULLS);
    let link = if kind == OP_CHAIN { 0 } else { LINK };
    kernel.map(A, 16);
    for (number, element) in (1..).zip(elements) {
        kernel.map(*element, 40);
        kernel.put_word(*element, number);
    }
    let end = match kind {
        OP_LIST => A,
        OP_HLIST_NULLS => NULLS,
        _ => 0,
    };
    let mut place = A;
    for element in elements {
        kernel.put_word(place, element + link);
        if two {
            kernel.put_word(element + LINK + 8, place);
        }
        place = element + LINK;
    }
    kernel.put_word(place, end);
    if kind == OP_LIST {
        kernel.put_word(A + 8, place);
    }
    if tag > 0 {
        let first = elements.first().map_or(end, |element| element + link);
        kernel.put_word(A, first | tag);
    }
}

fn program(kind: u8, tag_mask: u16) -> Builder {
    let mut program = Builder::default();
    let element = program.type_(40, vec![]);
    let mut head = container(kind, 0, element, LINK as u32);
    head.tag_mask = tag_mask;
    let owner = program.type_(16, vec![head]);
    program.argument(0, None, pointer(0, owner));
    program
}

/// The numbers of the elements that the image's container leads to, as the kernel
/// would walk it.
fn walk(image: &Image, kind: u8, tag: u64) -> Vec<u64> {
    let head = image.roots[0];
    let back = if kind == OP_CHAIN { 0 } else { LINK };
    let mut numbers = vec![];
    let mut place = head;
    let mut mask = !tag;
    loop {
        let next = image.word(place);
        let ends = match kind {
            OP_LIST => next == head && image.is_pointer(place),
            OP_HLIST_NULLS => next == NULLS && !image.is_pointer(place),
            _ => next & mask == 0 && !image.is_pointer(place),
        };
        if ends {
            return numbers;
        }
        let element = (image.follow(place) & mask) - back;
        mask = u64::MAX;
        numbers.push(image.word(element));
        if matches!(kind, OP_LIST | OP_HLIST | OP_HLIST_NULLS) {
            assert_eq!(image.follow(element + LINK + 8), place, "the way back");
        }
        place = element + LINK;
    }
}

/// Addresses of so many elements, apart and in no order.
fn scattered(count: u64) -> Vec<u64> {
    (1..=count).map(|n| B + 0x40 * (n * 7919 % 1024)).collect()
}

#[test]
fn every_kind_is_walked_to_its_end() {
    for kind in KINDS {
        for count in [0, 1, 2, 3, 100] {
            let mut kernel = Kernel::default();
            build(&mut kernel, kind, &scattered(count), 0);
            let (report, image) = run(&mut kernel, &program(kind, 0).build(), &[A]);
            assert_eq!(
                (report.reason, report.objects),
                (0, count + 1),
                "kind {kind}"
            );
            let numbers: Vec<u64> = (1..=count).collect();
            assert_eq!(
                walk(&image.expect("an image"), kind, 0),
                numbers,
                "kind {kind}"
            );
        }
    }
}

#[test]
fn a_lock_in_the_head_stays_locked() {
    let mut kernel = Kernel::default();
    build(&mut kernel, OP_HLIST, &scattered(4), 1);
    let (report, image) = run(&mut kernel, &program(OP_HLIST, 1).build(), &[A]);
    assert_eq!((report.reason, report.objects), (0, 5));
    let image = image.expect("an image");
    assert_eq!(image.word(image.roots[0]) & 1, 1);
    assert_eq!(walk(&image, OP_HLIST, 1), [1, 2, 3, 4]);
    // An empty one as well.
    let mut kernel = Kernel::default();
    build(&mut kernel, OP_HLIST, &[], 1);
    let (report, image) = run(&mut kernel, &program(OP_HLIST, 1).build(), &[A]);
    assert_eq!((report.reason, report.objects), (0, 1));
    assert_eq!(walk(&image.expect("an image"), OP_HLIST, 1), [0; 0]);
}

#[test]
fn a_tag_may_lead_out_of_a_small_element() {
    let mut kernel = Kernel::default();
    build(&mut kernel, OP_CHAIN, &[B], 0xc0);
    let (report, image) = run(&mut kernel, &program(OP_CHAIN, 0xff).build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 2));
    let first = image.at(B).expect("captured");
    assert_eq!(image.follow(image.roots[0]), first + 0xc0);
}

#[test]
fn a_way_back_that_leads_elsewhere_stays() {
    // As under RCU, or in a list that was poisoned.
    let mut kernel = Kernel::default();
    let elements = scattered(3);
    build(&mut kernel, OP_LIST, &elements, 0);
    kernel.put_word(elements[1] + LINK + 8, 0xdead_0000_0000_0122);
    let (report, image) = run(&mut kernel, &program(OP_LIST, 0).build(), &[A]);
    let image = image.expect("an image");
    assert_eq!((report.reason, report.objects), (0, 4));
    let second = image.at(elements[1]).expect("captured");
    assert_eq!(image.word(second + LINK + 8), 0xdead_0000_0000_0122);
    assert!(!image.is_pointer(second + LINK + 8));
}

#[test]
fn a_container_that_comes_back_to_any_element_ends() {
    for kind in KINDS {
        let link = if kind == OP_CHAIN { 0 } else { LINK };
        for (last, back) in [(0, 0), (1, 0), (1, 1), (9, 0), (9, 4), (9, 9)] {
            let mut kernel = Kernel::default();
            let elements = scattered(10);
            build(&mut kernel, kind, &elements, 0);
            kernel.put_word(elements[last] + LINK, elements[back] + link);
            let (report, image) = run(&mut kernel, &program(kind, 0).build(), &[A]);
            assert_eq!(
                (report.reason, report.objects),
                (abi::REASON_LIST_DAMAGED, last as u64 + 2),
                "kind {kind}, from {last} back to {back}"
            );
            assert!(image.is_some());
        }
    }
}

#[test]
fn a_limit_of_its_own_ends_a_container() {
    for kind in KINDS {
        let mut kernel = Kernel::default();
        build(&mut kernel, kind, &scattered(10), 0);
        let mut program = program(kind, 0);
        program.types[1].1[0].count = constant(4);
        let (report, image) = run(&mut kernel, &program.build(), &[A]);
        assert_eq!(
            (report.reason, report.objects),
            (abi::REASON_LIMIT_ELEMENTS, 5)
        );
        assert_eq!(image.expect("an image").diagnostics[0].detail, 4);
        // As many as there are is not too many.
        program.types[1].1[0].count = constant(10);
        let (report, _) = run(&mut kernel, &program.build(), &[A]);
        assert_eq!((report.reason, report.objects), (0, 11));
    }
}

#[test]
fn elements_of_a_container_have_containers() {
    // A table of hlists of owners of llists.
    let mut kernel = Kernel::default();
    kernel.map(A, 3 * 8);
    let mut next = B;
    let mut fresh = |kernel: &mut Kernel| {
        next += 0x40;
        kernel.map(next, 32);
        next
    };
    for bucket in 0..3 {
        let mut place = A + 8 * bucket;
        for _ in 0..bucket {
            let owner = fresh(&mut kernel);
            kernel.put_word(place, owner);
            kernel.put_word(owner + 8, place);
            place = owner;
            let mut inner = owner + 16;
            for _ in 0..4 {
                let leaf = fresh(&mut kernel);
                kernel.put_word(inner, leaf + 8);
                inner = leaf + 8;
            }
        }
    }
    let mut program = Builder::default();
    let leaf = program.type_(16, vec![]);
    let owner = program.type_(32, vec![container(OP_LLIST, 16, leaf, 8)]);
    let bucket = program.type_(8, vec![container(OP_HLIST, 0, owner, 0)]);
    program.argument(0, None, pointers(0, bucket, constant(3)));
    let (report, image) = run(&mut kernel, &program.build(), &[A]);
    assert_eq!((report.reason, report.objects), (0, 1 + 3 + 3 * 4));
    let image = image.expect("an image");
    assert_eq!(image.pointers.len(), 2 * 3 + 3 * 4);
}

#[test]
fn what_is_handed_down_reaches_every_element() {
    let mut kernel = Kernel::default();
    build(&mut kernel, OP_LIST, &scattered(3), 0);
    kernel.map(0xffff_8880_0300_0000, 0x100);
    for element in scattered(3) {
        kernel.put_word(element + 32, 0xffff_8880_0300_0000);
    }
    let mut program = Builder::default();
    let word = program.plain(8);
    let count = program.computed(&[step(code::PARAMETER, 0)]);
    let element = program.type_(40, vec![pointers(32, word, count)]);
    program.parameters(element, 1);
    let head = list(0, element, LINK as u32);
    let head = program.handing(head, &[step(code::ARGUMENT, 1)]);
    let owner = program.type_(16, vec![head]);
    program.argument(0, None, pointer(0, owner));
    let (report, image) = run(&mut kernel, &program.build(), &[A, 5]);
    assert_eq!((report.reason, report.objects), (0, 5), "the array is one");
    assert_eq!(image.expect("an image").objects[4].count, 5);
}

/// What happens to a link.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// It leads to another element, or to itself.
    Element(usize),
    /// It leads to no link, but into an element.
    Inside(usize),
    Word(u64),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0..64usize).prop_map(Damage::Element),
        (0..64usize).prop_map(Damage::Inside),
        // LIST_POISON1 and 2, what was freed and filled, and anything.
        prop_oneof![
            Just(0xdead_0000_0000_0100),
            Just(0xdead_0000_0000_0122),
            Just(0x6b6b_6b6b_6b6b_6b6b),
            Just(0u64),
            any::<u64>(),
        ]
        .prop_map(Damage::Word),
    ]
}

proptest! {
    #[test]
    fn a_damaged_container_ends_and_what_is_captured_is_right(
        kind in prop::sample::select(&KINDS[..]),
        count in 1..64u64,
        damages in prop::collection::vec((0..64usize, 0..2u64, damage()), 0..4),
    ) {
        let mut kernel = Kernel::default();
        let elements = scattered(count);
        build(&mut kernel, kind, &elements, 0);
        let link = if kind == OP_CHAIN { 0 } else { LINK };
        for (at, word, damage) in damages {
            let value = match damage {
                Damage::Element(to) => elements[to % elements.len()] + link,
                Damage::Inside(to) => elements[to % elements.len()] + 8,
                Damage::Word(word) => word,
            };
            kernel.put_word(elements[at % elements.len()] + LINK + 8 * word, value);
        }
        let (report, image) = run(&mut kernel, &program(kind, 0).build(), &[A]);
        let image = image.expect("an image");
        // Elements that lie in others are objects of their own, once.
        prop_assert!(report.objects <= 2 * count + 1);
        for object in &image.objects {
            for at in (object.offset..object.offset + 40).step_by(8).take(2) {
                let was = kernel.bytes(image.original(at), 8).expect("captured");
                let was = u64::from_le_bytes(was.try_into().expect("8 bytes"));
                if image.is_pointer(at) {
                    prop_assert_eq!(image.original(image.word(at)), was);
                } else {
                    prop_assert_eq!(image.word(at), was);
                }
            }
        }
    }
}
