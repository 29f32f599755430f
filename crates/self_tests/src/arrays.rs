//! Arrays: counted, computed, ended by what is in them, of arrays, flexible.

use kflat_abi::program::code;

use crate::expected::{Expected, bytes, root, words};
use crate::memory::{Word, byte, to};
use crate::program::{Type, get, number, op, pointer, string, view, with};
use crate::{PLAIN, SelfTest, one_root};

const CHAR: Type = view("char", 1, &[]);
const U16: Type = view("u16", 2, &[]);
const U32: Type = view("u32", 4, &[]);
const U64: Type = view("u64", 8, &[]);

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "array",
        words: 32,
        build: |data| {
            data.words(0, &[Word::Number(6), to(6), to(12), to(16)]);
            for index in 0..3 {
                let low = 10 * (2 * index as u64 + 1);
                data.number(6 + index, (low + 10) << 32 | low);
            }
            data.numbers(12, &[0x1111_2222_3333_4444, 0x5555_6666_7777_8888]);
            // Single numbers: the last of the 6, NULL, one of its own.
            data.words(16, &[byte(8, 4), Word::Number(0), to(20)]);
            data.number(20, 77);
        },
        program: one_root(&[
            view(
                "struct arrays",
                32,
                &[
                    pointer("numbers", 8, 1).counted(0, 4),
                    pointer("pair", 16, 2).times(2),
                    pointer("pointers", 24, 3).times(3),
                ],
            ),
            U32,
            U64,
            view("u32 *", 8, &[pointer("", 0, 1)]),
        ]),
        image: Expected {
            fragments: &[
                words(0, 4),
                words(6, 3),
                words(12, 2),
                words(16, 3),
                bytes(160, 4),
            ],
            objects: 6,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "array_to_null",
        words: 20,
        build: |data| {
            data.point(0, 2);
            data.words(2, &[to(8), to(10), to(12), Word::Number(0), to(14)]);
            data.text(8, 0, "one");
            data.text(10, 0, "two");
            data.text(12, 0, "three");
            data.text(14, 0, "beyond");
        },
        program: one_root(&[
            view(
                "struct words",
                8,
                &[pointer("argv", 0, 1).until(&[get(0, 8), op(code::IS_ZERO)])],
            ),
            view("char *", 8, &[string("", 0, 2)]),
            CHAR,
        ]),
        image: Expected {
            fragments: &[
                words(0, 1),
                words(2, 4),
                bytes(64, 4),
                bytes(80, 4),
                bytes(96, 6),
            ],
            objects: 5,
            roots: &[root(0, 8)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "array_to_sentinel",
        words: 20,
        build: |data| {
            data.point(0, 2);
            for (at, id, leaf) in [(2, 7, 12), (4, 8, 14), (6, 0xffff, 16)] {
                data.number(at, id);
                data.point(at + 1, leaf);
                data.number(leaf, 0x5e00 + id);
            }
            data.number(8, 9);
        },
        program: one_root(&[
            view(
                "struct table",
                8,
                &[pointer("ids", 0, 1).until(&[get(0, 4), number(0xffff), op(code::EQUAL)])],
            ),
            // The sentinel itself leads nowhere.
            view(
                "struct id",
                16,
                &[pointer("leaf", 8, 2).when(&[get(0, 4), number(0xffff), op(code::LESS)])],
            ),
            U64,
        ]),
        image: Expected {
            fragments: &[words(0, 1), words(2, 6), words(12, 1), words(14, 1)],
            objects: 4,
            roots: &[root(0, 8)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "array_computed",
        words: 16,
        build: |data| {
            // From one address up to another; and two to the power of a member.
            data.words(0, &[to(5), to(8), Word::Number(2), to(11)]);
            data.numbers(5, &[0x50, 0x51, 0x52, 0x53]);
            data.numbers(11, &[0x60, 0x61, 0x62, 0x63, 0x64]);
        },
        program: one_root(&[
            view(
                "struct computed",
                32,
                &[
                    pointer("begin", 0, 1).computed(&[
                        get(8, 8),
                        get(0, 8),
                        op(code::SUBTRACT),
                        number(8),
                        op(code::DIVIDE),
                    ]),
                    pointer("table", 24, 1).computed(&[
                        number(1),
                        get(16, 1),
                        op(code::SHIFT_LEFT),
                    ]),
                ],
            ),
            U64,
        ]),
        image: Expected {
            fragments: &[words(0, 4), words(5, 3), words(11, 4)],
            objects: 3,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "matrix",
        words: 20,
        build: |data| {
            // Two rows of three columns; `flat` holds four in a row.
            data.words(0, &[Word::Number(3 << 32 | 2), to(4), to(8)]);
            data.numbers(4, &[0x0004_0003_0002_0001, 0x0008_0007_0006_0005]);
            data.words(8, &[to(12), to(16)]);
            data.numbers(12, &[0x11, 0x12, 0x13, 0]);
            data.numbers(16, &[0x21, 0x22, 0x23, 0]);
        },
        program: one_root(&[
            view(
                "struct matrix",
                24,
                &[
                    pointer("flat", 8, 1).counted(0, 4),
                    pointer("rows", 16, 2).counted(0, 4).handing(&[get(4, 4)]),
                ],
            ),
            view("u16 [4]", 8, &[]),
            view(
                "u64 *",
                8,
                &[pointer("", 0, 3).computed(&[with(code::PARAMETER, 0)])],
            )
            .taking(1),
            U64,
        ]),
        image: Expected {
            fragments: &[
                words(0, 3),
                words(4, 2),
                words(8, 2),
                words(12, 3),
                words(16, 3),
            ],
            objects: 5,
            roots: &[root(0, 24)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "flexible",
        words: 24,
        build: |data| {
            data.words(0, &[to(3), to(8)]);
            data.numbers(3, &[3, 0x0003_0002_0001, 0x3333]);
            data.words(8, &[Word::Number(2), to(14), Word::Number(0x80)]);
            data.words(11, &[to(16), Word::Number(0x81)]);
            data.number(14, 0x140);
            data.number(16, 0x160);
        },
        program: one_root(&[
            view(
                "struct owner",
                16,
                &[pointer("numbers", 0, 1), pointer("slots", 8, 3)],
            ),
            view("struct numbers", 8, &[]).flexible(2, 8, 0),
            U16,
            view("struct slots", 8, &[]).flexible(4, 8, 0).linked(),
            view("struct slot", 16, &[pointer("leaf", 0, 5)]),
            U64,
        ]),
        image: Expected {
            fragments: &[
                words(0, 2),
                bytes(24, 14),
                words(8, 5),
                words(14, 1),
                words(16, 1),
            ],
            objects: 5,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];
