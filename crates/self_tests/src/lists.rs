//! Linear containers, walked as the kernel walks them, sound and damaged.

use kflat_abi::extension::{REASON_LIST_DAMAGED, REASON_UNREADABLE};

use crate::expected::{Expected, root, words};
use crate::memory::{Word, from, to};
use crate::program::{Type, chain, embedded, hlist, hlist_nulls, list, llist, view};
use crate::{PLAIN, SelfTest, one_root};

/// Their number, and a `list_head` or `hlist_node`.
pub(crate) const ITEM: Type = view("struct item", 24, &[]).linked();
/// Their number, and a pointer to the next.
const NODE: Type = view("struct node", 16, &[]).linked();
/// A count, and the head of a list of items.
pub(crate) const OWNER: Type = view("struct owner", 24, &[list("items", 8, 1, 8)]);

/// What a list does without an end, `LIST_POISON1` of x86_64.
const POISON: u64 = 0xdead_0000_0000_0100;

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "list",
        words: 32,
        build: |data| {
            const ITEMS: [usize; 5] = [4, 8, 12, 16, 20];
            data.number(0, ITEMS.len() as u64);
            data.circle(&[1, 5, 9, 13, 17, 21]);
            for (number, item) in (1..).zip(ITEMS) {
                data.number(item, 100 * number);
            }
        },
        program: one_root(&[OWNER, ITEM]),
        image: Expected {
            fragments: &[
                words(0, 3),
                words(4, 3),
                words(8, 3),
                words(12, 3),
                words(16, 3),
                words(20, 3),
            ],
            objects: 6,
            roots: &[root(0, 24)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "hlist",
        words: 16,
        build: |data| {
            // The second bucket is empty; pprev leads to what points to the node.
            data.words(0, &[Word::Number(2), to(5), Word::Number(0)]);
            data.words(4, &[Word::Number(0x41), to(9), to(1)]);
            data.words(8, &[Word::Number(0x42), Word::Number(0), to(5)]);
        },
        program: one_root(&[
            view("struct table", 24, &[embedded("buckets", 8, 2, 2)]),
            ITEM,
            view("struct hlist_head", 8, &[hlist("", 0, 1, 8)]),
        ]),
        image: Expected {
            fragments: &[words(0, 3), words(4, 3), words(8, 3)],
            objects: 3,
            roots: &[root(0, 24)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "hlist_locked",
        words: 16,
        build: |data| {
            // Bit 0 of the head is a lock.
            data.words(0, &[from(4, 9)]);
            data.words(4, &[Word::Number(0x51), to(9), to(0)]);
            data.words(8, &[Word::Number(0x52), Word::Number(0), to(5)]);
        },
        program: one_root(&[
            view(
                "struct hlist_bl_head",
                8,
                &[hlist("first", 0, 1, 8).tagged(1)],
            ),
            ITEM,
        ]),
        image: Expected {
            fragments: &[words(0, 1), words(4, 3), words(8, 3)],
            objects: 3,
            roots: &[root(0, 8)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "hlist_nulls",
        words: 16,
        build: |data| {
            // The end is an odd number: that of the bucket.
            data.words(0, &[to(5), Word::Number(7 << 1 | 1)]);
            data.words(4, &[Word::Number(0x61), to(9), to(0)]);
            data.words(8, &[Word::Number(0x62), Word::Number(6 << 1 | 1), to(5)]);
        },
        program: one_root(&[
            view("struct table", 16, &[embedded("buckets", 0, 2, 2)]),
            ITEM,
            view("struct hlist_nulls_head", 8, &[hlist_nulls("", 0, 1, 8)]),
        ]),
        image: Expected {
            fragments: &[words(0, 2), words(4, 3), words(8, 3)],
            objects: 3,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "llist",
        words: 12,
        build: |data| {
            data.point(0, 3);
            data.words(2, &[Word::Number(0x71), to(6)]);
            data.words(5, &[Word::Number(0x72), to(9)]);
            data.words(8, &[Word::Number(0x73), Word::Number(0)]);
        },
        program: one_root(&[
            view("struct llist_head", 8, &[llist("first", 0, 1, 8)]),
            NODE,
        ]),
        image: Expected {
            fragments: &[words(0, 1), words(2, 2), words(5, 2), words(8, 2)],
            objects: 4,
            roots: &[root(0, 8)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "chain",
        words: 12,
        build: |data| {
            data.point(0, 2);
            data.words(2, &[Word::Number(0x81), to(5)]);
            data.words(5, &[Word::Number(0x82), to(8)]);
            data.words(8, &[Word::Number(0x83), Word::Number(0)]);
        },
        program: one_root(&[view("struct stack", 8, &[chain("top", 0, 1, 8)]), NODE]),
        image: Expected {
            fragments: &[words(0, 1), words(2, 2), words(5, 2), words(8, 2)],
            objects: 4,
            roots: &[root(0, 8)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "list_damaged",
        words: 16,
        build: |data| {
            data.number(0, 3);
            data.circle(&[1, 5, 9, 13]);
            // The last leads to the first instead of to the head.
            data.point(13, 5);
        },
        program: one_root(&[OWNER, ITEM]),
        image: Expected {
            fragments: &[words(0, 3), words(4, 3), words(8, 3), words(12, 3)],
            // The way back from the head: it was never come to.
            kept: &[2],
            objects: 4,
            roots: &[root(0, 24)],
            missing: &[REASON_LIST_DAMAGED],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        name: "list_poisoned",
        words: 16,
        build: |data| {
            data.number(0, 2);
            data.circle(&[1, 5, 9]);
            data.number(9, POISON);
        },
        program: one_root(&[OWNER, ITEM]),
        image: Expected {
            fragments: &[words(0, 3), words(4, 3), words(8, 3)],
            kept: &[2],
            objects: 3,
            roots: &[root(0, 24)],
            missing: &[REASON_UNREADABLE],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];
