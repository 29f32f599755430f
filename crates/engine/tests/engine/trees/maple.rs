//! Maple trees.

use kflat_abi::program::code;
use proptest::prelude::*;

use crate::simulation::kernel::Kernel;
use crate::simulation::loader::Image;
use crate::simulation::program::{Builder, constant, embed, number, pointer};
use crate::simulation::run;

use super::{HEAD, ITEMS, NODES, Places, item, operation, shifted};

/// A maple tree: leaves and range nodes of 16 slots, and `arange` nodes of 10.
struct Maple {
    nodes: Places,
    items: Places,
}

/// Types of nodes, bits 3 to 6 of what leads to one.
const LEAF: u64 = 1;
const RANGE: u64 = 2;
const ARANGE: u64 = 3;

fn slots_at(kind: u64) -> u64 {
    if kind == ARANGE { 80 } else { 128 }
}

fn slots(kind: u64) -> u64 {
    if kind == ARANGE { 10 } else { 16 }
}

impl Maple {
    /// A node with the numbers of `items`, and what leads to it.
    fn node(
        &mut self,
        kernel: &mut Kernel,
        items: &[u64],
        levels: u32,
        kinds: u64,
        parent: u64,
    ) -> u64 {
        let kind = match levels {
            0 => LEAF,
            _ if kinds & 1 == 0 => RANGE,
            _ => ARANGE,
        };
        let node = self.nodes.next(kernel);
        let node = node.next_multiple_of(256);
        kernel.put_word(node, parent);
        let part = items.len().div_ceil(slots(kind) as usize).max(1);
        for (slot, part) in (0..).zip(items.chunks(part)) {
            if slot + 1 < slots(kind) {
                kernel.put_word(node + 8 + 8 * slot, part[part.len() - 1]);
            }
            let entry = match (levels, part[0]) {
                (0, number) if number % 3 == 0 => number << 1 | 1,
                (0, number) => item(kernel, &mut self.items, number),
                // Slot and a mark are in the low bits of what leads up.
                _ => self.node(kernel, part, levels - 1, kinds >> 1, node | slot << 3 | 6),
            };
            kernel.put_word(node + slots_at(kind) + 8 * slot, entry);
        }
        node | kind << 3 | 4
    }

    fn put(kernel: &mut Kernel, items: &[u64], levels: u32, kinds: u64) {
        kernel.map(HEAD, 16);
        let mut this = Self {
            nodes: Places::new(NODES, 512),
            items: Places::new(ITEMS, 16),
        };
        let root = this.node(kernel, items, levels, kinds, HEAD | 1);
        kernel.put_word(HEAD + 8, root | 2);
    }

    fn program() -> Vec<u8> {
        let mut program = Builder::default();
        let item = program.plain(16);
        let (enode, entry, leaf, range, arange) = (1, 2, 3, 4, 5);
        let kind = [
            operation(code::VALUE),
            number(3),
            operation(code::SHIFT_RIGHT),
            number(15),
            operation(code::AND),
        ];
        let to = |node| Some(shifted(pointer(0, node), 0, 0xff));
        let cases = [
            (Some(LEAF), to(leaf)),
            (Some(RANGE), to(range)),
            (Some(ARANGE), to(arange)),
        ];
        let choice = program.choice(0, &kind, &cases);
        program.type_(8, vec![choice]);
        let even = [
            operation(code::VALUE),
            number(1),
            operation(code::AND),
            operation(code::IS_ZERO),
        ];
        let to_item = program.guarded(pointer(0, item), &even);
        program.type_(8, vec![to_item]);
        // Of a parent nobody knows the type here: it has been captured on the way.
        let members = |kind, slot| {
            let at = slots_at(kind) as u32;
            vec![embed(at, slot, constant(slots(kind) as u32))]
        };
        program.type_(256, members(LEAF, entry));
        program.type_(256, members(RANGE, enode));
        program.type_(256, members(ARANGE, enode));
        for node in [leaf, range, arange] {
            program.types[node as usize].0.align = 256;
        }
        let tree = program.type_(16, vec![embed(8, enode, constant(1))]);
        program.argument(0, None, pointer(0, tree));
        program.build()
    }

    fn walk(image: &Image, enode: u64, found: &mut Vec<u64>) {
        let (node, kind) = (enode & !0xff, enode >> 3 & 15);
        for slot in 0..slots(kind) {
            let entry = image.word(node + slots_at(kind) + 8 * slot);
            match (entry, kind) {
                (0, _) => {}
                (entry, LEAF) if entry & 1 == 1 => found.push(entry >> 1),
                (entry, LEAF) => found.push(image.word(entry)),
                (entry, _) => Self::walk(image, entry, found),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn maple_trees(
        levels in 0..=2u32,
        kinds in any::<u64>(),
        numbers in prop::collection::btree_set(1..10_000u64, 1..150),
    ) {
        // At most what the smallest nodes can hold.
        let most = 10usize.pow(levels) * 16;
        let numbers: Vec<u64> = numbers.into_iter().take(most).collect();
        let mut kernel = Kernel::default();
        Maple::put(&mut kernel, &numbers, levels, kinds);
        let (report, image) = run(&mut kernel, &Maple::program(), &[HEAD]);
        prop_assert_eq!(report.reason, 0);
        let image = image.expect("an image");
        let mut found = vec![];
        prop_assert!(image.is_pointer(image.roots[0] + 8));
        Maple::walk(&image, image.word(image.roots[0] + 8), &mut found);
        prop_assert_eq!(found, numbers);
    }
}
