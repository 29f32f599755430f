//! What is followed depends on the data: unions, conditions, types by an expression,
//! the way by which an object is reached.

use kflat_abi::program::code;

use crate::expected::{Expected, bytes, root, words};
use crate::memory::{Word, to};
use crate::program::{
    Case, Program, Type, case, choice, embedded, function, get, list, number, op, otherwise,
    pointer, string, view, with,
};
use crate::{FUNCTION, PLAIN, SelfTest, one_root};

const CHAR: Type = view("char", 1, &[]);
const U64: Type = view("u64", 8, &[]);

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "union",
        words: 24,
        build: |data| {
            // The third holds a number that looks like a pointer; there is no fourth
            // kind.
            data.words(0, &[Word::Number(1), to(10), Word::Number(2), to(14)]);
            data.words(4, &[Word::Number(3), to(18), Word::Number(4), to(20)]);
            data.numbers(10, &[0x100, 0x101]);
            data.text(14, 0, "variant");
        },
        program: one_root(&[
            view("struct variants", 64, &[embedded("all", 0, 1, 4)]),
            view(
                "struct variant",
                16,
                &[choice(
                    "",
                    8,
                    &[get(0, 4)],
                    &[
                        case(1, pointer("pair", 8, 2)),
                        case(2, string("text", 8, 3)),
                        Case {
                            number: Some(3),
                            member: None,
                        },
                    ],
                )],
            ),
            view("struct pair", 16, &[]),
            CHAR,
        ]),
        image: Expected {
            fragments: &[words(0, 8), words(10, 2), bytes(112, 8)],
            objects: 3,
            roots: &[root(0, 64)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "condition",
        words: 16,
        build: |data| {
            data.words(0, &[Word::Number(0x11), to(8), Word::Number(0x10), to(10)]);
            data.number(8, 0x80);
            data.number(10, 0xa0);
        },
        program: one_root(&[
            view("struct guarded", 32, &[embedded("both", 0, 1, 2)]),
            view(
                "struct half",
                16,
                &[pointer("leaf", 8, 2).when(&[get(0, 8), number(1), op(code::AND)])],
            ),
            U64,
        ]),
        image: Expected {
            fragments: &[words(0, 4), words(8, 1)],
            objects: 2,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        // `void *private`, whose type the operations tell.
        name: "typed",
        words: 20,
        build: |data| {
            data.words(0, &[Word::Function(0), to(6)]);
            data.words(2, &[Word::Number(0), to(12)]);
            data.words(6, &[Word::Number(0x60), to(10)]);
            data.number(10, 0xa0);
            data.numbers(12, &[0xc0, 0xc1, 0xc2]);
        },
        program: Program {
            globals: &[FUNCTION],
            ..one_root(&[
                view("struct files", 32, &[embedded("both", 0, 1, 2)]),
                view(
                    "struct file",
                    16,
                    &[
                        function("ops", 0),
                        choice(
                            "private",
                            8,
                            &[get(0, 8), with(code::GLOBAL, 0), op(code::EQUAL)],
                            &[
                                case(1, pointer("private", 8, 2)),
                                otherwise(pointer("private", 8, 3).times(2)),
                            ],
                        ),
                    ],
                ),
                view("struct known", 16, &[pointer("leaf", 8, 3)]),
                U64,
            ])
        },
        image: Expected {
            fragments: &[words(0, 4), words(6, 2), words(10, 1), words(12, 2)],
            objects: 4,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        // The same type followed in two ways: as one's own, and as somebody's boss.
        name: "paths",
        words: 20,
        build: |data| {
            data.words(0, &[Word::Number(1), to(4), to(16)]);
            data.words(4, &[Word::Number(2), to(8), to(16)]);
            data.words(8, &[Word::Number(3), Word::Number(0), Word::Number(0)]);
            data.number(16, 0x160);
        },
        program: one_root(&[
            view(
                "struct person",
                24,
                &[pointer("boss", 8, 1), pointer("file", 16, 2)],
            ),
            view("struct person", 24, &[pointer("file", 16, 2)]),
            U64,
        ]),
        image: Expected {
            fragments: &[words(0, 3), words(4, 3), words(16, 1)],
            objects: 3,
            roots: &[root(0, 24)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        // The head of a list tells how much there is in each of its items, and one of
        // them is reached in another way as well.
        name: "handed_down",
        words: 32,
        build: |data| {
            data.number(0, 2);
            data.circle(&[1, 6, 11]);
            data.point(3, 10);
            data.number(5, 0x50);
            data.point(8, 16);
            data.number(10, 0xa0);
            data.point(13, 20);
            data.numbers(16, &[0x160, 0x161, 0x162]);
            data.numbers(20, &[0x200, 0x201, 0x202, 0x203]);
        },
        program: one_root(&[
            view(
                "struct table",
                32,
                &[
                    list("items", 8, 1, 8).handing(&[get(0, 4)]),
                    pointer("longer", 24, 1).handing(&[get(0, 4), number(1), op(code::ADD)]),
                ],
            ),
            view(
                "struct item",
                32,
                &[pointer("values", 24, 2).computed(&[with(code::PARAMETER, 0)])],
            )
            .taking(1),
            U64,
        ]),
        image: Expected {
            fragments: &[
                words(0, 4),
                words(5, 4),
                words(10, 4),
                words(16, 2),
                words(20, 3),
            ],
            // The second item twice, and what it has twice.
            objects: 7,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];
