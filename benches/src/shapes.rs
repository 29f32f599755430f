//! The data that is captured.

use std::fmt;

/// What shape, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    pub(crate) count: usize,
}

/// The kinds of shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A singly linked list of 64-byte nodes, in random order in memory.
    List,
    /// A balanced binary tree of 64-byte nodes, in random order in memory.
    Tree,
    /// An array of pointers to structures of 32 bytes.
    Pointers,
    /// An array of pointers to strings of 8 to 40 bytes.
    Strings,
    /// One array of that many MiB.
    Array,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            Kind::List => "list",
            Kind::Tree => "tree",
            Kind::Pointers => "pointers",
            Kind::Strings => "strings",
            Kind::Array => "array-mib",
        };
        write!(f, "{name}-{}", self.count)
    }
}

impl Shape {
    /// Bytes of the area that it is captured to: 128 MiB hold a million nodes, with
    /// all that the module writes behind them.
    pub(crate) fn area(&self) -> usize {
        let needed = match self.kind {
            Kind::Array => (self.count + 1) << 20,
            _ => self.count * 256 + (1 << 20),
        };
        needed.min(128 << 20)
    }

    /// How many times as long as the loop by hand the engine may take.
    pub(crate) fn target(&self) -> f64 {
        match self.kind {
            Kind::List => 2.0,
            Kind::Tree | Kind::Strings => 2.5,
            Kind::Pointers => 3.0,
            Kind::Array => 1.1,
        }
    }
}

/// Those of the table in `doc/performance.md`.
pub(crate) fn all() -> impl Iterator<Item = Shape> {
    let sizes = [10_000, 100_000, 1_000_000];
    let of = |kind| sizes.map(|count| Shape { kind, count });
    let rest = [
        (Kind::Pointers, 100_000),
        (Kind::Strings, 100_000),
        (Kind::Array, 64),
    ];
    let rest = rest.map(|(kind, count)| Shape { kind, count });
    of(Kind::List).into_iter().chain(of(Kind::Tree)).chain(rest)
}

/// Data in this process's memory.
pub(crate) struct Data {
    /// The memory that they are in.
    pub(crate) words: Vec<u64>,
    /// Address of the first object.
    pub(crate) root: u64,
    /// Objects.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
}

/// Bytes of a node of a list or tree.
pub(crate) const NODE: usize = 64;
/// Bytes between nodes, as an allocator's own data leaves them.
const GAP: usize = 16;
/// Bytes of what pointers lead to.
pub(crate) const SMALL: usize = 32;

/// A sequence of numbers that looks random and is the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }
}

fn shuffled(count: usize) -> Vec<usize> {
    let mut random = Random(7);
    let mut order: Vec<usize> = (0..count).collect();
    for place in (1..count).rev() {
        order.swap(place, random.below(place + 1));
    }
    order
}

impl Data {
    /// Makes `shape`.
    pub(crate) fn make(shape: Shape) -> Self {
        let count = shape.count;
        match shape.kind {
            Kind::List => Self::nodes(count, |node, put| {
                if node + 1 < count {
                    put(0, node + 1);
                }
            }),
            Kind::Tree => Self::nodes(count, |node, put| {
                for (word, child) in [2 * node + 1, 2 * node + 2].into_iter().enumerate() {
                    if child < count {
                        put(word, child);
                    }
                }
            }),
            Kind::Pointers => {
                let lengths = vec![SMALL; count];
                Self::behind_pointers(&lengths, |at, word| (at ^ word) as u64)
            }
            Kind::Strings => {
                let mut random = Random(9);
                let lengths: Vec<usize> = (0..count).map(|_| 8 + random.below(33)).collect();
                Self::behind_pointers(&lengths, |_, _| u64::from_le_bytes(*b"a string"))
            }
            Kind::Array => {
                let words: Vec<u64> = (0..(count << 20) as u64 / 8).collect();
                Self {
                    root: words.as_ptr().addr() as u64,
                    objects: 1,
                    bytes: count << 20,
                    words,
                }
            }
        }
    }

    fn nodes(count: usize, links: impl Fn(usize, &mut dyn FnMut(usize, usize))) -> Self {
        let stride = (NODE + GAP) / 8;
        let mut words = vec![0x5555_5555u64; count * stride + 1];
        let base = words.as_ptr().addr() as u64;
        let order = shuffled(count);
        let address = |node: usize| base + (order[node] * stride * 8) as u64;
        for (node, place) in order.iter().enumerate() {
            let at = place * stride;
            words[at..at + 2].fill(0);
            links(node, &mut |word, to| words[at + word] = address(to));
        }
        Self {
            root: address(0),
            objects: count,
            bytes: count * NODE,
            words,
        }
    }

    /// An array of pointers, and behind it what they lead to, in random order.
    /// A string's last byte is NUL.
    fn behind_pointers(lengths: &[usize], content: impl Fn(usize, usize) -> u64) -> Self {
        let count = lengths.len();
        let stride = (40 + GAP) / 8;
        let mut words = vec![0; count + 2 + count * stride];
        let base = words.as_ptr().addr() as u64;
        let order = shuffled(count);
        let mut bytes = count * 8;
        for (index, length) in lengths.iter().enumerate() {
            let at = count + 2 + order[index] * stride;
            words[index] = base + at as u64 * 8;
            for word in 0..length.div_ceil(8) {
                words[at + word] = content(at, word);
            }
            let last = at + (length - 1) / 8;
            words[last] &= !(u64::MAX << (8 * ((length - 1) % 8)));
            bytes += length;
        }
        Self {
            root: base,
            objects: count + 1,
            bytes,
            words,
        }
    }
}
