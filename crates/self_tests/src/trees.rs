//! Trees, as the kernel keeps them in words with tags.

use kflat_abi::program::code;

use crate::expected::{Expected, root, words};
use crate::memory::{Word, from, to};
use crate::program::{Case, Code, Member, case, choice, embedded, get, number, op, pointer, view};
use crate::{PLAIN, SelfTest, one_root};

pub(crate) const TESTS: &[SelfTest] = &[
    SelfTest {
        name: "tree",
        words: 40,
        build: |data| {
            // Node number n has the children 2n and 2n + 1; 5 words for each.
            let place = |node: usize| 5 * (node - 1);
            for node in 1..8 {
                data.number(place(node), 0x1000 + node as u64);
                if node > 1 {
                    data.point(place(node) + 3, place(node / 2));
                }
                if node < 4 {
                    data.point(place(node) + 1, place(2 * node));
                    data.point(place(node) + 2, place(2 * node + 1));
                }
            }
        },
        program: one_root(&[view(
            "struct tree_node",
            32,
            &[
                pointer("left", 8, 0),
                pointer("right", 16, 0),
                pointer("parent", 24, 0),
            ],
        )]),
        image: Expected {
            fragments: &[
                words(0, 4),
                words(5, 4),
                words(10, 4),
                words(15, 4),
                words(20, 4),
                words(25, 4),
                words(30, 4),
            ],
            objects: 7,
            roots: &[root(0, 32)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        // `rb_root_cached`, its nodes inside the items, each with the largest end
        // below it: an interval tree.
        name: "rbtree",
        words: 40,
        build: |data| {
            const BLACK: i64 = 1;
            let node = |item: u64| from(item, 16);
            data.words(0, &[node(4), node(12)]);
            // Start, end, parent and colour, right, left, end of all below.
            data.numbers(4, &[40, 49, BLACK as u64]);
            data.words(7, &[node(20), node(12), Word::Number(89)]);
            data.numbers(12, &[20, 29]);
            data.words(14, &[from(4, 16), Word::Number(0), Word::Number(0)]);
            data.number(17, 29);
            data.numbers(20, &[60, 69]);
            data.words(22, &[from(4, 16 + BLACK), node(28), Word::Number(0)]);
            data.number(25, 89);
            data.numbers(28, &[80, 89]);
            data.words(30, &[from(20, 16), Word::Number(0), Word::Number(0)]);
            data.number(33, 89);
        },
        program: one_root(&[
            view(
                "struct rb_root_cached",
                16,
                &[
                    pointer("rb_root.rb_node", 0, 1).inside(16),
                    pointer("rb_leftmost", 8, 1).inside(16),
                ],
            ),
            view(
                "struct interval",
                48,
                &[
                    pointer("rb.__rb_parent_color", 16, 1).inside(16).tagged(3),
                    pointer("rb.rb_right", 24, 1).inside(16),
                    pointer("rb.rb_left", 32, 1).inside(16),
                ],
            ),
        ]),
        image: Expected {
            fragments: &[
                words(0, 2),
                words(4, 6),
                words(12, 6),
                words(20, 6),
                words(28, 6),
            ],
            objects: 5,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        // Entries are values, pointers, nodes, or what only has a meaning inside.
        name: "xarray",
        words: 40,
        build: |data| {
            const VALUE: u64 = 5 << 1 | 1;
            const SIBLING: u64 = 1 << 2 | 2;
            const RETRY: u64 = 256 << 2 | 2;
            data.words(0, &[Word::Number(0x10), from(4, 2)]);
            data.numbers(4, &[6, 0, VALUE]);
            data.words(7, &[to(24), from(14, 2), Word::Number(RETRY)]);
            data.words(10, &[Word::Number(0), Word::Number(SIBLING)]);
            // Shift, parent, six slots.
            data.words(14, &[Word::Number(0), to(4), to(27), to(24)]);
            data.numbers(24, &[0x240, 0x241]);
            data.numbers(27, &[0x270, 0x271]);
        },
        program: one_root(&[
            view(
                "struct xarray",
                16,
                &[choice(
                    "xa_head",
                    8,
                    &[get(8, 8), number(3), op(code::AND)],
                    &[
                        case(0, pointer("xa_head", 8, 3)),
                        case(2, pointer("xa_head", 8, 1).tagged(3)),
                    ],
                )],
            ),
            view(
                "struct xa_node",
                64,
                &[pointer("parent", 8, 1), embedded("slots", 16, 2, 6)],
            ),
            view(
                "xa_entry",
                8,
                &[choice(
                    "",
                    0,
                    &[op(code::VALUE), number(3), op(code::AND)],
                    &[
                        case(0, pointer("", 0, 3)),
                        case(
                            2,
                            pointer("", 0, 1).tagged(3).when(&[
                                number(4096),
                                op(code::VALUE),
                                op(code::LESS),
                            ]),
                        ),
                    ],
                )],
            ),
            view("struct item", 16, &[]),
        ]),
        image: Expected {
            fragments: &[
                words(0, 2),
                words(4, 8),
                words(14, 8),
                words(24, 2),
                words(27, 2),
            ],
            objects: 5,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
    SelfTest {
        // Nodes are aligned to 256 bytes; the low byte of a pointer to one says of
        // which type it is, that of a pointer to the parent also in which slot.
        name: "maple_tree",
        words: 136,
        build: |data| {
            const LEAF: i64 = 1 << 3 | 4;
            const RANGE: i64 = 2 << 3 | 4;
            const ROOT: i64 = 2;
            data.words(0, &[Word::Number(0x20), from(32, RANGE | ROOT)]);
            // Parent, two pivots, three slots. The root's parent is the tree.
            data.words(32, &[from(0, 1), Word::Number(15), Word::Number(31)]);
            data.words(35, &[from(64, LEAF), from(96, LEAF)]);
            data.words(64, &[from(32, 6), Word::Number(7), Word::Number(15)]);
            data.words(67, &[to(128), to(131)]);
            data.words(96, &[from(32, 1 << 3 | 6), Word::Number(23)]);
            data.words(99, &[to(131), Word::Number(3 << 1 | 1)]);
            data.numbers(128, &[0x1280, 0x1281]);
            data.numbers(131, &[0x1310, 0x1311]);
        },
        program: one_root(&[
            view(
                "struct maple_tree",
                16,
                &[choice("ma_root", 8, NODE_TYPE, NODES_AT_8)],
            ),
            view(
                "struct maple_range_64",
                48,
                &[PARENT, embedded("slot", 24, 3, 3)],
            ),
            view(
                "struct maple_leaf_64",
                48,
                &[PARENT, embedded("slot", 24, 4, 3)],
            ),
            view("maple_enode", 8, &[choice("", 0, NODE_TYPE, NODES_AT_0)]),
            view(
                "maple_entry",
                8,
                // A value entry is odd.
                &[pointer("", 0, 5).when(&[
                    op(code::VALUE),
                    number(1),
                    op(code::AND),
                    op(code::IS_ZERO),
                ])],
            ),
            view("struct item", 16, &[]),
        ]),
        image: Expected {
            fragments: &[
                words(0, 2),
                words(32, 6),
                words(64, 6),
                words(96, 6),
                words(128, 2),
                words(131, 2),
            ],
            // The tree itself, as the root's parent.
            kept: &[32],
            objects: 6,
            roots: &[root(0, 16)],
            ..Expected::COMPLETE
        },
        ..PLAIN
    },
];

/// The type of a node, in bits 3 to 6 of what leads to it.
const NODE_TYPE: Code = &[
    op(code::VALUE),
    number(3),
    op(code::SHIFT_RIGHT),
    number(15),
    op(code::AND),
];
const NODES_AT_8: &[Case] = &[
    case(1, pointer("ma_root", 8, 2).tagged(0xff)),
    case(2, pointer("ma_root", 8, 1).tagged(0xff)),
];
const NODES_AT_0: &[Case] = &[
    case(1, pointer("", 0, 2).tagged(0xff)),
    case(2, pointer("", 0, 1).tagged(0xff)),
];
/// A parent is a range node, unless bit 0 says that it is the tree.
const PARENT: Member = pointer("parent", 0, 1).tagged(0xff).when(&[
    op(code::VALUE),
    number(1),
    op(code::AND),
    op(code::IS_ZERO),
]);
