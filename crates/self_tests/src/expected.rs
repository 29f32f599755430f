//! Describes images.

/// What must be in an image. What it doesn't say follows from the data: every word
/// of a fragment has the value that was put there; and a pointer whose object is in
/// a fragment leads to it in the image, any other one keeps its value.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The fragments, no more and no fewer. Those of the test's memory are ascending.
    pub fragments: &'static [Fragment],
    /// Words of the test's memory that keep their value although the objects that
    /// they lead to are in fragments.
    pub kept: &'static [usize],
    /// How many objects were captured.
    pub objects: u32,
    /// Where each root leads.
    pub roots: &'static [Target],
    /// Why something is missing, one of `REASON_*` each, in the order of the
    /// diagnostics; the first is that of the report.
    pub missing: &'static [u32],
    /// The list of what changed while the capture ran names the module's
    /// [`LOOKS`](crate::LOOKS), and nothing else.
    pub changed: bool,
}

/// A fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// Of the test's memory.
    Memory {
        /// Its first byte.
        start: u64,
        /// Its bytes, without what aligns the next fragment.
        size: u64,
    },
    /// The module's constant.
    Global,
    /// The module's per-CPU variable on the CPU of the capture.
    ThisCpu,
    /// The module's per-CPU variable on each CPU: a fragment each.
    EachCpu,
    /// The test's name, with its NUL, in the process's memory.
    User,
    /// What counts the capture's looks at the clock.
    Looks,
}

/// Where a root leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a byte of the test's memory; the image says that it has so many bytes
    /// (0 for a root without a name).
    Memory {
        /// The byte.
        byte: u64,
        /// Bytes of the object.
        size: u64,
    },
    /// To the module's constant.
    Global,
    /// To what counts the looks at the clock.
    Looks,
    /// Nowhere.
    Null,
}

/// The fragment of `count` words from word `first` on.
#[must_use]
pub const fn words(first: u64, count: u64) -> Fragment {
    bytes(8 * first, 8 * count)
}

/// The fragment of `size` bytes from byte `start` on.
#[must_use]
pub const fn bytes(start: u64, size: u64) -> Fragment {
    Fragment::Memory { start, size }
}

/// A root that leads to `size` bytes at word `word`.
#[must_use]
pub const fn root(word: u64, size: u64) -> Target {
    Target::Memory {
        byte: 8 * word,
        size,
    }
}

impl Expected {
    /// Nothing is missing, and nothing changed.
    pub const COMPLETE: Self = Self {
        fragments: &[],
        kept: &[],
        objects: 0,
        roots: &[],
        missing: &[],
        changed: false,
    };
}
