//! Writes what the fuzzers begin with to the corpora: made, so that it is of the
//! formats of today. `cargo run -p kflat-fuzz-targets --example seeds`

#![allow(dead_code, reason = "what the tests of images use beside")]
#![expect(clippy::unwrap_used, reason = "without seeds there is nothing to do")]

#[path = "../../../crates/image/tests/image/by_hand.rs"]
mod by_hand;
#[path = "../../../crates/image/tests/image/kernel.rs"]
mod kernel;

use std::fs;
use std::path::Path;

use kflat_btf::{Assembler, Btf, NamedKind, Subset};
use kflat_fuzz_targets::{FUNCTIONS, KERNEL, USER, made_up};
use kflat_image::abi::crc32c::crc32c;
use kflat_image::load::link;
use kflat_image::{Additions, Surroundings, save};
use kflat_recipe::compile;

use by_hand::ByHand;

/// Texts over the made-up types.
const TEXTS: [(&str, &str); 10] = [
    ("one-line", "recipe probe { thing; }"),
    (
        "members",
        "recipe probe { thing; title: string; buf: user bytes n; }\n\
         struct thing { next; any: string max 9; call; names: array 2 of string; }",
    ),
    (
        "containers",
        "recipe probe { thing; }\n\
         struct thing { head: list of struct thing by link; tree: tree of struct thing by node { any: string; } }",
    ),
    (
        "expressions",
        "recipe probe { thing if n; }\n\
         struct thing { things: array (count & 0xff) + 2 * 3 - 1; data: bytes 1 << bits.low; plain if kind == FANCY; }",
    ),
    (
        "switch",
        "recipe probe { thing; }\n\
         struct thing { switch kind { case PLAIN, 3: plain; else: number: as struct thing; }\n\
         any: switch count { case arg n: as struct thing; case 4: string; else: skip; } }",
    ),
    (
        "limits",
        "recipe probe { thing; limit bytes 4K; limit objects 10; limit depth 3; limit string 7; }",
    ),
    (
        "roots",
        "recipe probe at return { arg 0 as first: as struct thing; returned; \
         from thing->next as other if n; detect changes; }",
    ),
    (
        "views",
        "recipe probe { thing; }\n\
         struct thing { any: as counted with level = 1; things: array until null; }\n\
         view counted(level) of struct thing { things: array level; }\n\
         view pair of char *: string max 5;",
    ),
    (
        "knowledge",
        "include \"knowledge.kflat\"; recipe probe { thing; }",
    ),
    ("wrong", "recipe probe { thign; } struct { 1 + ; }"),
];

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let directory = corpus.join(target);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(name), bytes).unwrap();
    };
    for (name, bytes) in images() {
        for target in ["diff", "image", "load", "show", "report", "export"] {
            put(target, &name, &bytes);
        }
    }
    let types = [("kernel", kernel::types()), ("made-up", made_up())];
    for (name, bytes) in &types {
        put("btf", name, bytes);
        put("btf", &format!("part-of-{name}"), &part(bytes));
    }
    let btf = Btf::parse(&made_up()).unwrap();
    for (name, text) in TEXTS {
        put("recipe", name, text.as_bytes());
        put(
            "recipe",
            &format!("{name}-with-types"),
            &with_types(text, &made_up()),
        );
        let compiled = match compile(text, "seed", &btf) {
            Ok(compiled) => compiled,
            Err(_) if name == "wrong" => continue,
            Err(problems) => panic!("{problems}"),
        };
        put("engine", name, &capturing(&compiled.program));
        put("records", &format!("program-{name}"), &compiled.program);
    }
    let odd = odd_names();
    put("btf", "odd-names", &odd);
    put("recipe", "odd-names", &with_types(TEXTS[0].1, &odd));
    let texts = fs::read_dir(corpus.join("../../recipes")).unwrap();
    for path in texts.map(|entry| entry.unwrap().path()) {
        if path.is_file() && path.file_stem().unwrap() != "knowledge" {
            let name = path.file_stem().unwrap().to_str().unwrap();
            put("recipe", name, &fs::read(&path).unwrap());
        }
    }
    let saved = kernel::saved();
    let end = u64::from_le_bytes(saved[32..40].try_into().unwrap()) as usize;
    put("records", "image", &saved[..256]);
    put("records", "container", &saved[end.next_multiple_of(8)..]);
}

/// Images of every kind.
fn images() -> Vec<(String, Vec<u8>)> {
    let by_hand = ByHand::right().build();
    let mut rewritten = ByHand::right();
    rewritten.base = 0x10000;
    rewritten.memory = vec![7, 0x10018, 0xffff_ffff_8100_0000, 0x10000, 40];
    let mut empty = ByHand::right();
    empty.roots.clear();
    empty.named.clear();
    empty.pointers.clear();
    empty.functions.clear();
    empty.fragments.clear();
    empty.memory.clear();
    empty.symbols.clear();
    let (captured, compiled) = kernel::captured();
    let surroundings = Surroundings::of(vec![
        (0xffff_8880_0010_0000, Some(0x10_0000), vec![0xee; 64]),
        (0xffff_8880_0030_0000, None, vec![0xdd; 64]),
    ]);
    let context = [("release", "6.12.1"), ("kernel_offset", "0x1200000")];
    let context = context.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let bare = Additions {
        types: &compiled.types,
        program: &compiled.program,
        ..Additions::default()
    };
    let all = Additions {
        source: &compiled.source,
        context: &context,
        vmcoreinfo: "OSRELEASE=6.12.1\nPAGESIZE=4096\n",
        surroundings: Some(&surroundings),
        ..bare
    };
    [
        ("by-hand", by_hand.clone()),
        ("empty", empty.build()),
        ("rewritten-by-a-loader", rewritten.build()),
        ("linked", link(&by_hand, 0x2000_0000_0000).unwrap()),
        ("captured", captured.clone()),
        ("saved", save(&captured, &bare).unwrap()),
        ("saved-with-pages", save(&captured, &all).unwrap()),
        ("cut-off", by_hand[..150].to_vec()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .to_vec()
}

/// The structures of BTF, without its functions.
fn part(bytes: &[u8]) -> Vec<u8> {
    let btf = Btf::parse(bytes).unwrap();
    let all: Vec<_> = btf.named(NamedKind::Struct).map(|(id, _)| id).collect();
    Subset::of(&btf, &all).finish()
}

/// Types with names that are not C's.
fn odd_names() -> Vec<u8> {
    let mut a = Assembler::default();
    let int = a.int("u32; } struct thing {", 4, true);
    let number = a.pointer(int);
    let inner = a.structure("<core::fmt::Formatter>", 8, &[("{closure#0}", number, 0)]);
    let inner = a.pointer(inner);
    let thing = [
        ("<T as Trait>", inner, 0),
        ("x\n}\n", inner, 8),
        ("next", inner, 16),
    ];
    let thing = a.structure("thing", 24, &thing);
    let thing = a.pointer(thing);
    let arguments = [("thing", thing), ("*/", number), ("if", inner)];
    a.function("probe", int, &arguments);
    a.function("{shim}", int, &arguments);
    a.finish()
}

fn with_types(text: &str, types: &[u8]) -> Vec<u8> {
    [text.as_bytes(), &[0], types].concat()
}

/// A program, and memory in which things lead to each other.
fn capturing(program: &[u8]) -> Vec<u8> {
    let mut bytes = (program.len() as u16).to_le_bytes().to_vec();
    bytes.extend(program);
    for index in 0..96u64 {
        let word = match index % 6 {
            0 => KERNEL + (index * 40) % 768,
            1 => 2,
            2 => FUNCTIONS + index,
            3 => USER + index,
            4 => u64::from_le_bytes(*b"a text\0\0"),
            _ => KERNEL + u64::from(crc32c(&index.to_le_bytes())) % 760,
        };
        bytes.extend(word.to_le_bytes());
    }
    bytes
}
