//! Maple trees.

use anyhow::{Context, Result, bail, ensure};

use super::{capture, has_items, head, number};
use crate::captured::Captured;

const LEAF: u64 = 1;
const RANGE: u64 = 2;
const ALLOCATION: u64 = 3;
/// Low bits of a pointer to a node that are no address.
const TAG: u64 = 0xff;

/// A range of indices and the number of the item that has them.
type Range = (u64, u64, u64);

struct Maple<'a> {
    captured: &'a Captured,
    ranges: Vec<Range>,
    levels: u32,
    nodes: usize,
}

/// Where a kind of node has its pivots and slots, and how many slots.
struct Layout {
    pivots: u64,
    slots: u64,
    count: u64,
}

impl<'a> Maple<'a> {
    fn walk(captured: &'a Captured, tree: u64) -> Result<Self> {
        let mut maple = Self {
            captured,
            ranges: Vec::new(),
            levels: 0,
            nodes: 0,
        };
        let root = tree + captured.member("maple_tree", "ma_root")?;
        let Some(target) = captured.follow(root)? else {
            return Ok(maple);
        };
        match target & 3 {
            0 => maple.ranges.push((0, 0, number(captured, target)?)),
            2 => {
                // The root's parent is the tree, marked by a bit.
                let parent = captured.lead(target & !TAG)?;
                ensure!(parent == tree | 1, "the root has another parent");
                maple.node(target, 0, u64::MAX, 1)?;
            }
            _ => bail!("a root with bits {}", target & 3),
        }
        Ok(maple)
    }

    fn layout(&self, kind: u64) -> Result<Layout> {
        let of = |member: &str| self.captured.member("maple_node", member);
        Ok(match kind {
            LEAF | RANGE => Layout {
                pivots: of("mr64.pivot")?,
                slots: of("mr64.slot")?,
                count: 16,
            },
            ALLOCATION => Layout {
                pivots: of("ma64.pivot")?,
                slots: of("ma64.slot")?,
                count: 10,
            },
            kind => bail!("a node of kind {kind}"),
        })
    }

    /// The node that `encoded` leads to, which has the indices from `least` to
    /// `most`.
    fn node(&mut self, encoded: u64, least: u64, most: u64, level: u32) -> Result<()> {
        let captured = self.captured;
        let (node, kind) = (encoded & !TAG, encoded >> 3 & 15);
        let layout = self.layout(kind)?;
        self.levels = self.levels.max(level);
        self.nodes += 1;
        let mut first = least;
        for slot in 0..layout.count {
            // The last slot has no pivot, nor has one that is the last in use.
            let pivot = match slot + 1 < layout.count {
                true => captured.word(node + layout.pivots + 8 * slot)?,
                false => 0,
            };
            let last = match pivot {
                0 if slot > 0 || most == 0 => most,
                pivot => pivot,
            };
            let at = node + layout.slots + 8 * slot;
            match captured.follow(at)? {
                Some(child) if kind == LEAF => {
                    self.ranges.push((first, last, number(captured, child)?));
                }
                Some(child) => {
                    let parent = captured.lead(child & !TAG)?;
                    ensure!(parent & !TAG == node, "a node has another parent");
                    self.node(child, first, last, level + 1)?;
                }
                None => ensure!(kind == LEAF, "an inner node has an empty slot"),
            }
            if last >= most {
                return Ok(());
            }
            first = last + 1;
        }
        bail!("a node ends before {most:#x}")
    }
}

pub(super) fn trees() -> Result<()> {
    let captured = capture(
        "maples",
        "struct kflat_test_containers {
             maple: maple of struct kflat_test_item;
             maple_gaps: maple of struct kflat_test_item;
             maple_single: maple of struct kflat_test_item;
             maple_small: maple of struct kflat_test_item;
         }",
    )?;
    captured.is_whole()?;
    has_items(&captured, 2004 + 401 + 1 + 3)?;
    let walk = |name: &str| Maple::walk(&captured, head(&captured, name)?).context(name.to_owned());
    let ranges = |count| (0..count).map(|i| (100 * i, 100 * i + 9, i));

    let maple = walk("maple")?;
    let end = (u64::MAX - 9, u64::MAX, 2003);
    ensure!(maple.ranges.into_iter().eq(ranges(2003).chain([end])));
    ensure!(maple.levels >= 4, "{} levels", maple.levels);
    // In the image each node is once, as a node of its kind.
    let nodes = captured.objects("struct maple_node")?.len();
    let gaps = walk("maple_gaps")?;
    ensure!(gaps.ranges.into_iter().eq(ranges(401)), "maple_gaps");
    ensure!(gaps.levels >= 3, "{} levels with gaps", gaps.levels);
    let small = walk("maple_small")?;
    ensure!(small.ranges.into_iter().eq(ranges(3)), "maple_small");
    ensure!(walk("maple_single")?.ranges == [(0, 0, 0)], "maple_single");
    let expected = maple.nodes + gaps.nodes + small.nodes;
    ensure!(nodes == expected, "{nodes} nodes, not {expected}");
    Ok(())
}
