//! XArrays, and what is made of them: radix trees and IDRs.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::{capture, has_items, head, number};
use crate::captured::Captured;

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    /// An item, its number.
    Item(u64),
    Value(u64),
}

struct Array<'a> {
    captured: &'a Captured,
    slots: u64,
    shift: u64,
    parent: u64,
    entries: BTreeMap<u64, Entry>,
    nodes: usize,
}

impl<'a> Array<'a> {
    /// Walks the array at `at` as `xa_for_each()` does.
    fn walk(captured: &'a Captured, at: u64) -> Result<Self> {
        let mut array = Self {
            captured,
            slots: captured.member("xa_node", "slots")?,
            shift: captured.member("xa_node", "shift")?,
            parent: captured.member("xa_node", "parent")?,
            entries: BTreeMap::new(),
            nodes: 0,
        };
        let head = at + captured.member("xarray", "xa_head")?;
        array.slot(head, None, 0)?;
        Ok(array)
    }

    fn slot(&mut self, at: u64, parent: Option<u64>, index: u64) -> Result<()> {
        let captured = self.captured;
        if !captured.is_pointer(at) {
            let word = captured.word(at)?;
            match word & 3 {
                _ if word == 0 => {}
                1 | 3 => drop(self.entries.insert(index, Entry::Value(word >> 1))),
                // Another slot of the same node has the entry.
                2 => ensure!(word < 4096, "the node {word:#x} was not followed"),
                _ => ensure!(false, "the entry {word:#x} was not followed"),
            }
            return Ok(());
        }
        let target = captured.lead(at)?;
        if target & 3 == 0 {
            let item = number(captured, target)?;
            self.entries.insert(index, Entry::Item(item));
            return Ok(());
        }
        ensure!(target & 3 == 2, "a pointer with bits {}", target & 3);
        let node = target - 2;
        self.nodes += 1;
        let above = captured.follow(node + self.parent)?;
        ensure!(above == parent, "a node's parent is {above:?}");
        let shift = u32::from(captured.bytes(node + self.shift, 1)?[0]);
        for slot in 0..64u64 {
            let at = node + self.slots + 8 * slot;
            self.slot(at, Some(node), index + (slot << shift))?;
        }
        Ok(())
    }
}

pub(super) fn xarrays() -> Result<()> {
    let captured = capture(
        "xarrays",
        "struct kflat_test_containers {
             single: xarray of struct kflat_test_item;
             array: xarray of struct kflat_test_item;
         }",
    )?;
    captured.is_whole()?;
    has_items(&captured, 11)?;

    // A single entry at index 0 needs no node.
    let single = Array::walk(&captured, head(&captured, "single")?)?;
    ensure!(single.nodes == 0 && single.entries == BTreeMap::from([(0, Entry::Item(0))]));

    let array = Array::walk(&captured, head(&captured, "array")?)?;
    let alone = [0, 1, 63, 64, 5000, 1 << 20, (1 << 40) + 3, u64::MAX];
    let mut expected: BTreeMap<u64, Entry> = (alone.iter())
        .map(|index| (*index, Entry::Item(*index)))
        .collect();
    // Entries for several indices are at the first; those of a slot's size, once.
    expected.insert(1024, Entry::Item(1024));
    expected.insert(2048, Entry::Item(2048));
    expected.insert(70, Entry::Value(4711));
    ensure!(array.entries == expected, "{:?}", array.entries);
    ensure!(array.nodes > 11, "only {} nodes", array.nodes);
    Ok(())
}

pub(super) fn radix_and_idr() -> Result<()> {
    let captured = capture(
        "idr",
        "struct kflat_test_containers {
             radix: radix of struct kflat_test_item;
             idr: idr of struct kflat_test_item;
         }",
    )?;
    captured.is_whole()?;
    has_items(&captured, 70 + 50)?;
    let radix = Array::walk(&captured, head(&captured, "radix")?)?;
    let expected = (0..70).map(|i| (3 * i, Entry::Item(3 * i)));
    ensure!(radix.entries.into_iter().eq(expected), "radix");

    // Indices are counted from the base.
    let base = captured.half_word(head(&captured, "idr.idr_base")?)?;
    ensure!(base == 1, "the base is {base}");
    let idr = Array::walk(&captured, head(&captured, "idr.idr_rt")?)?;
    let expected = (1..=50).map(|i| (100 * i - 1, Entry::Item(100 * i)));
    ensure!(idr.entries.into_iter().eq(expected), "idr");
    ensure!(idr.nodes > 50, "only {} nodes", idr.nodes);
    Ok(())
}
