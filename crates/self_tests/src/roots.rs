//! Where a capture begins.

use kflat_abi::extension::REASON_NO_GLOBAL;
use kflat_abi::program::code;

use crate::expected::{Expected, Fragment, Target, root, words};
use crate::memory::{Word, to};
use crate::program::{Program, argument, computed, global, number, op, pointer, view, with};
use crate::{GLOBAL, PLAIN, SelfTest};

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "roots",
        words: 12,
        build: |data| {
            data.words(0, &[to(6)]);
            data.numbers(1, &[1, 2, 3]);
            data.number(6, 0x60);
        },
        arguments: &[to(0), Word::Number(0), to(1)],
        program: Program {
            types: &[
                view("struct start", 32, &[pointer("leaf", 0, 1)]),
                view("u64", 8, &[]),
            ],
            roots: &[
                argument(0, Some("first"), pointer("", 0, 0)),
                // The same once more, without a name.
                argument(0, None, pointer("", 0, 0)),
                argument(1, Some("null"), pointer("", 0, 0)),
                // Both inside the first.
                argument(2, Some("inside"), pointer("", 0, 1)),
                computed(
                    &[with(code::ARGUMENT, 0), number(16), op(code::ADD)],
                    "computed",
                    pointer("", 0, 1).times(2),
                ),
                argument(3, None, pointer("", 0, 1)),
            ],
            ..PLAIN.program
        },
        image: Expected {
            fragments: &[words(0, 4), words(6, 1)],
            objects: 4,
            roots: &[
                root(0, 32),
                root(0, 0),
                Target::Null,
                root(1, 8),
                root(2, 16),
                Target::Null,
            ],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "global",
        words: 4,
        build: |data| data.word(0, Word::Global),
        program: Program {
            types: &[
                view("struct user", 8, &[pointer("table", 0, 1)]),
                view("u64 [4]", 32, &[]),
            ],
            roots: &[
                global(0, "table", pointer("", 0, 1)),
                global(1, "absent", pointer("", 0, 1)),
                argument(0, Some("user"), pointer("", 0, 0)),
            ],
            globals: &[GLOBAL, "kflat_self_test_absent"],
            ..PLAIN.program
        },
        image: Expected {
            fragments: &[words(0, 1), Fragment::Global],
            objects: 2,
            roots: &[Target::Global, Target::Null, root(0, 8)],
            missing: &[REASON_NO_GLOBAL],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];
