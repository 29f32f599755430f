//! Memory that is not the kernel's own: that of each CPU, that of a process.

use kflat_abi::extension::REASON_USER_ABSENT;
use kflat_abi::program::code;

use crate::expected::{Expected, Fragment, root, words};
use crate::memory::{Word, to};
use crate::program::{Type, op, per_cpu, pointer, string, view};
use crate::{PLAIN, SelfTest, one_root};

const U64: Type = view("u64", 8, &[]);

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "per_cpu",
        words: 4,
        build: |data| data.words(0, &[Word::PerCpu, Word::Number(0)]),
        program: one_root(&[
            view(
                "struct counters",
                16,
                &[per_cpu("each", 0, 1), per_cpu("none", 8, 1)],
            ),
            U64,
        ]),
        image: Expected {
            fragments: &[words(0, 2), Fragment::EachCpu],
            // And one for each CPU.
            objects: 1,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "this_cpu",
        words: 4,
        build: |data| data.word(0, Word::PerCpu),
        program: one_root(&[
            view(
                "struct counter",
                8,
                &[pointer("here", 0, 1).decoded(&[
                    op(code::VALUE),
                    op(code::CPU),
                    op(code::PER_CPU),
                    op(code::ADD),
                ])],
            ),
            U64,
        ]),
        image: Expected {
            fragments: &[words(0, 1), Fragment::ThisCpu],
            objects: 2,
            roots: &[root(0, 8)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "user",
        words: 8,
        build: |data| {
            // The first page of a process is never there.
            data.words(0, &[Word::User, Word::Number(0x1000), to(4)]);
            data.number(4, 0x40);
        },
        program: one_root(&[
            view(
                "struct request",
                24,
                &[
                    string("name", 0, 2).user(),
                    pointer("absent", 8, 1).user(),
                    // An address of the kernel is none of a process.
                    pointer("kernel", 16, 1).user(),
                ],
            ),
            U64,
            view("char", 1, &[]),
        ]),
        needs_process: true,
        image: Expected {
            fragments: &[words(0, 3), Fragment::User],
            objects: 2,
            roots: &[root(0, 24)],
            missing: &[REASON_USER_ABSENT; 2],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];
