//! Red-black trees are shown in their order.

use kflat_btf::{Assembler, Btf};
use kflat_image::show::{Options, show};
use kflat_image::typed::Typed;
use kflat_image::{Additions, Image, save};
use kflat_recipe::compile;

use crate::kernel::{Kernel, capture};

const ROOT: u64 = 0xffff_8880_0100_0000;
const RED: u64 = 0;
const BLACK: u64 = 1;

fn types() -> Btf {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let long = a.int("unsigned long", 8, false);
    let node = a.next_id();
    let pointer = kflat_btf::TypeId(node.0 + 1);
    let members = [
        ("__rb_parent_color", long, 0),
        ("rb_right", pointer, 8),
        ("rb_left", pointer, 16),
    ];
    a.structure("rb_node", 24, &members);
    a.pointer(node);
    let root = a.structure("rb_root", 8, &[("rb_node", pointer, 0)]);
    let to_root = a.pointer(root);
    a.structure("item", 32, &[("number", long, 0), ("node", node, 8)]);
    a.function("visit", int, &[("tree", to_root)]);
    Btf::parse(&a.finish()).expect("types")
}

/// Where the node of item `number` is.
fn node(number: u64) -> u64 {
    ROOT + 0x1000 * (number + 1) + 8
}

/// The items of a range as a balanced tree; its root.
fn grow(kernel: &mut Kernel, parent: u64, least: u64, end: u64, lost: u64) -> u64 {
    if least >= end {
        return 0;
    }
    let middle = least.midpoint(end);
    let at = node(middle);
    let left = grow(kernel, at, least, middle, lost);
    let right = grow(kernel, at, middle + 1, end, lost);
    let color = if (end - least) > 1 { BLACK } else { RED };
    if middle != lost {
        kernel.put(at - 8, &[middle, parent | color, right, left]);
    }
    at
}

/// A tree of so many items, captured; one of them may be unreadable.
fn tree(count: u64, lost: u64) -> Image {
    let mut kernel = Kernel::default();
    let root = grow(&mut kernel, 0, 0, count, lost);
    kernel.put(ROOT, &[root]);
    let recipe = "recipe visit { tree: tree of struct item by node; }";
    let compiled = compile(recipe, "t", &types()).unwrap_or_else(|error| panic!("{error}"));
    let bytes = capture(&compiled.program, &mut kernel, &[ROOT]);
    let additions = Additions {
        types: &compiled.types,
        program: &compiled.program,
        source: &compiled.source,
        context: &[],
        vmcoreinfo: "",
        surroundings: None,
    };
    Image::open(save(&bytes, &additions).expect("an image")).expect("an image")
}

/// Numbers of the elements, and whether these are all.
fn numbers(image: &Image) -> (Vec<u64>, bool) {
    let typed = Typed::new(image).expect("types");
    let path = typed.path("tree").expect("a path");
    let (pointer, _) = typed.root(&path.root);
    let kflat_image::typed::Pointer::Inside { aim: Some(aim), .. } = pointer else {
        panic!("{pointer:?}");
    };
    let mut elements = typed.contents(&aim.value).expect("a tree");
    let mut found = Vec::new();
    while let Some(value) = typed.next_element(&mut elements) {
        let bytes = typed.bytes(&value, 8).expect("a number");
        found.push(u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
    }
    (found, elements.complete)
}

#[test]
fn elements_come_in_their_order() {
    for count in [1, 2, 3, 6, 7, 100] {
        let expected: Vec<u64> = (0..count).collect();
        assert_eq!(numbers(&tree(count, u64::MAX)), (expected, true));
    }
    assert_eq!(numbers(&tree(0, u64::MAX)), (Vec::new(), true));
}

#[test]
fn a_tree_with_a_gap_is_not_complete() {
    // The middle of 0, 1, 2 is 1; of 0 to 6 it is the left of the root.
    assert_eq!(numbers(&tree(3, 1)), (Vec::new(), false));
    assert_eq!(numbers(&tree(7, 1)), (vec![3, 4, 5, 6], false));
    assert_eq!(numbers(&tree(7, 6)), ((0..6).collect(), false));
}

#[test]
fn trees_are_shown_and_indexed_like_lists() {
    let image = tree(3, u64::MAX);
    let shown = |path: &str| {
        let options = Options {
            path: Some(path.to_owned()),
            ..Options::default()
        };
        let mut out = Vec::new();
        show(&image, &options, &mut out).map(|()| String::from_utf8(out).expect("UTF-8"))
    };
    let all = shown("tree").expect("shown");
    assert!(all.contains("/* tree of struct item by node */"), "{all}");
    assert!(all.contains("[2] = {"), "{all}");
    let one = shown("tree[2].number").expect("shown");
    assert!(one.contains("= 2;"), "{one}");
    let error = shown("tree[3]").expect_err("too few").to_string();
    assert!(error.contains("3 elements"), "{error}");
    // The word itself is there too.
    assert!(shown("tree.rb_node").is_ok());
}
