//! Recipes over made-up types.

use kflat_abi::program::{self as abi, Program};
use kflat_btf::{Btf, TypeId};
use kflat_recipe::{Compiled, compile};
use proptest::prelude::*;

mod made;

use made::{encoded_types, types};

fn good(text: &str) -> Compiled {
    let compiled = compile(text, "test", &types()).unwrap_or_else(|error| panic!("{error}"));
    kflat_engine::verify(&compiled.program).expect("a compiled program passes the verifier");
    compiled
}

/// The actions of a type's view: path, operation, offset.
fn actions(compiled: &Compiled, name: &str) -> Vec<(String, abi::Action)> {
    let program = Program::find(&compiled.program).expect("a program");
    let (types, ..) = program.counts();
    let view = (0..types)
        .filter_map(|index| program.type_at(index))
        .find(|view| program.string_at(view.name) == Some(name))
        .expect("a view");
    (view.first_action..view.first_action + view.action_count)
        .filter_map(|index| program.action_at(index))
        .map(|action| {
            let path = program.string_at(action.path).expect("a path");
            (path.to_owned(), action)
        })
        .collect()
}

#[test]
fn without_a_rule_a_type_is_flat_and_its_functions_are_named() {
    let compiled = good("recipe visit { node; }");
    let found = actions(&compiled, "struct node");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].0.as_str(), found[0].1.op),
        ("call", abi::OP_FUNCTION)
    );
    assert_eq!(found[0].1.offset, 64);
}

#[test]
fn a_rule_follows_what_it_names() {
    let compiled = good(
        "recipe visit { node; buf: bytes len; title as heading: string max 80; }
         struct node {
             parent; name; items: array count; private: as struct item;
             head: list of struct item by link max 7; gone?; names;
             address: tagged 7 as struct qstr; other;
             inner: container of struct item by link;
         }
         struct qstr { name; }",
    );
    let found = actions(&compiled, "struct node");
    let summary: Vec<(&str, u8, u32)> = (found.iter())
        .map(|(path, action)| (path.as_str(), action.op, action.offset))
        .collect();
    assert_eq!(
        summary,
        [
            ("parent", abi::OP_POINTER, 0),
            ("name.name", abi::OP_STRING, 16),
            ("items", abi::OP_POINTER, 32),
            ("private", abi::OP_POINTER, 40),
            ("head", abi::OP_LIST, 48),
            ("call", abi::OP_FUNCTION, 64),
            ("names", abi::OP_EMBED, 72),
            ("other", abi::OP_POINTER, 104),
            ("address", abi::OP_POINTER, 112),
            ("inner", abi::OP_POINTER, 120),
        ]
    );
    let count = found[2].1.count;
    assert_eq!(
        (count.kind, count.width, count.signed, count.value),
        (abi::OPERAND_MEMBER, 4, 1, 24)
    );
    assert_eq!((found[4].1.link, found[4].1.count.value), (8, 7));
    assert_eq!(found[6].1.count.value, 2);
    assert_eq!(found[8].1.tag_mask, 7);
    assert_eq!(found[9].1.shift, -8);
}

#[test]
fn roots_have_their_names_places_and_counts() {
    let compiled = good(
        "recipe drv:visit+0x10 {
             arg 0 as first; buf: bytes len;
             global things in drv: list of struct item by link;
             global boot_text: string; missing?;
         }",
    );
    assert_eq!(compiled.target, "drv:visit+16");
    let program = Program::find(&compiled.program).expect("a program");
    let root = |index| program.root_at(index).expect("a root");
    let name = |index| program.string_at(root(index).name);
    assert_eq!(program.counts().2, 4);
    assert_eq!(name(0), Some("first"));
    assert_eq!((root(1).value, name(1)), (2, Some("buf")));
    let action = program.action_at(root(1).action).expect("an action");
    assert_eq!(
        (action.count.kind, action.count.value),
        (abi::OPERAND_ARGUMENT, 1)
    );
    assert_eq!(program.global_at(root(2).value), Some("drv:things"));
    let action = program.action_at(root(3).action).expect("an action");
    assert_eq!(action.op, abi::OP_STRING);
}

#[test]
fn the_types_that_go_along_have_the_program_s_numbers() {
    let compiled = good("recipe visit { node; } struct node { items: array 3; }");
    let small = Btf::parse(&compiled.types).expect("well-formed");
    let program = Program::find(&compiled.program).expect("a program");
    for index in 0..program.counts().0 {
        let view = program.type_at(index).expect("a type");
        let name = program.string_at(view.name).expect("a name");
        assert_eq!(small.type_name(TypeId(view.btf_id)), name);
        assert_eq!(small.size(TypeId(view.btf_id)), Some(u64::from(view.size)));
    }
    assert_ne!(program.header().layout_hash, 0);
}

#[test]
fn limits_are_told_in_units() {
    let compiled =
        good("recipe visit { node; limit bytes 2M; limit time 500ms; limit objects 10K; }");
    let limits = Program::find(&compiled.program)
        .expect("a program")
        .header()
        .limits;
    assert_eq!(
        (limits.bytes, limits.time_ns, limits.objects),
        (2 << 20, 500_000_000, 10 << 10)
    );
}

#[test]
fn mistakes_are_shown_at_their_place_with_the_nearest_name() {
    let cases = [
        ("recipe visit { nod; }", "no argument `nod`", "near: `node`"),
        (
            "recipe visti { node; }",
            "arguments of `visti`",
            "near: `visit`",
        ),
        (
            "recipe visit { node; } struct node { itmes; }",
            "no member `itmes`",
            "near: `items`",
        ),
        (
            "recipe visit { node; } struct itm { id; }",
            "no type `struct itm`",
            "near: `item`",
        ),
        (
            "recipe visit { node; } struct node { private; }",
            "does not say what",
            "as struct",
        ),
        (
            "recipe visit { node; } struct node { items: arry 3; }",
            "`arry`",
            "near: `array`",
        ),
        (
            "recipe visit { node; limit object 3; }",
            "no limit of `object`",
            "near: `objects`",
        ),
        (
            "recipe visit { global g; }",
            "type of the global `g`",
            "list of",
        ),
        (
            "recipe visit { arg 9; }",
            "no such argument",
            "positions begin with 0",
        ),
        ("recipe visit { }", "1 to 256 roots", "arg N"),
        (
            "recipe visit { node; node; }",
            "two roots are called `node`",
            "as NAME",
        ),
        (
            "recipe visit { len; }",
            "a number, not a pointer",
            "as struct NAME",
        ),
        (
            "recipe visit { node; } struct node { number: as struct item; other; }",
            "twice",
            "union",
        ),
        (
            "recipe visit { node; } struct node { head: list of struct item by id; }",
            "no link",
            "`struct item` has: link",
        ),
        (
            "recipe visit { node; } struct node { items: array parent; }",
            "a pointer, no number",
            "can't be",
        ),
        (
            "recipe visit { node; } struct node { parent; } struct node { name; }",
            "two rules",
            "one rule",
        ),
        ("recipe visit { node }", "expected `;`, found `}`", "visit"),
        ("recipe visit { node; } /* ", "a comment has no end", "*/"),
        (
            "recipe visit { node; } $",
            "unexpected `$`",
            "recipes are made of",
        ),
        ("recipe visit { arg 12Q; }", "no number", "decimal"),
        ("", "expected `recipe`", "expected"),
    ];
    for (text, message, help) in cases {
        let Err(error) = compile(text, "mistake.kflat", &types()) else {
            panic!("{text} should not compile");
        };
        let shown = error.to_string();
        // The report wraps lines: compare without their breaks and margins.
        let flat: String = shown.replace(['│', '\n'], " ");
        let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(message), "{text}: {shown}");
        assert!(flat.contains(help), "{text}: {shown}");
        assert!(shown.contains("mistake.kflat"), "{shown}");
    }
}

/// A way to follow, as a rule may say it, right or wrong.
fn how() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        ": skip",
        ": string",
        ": string max 9",
        ": bytes count",
        ": bytes 5",
        ": array 3",
        ": array count",
        ": as struct item",
        ": as struct node array 2",
        ": tagged 7",
        ": list of struct item by link",
        ": container of struct item by link",
        ": as int",
        ": container of struct node by head",
    ])
}

fn member() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "parent",
        "name",
        "name.name",
        "count",
        "items",
        "private",
        "head",
        "call",
        "names",
        "number",
        "other",
        "address",
        "inner",
        "head.next",
        "nothing?",
    ])
}

proptest! {
    #[test]
    fn what_compiles_passes_the_verifier(
        members in prop::collection::vec((member(), how()), 0..6),
        root in how(),
        rules in prop::collection::vec(prop::sample::select(vec![
            "struct qstr { name; }", "struct list_head { next; prev; }",
            "struct item { link: list of struct item by link; text; }", "struct item { text: string; }",
        ]), 0..3),
    ) {
        let mut text = format!("recipe visit {{ node{root}; }} struct node {{ ");
        for (member, how) in members {
            text += &format!("{member}{how}; ");
        }
        text += "} ";
        text += &rules.join(" ");
        if let Ok(compiled) = compile(&text, "t", &types()) {
            prop_assert!(kflat_engine::verify(&compiled.program).is_ok(), "{text}");
            prop_assert!(Btf::parse(&compiled.types).is_ok());
        }
    }

    #[test]
    fn no_damaged_types_do_harm(changes in prop::collection::vec((24usize..2000, any::<u8>()), 1..8)) {
        const TEXT: &str = "recipe visit { node; buf: bytes len; }
            struct node { parent; name; items: array count; head: list of struct item by link;
                names; inner: container of struct item by link; private: as struct qstr; }
            struct qstr { name: string max len; } struct item { text; }";
        let mut bytes = encoded_types();
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        if let Ok(btf) = Btf::parse(&bytes)
            && let Ok(compiled) = compile(TEXT, "t", &btf)
        {
            prop_assert_eq!(kflat_engine::verify(&compiled.program).err(), None);
        }
    }

    #[test]
    fn no_text_does_harm(text in "\\PC{0,60}") {
        let _ = compile(&text, "t", &types()).map_err(|error| error.to_string());
    }

    #[test]
    fn no_words_of_the_language_do_harm(words in prop::collection::vec(prop::sample::select(vec![
        "recipe", "visit", "{", "}", ";", ":", "node", "struct", "item", "list", "of", "by", "link",
        "arg", "0", "global", "as", "array", "string", "max", "7", "?", ".", "+", "limit", "bytes", "é",
    ]), 0..24)) {
        let _ = compile(&words.join(" "), "t", &types()).map_err(|error| error.to_string());
    }
}
