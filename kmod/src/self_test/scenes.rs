//! What the unit tests build. Places are counted in words from the start of a
//! test's memory; numbers are chosen to be found in a dump.

use super::assemble::{TypeSpec, counted, embedded, function, list, pointer, string, view};
use super::{Builder, SelfTest};

const CHAR: TypeSpec = view("char", 1, &[]);

const NUMBER: TypeSpec = view("u32", 4, &[]);

/// All tests.
pub(super) const ALL: &[SelfTest] = &[
    SelfTest {
        name: "list",
        words: 32,
        build: build_list,
        types: &[
            view("struct list_owner", 24, &[list("items", 8, 1, 8)]),
            view("struct list_item", 24, &[]).linked(),
        ],
    },
    SelfTest {
        name: "tree",
        words: 40,
        build: build_tree,
        types: &[view(
            "struct tree_node",
            32,
            &[
                pointer("left", 8, 0, 1),
                pointer("right", 16, 0, 1),
                pointer("parent", 24, 0, 1),
            ],
        )],
    },
    SelfTest {
        name: "shared",
        words: 16,
        build: build_shared,
        types: &[
            view(
                "struct owner",
                24,
                &[
                    pointer("first", 0, 1, 1),
                    pointer("second", 8, 1, 1),
                    pointer("neighbour", 16, 1, 1),
                ],
            ),
            view("struct leaf", 16, &[]),
        ],
    },
    SelfTest {
        name: "cycle",
        words: 16,
        build: build_cycle,
        types: &[view("struct ring_node", 16, &[pointer("next", 8, 0, 1)])],
    },
    SelfTest {
        name: "string",
        words: 16,
        build: build_string,
        types: &[
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
        ],
    },
    SelfTest {
        name: "array",
        words: 32,
        build: build_array,
        types: &[
            view(
                "struct arrays",
                32,
                &[
                    counted("numbers", 8, 1, 0),
                    pointer("pair", 16, 2, 2),
                    pointer("pointers", 24, 3, 3),
                ],
            ),
            NUMBER,
            view("u64", 8, &[]),
            view("u32 *", 8, &[pointer("", 0, 1, 1)]),
        ],
    },
    SelfTest {
        name: "interior",
        words: 24,
        build: build_interior,
        types: &[
            view(
                "struct pointers",
                32,
                &[
                    pointer("table", 0, 1, 4),
                    pointer("third", 8, 1, 1),
                    pointer("member", 16, 2, 1).inside(16),
                    pointer("tagged", 24, 2, 1).tagged(3),
                ],
            ),
            view("u64", 8, &[]),
            view("struct container", 32, &[]),
        ],
    },
    SelfTest {
        name: "embedded",
        words: 24,
        build: build_embedded,
        types: &[
            view(
                "struct outer",
                64,
                &[embedded("inner", 8, 1, 1), embedded("more", 32, 1, 2)],
            ),
            view("struct inner", 16, &[pointer("leaf", 8, 2, 1)]),
            view("struct leaf", 8, &[]),
        ],
    },
    SelfTest {
        name: "function",
        words: 4,
        build: build_function,
        types: &[view(
            "struct operations",
            24,
            &[
                function("call", 0),
                function("none", 8),
                function("inside", 16),
            ],
        )],
    },
    SelfTest {
        name: "dangling",
        words: 8,
        build: build_dangling,
        types: &[
            view(
                "struct dangling",
                40,
                &[
                    pointer("null", 0, 1, 1),
                    pointer("user", 8, 1, 1),
                    pointer("noncanonical", 16, 1, 1),
                    pointer("unmapped", 24, 1, 1),
                    pointer("good", 32, 1, 1),
                ],
            ),
            view("u64", 8, &[]),
        ],
    },
];

fn build_list(data: &mut Builder<'_>) {
    const ITEMS: [usize; 5] = [4, 8, 12, 16, 20];
    data.put(0, ITEMS.len() as u64);
    data.circle(&[1, 5, 9, 13, 17, 21]);
    for (number, item) in (1..).zip(ITEMS) {
        data.put(item, 100 * number);
    }
}

fn build_tree(data: &mut Builder<'_>) {
    // Node number n has the children 2n and 2n + 1; 5 words for each.
    let place = |node: usize| 5 * (node - 1);
    for node in 1..8 {
        data.put(place(node), 0x1000 + node as u64);
        if node > 1 {
            data.point(place(node) + 3, place(node / 2));
        }
        if node < 4 {
            data.point(place(node) + 1, place(2 * node));
            data.point(place(node) + 2, place(2 * node + 1));
        }
    }
}

fn build_shared(data: &mut Builder<'_>) {
    data.point(0, 4);
    data.point(1, 4);
    // Touches the first leaf: one fragment.
    data.point(2, 6);
    for (at, value) in [(4, 0xaaaa), (5, 0xbbbb), (6, 0xcccc), (7, 0xdddd)] {
        data.put(at, value);
    }
}

fn build_cycle(data: &mut Builder<'_>) {
    for (node, next) in [(0, 4), (4, 8), (8, 0)] {
        data.put(node, 0x700 + node as u64);
        data.point(node + 1, next);
    }
}

fn build_string(data: &mut Builder<'_>) {
    data.text(5, "Hello, kernel!\0");
    data.text(8, "\0");
    data.point(0, 5);
    data.point(1, 8);
    // "kernel!", inside the first string.
    data.put(3, data.address(5) + 7);
}

fn build_array(data: &mut Builder<'_>) {
    data.put(0, 6);
    data.point(1, 6);
    data.point(2, 12);
    data.point(3, 16);
    for index in 0..3 {
        let low = 10 * (2 * index as u64 + 1);
        data.put(6 + index, (low + 10) << 32 | low);
    }
    data.put(12, 0x1111_2222_3333_4444);
    data.put(13, 0x5555_6666_7777_8888);
    // Pointers to single numbers: the last of `numbers`, NULL, one of its own.
    data.put(16, data.address(8) + 4);
    data.point(18, 20);
    data.put(20, 77);
}

fn build_interior(data: &mut Builder<'_>) {
    data.point(0, 6);
    data.point(1, 8);
    data.point(2, 14);
    data.put(3, data.address(18) | 2);
    for index in 0..4 {
        data.put(6 + index, 0x600 + index as u64);
        data.put(12 + index, 0xc00 + index as u64);
        data.put(18 + index, 0x1200 + index as u64);
    }
}

fn build_embedded(data: &mut Builder<'_>) {
    data.put(0, 1);
    for (index, inner) in [1, 4, 6].into_iter().enumerate() {
        let leaf = 10 + 2 * index;
        data.put(inner, 0x20 + index as u64);
        data.point(inner + 1, leaf);
        data.put(leaf, 0x30 + index as u64);
    }
}

/// What the function pointers of the test lead to.
#[unsafe(no_mangle)]
extern "C" fn kflat_self_test_function(value: u64) -> u64 {
    value.rotate_left(7) ^ 0x6b66_6c61_7400_0000
}

fn build_function(data: &mut Builder<'_>) {
    let function: extern "C" fn(u64) -> u64 = kflat_self_test_function;
    // A constant address inside of a function would be a jump target without
    // ENDBR to objtool.
    let address = core::hint::black_box(function as usize as u64);
    data.put(0, address);
    data.put(2, address + 4);
}

fn build_dangling(data: &mut Builder<'_>) {
    // The first page of a process is never mapped; bit 60 has no page table.
    data.put(1, 0x1000);
    data.put(2, 0x1000_0000_0000_0000);
    data.put(3, 0xffff_ffff_ffff_f008);
    data.point(4, 6);
    data.put(6, 0x900d);
}
