//! The images that are loaded.

/// Bytes of a node of a list or tree.
const NODE: usize = 64;
/// Nodes of a list or tree.
const NODES: usize = 1_000_000;
/// Strings.
const STRINGS: usize = 100_000;
/// Bytes of the array.
const ARRAY: usize = 64 << 20;

/// What is in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A list of nodes, in random order in memory.
    List,
    /// A binary tree of nodes, in random order in memory.
    Tree,
    /// One array of numbers.
    Array,
    /// An array of pointers to strings of 8 to 40 bytes.
    Strings,
}

impl Shape {
    /// All there are.
    pub(crate) const ALL: &[Self] = &[Self::List, Self::Tree, Self::Array, Self::Strings];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "list-1000000",
            Self::Tree => "tree-1000000",
            Self::Array => "array-64-mib",
            Self::Strings => "strings-100000",
        }
    }

    /// The image's file.
    pub(crate) fn image(self) -> Vec<u8> {
        let mut image = Image::default();
        match self {
            Self::List => list(&mut image),
            Self::Tree => tree(&mut image),
            Self::Array => image.fragment(ARRAY),
            Self::Strings => strings(&mut image),
        }
        image.file()
    }
}

/// An image in the making; what its first fragment is the root leads to.
#[derive(Default)]
struct Image {
    pointers: Vec<usize>,
    fragments: Vec<[usize; 2]>,
    memory: Vec<u8>,
}

impl Image {
    /// A fragment behind the others, of words that are no pointers.
    fn fragment(&mut self, size: usize) {
        let start = self.memory.len();
        self.fragments.push([start, size]);
        self.memory.extend((0..size).map(|at| (at / 8) as u8 | 1));
    }

    /// Has the word at `location` lead to `target`. Locations must ascend.
    fn point(&mut self, location: usize, target: usize) {
        self.pointers.push(location);
        let word = (target as u64).to_le_bytes();
        self.memory[location..location + 8].copy_from_slice(&word);
    }

    fn file(self) -> Vec<u8> {
        let fragments = self.fragments.as_flattened();
        let before = 104 + 8 + (self.pointers.len() + fragments.len()) * 8;
        let size = before + self.memory.len() + 8;
        let header = [
            u64::from_le_bytes(*b"FLATTEN\0") as usize,
            2,
            0,
            0,
            size,
            self.memory.len(),
            self.pointers.len(),
            0,
            1,
            0,
            0,
            8,
            self.fragments.len(),
        ];
        let mut file = Vec::with_capacity(size);
        for word in header
            .iter()
            .chain(&[0])
            .chain(&self.pointers)
            .chain(fragments)
        {
            file.extend((*word as u64).to_le_bytes());
        }
        file.extend(self.memory);
        file.extend([0; 8]);
        file
    }
}

/// Where node `index` of the list or tree is: a permutation.
fn place(index: usize) -> usize {
    // A prime that does not divide the number of nodes, far from its fractions.
    index * 618_049 % NODES * NODE
}

/// The nodes, whose pointers `lead` gives by the node's place in the structure.
fn nodes(image: &mut Image, lead: impl Fn(usize) -> Vec<usize>) {
    let mut at = vec![0; NODES];
    for index in 0..NODES {
        at[place(index) / NODE] = index;
        image.fragment(NODE);
    }
    for (slot, index) in at.iter().enumerate() {
        for (word, next) in lead(*index).into_iter().enumerate() {
            image.point(slot * NODE + word * 8, place(next));
        }
    }
}

fn list(image: &mut Image) {
    nodes(image, |index| vec![(index + 1) % NODES]);
}

fn tree(image: &mut Image) {
    nodes(image, |index| {
        let children = [index * 2 + 1, index * 2 + 2];
        children
            .into_iter()
            .filter(|child| *child < NODES)
            .collect()
    });
}

fn strings(image: &mut Image) {
    image.fragment(STRINGS * 8);
    for index in 0..STRINGS {
        let target = image.memory.len();
        image.fragment((8 + index * 7 % 33_usize).next_multiple_of(8));
        image.point(index * 8, target);
    }
}
