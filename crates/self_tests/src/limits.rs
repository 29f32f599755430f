//! Each limit ends a capture with what there is; changes are told.

use kflat_abi::extension::{
    REASON_LIMIT_BYTES, REASON_LIMIT_DEPTH, REASON_LIMIT_ELEMENTS, REASON_LIMIT_OBJECTS,
    REASON_LIMIT_TIME,
};
use kflat_abi::program::{Limits, PROGRAM_DETECT_CHANGES, code};
use kflat_abi::record::Record;

use crate::expected::{Expected, Fragment, Target, root, words};
use crate::lists::{ITEM, OWNER};
use crate::memory::Put;
use crate::program::{Program, argument, get, global, op, pointer, view};
use crate::{LOOKS, PLAIN, SelfTest, one_root};

const NONE: Limits = Limits::ZERO;

/// A list of five, of which two are within the limit.
const LIST: SelfTest = SelfTest {
    words: 32,
    build: |data| {
        data.number(0, 5);
        data.circle(&[1, 5, 9, 13, 17, 21]);
        for item in [4, 8, 12, 16, 20] {
            data.number(item, 0x100 + item as u64);
        }
    },
    image: Expected {
        fragments: &[words(0, 3), words(4, 3), words(8, 3)],
        objects: 3,
        roots: &[root(0, 24)],
        ..Expected::COMPLETE
    },
    ..PLAIN
};

const fn limited(limits: Limits) -> Program {
    Program {
        limits,
        ..one_root(&[OWNER, ITEM])
    }
}

/// Elements of an array that is long enough for the capture to look at the clock:
/// it does so after 64 steps, of which the owner of the array is one.
const MANY: usize = 100;

fn many(data: &mut Put<'_>) {
    data.point(0, 2);
    for element in 0..MANY {
        data.number(2 + element, 1 + element as u64);
    }
}

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "limit_objects",
        program: limited(Limits { objects: 3, ..NONE }),
        image: Expected {
            missing: &[REASON_LIMIT_OBJECTS],
            ..LIST.image
        },
        ..LIST
    },
    SelfTest {
        name: "limit_bytes",
        program: limited(Limits { bytes: 80, ..NONE }),
        image: Expected {
            missing: &[REASON_LIMIT_BYTES],
            ..LIST.image
        },
        ..LIST
    },
    SelfTest {
        name: "limit_elements",
        program: limited(Limits {
            elements: 2,
            ..NONE
        }),
        image: Expected {
            missing: &[REASON_LIMIT_ELEMENTS],
            ..LIST.image
        },
        ..LIST
    },
    SelfTest {
        name: "limit_depth",
        words: 16,
        build: |data| {
            data.point(0, 4);
            data.point(4, 8);
            data.point(8, 0);
        },
        program: Program {
            limits: Limits { depth: 2, ..NONE },
            ..one_root(&[view("struct ring_node", 16, &[pointer("next", 0, 0)])])
        },
        image: Expected {
            fragments: &[words(0, 2), words(4, 2)],
            objects: 2,
            roots: &[root(0, 16)],
            missing: &[REASON_LIMIT_DEPTH],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "limit_time",
        words: MANY + 4,
        build: many,
        program: Program {
            limits: Limits { time_ns: 1, ..NONE },
            ..one_root(&[
                view(
                    "struct owner",
                    8,
                    &[pointer("numbers", 0, 1).until(&[get(0, 8), op(code::IS_ZERO)])],
                ),
                view("u64", 8, &[]),
            ])
        },
        image: Expected {
            fragments: &[words(0, 1), words(2, 63)],
            objects: 2,
            roots: &[root(0, 8)],
            missing: &[REASON_LIMIT_TIME],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "changes",
        words: MANY + 4,
        build: many,
        program: Program {
            types: &[
                view(
                    "struct owner",
                    8,
                    &[pointer("numbers", 0, 1).until(&[get(0, 8), op(code::IS_ZERO)])],
                ),
                view("u64", 8, &[]),
            ],
            roots: &[
                global(0, "looks", pointer("", 0, 1)),
                argument(0, Some("owner"), pointer("", 0, 0)),
            ],
            globals: &[LOOKS],
            flags: PROGRAM_DETECT_CHANGES,
            ..PLAIN.program
        },
        image: Expected {
            fragments: &[words(0, 1), words(2, MANY as u64 + 1), Fragment::Looks],
            objects: 3,
            roots: &[Target::Looks, root(0, 8)],
            changed: true,
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];
