//! Xarrays; a radix tree and an IDR are the same.

use std::collections::BTreeMap;

use kflat_abi::program::code;
use proptest::prelude::*;

use crate::simulation::kernel::Kernel;
use crate::simulation::loader::Image;
use crate::simulation::program::{Builder, constant, embed, number, pointer};
use crate::simulation::run;

use super::{HEAD, ITEMS, NODES, Places, item, operation, shifted};

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
        let to_node = program.guarded(to_node, &is_node);
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
