//! Red-black trees that the recipe captured as trees.

use kflat_abi::program::OP_POINTER;
use kflat_btf::{NamedKind, TypeId};

use super::list::Order;
use super::{Elements, Typed, Value};
use crate::sections::word;

/// Offsets in a `struct rb_node`, of which the first word is the parent.
const RIGHT: u64 = 8;
const LEFT: u64 = 16;
/// Low bits of the parent that are no address.
const COLOR: u64 = 3;

impl Typed<'_> {
    /// The tree that `value`, a `struct rb_root` or `rb_root_cached`, is the head of.
    #[must_use]
    pub fn tree(&self, value: &Value) -> Option<Elements> {
        if !matches!(
            self.btf.name(self.btf.resolve(value.of)),
            "rb_root" | "rb_root_cached"
        ) {
            return None;
        }
        let action = self
            .action(value)
            .filter(|action| action.op == OP_POINTER)?;
        let link = u64::from(action.shift.checked_neg()?.cast_unsigned());
        let view = self.program.type_at(action.target)?;
        // The elements lead to each other in the same way.
        let next = self
            .actions
            .find(&self.program, action.target, link.checked_add(LEFT)?)?;
        if (next.target, next.shift) != (action.target, action.shift) {
            return None;
        }
        let empty = word(self.image.memory(), value.offset) == Some(0);
        let node = self.btf.find(NamedKind::Struct, "rb_node");
        Some(Elements {
            order: Order::Tree,
            head: value.offset,
            at: value.offset,
            index: action.target,
            of: TypeId(view.btf_id),
            link_type: node.unwrap_or(TypeId::VOID),
            link,
            size: u64::from(view.size),
            // Every node is come to from above and from below.
            rest: (self.image.header().ptr_count)
                .saturating_mul(2)
                .saturating_add(2),
            whole: true,
            complete: empty,
        })
    }

    /// The node behind the last one; `None`: there is none.
    pub(super) fn next_node(&self, tree: &mut Elements) -> Option<u64> {
        let first = match tree.at == tree.head {
            true => self.child(tree, tree.head),
            false => self.child(tree, tree.at.checked_add(RIGHT)?),
        };
        let next = match first {
            Some(node) => self.leftmost(tree, node)?,
            None => self.above(tree)?,
        };
        tree.at = next;
        Some(next)
    }

    fn leftmost(&self, tree: &mut Elements, mut node: u64) -> Option<u64> {
        loop {
            tree.rest = tree.rest.checked_sub(1)?;
            match self.child(tree, node.checked_add(LEFT)?) {
                Some(left) => node = left,
                None => return Some(node),
            }
        }
    }

    /// The first node above the last one that has it on its left.
    fn above(&self, tree: &mut Elements) -> Option<u64> {
        let mut node = tree.at;
        loop {
            tree.rest = tree.rest.checked_sub(1)?;
            let Some(parent) = self.image.target(node).map(|target| target & !COLOR) else {
                tree.complete = tree.whole;
                return None;
            };
            if self.image.target(parent.checked_add(LEFT)?) == Some(node) {
                return Some(parent);
            }
            node = parent;
        }
    }

    /// The node that the word at `at` leads to; notes if there is one that was not
    /// captured.
    fn child(&self, tree: &mut Elements, at: u64) -> Option<u64> {
        let found = self.image.target(at);
        let is_null = word(self.image.memory(), at) == Some(0);
        tree.whole &= found.is_some() || is_null;
        found
    }
}
