//! Pointers: shared, circular, into the middle, with tags, encoded; functions.

use kflat_abi::extension::REASON_UNREADABLE;
use kflat_abi::program::code;

use crate::expected::{Expected, root, words};
use crate::memory::{Word, encoded, from, to};
use crate::program::{Type, embedded, function, get, number, op, pointer, view};
use crate::{PLAIN, SelfTest, one_root};

const NUMBER: Type = view("u64", 8, &[]);

/// What encoded pointers are mixed with.
const KEY: u64 = 0x5a5a_0f0f_3c3c_9696;

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "shared",
        words: 16,
        build: |data| {
            // Both leaves touch: one fragment.
            data.words(0, &[to(4), to(4), to(6)]);
            data.numbers(4, &[0xaaaa, 0xbbbb, 0xcccc, 0xdddd]);
        },
        program: one_root(&[
            view(
                "struct owner",
                24,
                &[
                    pointer("first", 0, 1),
                    pointer("second", 8, 1),
                    pointer("neighbour", 16, 1),
                ],
            ),
            view("struct leaf", 16, &[]),
        ]),
        image: Expected {
            fragments: &[words(0, 3), words(4, 4)],
            objects: 3,
            roots: &[root(0, 24)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "cycle",
        words: 16,
        build: |data| {
            for (node, next) in [(0, 4), (4, 8), (8, 0)] {
                data.number(node, 0x700 + node as u64);
                data.point(node + 1, next);
            }
        },
        program: one_root(&[view("struct ring_node", 16, &[pointer("next", 8, 0)])]),
        image: Expected {
            fragments: &[words(0, 2), words(4, 2), words(8, 2)],
            objects: 3,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "interior",
        words: 24,
        build: |data| {
            data.words(0, &[to(6), to(8), from(12, 16), from(18, 2)]);
            data.numbers(6, &[0x600, 0x601, 0x602, 0x603]);
            data.numbers(12, &[0xc00, 0xc01, 0xc02, 0xc03]);
            data.numbers(18, &[0x1200, 0x1201, 0x1202, 0x1203]);
        },
        program: one_root(&[
            view(
                "struct pointers",
                32,
                &[
                    pointer("table", 0, 1).times(4),
                    pointer("third", 8, 1),
                    pointer("member", 16, 2).inside(16),
                    pointer("tagged", 24, 2).tagged(3),
                ],
            ),
            NUMBER,
            view("struct container", 32, &[]),
        ]),
        image: Expected {
            fragments: &[words(0, 4), words(6, 4), words(12, 4), words(18, 4)],
            objects: 5,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "embedded",
        words: 24,
        build: |data| {
            data.number(0, 1);
            for (index, inner) in [1, 4, 6].into_iter().enumerate() {
                let leaf = 10 + 2 * index;
                data.number(inner, 0x20 + index as u64);
                data.point(inner + 1, leaf);
                data.number(leaf, 0x30 + index as u64);
            }
        },
        program: one_root(&[
            view(
                "struct outer",
                64,
                &[embedded("inner", 8, 1, 1), embedded("more", 32, 1, 2)],
            ),
            view("struct inner", 16, &[pointer("leaf", 8, 2)]),
            view("struct leaf", 8, &[]),
        ]),
        image: Expected {
            fragments: &[words(0, 8), words(10, 1), words(12, 1), words(14, 1)],
            objects: 4,
            roots: &[root(0, 64)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "function",
        words: 4,
        build: |data| data.words(0, &[Word::Function(0), Word::Number(0), Word::Function(4)]),
        program: one_root(&[view(
            "struct operations",
            24,
            &[
                function("call", 0),
                function("none", 8),
                function("inside", 16),
            ],
        )]),
        image: Expected {
            fragments: &[words(0, 3)],
            objects: 1,
            roots: &[root(0, 24)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "dangling",
        words: 8,
        build: |data| {
            // The first page of a process is never mapped; bit 60 has no page table.
            data.numbers(1, &[0x1000, 0x1000_0000_0000_0000, 0xffff_ffff_ffff_f008]);
            data.point(4, 6);
            data.number(6, 0x900d);
        },
        program: one_root(&[
            view(
                "struct dangling",
                40,
                &[
                    pointer("null", 0, 1),
                    pointer("user", 8, 1),
                    pointer("noncanonical", 16, 1),
                    pointer("unmapped", 24, 1),
                    pointer("good", 32, 1),
                ],
            ),
            NUMBER,
        ]),
        image: Expected {
            fragments: &[words(0, 5), words(6, 1)],
            objects: 2,
            roots: &[root(0, 40)],
            missing: &[REASON_UNREADABLE; 3],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "pointers_to_pointers",
        words: 16,
        build: |data| {
            data.words(0, &[to(3), to(5)]);
            data.point(3, 11);
            data.point(5, 7);
            data.words(7, &[to(11), to(13)]);
            data.number(11, 0x110);
            data.number(13, 0x130);
        },
        program: one_root(&[
            view(
                "struct levels",
                16,
                &[pointer("two", 0, 2), pointer("three", 8, 1)],
            ),
            view("u64 **", 8, &[pointer("", 0, 2).times(2)]),
            view("u64 *", 8, &[pointer("", 0, 3)]),
            NUMBER,
        ]),
        image: Expected {
            fragments: &[
                words(0, 2),
                words(3, 1),
                words(5, 1),
                words(7, 2),
                words(11, 1),
                words(13, 1),
            ],
            objects: 6,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "not_followed",
        words: 12,
        build: |data| {
            data.words(0, &[to(5), to(5), to(7), to(9)]);
            data.number(5, 0x10);
            data.number(7, 0x20);
            data.number(9, 0x30);
        },
        program: one_root(&[
            view(
                "struct mixed",
                32,
                &[
                    pointer("followed", 0, 1),
                    // The second and the last have no action, and keep their values
                    // for that; what the third leads to is captured all the same.
                    pointer("captured", 16, 1).kept(),
                ],
            ),
            NUMBER,
        ]),
        image: Expected {
            fragments: &[words(0, 4), words(5, 1), words(7, 1)],
            kept: &[1, 2],
            objects: 3,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "container_of",
        words: 16,
        build: |data| {
            data.words(0, &[from(4, 24), from(10, -16)]);
            data.numbers(4, &[0x40, 0x41, 0x42, 0x43]);
            data.numbers(10, &[0x50, 0x51]);
        },
        program: one_root(&[
            view(
                "struct shifted",
                16,
                &[
                    pointer("member", 0, 1).inside(24),
                    pointer("ahead", 8, 2).inside(-16),
                ],
            ),
            view("struct container", 32, &[]),
            view("struct behind", 16, &[]),
        ]),
        image: Expected {
            fragments: &[words(0, 2), words(4, 4), words(10, 2)],
            objects: 3,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "into_captured",
        words: 16,
        build: |data| {
            data.words(0, &[Word::Number(0x60), to(3), Word::Number(0x61)]);
            data.words(3, &[Word::Number(0x62), to(9), to(1)]);
            data.number(9, 0x63);
        },
        program: one_root(&[
            view(
                "struct outer",
                48,
                &[
                    // Leads to `inner`, which is captured with the whole.
                    pointer("chosen", 8, 1),
                    embedded("inner", 24, 1, 1),
                    pointer("middle", 40, 2),
                ],
            ),
            view("struct inner", 16, &[pointer("leaf", 8, 2)]),
            NUMBER,
        ]),
        image: Expected {
            fragments: &[words(0, 6), words(9, 1)],
            objects: 4,
            roots: &[root(0, 48)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "encoded",
        words: 16,
        build: |data| {
            data.words(0, &[encoded(5, 0, 0, KEY), Word::Number(KEY)]);
            data.words(2, &[encoded(8, 0, 13, 0), to(14)]);
            data.number(5, 0x55);
            data.number(8, 0x88);
            data.numbers(12, &[0xcc, 0xcd, 0xce]);
        },
        program: one_root(&[
            view(
                "struct encoded",
                32,
                &[
                    // The word next to it is the key.
                    pointer("mixed", 0, 1).decoded(&[op(code::VALUE), get(8, 8), op(code::XOR)]),
                    pointer("rotated", 16, 1).decoded(&[
                        op(code::VALUE),
                        number(13),
                        op(code::SHIFT_RIGHT),
                        op(code::VALUE),
                        number(51),
                        op(code::SHIFT_LEFT),
                        op(code::OR),
                    ]),
                    // It leads to the last of what begins two words in front of it.
                    pointer("last", 24, 1).times(3).starting(&[
                        op(code::POINTER),
                        number(16),
                        op(code::SUBTRACT),
                    ]),
                ],
            ),
            NUMBER,
        ]),
        image: Expected {
            fragments: &[words(0, 4), words(5, 1), words(8, 1), words(12, 3)],
            objects: 4,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];
