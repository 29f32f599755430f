//! Objects whose size only the allocator knows: a pointer into the middle captures the
//! whole of them, or what comes behind it.

use kflat_abi::program::code;

use crate::expected::{Expected, root, words};
use crate::memory::{Allocation, Allocator, Put, Word, allocated, from, to};
use crate::program::{Code, Member, Type, op, pointer, view};
use crate::{PLAIN, SelfTest, one_root};

/// More than two pages are no slab object.
const LARGE: Allocation = Allocation {
    allocator: Allocator::Kmalloc,
    words: 2048,
};
const AREA: Allocation = Allocation {
    allocator: Allocator::Vmalloc,
    words: 1536,
};
/// As large as the objects of a cache of `kmalloc`.
const SMALL: Allocation = Allocation {
    allocator: Allocator::Kmalloc,
    words: 16,
};

/// Where the pointers are: not where memory begins, for an allocation may end there.
const OWNER: u64 = 4;
/// Words of the objects that the pointers lead to.
const FAR: u64 = 1000;
const NEAR: u64 = 5;

/// The object begins where the allocator says.
const START: Code = &[op(code::POINTER), op(code::OBJECT_START)];
/// From there, or else from where the pointer leads, to the object's end.
const BYTES: Code = &[
    op(code::START),
    op(code::OBJECT_END),
    op(code::START),
    op(code::SUBTRACT),
];

const fn rest(path: &'static str, offset: u32) -> Member {
    pointer(path, offset, 1).computed(BYTES)
}

const fn whole(path: &'static str, offset: u32) -> Member {
    rest(path, offset).starting(START)
}

const VOID: Type = view("void", 1, &[]);

/// Numbers in an object: at its ends, and where a pointer leads to.
fn fill(data: &mut Put<'_>, index: u64, allocation: Allocation, middle: u64) {
    let last = allocation.words as u64 - 1;
    for at in [0, middle - 1, middle, last] {
        let number = ((index + 1) << 16) + at;
        data.number((allocated(index) + at) as usize, number);
    }
}

fn two(data: &mut Put<'_>, pointers: [Word; 2]) {
    data.words(OWNER as usize, &pointers);
    fill(data, 0, LARGE, FAR);
    fill(data, 1, AREA, FAR);
}

fn one(data: &mut Put<'_>, pointer: Word) {
    data.word(OWNER as usize, pointer);
    fill(data, 0, SMALL, NEAR);
}

const TWO: SelfTest = SelfTest {
    words: 8,
    allocations: &[LARGE, AREA],
    arguments: &[to(OWNER)],
    image: Expected {
        objects: 3,
        roots: &[root(OWNER, 16)],
        ..Expected::COMPLETE
    },
    ..PLAIN
};

const ONE: SelfTest = SelfTest {
    words: 8,
    allocations: &[SMALL],
    arguments: &[to(OWNER)],
    needs_slabs: true,
    image: Expected {
        objects: 2,
        roots: &[root(OWNER, 8)],
        ..Expected::COMPLETE
    },
    ..PLAIN
};

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "whole_object",
        build: |data| {
            let middle = |index| from(allocated(index), 8 * FAR as i64);
            two(data, [middle(0), middle(1)]);
        },
        program: one_root(&[
            view("struct owner", 16, &[whole("large", 0), whole("area", 8)]),
            VOID,
        ]),
        image: Expected {
            fragments: &[
                words(OWNER, 2),
                words(allocated(0), LARGE.words as u64),
                words(allocated(1), AREA.words as u64),
            ],
            ..TWO.image
        },
        ..TWO
    },
    SelfTest {
        name: "rest_of_object",
        build: |data| two(data, [to(allocated(0) + FAR), to(allocated(1) + FAR)]),
        program: one_root(&[
            view("struct owner", 16, &[rest("large", 0), rest("area", 8)]),
            VOID,
        ]),
        image: Expected {
            fragments: &[
                words(OWNER, 2),
                words(allocated(0) + FAR, LARGE.words as u64 - FAR),
                words(allocated(1) + FAR, AREA.words as u64 - FAR),
            ],
            ..TWO.image
        },
        ..TWO
    },
    SelfTest {
        name: "whole_slab_object",
        build: |data| one(data, from(allocated(0), 8 * NEAR as i64)),
        program: one_root(&[view("struct owner", 8, &[whole("small", 0)]), VOID]),
        image: Expected {
            fragments: &[words(OWNER, 1), words(allocated(0), SMALL.words as u64)],
            ..ONE.image
        },
        ..ONE
    },
    SelfTest {
        name: "rest_of_slab_object",
        build: |data| one(data, to(allocated(0) + NEAR)),
        program: one_root(&[view("struct owner", 8, &[rest("small", 0)]), VOID]),
        image: Expected {
            fragments: &[
                words(OWNER, 1),
                words(allocated(0) + NEAR, SMALL.words as u64 - NEAR),
            ],
            ..ONE.image
        },
        ..ONE
    },
];
