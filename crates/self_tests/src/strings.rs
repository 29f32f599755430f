//! Strings and buffers.

use kflat_abi::extension::REASON_STRING_CUT;

use crate::expected::{Expected, bytes, root, words};
use crate::memory::{Word, byte, to};
use crate::program::{Type, pointer, string, view};
use crate::{PLAIN, SelfTest, one_root};

const CHAR: Type = view("char", 1, &[]);

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "string",
        words: 16,
        build: |data| {
            // The last is `kernel!`, inside the first.
            data.words(0, &[to(5), to(8), Word::Number(0), byte(5, 7)]);
            data.text(5, 0, "Hello, kernel!");
        },
        program: one_root(&[
            view(
                "struct texts",
                32,
                &[
                    string("greeting", 0, 1),
                    string("empty", 8, 1),
                    string("none", 16, 1),
                    string("tail", 24, 1),
                ],
            ),
            CHAR,
        ]),
        image: Expected {
            fragments: &[words(0, 4), bytes(40, 15), bytes(64, 1)],
            objects: 4,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "string_limit",
        words: 8,
        build: |data| {
            data.words(0, &[to(3), byte(5, 1)]);
            data.text(3, 0, "too long to be all there");
        },
        program: one_root(&[
            view(
                "struct texts",
                16,
                &[string("cut", 0, 1).times(8), string("whole", 8, 1).times(8)],
            ),
            CHAR,
        ]),
        image: Expected {
            fragments: &[words(0, 2), bytes(24, 8), bytes(41, 8)],
            objects: 3,
            roots: &[root(0, 16)],
            missing: &[REASON_STRING_CUT],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "buffer",
        words: 12,
        build: |data| {
            data.words(0, &[Word::Number(5), byte(4, 3), to(7)]);
            data.text(4, 3, "bytes and more");
            data.text(7, 0, "none of these");
        },
        program: one_root(&[
            view(
                "struct buffers",
                24,
                &[
                    pointer("data", 8, 1).counted(0, 2),
                    pointer("empty", 16, 1).counted(4, 4),
                ],
            ),
            view("u8", 1, &[]),
        ]),
        image: Expected {
            fragments: &[words(0, 3), bytes(35, 5)],
            objects: 2,
            roots: &[root(0, 24)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];
