//! Whatever a text says, what compiles passes the verifier.

use kflat_recipe::compile;
use proptest::prelude::*;

use crate::made::{self, rich};

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "wide",
        "small",
        "kind",
        "next",
        "any",
        "things",
        "names",
        "tree",
        "table",
        "map",
        "data",
        "plain",
        "fancy",
        "number",
        "bits.low",
        "hash",
        "node",
        ":",
        ";",
        "{",
        "}",
        "(",
        ")",
        "if",
        "else",
        "switch",
        "case",
        "as",
        "array",
        "of",
        "struct thing",
        "string",
        "bytes",
        "until",
        "null",
        "with",
        "level",
        "=",
        "+",
        "->",
        "value",
        "arg fd",
        "== \"seven\"",
        "'7'",
        "7",
        "skip",
        "user",
        "keep",
        "per cpu",
        "this cpu",
        "whole object",
        "rest of object",
        "list",
        "tree of struct thing by node",
        "xarray of struct thing",
        "hlist of struct thing by hash",
        "counted",
        "tagged 3",
        "decode value",
        "here as pair",
        "exists(wide)",
        "?",
        "&",
        "==",
        "[",
        "]",
        "index",
        "address",
        "global g",
    ])
}

fn formula() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "wide",
        "small",
        "kind",
        "bits.low",
        "next->wide",
        "7",
        "arg fd",
        "arg n",
        "value",
        "index",
        "cpu",
        "FANCY",
        "0x1234567890",
        "next->next->small",
        "this_cpu(any)",
        "object_end(next)",
        "&hash",
        "names[1]",
        "names[wide]",
        "global g",
        "in_object(8)",
        "exists(nothing)",
    ]);
    leaf.prop_map(str::to_owned)
        .prop_recursive(4, 24, 3, |inner| {
            let operator = prop::sample::select(vec![
                "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">",
                ">=", "&&", "||",
            ]);
            prop_oneof![
                (inner.clone(), operator, inner.clone())
                    .prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
                (
                    prop::sample::select(vec!["!", "~", "-", "(u8)", "(s16)", "(int)"]),
                    inner
                )
                    .prop_map(|(o, a)| format!("{o}({a})")),
            ]
        })
}

fn way() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        ": string max EXPR",
        ": bytes EXPR",
        ": array EXPR",
        ": as struct thing array EXPR",
        ": skip",
        ": user",
        ": keep decode EXPR as struct thing",
        ": per cpu as struct thing",
        ": this cpu as struct thing",
        ": whole object",
        ": rest of object as struct rb_node",
        ": array EXPR of string",
        ": tree of struct thing by node",
        ": hlist of struct thing by hash",
        ": xarray of struct thing",
        ": chain of struct thing by next",
        ": as counted with level = EXPR",
        ": array until null",
        ": as struct thing array until EXPR",
        ": here as pair",
    ])
}

proptest! {
    #[test]
    fn what_compiles_passes_the_verifier(
        members in prop::collection::vec((word(), way(), formula(), any::<bool>()), 1..5),
        first in formula(),
    ) {
        let mut text = "recipe probe at return { thing; buf: bytes n; returned if fd; } struct thing { ".to_owned();
        for (at, (member, way, formula, guarded)) in members.iter().enumerate() {
            let way = way.replace("EXPR", formula);
            match (guarded, at % 2) {
                (false, _) => text += &format!("{member}{way}; "),
                (true, 0) => text += &format!("{member}{way} if {first}; "),
                (true, _) => text += &format!("switch {first} {{ case 1, {formula}: {member}{way}; else: plain; }} "),
            }
        }
        text += "} view pair of char *: string max 5;
            view counted(level) of struct thing { things: array level; }";
        if let Ok(compiled) = compile(&text, "t", &rich()) {
            let verified = kflat_engine::verify(&compiled.program);
            prop_assert!(verified.is_ok(), "{text}: {:?}", verified.err());
        }
    }

    #[test]
    fn no_words_of_the_language_do_harm(words in prop::collection::vec(word(), 0..30)) {
        let text = format!("recipe probe {{ thing; }} struct thing {{ {} }} view pair of char *: string;", words.join(" "));
        if let Ok(compiled) = compile(&text, "t", &rich()) {
            let verified = kflat_engine::verify(&compiled.program);
            prop_assert!(verified.is_ok(), "{text}: {:?}", verified.err());
        }
    }

    #[test]
    fn no_words_do_harm_as_a_condition(words in prop::collection::vec(word(), 1..8)) {
        let text = format!("recipe probe at return {{ thing; when thing->{}; }}", words.join(" "));
        if let Ok(compiled) = compile(&text, "t", &rich()) {
            let verified = kflat_engine::verify(&compiled.program);
            prop_assert!(verified.is_ok(), "{text}: {:?}", verified.err());
        }
    }

    #[test]
    fn no_damaged_types_do_harm(changes in prop::collection::vec((24usize..4000, any::<u8>()), 1..8)) {
        const TEXT: &str = "recipe probe at return { thing; buf: bytes n; returned; when thing->names[0] == \"a name\" || n > 'x'; nth 2; }
            struct thing { next if wide; any: switch kind { case FANCY: string; else: as counted with level = small; }
                tree: tree of struct thing by node; table: hlist of struct thing by hash; map: xarray of struct thing;
                names: array wide of string; things: array until null; data: bytes wide; plain if bits.low; }
            view counted(level) of struct thing { things: array level; }";
        let mut bytes = made::encoded_rich();
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        if let Ok(btf) = kflat_btf::Btf::parse(&bytes)
            && let Ok(compiled) = compile(TEXT, "t", &btf)
        {
            prop_assert_eq!(kflat_engine::verify(&compiled.program).err(), None);
        }
    }
}
