//! Red-black trees, and interval trees, which are made of them.

use anyhow::{Context, Result, ensure};

use super::{capture, has_items, head, number};
use crate::captured::Captured;
use crate::kflat::{kflat, number as shown_number};

/// A tree whose nodes are at `node` in its elements.
struct Tree<'a> {
    captured: &'a Captured,
    node: u64,
    right: u64,
    left: u64,
}

impl<'a> Tree<'a> {
    fn new(captured: &'a Captured, of: &str, node: &str) -> Result<Self> {
        Ok(Self {
            captured,
            node: captured.member(of, node)?,
            right: captured.member("rb_node", "rb_right")?,
            left: captured.member("rb_node", "rb_left")?,
        })
    }

    /// The elements in order, from the word that leads to the root on. Every node
    /// has its parent, and no red one has a red child.
    fn elements(&self, root: u64) -> Result<Vec<u64>> {
        let mut elements = Vec::new();
        if let Some(node) = self.captured.follow(root)? {
            ensure!(
                self.captured.word(node)? & !1 == 0,
                "the root has a parent: {:#x}",
                self.captured.word(node)?
            );
            self.below(node, 0, &mut elements)?;
        }
        Ok(elements)
    }

    fn below(&self, node: u64, depth: u32, elements: &mut Vec<u64>) -> Result<()> {
        ensure!(depth < 32, "deeper than a balanced tree is");
        let is_black = self.captured.word(node)? & 1 == 1;
        for (at, is_before) in [(self.left, true), (self.right, false)] {
            if !is_before {
                elements.push(node - self.node);
            }
            let Some(child) = self.captured.follow(node + at)? else {
                continue;
            };
            let parent = self.captured.lead(child)?;
            ensure!(parent & !3 == node, "a node has a wrong parent");
            ensure!(is_black || parent & 1 == 1, "two red nodes in a row");
            self.below(child, depth + 1, elements)?;
        }
        Ok(())
    }
}

pub(super) fn of_every_kind() -> Result<()> {
    let captured = capture(
        "trees",
        "struct kflat_test_containers {
             tree: tree of struct kflat_test_item by node;
             cached: tree of struct kflat_test_item by node;
             augmented: tree of struct kflat_test_item by node;
         }",
    )?;
    captured.is_whole()?;
    has_items(&captured, 101 + 53 + 53)?;
    let tree = Tree::new(&captured, "kflat_test_item", "node")?;
    let numbers = |path: &str| -> Result<Vec<u64>> {
        let elements = tree.elements(head(&captured, path)?)?;
        elements
            .iter()
            .map(|item| number(&captured, *item))
            .collect()
    };
    ensure!(numbers("tree.rb_node")?.into_iter().eq(0..101), "tree");
    ensure!(
        numbers("cached.rb_root.rb_node")?.into_iter().eq(0..53),
        "cached"
    );
    let leftmost = captured.lead(head(&captured, "cached.rb_leftmost")?)?;
    ensure!(number(&captured, leftmost - tree.node)? == 0, "leftmost");
    ensure!(
        numbers("augmented.rb_node")?.into_iter().eq(0..53),
        "augmented"
    );
    // What the tree was augmented by: the largest below each.
    let root = captured.lead(head(&captured, "augmented.rb_node")?)? - tree.node;
    let largest = captured.member("kflat_test_item", "largest")?;
    let most = (0..53).map(|n| n % 13).max().context("some")?;
    ensure!(captured.word(root + largest)? == most, "largest");
    // A user sees them in their order.
    let path = captured.path();
    ensure!(shown_number(path, "containers->tree[57].number")? == 57);
    ensure!(shown_number(path, "containers->cached[7].number")? == 7);
    kflat(&["show", path, "containers->tree[101]"])?.fails(1, &["101 elements"])?;
    Ok(())
}

pub(super) fn intervals() -> Result<()> {
    let captured = capture(
        "intervals",
        "struct kflat_test_containers { intervals: tree of struct kflat_test_span by range.rb; }",
    )?;
    captured.is_whole()?;
    let tree = Tree::new(&captured, "kflat_test_span", "range.rb")?;
    let spans = tree.elements(head(&captured, "intervals.rb_root.rb_node")?)?;
    ensure!(spans.len() == 31, "{} spans", spans.len());
    let start = captured.member("kflat_test_span", "range.start")?;
    let last = captured.member("kflat_test_span", "range.last")?;
    let number = captured.member("kflat_test_span", "number")?;
    for (expected, span) in (0..).zip(&spans) {
        let found = [number, start, last].map(|at| captured.word(span + at).unwrap_or(u64::MAX));
        let wanted = [expected, 10 * expected, 10 * expected + 25];
        ensure!(found == wanted, "span {expected}: {found:?}");
    }
    let root = captured.lead(head(&captured, "intervals.rb_root.rb_node")?)? - tree.node;
    let below = captured.member("kflat_test_span", "range.__subtree_last")?;
    ensure!(captured.word(root + below)? == 325, "the last of all");
    Ok(())
}
