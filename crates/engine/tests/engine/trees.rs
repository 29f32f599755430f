//! Trees as the kernel keeps them, of any contents: what the image holds, walked as
//! the kernel walks it, is what was put there.

use std::collections::BTreeMap;

use kflat_abi::program::Action;
use kflat_abi::program::code::{self, Instruction};
use proptest::prelude::*;

use crate::simulation::kernel::Kernel;
use crate::simulation::loader::Image;
use crate::simulation::program::{Builder, constant, embed, number, op, pointer};
use crate::simulation::run;

const HEAD: u64 = 0xffff_8880_0000_1000;
const ITEMS: u64 = 0xffff_8880_1000_0000;
const NODES: u64 = 0xffff_8880_2000_0000;

/// Gives out memory that does not touch, in no order.
struct Places {
    base: u64,
    size: u64,
    given: u64,
}

impl Places {
    fn new(base: u64, size: u64) -> Self {
        Self {
            base,
            size,
            given: 0,
        }
    }

    fn next(&mut self, kernel: &mut Kernel) -> u64 {
        self.given += 1;
        let at = self.base + 1024 * (self.given * 7919 % 4096);
        kernel.map(at, self.size as usize);
        at
    }
}

fn operation(code: u8) -> Instruction {
    op(code, 0)
}

/// An item of 16 bytes that holds its number.
fn item(kernel: &mut Kernel, items: &mut Places, number: u64) -> u64 {
    let at = items.next(kernel);
    kernel.put_word(at, number);
    at
}

fn shifted(action: Action, shift: i32, tag_mask: u16) -> Action {
    Action {
        shift,
        tag_mask,
        ..action
    }
}

/// A red-black tree of keys, balanced by nothing but chance: the shape and colours are
/// whatever they are. `rb_node` is at 24 of an item, the largest key below at 48.
struct RedBlack {
    nodes: Vec<Node>,
}

/// A node, what is below and above it by their places.
#[derive(Default)]
struct Node {
    key: u64,
    left: Option<usize>,
    right: Option<usize>,
    parent: Option<usize>,
}

impl RedBlack {
    const NODE: u64 = 24;

    fn of(keys: &[u64]) -> Self {
        let mut nodes: Vec<Node> = vec![];
        for key in keys.iter().copied() {
            let index = nodes.len();
            let mut place = (!nodes.is_empty()).then_some(0);
            let mut parent = None;
            while let Some(at) = place {
                parent = Some(at);
                let node = &mut nodes[at];
                let below = if key < node.key {
                    &mut node.left
                } else {
                    &mut node.right
                };
                place = *below;
                if below.is_none() {
                    *below = Some(index);
                }
            }
            nodes.push(Node {
                key,
                parent,
                ..Node::default()
            });
        }
        Self { nodes }
    }

    fn largest(&self, node: usize) -> u64 {
        let node = &self.nodes[node];
        let below = [node.left, node.right].into_iter().flatten();
        below.map(|n| self.largest(n)).fold(node.key, u64::max)
    }

    /// At `HEAD`, an `rb_root_cached`.
    fn put(&self, kernel: &mut Kernel) {
        kernel.map(HEAD, 16);
        let mut places = Places::new(ITEMS, 56);
        let at: Vec<u64> = self.nodes.iter().map(|_| places.next(kernel)).collect();
        let to = |node: Option<usize>| node.map_or(0, |node| at[node] + Self::NODE);
        for (index, node) in self.nodes.iter().enumerate() {
            kernel.put_word(at[index], node.key);
            kernel.put_word(at[index] + 24, to(node.parent) | (node.key & 1));
            kernel.put_word(at[index] + 32, to(node.right));
            kernel.put_word(at[index] + 40, to(node.left));
            kernel.put_word(at[index] + 48, self.largest(index));
        }
        let first = (0..self.nodes.len()).min_by_key(|index| self.nodes[*index].key);
        kernel.put_word(HEAD, to((!self.nodes.is_empty()).then_some(0)));
        kernel.put_word(HEAD + 8, to(first));
    }

    fn program() -> Vec<u8> {
        let mut program = Builder::default();
        let of = |offset, mask| shifted(pointer(offset, 0), -(Self::NODE as i32), mask);
        program.type_(56, vec![of(24, 3), of(32, 0), of(40, 0)]);
        let root = program.type_(16, vec![of(0, 0), of(8, 0)]);
        program.argument(0, None, pointer(0, root));
        program.build()
    }

    /// The keys in order, and checks of what leads up and of what is the largest.
    fn walk(image: &Image, node: u64, parent: u64, keys: &mut Vec<u64>) -> u64 {
        if node == 0 {
            return 0;
        }
        let item = node - Self::NODE;
        let key = image.word(item);
        assert_eq!(image.word(node), parent | (key & 1), "parent and colour");
        let left = Self::walk(image, image.word(node + 16), node, keys);
        keys.push(key);
        let right = Self::walk(image, image.word(node + 8), node, keys);
        let largest = key.max(left).max(right);
        assert_eq!(image.word(item + 48), largest, "the augmented value");
        largest
    }
}

/// `xa_node` with so many slots, at 8 the parent, at 40 the slots.
const SLOTS: u64 = 16;
const XA_BITS: u64 = 4;
const XA_SLOTS_AT: u64 = 40;

/// An entry of an xarray: its index, and an item or a value.
type Entries = BTreeMap<u64, bool>;

struct XArray {
    nodes: Places,
    items: Places,
}

impl XArray {
    /// Puts a node for the entries from `first` on that `shift` bits tell apart.
    fn node(
        &mut self,
        kernel: &mut Kernel,
        entries: &Entries,
        first: u64,
        shift: u64,
        parent: u64,
    ) -> u64 {
        let node = self.nodes.next(kernel);
        kernel.put(node, &[shift as u8]);
        kernel.put_word(node + 8, parent);
        for slot in 0..SLOTS {
            let start = first + (slot << shift);
            let inside: Entries = (entries.range(start..start + (1 << shift)))
                .map(|(index, kind)| (*index, *kind))
                .collect();
            let entry = match (inside.iter().next(), shift) {
                // What is only of use inside: a sibling of the slot before, a retry.
                (None, _) if start % 7 == 3 && slot > 0 => (slot - 1) << 2 | 2,
                (None, _) if start % 7 == 5 => 256 << 2 | 2,
                (None, _) => 0,
                (Some((index, true)), 0) => item(kernel, &mut self.items, *index),
                (Some((index, false)), 0) => index << 1 | 1,
                _ => self.node(kernel, &inside, start, shift - XA_BITS, node) | 2,
            };
            kernel.put_word(node + XA_SLOTS_AT + 8 * slot, entry);
        }
        node
    }

    /// At `HEAD`: `xa_head` is at 8.
    fn put(kernel: &mut Kernel, entries: &Entries, levels: u64) {
        kernel.map(HEAD, 16);
        let mut this = Self {
            nodes: Places::new(NODES, XA_SLOTS_AT + 8 * SLOTS),
            items: Places::new(ITEMS, 16),
        };
        let head = match (entries.first_key_value(), levels) {
            (None, _) => 0,
            // One entry at index 0 needs no node.
            (Some((0, true)), 0) => item(kernel, &mut this.items, 0),
            (Some((0, false)), 0) => 1,
            _ => this.node(kernel, entries, 0, XA_BITS * levels.saturating_sub(1), 0) | 2,
        };
        kernel.put_word(HEAD + 8, head);
    }

    fn program() -> Vec<u8> {
        let mut program = Builder::default();
        let item = program.plain(16);
        let (entry, node) = (1, 2);
        // A node is above the numbers that are only of use inside.
        let kind = [operation(code::VALUE), number(3), operation(code::AND)];
        let is_node = [number(4096), operation(code::VALUE), operation(code::LESS)];
        let to_node = shifted(pointer(0, node), 0, 2);
        let to_node = program.when(to_node, &is_node);
        let cases = [(Some(0), Some(pointer(0, item))), (Some(2), Some(to_node))];
        let choice = program.choice(0, &kind, &cases);
        program.type_(8, vec![choice]);
        let slots = embed(XA_SLOTS_AT as u32, entry, constant(SLOTS as u32));
        program.type_(
            (XA_SLOTS_AT + 8 * SLOTS) as u32,
            vec![pointer(8, node), slots],
        );
        let head = program.type_(16, vec![embed(8, entry, constant(1))]);
        program.argument(0, None, pointer(0, head));
        program.build()
    }

    fn walk(image: &Image, entry: u64, first: u64, parent: u64, found: &mut Entries) {
        match entry & 3 {
            0 if entry == 0 => {}
            0 => {
                assert_eq!(image.word(entry), first);
                found.insert(first, true);
            }
            1 | 3 => {
                assert_eq!(entry >> 1, first);
                found.insert(first, false);
            }
            // The image's memory is small: a node's offset may be as well.
            _ if !image
                .objects
                .iter()
                .any(|object| object.offset == entry - 2) =>
            {
                assert!(entry <= 1026, "{entry:#x}");
            }
            _ => {
                let node = entry - 2;
                assert_eq!(image.word(node + 8), parent);
                let shift = image.memory[node as usize];
                for slot in 0..SLOTS {
                    let at = node + XA_SLOTS_AT + 8 * slot;
                    let entry = image.word(at);
                    let is_number = !image.is_pointer(at);
                    if is_number && entry & 3 == 2 {
                        assert!(entry <= 1026, "{entry:#x}");
                        continue;
                    }
                    Self::walk(image, entry, first + (slot << shift), node, found);
                }
            }
        }
    }
}

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
        let to_item = program.when(pointer(0, item), &even);
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
    fn red_black_trees(keys in prop::collection::hash_set(0..100_000u64, 0..150)) {
        let keys: Vec<u64> = keys.into_iter().collect();
        let mut kernel = Kernel::default();
        RedBlack::of(&keys).put(&mut kernel);
        let (report, image) = run(&mut kernel, &RedBlack::program(), &[HEAD]);
        prop_assert_eq!((report.reason, report.objects), (0, keys.len() as u64 + 1));
        let image = image.expect("an image");
        let mut found = vec![];
        let root = image.roots[0];
        RedBlack::walk(&image, image.word(root), 0, &mut found);
        let mut sorted = keys;
        sorted.sort_unstable();
        if let Some(first) = sorted.first() {
            prop_assert_eq!(image.word(image.follow(root + 8) - RedBlack::NODE), *first);
        }
        prop_assert_eq!(found, sorted);
    }

    #[test]
    fn xarrays(
        levels in 1..=3u64,
        entries in prop::collection::btree_map(0..4096u64, any::<bool>(), 0..60),
    ) {
        let most = 1 << (XA_BITS * levels);
        let entries: Entries = entries.into_iter().map(|(i, kind)| (i % most, kind)).collect();
        let mut kernel = Kernel::default();
        XArray::put(&mut kernel, &entries, levels);
        let (report, image) = run(&mut kernel, &XArray::program(), &[HEAD]);
        prop_assert_eq!(report.reason, 0);
        let image = image.expect("an image");
        let mut found = Entries::new();
        XArray::walk(&image, image.word(image.roots[0] + 8), 0, 0, &mut found);
        prop_assert_eq!(found, entries);
    }

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

#[test]
fn an_entry_of_its_own_needs_no_node() {
    for (entry, objects) in [(true, 2), (false, 1)] {
        let mut kernel = Kernel::default();
        let entries = Entries::from([(0, entry)]);
        XArray::put(&mut kernel, &entries, 0);
        let (report, image) = run(&mut kernel, &XArray::program(), &[HEAD]);
        assert_eq!((report.reason, report.objects), (0, objects));
        let image = image.expect("an image");
        let mut found = Entries::new();
        XArray::walk(&image, image.word(image.roots[0] + 8), 0, 0, &mut found);
        assert_eq!(found, entries);
    }
    // Nor does an empty array.
    let mut kernel = Kernel::default();
    XArray::put(&mut kernel, &Entries::new(), 0);
    let (report, _) = run(&mut kernel, &XArray::program(), &[HEAD]);
    assert_eq!((report.reason, report.objects), (0, 1));
}

/// The head of an IDR whose tree is damaged: a node that holds itself.
#[test]
fn a_tree_that_holds_itself_ends() {
    let mut kernel = Kernel::default();
    XArray::put(&mut kernel, &Entries::from([(3, true)]), 2);
    let node = {
        let head = kernel.bytes(HEAD + 8, 8).expect("mapped");
        u64::from_le_bytes(head.try_into().expect("8 bytes")) - 2
    };
    kernel.put_word(node + XA_SLOTS_AT + 64, node | 2);
    let (report, image) = run(&mut kernel, &XArray::program(), &[HEAD]);
    assert_eq!((report.reason, report.objects), (0, 4));
    let image = image.expect("an image");
    let node = image.word(image.roots[0] + 8) - 2;
    assert_eq!(image.follow(node + XA_SLOTS_AT + 64), node | 2);
}
