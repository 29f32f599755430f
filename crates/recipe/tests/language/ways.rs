//! Ways to follow.

use kflat_abi::program as abi;
use kflat_recipe::compile;

use crate::evaluate::{evaluate, thing};
use crate::made::rich;
use crate::{action, good, program};

#[test]
fn each_way_that_a_program_knows_has_its_words() {
    let cases: &[(&str, u8)] = &[
        (
            "next: tagged 3 decode value & ~7 as struct thing;",
            abi::OP_POINTER,
        ),
        ("next: user;", abi::OP_POINTER),
        ("next: user array until null;", 0),
        ("things: array until null;", abi::OP_POINTER),
        ("next: array until kind == BAD;", abi::OP_POINTER),
        (
            "things: array wide of as struct thing { next; };",
            abi::OP_POINTER,
        ),
        ("any: user string max 20;", abi::OP_STRING),
        ("any: keep as struct thing;", abi::OP_POINTER),
        ("any: whole object;", abi::OP_POINTER),
        ("any: rest of object as s32;", abi::OP_POINTER),
        ("any: whole object max 64;", abi::OP_POINTER),
        ("any: rest of object as s32 max 4;", abi::OP_POINTER),
        ("any: per cpu as struct thing;", abi::OP_PER_CPU),
        ("any: this cpu as struct thing array 2;", abi::OP_POINTER),
        ("any: as struct thing * array 3;", abi::OP_POINTER),
        ("any: container of struct thing by hash;", abi::OP_POINTER),
        ("next: chain of struct thing by next max 9;", abi::OP_CHAIN),
        ("any: tree of struct thing by node;", abi::OP_POINTER),
        ("any: xarray of struct thing;", abi::OP_POINTER),
        ("map: xarray of struct thing { next; };", abi::OP_EMBED),
        ("table: hlist of struct thing by hash;", abi::OP_EMBED),
        ("names: array 1;", abi::OP_EMBED),
        ("names: array small of string max 7;", abi::OP_EMBED),
        ("names: here as pair;", abi::OP_EMBED),
        (
            "next with level = 3 { next: array level; }",
            abi::OP_POINTER,
        ),
        (
            "next: as counted with level = wide, size = address;",
            abi::OP_POINTER,
        ),
        ("next if arg fd > 2;", abi::OP_POINTER),
        ("next { any: string; }", abi::OP_POINTER),
    ];
    for (member, op) in cases {
        let text = format!(
            "recipe probe at return {{ thing; returned; from thing->next as other if n; detect changes; }}
             struct thing {{ {member} }}
             view pair of char *: string max 5;
             view counted(level, size) of struct thing {{ things: array level * size; }}"
        );
        if *op == 0 {
            assert!(compile(&text, "t", &rich()).is_err(), "{member}");
            continue;
        }
        let compiled = good(&text);
        let path = member.split([':', ' ']).next().expect("a name");
        assert_eq!(action(&compiled, path).op, *op, "{member}");
    }
}

#[test]
fn a_tree_is_walked_by_its_nodes() {
    let compiled = good(
        "recipe probe { thing; } struct thing { tree: tree of struct thing by node { any: string; } }",
    );
    let program = program(&compiled);
    let root = action(&compiled, "tree");
    assert_eq!(
        (root.op, root.offset, root.shift),
        (abi::OP_POINTER, 72, -32)
    );
    let node = program.type_at(root.target).expect("a view");
    let found: Vec<_> = (node.first_action..node.first_action + node.action_count)
        .map(|index| program.action_at(index).expect("an action"))
        .map(|a| (a.offset, a.op, a.tag_mask, a.shift, a.target == root.target))
        .collect();
    assert_eq!(
        found,
        [
            (24, abi::OP_STRING, 0, 0, false),
            (32, abi::OP_POINTER, 3, -32, true),
            (40, abi::OP_POINTER, 0, -32, true),
            (48, abi::OP_POINTER, 0, -32, true),
        ]
    );
}

#[test]
fn what_tagged_pointers_lead_to_keeps_its_alignment() {
    for (mask, align) in [("0", 8), ("3", 8), ("0xff", 256), ("0x80", 256)] {
        let compiled = good(&format!(
            "recipe probe {{ thing; }} struct thing {{ any: tagged {mask} as struct rb_node; }}"
        ));
        let program = program(&compiled);
        let target = action(&compiled, "any").target;
        assert_eq!(
            program.type_at(target).map(|view| view.align),
            Some(align),
            "{mask}"
        );
    }
}

#[test]
fn a_flexible_array_is_the_tail_of_its_type() {
    for (rule, constant) in [
        ("data: bytes wide;", false),
        ("data: array 12;", true),
        ("data: rest of object;", false),
    ] {
        let compiled = good(&format!(
            "recipe probe {{ thing; }} struct thing {{ {rule} }}"
        ));
        let program = program(&compiled);
        let root = program.root_at(0).expect("a root");
        let view = program.action_at(root.action).expect("an action").target;
        let view = program.type_at(view).expect("a view");
        assert_eq!(
            (view.tail != abi::NONE, view.tail_offset),
            (true, 160),
            "{rule}"
        );
        assert_eq!(
            view.tail_count.kind == abi::OPERAND_CONSTANT,
            constant,
            "{rule}"
        );
    }
    let text = "recipe probe { thing; } struct thing { next: array 3; data: bytes wide; }";
    let error = compile(text, "t", &rich())
        .expect_err("no common size")
        .to_string();
    assert!(error.contains("flexible array"), "{error}");
}

#[test]
fn a_number_that_is_kept_stands_for_a_computed_address() {
    let compiled = good(
        "recipe probe { thing; }
         struct thing { small: keep decode wide + small as struct thing; wide: as struct thing; }",
    );
    let found = action(&compiled, "small");
    // The word that it lies in.
    assert_eq!((found.op, found.offset), (abi::OP_POINTER, 0));
    assert_eq!(found.flags, abi::ACTION_KEEP);
    let extra = program(&compiled).extra_at(found.extra).expect("more");
    let address = evaluate(&program(&compiled), extra.decode, &thing(), &[]);
    let number = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&thing()[at..at + size]);
        u64::from_le_bytes(bytes)
    };
    let small = number(4, 2) as i16 as u64;
    assert_eq!(address, number(8, 8).wrapping_add(small));
    // The other number beside it is followed as well.
    assert_eq!(action(&compiled, "wide").offset, 8);
    for (text, message) in [
        (
            "recipe probe { thing; } struct thing { small: decode wide as struct thing; }",
            "can't be followed in this way",
        ),
        (
            "recipe probe { thing; fd as number: as last; }
             view last of int: keep decode 4096 as struct thing;",
            "too near to the end",
        ),
    ] {
        let error = compile(text, "t", &rich()).expect_err("wrong").to_string();
        assert!(error.contains(message), "{error}");
    }
}
