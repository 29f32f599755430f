//! Red-black trees: plain, cached, augmented.

use proptest::prelude::*;

use crate::simulation::kernel::Kernel;
use crate::simulation::loader::Image;
use crate::simulation::program::{Builder, pointer};
use crate::simulation::run;

use super::{HEAD, ITEMS, Places, shifted};

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
}
